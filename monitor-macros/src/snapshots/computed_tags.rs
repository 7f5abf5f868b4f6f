fn store(region: &str, rows: Vec<u8>) -> usize {
    let _guard = ::monitored::__private::enter(::monitored::__private::tagged(
        {
            enum Here {}
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new("store", ::core::module_path!(), ::core::file!(), ::core::line!())
                    .located(::core::any::type_name::<Here>)
                    .tags(&[("kind", "a")]),
            );
            &SITE
        },
        &[("region", &region), ("size", &(rows.len() / 2))],
    ));
    { rows.len() }
}
