fn load<'a>(&'a self) -> Pin<Box<dyn Future<Output = io::Result<u8>> + Send + 'a>> {
    let site = {
        enum Here {}
        static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
            ::monitored::__private::Meta::new("load", ::core::module_path!(), ::core::file!(), ::core::line!())
                .located(::core::any::type_name::<Here>)
                .asynchronous(),
        );
        &SITE
    };
    let this = self;
    Box::pin(::monitored::__private::future::<::monitored::__private::Whole, io::Result<u8>, _, _>(
        site,
        async move { this.read().await },
        |returned| {
            use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
            (&&&::monitored::__private::Probe(returned)).outcome()
        },
    ))
}
