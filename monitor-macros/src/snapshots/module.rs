pub mod outer {
    use std::io::{self, Read};
    pub struct Row {
        cells: u8,
    }
    impl Row {
        fn cells(&self) -> u8 {
            let _guard = ::monitored::__private::enter({
                static SITE: ::monitored::__private::CallSite =
                    ::monitored::__private::CallSite::new(::monitored::__private::Meta::new(
                        "Row::cells",
                        ::core::module_path!(),
                        ::core::file!(),
                        ::core::line!(),
                    ));
                &SITE
            });
            { self.cells }
        }
    }
    pub fn parse() -> Row {
        let mut span = ::monitored::__private::begin({
            static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                ::monitored::__private::Meta::new("parse", ::core::module_path!(), ::core::file!(), ::core::line!()),
            );
            &SITE
        });
        let returned = (::monitored::__private::Once::<Row, _>(move || private(), ::core::marker::PhantomData).0)();
        span.finish(&returned, |returned| {
            use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
            (&&&::monitored::__private::Probe(returned)).outcome()
        });
        returned
    }
    fn private() -> Row {
        Row { cells: 1 }
    }
    pub const fn constant() {}
    pub fn other() {}
    pub mod inner {
        pub fn deep() {
            let _guard = ::monitored::__private::enter({
                static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                    ::monitored::__private::Meta::new("deep", ::core::module_path!(), ::core::file!(), ::core::line!()),
                );
                &SITE
            });
            {}
        }
    }
}
