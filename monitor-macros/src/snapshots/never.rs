fn serve() -> ! {
    let _guard = ::monitored::__private::enter({
        enum Here {}
        static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
            ::monitored::__private::Meta::new("serve", ::core::module_path!(), ::core::file!(), ::core::line!())
                .located(::core::any::type_name::<Here>),
        );
        &SITE
    });
    { loop {} }
}
