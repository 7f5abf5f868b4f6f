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
    error: #[monitored(labels(a = "1"), name = "")] {
        fn work() -> u8 { 1 }
    }
}

/// A body that is being typed expands to itself; no parser of ours objects to it.
#[test]
fn half_typed_bodies_are_handed_on() {
    for item in ["fn f() -> u8 { let x = ; x. }", "impl S { fn f(&self) { self. } const C: u8 = ; fn g() { if } }"] {
        let expansion = crate::attribute(TokenStream::new(), item.parse().unwrap()).to_string();
        assert!(!expansion.contains("compile_error"), "{expansion}");
        assert!(expansion.contains("SITE"), "{expansion}");
    }
}

fn check(name: &str, arguments: &str, item: &str) {
    let expansion = crate::attribute(arguments.parse().unwrap(), item.parse().unwrap());
    let expansion = formatted(&expansion.to_string());
    let path = format!("{}/src/snapshots/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &expansion).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, expansion, "\nthe expansion of `{name}` differs from its snapshot (left)");
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
