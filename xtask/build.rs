//! Tells the tool which platform it is built for.

fn main() {
    let host = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=XTASK_HOST={host}");
    println!("cargo::rerun-if-changed=build.rs");
}
