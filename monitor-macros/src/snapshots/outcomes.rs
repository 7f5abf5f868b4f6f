fn work() -> Result<u8, Failure> {
    ::monitored::__private::call::<Result<u8, Failure>>(
        {
            enum Here {}
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new("work", ::core::module_path!(), ::core::file!(), ::core::line!())
                    .located(::core::any::type_name::<Here>),
            );
            &SITE
        },
        move || Ok(1),
        |returned| {
            ::monitored::__private::error_if(
                returned,
                |returned| matches!(returned, Err(Failure::Fatal)),
                |value| ::monitored::__private::labelled(value, Failure::code),
            )
        },
    )
}
