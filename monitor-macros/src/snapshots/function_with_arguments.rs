#[inline]
fn parse<T: FromStr>(text: &str) -> Result<T, T::Err> {
    let mut span = crate::vendored::__private::begin({
        static SITE: crate::vendored::__private::CallSite = crate::vendored::__private::CallSite::new(
            crate::vendored::__private::Meta::new("parse", ::core::module_path!(), ::core::file!(), ::core::line!())
                .named("etl::parse")
                .service("etl")
                .tags(&[("region", "eu"), ("shard", "-7"), ("hot", "true")]),
        );
        &SITE
    });
    let returned = (crate::vendored::__private::Once::<Result<T, T::Err>, _>(
        move || text.parse(),
        ::core::marker::PhantomData,
    )
    .0)();
    span.finish(&returned, |returned| {
        use crate::vendored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
        (&&&crate::vendored::__private::Probe(returned)).outcome()
    });
    returned
}
