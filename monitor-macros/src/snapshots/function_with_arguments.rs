#[inline]
fn parse<T: FromStr>(text: &str) -> Result<T, T::Err> {
    crate::vendored::__private::call::<Result<T, T::Err>>(
        {
            static SITE: crate::vendored::__private::CallSite = crate::vendored::__private::CallSite::new(
                crate::vendored::__private::Meta::new(
                    "parse",
                    ::core::module_path!(),
                    ::core::file!(),
                    ::core::line!(),
                )
                .named("etl::parse")
                .service("etl")
                .tags(&[("region", "eu"), ("shard", "-7"), ("hot", "true")]),
            );
            &SITE
        },
        move || text.parse(),
        |returned| {
            use crate::vendored::__private::probe::{ByKind as _, ByType as _, ByValue as _};
            (&&&crate::vendored::__private::Probe(returned)).outcome()
        },
    )
}
