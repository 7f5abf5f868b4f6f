//! Which functions of a trait definition and of a module are monitored, and what they are called.

#![allow(unreachable_pub, reason = "`pub` is what is tested")]

use monitored::monitored;

#[monitored(prefix = "etl")]
trait Stage {
    fn bodiless(&self) -> u8;

    fn provided(&self) -> u8 {
        self.bodiless()
    }

    #[monitored(name = "called")]
    fn named(&self) {}

    #[monitored(skip)]
    fn skipped(&self) {}
}

impl Stage for u8 {
    fn bodiless(&self) -> u8 {
        *self
    }
}

#[monitored(service = "outer", tags(level = 1, side = "left"))]
mod outer {
    pub struct Row;

    pub fn public() {
        private();
    }

    pub(crate) fn visible() {}

    fn private() {}

    pub const fn constant() {}

    impl Row {
        fn method(&self) {
            let Self = self;
        }

        pub fn call(&self) {
            self.method();
        }
    }

    #[monitored(tags(level = 2))]
    pub mod inner {
        pub fn deep() {}

        #[monitored(tags(level = 3), service = "deepest")]
        pub fn deeper() {}

        pub fn call() {
            named();
        }

        #[monitored]
        fn named() {}
    }
}

#[monitored(private, except(left_out, Other, nested))]
mod excepting {
    pub struct Other;

    fn private() {}

    pub fn left_out() {
        private();
    }

    impl Other {
        pub fn method(&self) {
            let Self = self;
        }
    }

    pub mod nested {
        pub fn left_out_too() {}
    }
}

#[monitored(only(chosen))]
mod choosing {
    fn chosen() {}

    pub fn other() {
        chosen();
    }

    #[monitored]
    pub fn chosen_by_itself() {}
}

#[test]
fn blocks_monitor_what_they_say() {
    let _ = 1_u8.provided();
    1_u8.named();
    1_u8.skipped();
    outer::public();
    outer::visible();
    outer::constant();
    outer::Row.call();
    outer::inner::deep();
    outer::inner::deeper();
    outer::inner::call();
    excepting::left_out();
    excepting::Other.method();
    excepting::nested::left_out_too();
    choosing::other();
    choosing::chosen_by_itself();

    let sites = monitored::sites();
    let found: Vec<_> = sites.iter().map(|site| format!("{}::{}", site.module, site.function)).collect();
    let expected = [
        "etl::Stage::provided",
        "etl::called",
        "choosing::chosen",
        "choosing::chosen_by_itself",
        "excepting::private",
        "outer::Row::call",
        "outer::Row::method",
        "outer::public",
        "outer::visible",
        "outer::inner::call",
        "outer::inner::deep",
        "outer::inner::deeper",
        "outer::inner::named",
    ];
    assert_eq!(found, expected.map(|path| format!("macro_blocks::{path}")));

    for (function, service, level) in [("public", "outer", "1"), ("deep", "outer", "2"), ("deeper", "deepest", "3")] {
        let site = sites.iter().find(|site| site.function == function).unwrap();
        assert_eq!(site.service.as_deref(), Some(service), "{function}");
        let tags: Vec<_> = site.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert!(tags.contains(&("level", level)) && tags.contains(&("side", "left")), "{function}: {tags:?}");
        assert_eq!(tags.len(), 2, "{function}");
    }
}
