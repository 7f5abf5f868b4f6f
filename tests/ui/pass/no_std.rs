//! A crate without the standard library.
#![no_std]
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![deny(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::string::String;
use core::future::{Future, ready};
use core::pin::Pin;

use monitored::{ErrorKind, monitored};

#[derive(ErrorKind)]
enum Failure {
    Empty,
}

#[monitored(slow = "1s", objective(latency = "1s"), tags(text))]
fn parse(text: &str) -> Result<u8, Failure> {
    text.parse().map_err(|_| Failure::Empty)
}

#[monitored(time = both)]
async fn later() -> Option<String> {
    ready(None).await
}

#[monitored]
fn boxed() -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async { 1 })
}

#[monitored]
fn opaque() -> impl Future<Output = u8> {
    ready(1)
}

#[monitored]
mod inner {
    pub trait Stage {
        fn stage(&self) -> u8 {
            1
        }
    }

    impl Stage for u8 {}
}

fn main() {
    use inner::Stage as _;
    assert!(parse("").is_err() && parse("1").is_ok());
    drop((later(), boxed(), opaque()));
    assert_eq!(1.stage(), 1);
}
