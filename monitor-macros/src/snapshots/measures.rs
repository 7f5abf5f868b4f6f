fn work() {
    let _guard = ::monitored::__private::enter({
        enum Here {}
        static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
            ::monitored::__private::Meta::new("work", ::core::module_path!(), ::core::file!(), ::core::line!())
                .located(::core::any::type_name::<Here>)
                .sampled(16u32)
                .slow(::core::time::Duration::from_nanos(250000000u64))
                .objective(
                    ::monitored::__private::Objective::new(99.9f64)
                        .latency(::core::time::Duration::from_nanos(250000000u64))
                        .errors(0.1f64),
                )
                .outermost(),
        );
        &SITE
    });
    {}
}
