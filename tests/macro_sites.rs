//! What a monitored function is called, and where it is said to be.

#![allow(clippy::unused_self, reason = "what methods do is of no interest here")]

use monitored::{SiteInfo, monitored};

#[monitored]
fn plain() {}

#[monitored(name = "etl::named", service = "etl", tags(region = "eu", shard = -7, hot = true))]
fn other() {}

struct Store<T>(T);

#[monitored(service = "store", tags(tier = "gold", region = "eu"))]
impl<T> Store<T> {
    fn inherited(&self) {}

    #[monitored(service = "reader", tags(region = "us", kind = "read"), name = "overridden")]
    fn own(&self) {}

    #[monitored(skip)]
    fn skipped() {}

    const fn constant() {}
}

impl<T> Store<T> {
    #[monitored]
    fn alone(&self) {}

    #[monitored]
    async fn later(&self) {}
}

trait Stage {
    fn r#move(&self);
}

#[monitored]
impl Stage for &[u8] {
    fn r#move(&self) {}
}

macro_rules! generated {
    ($name:ident) => {
        #[monitored]
        fn $name() {}
    };
}
generated!(from_macro);

#[test]
fn a_site_knows_its_name_its_place_and_its_labels() {
    let store = Store(0);
    plain();
    other();
    store.inherited();
    store.own();
    Store::<u8>::skipped();
    Store::<u8>::constant();
    store.alone();
    poll(store.later());
    [0_u8].as_slice().r#move();
    from_macro();

    for (function, line, service, tags) in [
        ("&[u8]::move", 42, None, &[] as &[(&str, &str)]),
        ("Store::alone", 30, None, &[]),
        ("Store::inherited", 17, Some("store"), &[("tier", "gold"), ("region", "eu")]),
        ("Store::later", 33, None, &[]),
        ("etl::named", 11, Some("etl"), &[("region", "eu"), ("shard", "-7"), ("hot", "true")]),
        ("from_macro", 51, None, &[]),
        ("overridden", 20, Some("reader"), &[("tier", "gold"), ("region", "us"), ("kind", "read")]),
        ("plain", 8, None, &[]),
    ] {
        let site = site(function);
        assert_eq!(site.module, "macro_sites", "{function}");
        assert_eq!((site.file, site.line), (file!(), line), "{function}");
        assert_eq!(site.service.as_deref(), service, "{function}");
        let found: Vec<_> = site.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, tags, "{function}");
    }
    assert_eq!(monitored::sites().len(), 8);
}

fn site(function: &str) -> SiteInfo {
    let sites = monitored::sites();
    sites.iter().find(|site| site.function == function).unwrap_or_else(|| panic!("{function}: {sites:#?}")).clone()
}

fn poll(future: impl Future<Output = ()>) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(Box::pin(future).as_mut().poll(&mut context).is_ready());
}
