pub fn add(a: u32, b: u32) -> u32 {
    ::monitored::__private::call_ok::<u32>(
        {
            enum Here {}
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new("add", ::core::module_path!(), ::core::file!(), ::core::line!())
                    .located(::core::any::type_name::<Here>),
            );
            &SITE
        },
        move || a + b,
    )
}
