//! What an error is, and what it is called.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(dead_code)]

use std::borrow::Cow;
use std::fmt::Debug;
use std::future::{Future, ready};
use std::pin::Pin;

use monitored::{ErrorKind, monitored};

#[derive(Debug, ErrorKind)]
enum Failure {
    MissingField(&'static str),
    #[error_kind("number")]
    BadNumber {
        line: u32,
    },
    Unknown,
    #[deprecated]
    Old,
}

#[derive(Debug, ErrorKind)]
struct ConnectionLost<'a, T: Debug = u8, const N: usize = 1>(&'a [T; N])
where
    T: Clone;

#[derive(Debug, ErrorKind)]
#[error_kind("none_such")]
struct Renamed;

#[derive(Debug, ErrorKind)]
#[error_kind(crate = ::monitored)]
enum Never {}

impl Failure {
    fn code(&self) -> &'static str {
        match self {
            Self::BadNumber { .. } => "E2",
            _ => "E1",
        }
    }
}

type Outcome<T> = Result<T, Failure>;

#[monitored]
fn kinds(n: u8) -> Outcome<u8> {
    match n {
        0 => Err(Failure::MissingField("id")),
        1 => Err(Failure::BadNumber { line: 1 }),
        2 => Err(Failure::Unknown),
        #[allow(deprecated)]
        3 => Err(Failure::Old),
        n => Ok(n),
    }
}

#[monitored]
fn lost(fail: bool) -> Result<(), ConnectionLost<'static>> {
    if fail { Err(ConnectionLost(&[1])) } else { Ok(()) }
}

#[monitored]
fn renamed() -> Result<(), Renamed> {
    Err(Renamed)
}

#[monitored]
fn impossible() -> Result<(), Never> {
    Ok(())
}

#[monitored(error = Failure::code)]
fn by_path() -> Outcome<()> {
    Err(Failure::Unknown)
}

#[monitored(error = |error| format!("{error:?}"))]
fn by_closure() -> Outcome<()> {
    Err(Failure::Unknown)
}

#[monitored(error = |error: &Failure| -> Cow<'static, str> { error.code().into() })]
async fn by_typed_closure() -> Outcome<()> {
    ready(Err(Failure::Unknown)).await
}

#[monitored(ok_if = Option::is_some)]
fn ok_if(found: bool) -> Option<u8> {
    found.then_some(1)
}

#[monitored(error_if = |code| *code >= 500)]
fn error_if(code: u16) -> u16 {
    code
}

#[monitored(error_if = |returned| matches!(returned, Err(Failure::Unknown)), error = Failure::code)]
async fn error_if_one(n: u8) -> Outcome<u8> {
    kinds(n)
}

#[monitored(ok_if = |numbers| numbers.clone().count() > 1)]
fn ok_if_opaque() -> impl Iterator<Item = u8> + Clone {
    0..3
}

#[monitored(none = error)]
fn none_is_error(found: bool) -> Option<u8> {
    found.then_some(1)
}

#[monitored(none = ok)]
fn none_is_ok() -> Option<u8> {
    None
}

#[monitored(none = error)]
async fn none_later() -> Option<Box<dyn Fn() -> u8>> {
    if ready(false).await {
        return None;
    }
    Some(Box::new(|| 1))
}

#[monitored(error = Failure::code)]
fn boxed() -> Pin<Box<dyn Future<Output = Outcome<()>> + Send>> {
    Box::pin(async { Err(Failure::Unknown) })
}

#[monitored(error_if = |value| *value > 1)]
fn opaque(value: u8) -> impl Future<Output = u8> {
    async move { value }
}

struct Store;

#[monitored(error = Failure::code, none = error)]
impl Store {
    fn load() -> Result<u8, Failure> {
        Err(Failure::Unknown)
    }

    fn find() -> Option<u8> {
        None
    }

    fn new() -> Self {
        Self
    }

    fn count(&self) -> usize {
        let Self = self;
        0
    }

    #[monitored(error = |code| format!("code_{code}"))]
    fn other() -> Result<(), u8> {
        Err(1)
    }
}

fn main() {
    for n in 0..5 {
        assert_eq!(kinds(n).is_ok(), n > 3);
    }
    assert_eq!(Failure::MissingField("id").kind(), "missing_field");
    assert_eq!(Failure::BadNumber { line: 1 }.kind(), "number");
    assert_eq!(ConnectionLost::<u8, 0>(&[]).kind(), "connection_lost");
    assert!(lost(true).is_err() && lost(false).is_ok() && impossible().is_ok());
    assert_eq!(renamed().map_err(|error| error.kind()), Err("none_such"));
    assert!(by_path().is_err() && by_closure().is_err());
    assert_eq!((ok_if(true), error_if(500)), (Some(1), 500));
    assert_eq!(ok_if_opaque().count(), 3);
    assert_eq!((none_is_error(false), none_is_ok()), (None, None));
    drop((by_typed_closure(), error_if_one(1), none_later(), boxed(), opaque(1)));
    assert!(Store::load().is_err() && Store::find().is_none() && Store::other().is_err());
    assert_eq!(Store::new().count(), 0);
}
