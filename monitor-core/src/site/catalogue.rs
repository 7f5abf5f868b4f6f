//! The catalogue of call sites: what is monitored, and where it stands in the source.

use super::registered;

/// A call site as the catalogue shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct SiteInfo {
    /// The module, for example `etl::parse`.
    pub module: String,
    /// The function, `Type::method` for a method.
    pub function: String,
    /// The service, where the site names one.
    pub service: Option<String>,
    /// The user's tags.
    pub tags: Vec<(String, String)>,
    /// The source file, as the compiler was given it.
    pub file: &'static str,
    /// The line of the function's name.
    pub line: u32,
}

/// Every site that has been called at least once in this process, sorted by module and function.
#[must_use]
pub fn sites() -> Vec<SiteInfo> {
    let mut sites: Vec<SiteInfo> = registered()
        .map(|site| {
            let meta = &site.meta;
            let (file, line) = meta.location();
            let tags = meta.tag_pairs().iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            let service = meta.service_name().map(str::to_owned);
            SiteInfo { module: meta.module().to_owned(), function: meta.function_label(), service, tags, file, line }
        })
        .collect();
    sites.sort();
    sites
}
