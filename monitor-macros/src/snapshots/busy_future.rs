async fn tick() -> Result<(), Error> {
    ::monitored::__private::future::<::monitored::__private::Busy, Result<(), Error>, _, _>(
        {
            enum Here {}
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new("tick", ::core::module_path!(), ::core::file!(), ::core::line!())
                    .located(::core::any::type_name::<Here>)
                    .asynchronous()
                    .timed(::monitored::__private::Time::Busy),
            );
            &SITE
        },
        {
            let body = async move {
                if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<Result<(), Error>> {
                    return returned;
                }
                { wait().await }
            };
            body
        },
        |returned| {
            use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
            (&&&::monitored::__private::Probe(returned)).outcome()
        },
    )
    .await
}
