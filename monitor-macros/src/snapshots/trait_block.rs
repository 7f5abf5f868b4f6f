impl Named for Result<u8, Error> {
    type Name = String;
    fn named(self) -> Self {
        ::monitored::__private::call::<Self>(
            {
                static SITE: ::monitored::__private::CallSite =
                    ::monitored::__private::CallSite::new(::monitored::__private::Meta::new(
                        "Result::named",
                        ::core::module_path!(),
                        ::core::file!(),
                        ::core::line!(),
                    ));
                &SITE
            },
            move || self,
            |returned| {
                use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
                (&&&::monitored::__private::Probe(returned)).outcome()
            },
        )
    }
    async fn later(&self) -> Self {
        let span = ::monitored::__private::start({
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new(
                    "Result::later",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                )
                .asynchronous(),
            );
            &SITE
        });
        let returned = async move {
            if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<Self> {
                return returned;
            }
            { self.clone() }
        }
        .await;
        span.finish({
            use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
            (&&&::monitored::__private::Probe(&returned)).outcome()
        });
        returned
    }
}
