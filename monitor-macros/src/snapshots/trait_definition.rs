pub trait Stage: Debug {
    const TRIES: usize = { 1 + 1 };
    fn bodiless(&self) -> Result<(), Error>;
    fn run(&self) -> Result<(), Error> {
        let mut span = ::monitored::__private::begin({
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new(
                    "Stage::run",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                )
                .prefixed("etl"),
            );
            &SITE
        });
        let returned = (::monitored::__private::Once::<Result<(), Error>, _>(
            move || self.bodiless(),
            ::core::marker::PhantomData,
        )
        .0)();
        span.finish(&returned, |returned| {
            use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
            (&&&::monitored::__private::Probe(returned)).outcome()
        });
        returned
    }
}
