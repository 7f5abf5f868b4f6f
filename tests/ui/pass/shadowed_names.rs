//! Modules, types and variants that hide the names of the standard library.
#![deny(warnings)]
#![deny(clippy::pedantic)]

#![allow(dead_code)]

mod std {}
mod core {}
mod alloc {}
mod monitor_core {}

mod hidden {
    #[derive(Debug, PartialEq)]
    pub enum Verdict {
        Ok,
        Err,
        Some,
        None,
    }
    pub struct Option;
    pub struct CallSite;
    pub fn call() {}
}

use ::monitored::monitored;
#[allow(clippy::enum_glob_use)]
use hidden::Verdict::{self, *};
#[allow(unused_imports)]
use hidden::*;

#[monitored]
fn verdict(good: bool) -> Verdict {
    if good { Ok } else { Err }
}

#[monitored]
async fn later() -> Verdict {
    if ::core::future::ready(true).await {
        return Some;
    }
    None
}

struct Vec;

#[monitored]
impl Vec {
    fn default() -> Verdict {
        Ok
    }

    fn finish(span: Verdict, returned: Verdict) -> (Verdict, Verdict) {
        (span, returned)
    }
}

#[monitored]
fn same_locals(span: u8, returned: u8, site: u8) -> ::core::result::Result<u8, u8> {
    ::core::result::Result::Ok(span + returned + site)
}

fn main() {
    assert_eq!(verdict(true), Ok);
    assert_eq!(verdict(false), Err);
    drop(later());
    assert_eq!(Vec::default(), Ok);
    assert_eq!(Vec::finish(Ok, Err), (Ok, Err));
    assert_eq!(same_locals(1, 2, 3), ::core::result::Result::Ok(6));
}
