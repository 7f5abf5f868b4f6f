//! A monitored future is little larger than the bare one.

#![allow(clippy::manual_async_fn, reason = "both ways to write a future are measured")]
#![allow(clippy::large_types_passed_by_value, reason = "the large argument is what is measured")]

use std::pin::Pin;

use monitored::monitored;

/// What a monitored future may be larger, in bytes.
const ALLOWED: usize = 32;

async fn pause() {
    std::future::ready(()).await;
}

async fn bare(buffer: [u8; 1024]) -> Result<usize, String> {
    pause().await;
    Ok(buffer.len())
}

#[monitored]
async fn probed(buffer: [u8; 1024]) -> Result<usize, String> {
    pause().await;
    Ok(buffer.len())
}

async fn bare_plain(buffer: [u8; 1024]) -> [u8; 1024] {
    pause().await;
    buffer
}

#[monitored]
async fn plain(buffer: [u8; 1024]) -> [u8; 1024] {
    pause().await;
    buffer
}

#[monitored(time = busy)]
async fn polled(buffer: [u8; 1024]) -> Result<usize, String> {
    pause().await;
    Ok(buffer.len())
}

fn bare_opaque(buffer: [u8; 1024]) -> impl Future<Output = usize> {
    async move {
        pause().await;
        buffer.len()
    }
}

#[monitored]
fn opaque(buffer: [u8; 1024]) -> impl Future<Output = usize> {
    async move {
        pause().await;
        buffer.len()
    }
}

#[monitored]
fn boxed(buffer: [u8; 1024]) -> Pin<Box<dyn Future<Output = usize>>> {
    Box::pin(async move {
        pause().await;
        buffer.len()
    })
}

#[test]
fn a_monitored_future_is_little_larger_than_the_bare_one() {
    let buffer = [0; 1024];
    for (bare, monitored) in [
        (size_of_val(&bare(buffer)), size_of_val(&probed(buffer))),
        (size_of_val(&bare_plain(buffer)), size_of_val(&plain(buffer))),
        (size_of_val(&bare(buffer)), size_of_val(&polled(buffer))),
        (size_of_val(&bare_opaque(buffer)), size_of_val(&opaque(buffer))),
        (size_of_val(&bare_opaque(buffer)), size_of_val(&*boxed(buffer))),
    ] {
        assert!(monitored <= bare + ALLOWED, "{monitored} bytes, {bare} without the attribute");
    }
}
