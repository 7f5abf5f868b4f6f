async fn tick() {
    let span = ::monitored::__private::start({
        enum Here {}
        static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
            ::monitored::__private::Meta::new("tick", ::core::module_path!(), ::core::file!(), ::core::line!())
                .located(::core::any::type_name::<Here>)
                .asynchronous(),
        );
        &SITE
    });
    let returned = async move {
        if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<()> {
            return returned;
        }
        {
            wait().await;
        }
    }
    .await;
    span.finish(::monitored::__private::Outcome::Ok);
    returned
}
