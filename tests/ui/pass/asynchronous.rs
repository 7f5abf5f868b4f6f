//! Asynchronous functions: borrowed arguments, early returns, errors, `Send`, recursion.
#![deny(warnings)]
#![deny(clippy::pedantic)]

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use monitored::monitored;

#[monitored]
async fn nothing() {}

#[monitored]
async fn waits(millis: &str) -> Result<usize, Box<dyn Error + Send + Sync>> {
    if millis.is_empty() {
        return Err("empty".into());
    }
    std::future::ready(()).await;
    Ok(millis.parse()?)
}

#[monitored]
async fn coerces(early: bool) -> Box<dyn Fn() -> u8 + Send> {
    if early {
        return Box::new(|| 1);
    }
    nothing().await;
    Box::new(|| 2)
}

#[monitored]
async fn opaque(n: u8) -> impl Iterator<Item = u8> {
    nothing().await;
    (0..n).rev()
}

#[monitored]
async fn partly_opaque(fail: bool) -> Result<impl std::fmt::Display, Box<dyn Error>> {
    if fail {
        return Err("failed".into());
    }
    nothing().await;
    Ok("shown")
}

#[monitored]
async fn two_lifetimes<'a, 'b: 'a>(a: &'a mut String, b: &'b str) -> &'a str {
    nothing().await;
    a.push_str(b);
    a
}

#[monitored]
async fn forever() -> ! {
    loop {
        std::future::pending::<()>().await;
    }
}

#[monitored]
async fn only_panics() -> u8 {
    nothing().await;
    panic!("always")
}

#[monitored]
async fn recursive(depth: u32) -> u32 {
    if depth == 0 {
        return 0;
    }
    Box::pin(recursive(depth - 1)).await + 1
}

#[monitored]
async unsafe fn unsound(pointer: *const u8) -> u8 {
    // SAFETY: the callers of this example pass a valid pointer.
    let value = unsafe { *pointer };
    nothing().await;
    value
}

#[monitored]
fn boxed<'a>(name: &'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
    Box::pin(async move { name.len() })
}

#[monitored]
fn returns_future(n: u8) -> impl Future<Output = u8> + Send {
    async move { n }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("not ready"),
    }
}

fn main() {
    run(is_send(nothing()));
    assert!(run(is_send(waits(""))).is_err());
    assert_eq!(run(waits("7")).ok(), Some(7));
    assert_eq!(run(coerces(true))() + run(coerces(false))(), 3);
    assert_eq!(run(opaque(3)).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(run(partly_opaque(false)).map(|shown| shown.to_string()).ok().as_deref(), Some("shown"));
    assert!(run(partly_opaque(true)).is_err());
    let mut text = String::from("a");
    assert_eq!(run(two_lifetimes(&mut text, "b")), "ab");
    drop(forever());
    drop(only_panics());
    assert_eq!(run(is_send(recursive(3))), 3);
    let byte = 4;
    // SAFETY: the pointer comes from a reference that lives on.
    assert_eq!(run(unsafe { unsound(&raw const byte) }), 4);
    assert_eq!(run(boxed("four")) + usize::from(run(returns_future(1))), 5);
}
