async fn tick() {
    ::monitored::__private::future::<::monitored::__private::Whole, (), _, _>(
        {
            enum Here {}
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new("tick", ::core::module_path!(), ::core::file!(), ::core::line!())
                    .located(::core::any::type_name::<Here>)
                    .asynchronous(),
            );
            &SITE
        },
        {
            let body = async move {
                if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<()> {
                    return returned;
                }
                {
                    wait().await;
                }
            };
            body
        },
        |_| ::monitored::__private::Outcome::Ok,
    )
    .await
}
