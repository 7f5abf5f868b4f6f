//! Expansions of the main shapes, kept beside the macro so that a change of generated code is seen in review.
//!
//! A snapshot holds what the attribute makes of the item in the test. `UPDATE_SNAPSHOTS=1 cargo test -p monitor-macros`
//! writes them anew.

use std::io::Write;
use std::process::{Command, Stdio};
use std::{env, fs};

use proc_macro2::TokenStream;

macro_rules! snapshots {
    ($($name:ident: #[monitored $(($($arguments:tt)*))?] { $($item:tt)* })*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), stringify!($($($arguments)*)?), stringify!($($item)*));
            }
        )*
    };
}

snapshots! {
    function: #[monitored] {
        pub fn add(a: u32, b: u32) -> u32 { a + b }
    }
    function_with_arguments: #[monitored(
        name = "etl::parse", service = "etl", tags(region = "eu", shard = -7, hot = true), crate = crate::vendored
    )] {
        #[inline]
        fn parse<T: FromStr>(text: &str) -> Result<T, T::Err> { text.parse() }
    }
    function_with_opaque_return: #[monitored] {
        fn shown() -> Result<impl Display, Box<dyn Error>> { #![allow(dead_code)] Ok(1) }
    }
    async_function: #[monitored] {
        async fn load(path: &Path) -> io::Result<String> { read(path).await }
    }
    async_function_without_result: #[monitored] {
        async fn tick() { wait().await; }
    }
    never: #[monitored] {
        fn serve() -> ! { loop {} }
    }
    track_caller: #[monitored] {
        #[track_caller]
        fn located() -> Result<(), Here> { Err(Here(Location::caller())) }
    }
    inherent_block: #[monitored(service = "store", tags(tier = "gold", region = "eu"))] {
        impl<T: Clone> Store<T> {
            const LIMIT: usize = 4;
            const fn new() -> Self { Self { rows: Vec::new() } }
            #[monitored(tags(region = "us"))]
            pub fn add(&mut self, row: T) -> Result<&mut T, Full> { self.grow() }
            #[monitored(skip)]
            fn len(&self) -> usize { self.rows.len() }
        }
    }
    trait_block: #[monitored] {
        impl Named for Result<u8, Error> {
            type Name = String;
            fn named(self) -> Self { self }
            async fn later(&self) -> Self { self.clone() }
        }
    }
    trait_definition: #[monitored(prefix = "etl")] {
        pub trait Stage: Debug {
            const TRIES: usize = { 1 + 1 };
            fn bodiless(&self) -> Result<(), Error>;
            fn run(&self) -> Result<(), Error> { self.bodiless() }
        }
    }
    module: #[monitored(except(other))] {
        pub mod outer {
            use std::io::{self, Read};
            pub struct Row { cells: u8 }
            impl Row { fn cells(&self) -> u8 { self.cells } }
            pub fn parse() -> Row { private() }
            fn private() -> Row { Row { cells: 1 } }
            pub const fn constant() {}
            pub fn other() {}
            pub mod inner { pub fn deep() {} }
        }
    }
    opaque_future: #[monitored] {
        fn load(&self) -> impl Future<Output = io::Result<u8>> + Send + '_ { async move { self.read().await } }
    }
    boxed_future: #[monitored] {
        fn load<'a>(&'a self) -> Pin<Box<dyn Future<Output = io::Result<u8>> + Send + 'a>> {
            let this = self;
            Box::pin(async move { this.read().await })
        }
    }
    boxed_future_with_an_early_return: #[monitored] {
        fn load(n: u8) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            if n == 0 { return Box::pin(ready(())); }
            Box::pin(wait())
        }
    }
    boxed_future_under_an_alias: #[monitored] {
        fn call(&mut self, request: Request) -> Self::Future { Box::pin(async move { Ok(request) }) }
    }
    busy_future: #[monitored(time = busy)] {
        async fn tick() -> Result<(), Error> { wait().await }
    }
    computed_tags: #[monitored(tags(region, kind = "a", size = rows.len() / 2))] {
        fn store(region: &str, rows: Vec<u8>) -> usize { rows.len() }
    }
    measures: #[monitored(
        sample = 1/16, slow = "250ms", outermost, objective(latency = "250ms", target = 99.9, errors = 0.1)
    )] {
        fn work() {}
    }
    outcomes: #[monitored(error = Failure::code, error_if = |returned| matches!(returned, Err(Failure::Fatal)))] {
        fn work() -> Result<u8, Failure> { Ok(1) }
    }
    none_is_error: #[monitored(none = error)] {
        fn find() -> Option<u8> { None }
    }
    error: #[monitored(labels(a = "1"), name = "")] {
        fn work() -> u8 { 1 }
    }
}

/// A body that is being typed expands to itself; no parser of ours objects to it.
#[test]
fn half_typed_bodies_are_handed_on() {
    for item in [
        "fn f() -> u8 { let x = ; x. }",
        "impl S { fn f(&self) { self. } const C: u8 = ; fn g() { if } }",
        "trait T { fn f(&self) { self. } fn g(&self) ; fn h(&self, a: ) {} }",
        "mod m { pub fn f() { a. } impl S { fn g() { if } } struct T { a: } impl }",
        "fn f() -> impl Future<Output = u8> { async move { x. } }",
        "fn f() -> Pin<Box<dyn Future<Output = u8>>> { let x = ; Box::pin(async move { x. }) }",
    ] {
        let expansion = crate::attribute(TokenStream::new(), item.parse().unwrap()).to_string();
        assert!(!expansion.contains("compile_error"), "{expansion}");
        assert!(expansion.contains("SITE"), "{expansion}");
    }
}

fn check(name: &str, arguments: &str, item: &str) {
    compare(name, &crate::attribute(arguments.parse().unwrap(), item.parse().unwrap()));
}

fn compare(name: &str, expansion: &TokenStream) {
    let expansion = formatted(&expansion.to_string());
    let path = format!("{}/src/snapshots/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &expansion).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, expansion, "\nthe expansion of `{name}` differs from its snapshot (left)");
}

#[test]
fn the_derive_is_one_match() {
    let item = r#"
        enum Failure<T: Clone> where T: Debug {
            Unit,
            HttpStatus(u16),
            #[error_kind("named")] Fields { field: T },
        }
    "#;
    compare("error_kind", &crate::error_kind::derive(item.parse().unwrap()));
}

/// The tokens as `rustfmt` lays them out.
fn formatted(tokens: &str) -> String {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition=2024", "--config=max_width=120"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt is part of the toolchain");
    rustfmt.stdin.take().unwrap().write_all(tokens.as_bytes()).unwrap();
    let output = rustfmt.wait_with_output().unwrap();
    assert!(output.status.success(), "not valid as Rust: {tokens}");
    String::from_utf8(output.stdout).unwrap()
}
