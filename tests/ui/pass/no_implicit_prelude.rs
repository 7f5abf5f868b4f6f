//! A crate without the prelude.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(clippy::unused_self)]

#![no_implicit_prelude]

use ::monitored::monitored;
use ::std::result::Result;

struct Store;

#[monitored(service = "store", tags(region = "eu"))]
impl Store {
    fn load(&self) -> Result<u8, u8> {
        Result::Ok(1)
    }

    async fn wait(&self) -> Result<u8, u8> {
        Result::Err(1)
    }
}

#[monitored]
fn plain() -> u8 {
    1
}

fn main() {
    let store = Store;
    ::std::assert!(store.load().is_ok());
    ::std::mem::drop(store.wait());
    ::std::assert_eq!(plain(), 1);
}
