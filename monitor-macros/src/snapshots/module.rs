pub mod outer {
    use std::io::{self, Read};
    pub struct Row {
        cells: u8,
    }
    impl Row {
        fn cells(&self) -> u8 {
            ::monitored::__private::call_ok::<u8>(
                {
                    static SITE: ::monitored::__private::CallSite =
                        ::monitored::__private::CallSite::new(::monitored::__private::Meta::new(
                            "Row::cells",
                            ::core::module_path!(),
                            ::core::file!(),
                            ::core::line!(),
                        ));
                    &SITE
                },
                move || self.cells,
            )
        }
    }
    pub fn parse() -> Row {
        ::monitored::__private::call::<Row>(
            {
                static SITE: ::monitored::__private::CallSite =
                    ::monitored::__private::CallSite::new(::monitored::__private::Meta::new(
                        "parse",
                        ::core::module_path!(),
                        ::core::file!(),
                        ::core::line!(),
                    ));
                &SITE
            },
            move || private(),
            |returned| {
                use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
                (&&&::monitored::__private::Probe(returned)).outcome()
            },
        )
    }
    fn private() -> Row {
        Row { cells: 1 }
    }
    pub const fn constant() {}
    pub fn other() {}
    pub mod inner {
        pub fn deep() {
            ::monitored::__private::call_ok::<()>(
                {
                    static SITE: ::monitored::__private::CallSite =
                        ::monitored::__private::CallSite::new(::monitored::__private::Meta::new(
                            "deep",
                            ::core::module_path!(),
                            ::core::file!(),
                            ::core::line!(),
                        ));
                    &SITE
                },
                move || {},
            )
        }
    }
}
