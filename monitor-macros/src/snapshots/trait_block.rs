impl Named for Result<u8, Error> {
    type Name = String;
    fn named(self) -> Self {
        let mut span = ::monitored::__private::begin({
            static SITE: ::monitored::__private::CallSite =
                ::monitored::__private::CallSite::new(::monitored::__private::Meta::new(
                    "Result::named",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                ));
            &SITE
        });
        let returned = (::monitored::__private::Once::<Self, _>(move || self, ::core::marker::PhantomData).0)();
        span.finish(&returned, |returned| {
            use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
            (&&&::monitored::__private::Probe(returned)).outcome()
        });
        returned
    }
    async fn later(&self) -> Self {
        ::monitored::__private::future::<::monitored::__private::Whole, Self, _, _>(
            {
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
            },
            {
                let body = async move {
                    if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<Self> {
                        return returned;
                    }
                    { self.clone() }
                };
                body
            },
            |returned| {
                use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
                (&&&::monitored::__private::Probe(returned)).outcome()
            },
        )
        .await
    }
}
