impl<T: Clone> Store<T> {
    const LIMIT: usize = 4;
    const fn new() -> Self {
        Self { rows: Vec::new() }
    }
    pub fn add(&mut self, row: T) -> Result<&mut T, Full> {
        ::monitored::__private::call::<Result<&mut T, Full>>(
            {
                static SITE: ::monitored::__private::CallSite = ::monitored::__private::CallSite::new(
                    ::monitored::__private::Meta::new(
                        "Store::add",
                        ::core::module_path!(),
                        ::core::file!(),
                        ::core::line!(),
                    )
                    .service("store")
                    .tags(&[("tier", "gold"), ("region", "us")]),
                );
                &SITE
            },
            move || self.grow(),
            |returned| {
                use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
                (&&&::monitored::__private::Probe(returned)).outcome()
            },
        )
    }
    fn len(&self) -> usize {
        self.rows.len()
    }
}
