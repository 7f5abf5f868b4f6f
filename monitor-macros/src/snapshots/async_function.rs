async fn load(path: &Path) -> io::Result<String> {
    ::monitored::__private::future::<::monitored::__private::Whole, io::Result<String>, _, _>(
        {
            enum Here {}
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new("load", ::core::module_path!(), ::core::file!(), ::core::line!())
                    .located(::core::any::type_name::<Here>)
                    .asynchronous(),
            );
            &SITE
        },
        {
            let body = async move {
                if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<io::Result<String>> {
                    return returned;
                }
                { read(path).await }
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
