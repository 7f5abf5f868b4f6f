fn work() -> Result<u8, Failure> {
    let mut span = ::monitored::__private::begin({
        enum Here {}
        static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
            ::monitored::__private::Meta::new("work", ::core::module_path!(), ::core::file!(), ::core::line!())
                .located(::core::any::type_name::<Here>),
        );
        &SITE
    });
    let returned =
        (::monitored::__private::Once::<Result<u8, Failure>, _>(move || Ok(1), ::core::marker::PhantomData).0)();
    span.finish(&returned, |returned| {
        ::monitored::__private::error_if(
            returned,
            |returned| matches!(returned, Err(Failure::Fatal)),
            |value| ::monitored::__private::labelled(value, Failure::code),
        )
    });
    returned
}
