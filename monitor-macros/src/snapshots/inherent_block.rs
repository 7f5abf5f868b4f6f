impl<T: Clone> Store<T> {
    const LIMIT: usize = 4;
    const fn new() -> Self {
        Self { rows: Vec::new() }
    }
    pub fn add(&mut self, row: T) -> Result<&mut T, Full> {
        let mut span = ::monitored::__private::begin({
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
        });
        let returned =
            (::monitored::__private::Once::<Result<&mut T, Full>, _>(move || self.grow(), ::core::marker::PhantomData)
                .0)();
        span.finish(&returned, |returned| {
            use ::monitored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
            (&&&::monitored::__private::Probe(returned)).outcome()
        });
        returned
    }
    fn len(&self) -> usize {
        self.rows.len()
    }
}
