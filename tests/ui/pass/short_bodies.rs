//! Bodies of one expression, in which every lint about needless braces and forgotten awaits looks.
#![deny(warnings)]
#![deny(clippy::all, clippy::pedantic)]

use std::future::Future;
use std::pin::Pin;

use monitored::monitored;

#[monitored]
async fn forwards(text: &str) -> Result<usize, std::num::ParseIntError> { parse(text).await }

#[monitored]
async fn parse(text: &str) -> Result<usize, std::num::ParseIntError> { std::future::ready(text.parse()).await }

#[monitored]
async fn yields_a_future(n: u8) -> impl Future<Output = u8> { std::future::ready(std::future::ready(n)).await }

#[monitored]
async fn yields_a_boxed_future(n: u8) -> Pin<Box<dyn Future<Output = u8>>> {
    std::future::ready(()).await;
    Box::pin(async move { n })
}

#[monitored]
fn calls() -> u8 { number() }

#[monitored]
fn number() -> u8 { 1 }

#[monitored]
#[track_caller]
fn located() -> u32 { std::panic::Location::caller().line() }

#[monitored]
fn never() -> ! { panic!("always") }

#[monitored]
async fn never_later() -> ! { std::future::pending().await }

fn main() {
    drop((forwards("1"), yields_a_future(1), yields_a_boxed_future(1), never_later()));
    assert_eq!((calls(), located()), (1, line!()));
    assert!(std::panic::catch_unwind(|| never()).is_err());
}
