//! Every argument, on every level that takes it.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(clippy::unused_self, clippy::needless_pass_by_value)]

use std::future::{Future, ready};
use std::pin::Pin;

use monitored::monitored;

#[monitored(
    name = "load",
    prefix = "etl",
    service = "etl",
    sample = 1/16,
    slow = "250ms",
    objective(latency = "250ms", target = 99.9, errors = 0.1),
)]
fn load() -> Result<u8, String> {
    Ok(1)
}

#[monitored(time = wall, sample = 1 / 65_536)]
fn wall() {}

#[monitored(time = off, objective(errors = 1))]
fn counted() {}

#[monitored(slow = "1.5s", objective(latency = "1h"))]
fn half() {}

#[monitored(outermost, slow = "1 m")]
fn recursive(n: u64) -> u64 {
    if n < 2 { n } else { recursive(n - 1) + recursive(n - 2) }
}

#[monitored(time = busy)]
async fn busy(n: u8) -> Result<u8, String> {
    if n == 0 {
        return Err("zero".to_owned());
    }
    ready(()).await;
    Ok(n)
}

#[monitored(time = both, slow = "10us")]
async fn both() -> Box<dyn Fn() -> u8> {
    if ready(true).await {
        return Box::new(|| 1);
    }
    Box::new(|| 2)
}

#[monitored(time = busy)]
fn busy_opaque() -> impl Future<Output = ()> + Send {
    ready(())
}

#[monitored(time = both)]
fn busy_boxed() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(ready(()))
}

#[monitored(time = busy)]
async fn busy_forever() -> ! {
    std::future::pending().await
}

struct Request {
    route: String,
    size: usize,
}

const fn class(size: usize) -> &'static str {
    if size > 10 { "large" } else { "small" }
}

#[monitored(tags(region, kind = "a", class = class(request.size), route = request.route, ratio = 0.5, sum = request.size + 1, letter = 'x'))]
fn tagged(region: &str, request: Request) -> Result<String, String> {
    // What the tags borrowed can be moved.
    let Request { route, .. } = request;
    Ok(format!("{region}{route}"))
}

#[monitored(tags(id, first = items.first().copied().unwrap_or_default(), table = std::any::type_name::<T>()))]
async fn tagged_later<T: Default + Copy + std::fmt::Display>(id: u64, items: Vec<T>) -> Vec<T> {
    ready(id).await;
    items
}

#[monitored(tags(id))]
fn tagged_opaque(id: String) -> impl Future<Output = String> + Send {
    async move { id }
}

#[monitored(tags(id, kind = id.len()))]
fn tagged_boxed(id: String) -> Pin<Box<dyn Future<Output = String> + Send>> {
    Box::pin(async move { id })
}

#[monitored(tags(line = line))]
#[track_caller]
fn tagged_located(line: u32) -> u32 {
    std::panic::Location::caller().line() - line
}

#[monitored(tags(code))]
fn tagged_never(code: i32) -> ! {
    std::process::exit(code)
}

struct Store {
    name: String,
}

#[monitored(
    prefix = "store",
    tags(store = self.name, key, tier = "gold"),
    outermost,
    time = busy,
    sample = 1/4,
    private,
    except(excepted)
)]
impl Store {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    // What the lint says of the bare method too; so below.
    #[allow(clippy::unnecessary_wraps)]
    fn get(&self, key: u64) -> Option<u64> {
        Some(key)
    }

    #[monitored(tags(tier, store = "fixed"), time = off)]
    fn own(&self, tier: u8) -> u8 {
        tier
    }

    #[monitored(time = wall, slow = "1s")]
    async fn later(self, key: String) -> Result<(Self, String), String> {
        ready(()).await;
        Ok((self, key))
    }

    fn into_name(self) -> String {
        self.name
    }

    #[allow(clippy::boxed_local)]
    fn boxed(self: Box<Self>, mut key: &str) -> usize {
        key = key.trim();
        key.len() + self.name.len()
    }

    fn pinned(self: Pin<&mut Self>) -> usize {
        self.get_mut().name.len()
    }

    fn excepted(&self) {}
}

#[monitored(time = off)]
mod counted_only {
    #[monitored(sample = 1/2)]
    pub fn timed() {}

    #[monitored(objective(latency = "1ms"))]
    pub fn promised() {}

    pub fn counted() {}
}

#[monitored(only(get, r#type))]
trait Named {
    fn get(&self) -> u8 {
        1
    }

    fn other(&self) -> u8 {
        2
    }

    fn r#type(&self) -> u8 {
        3
    }
}

impl Named for u8 {}

fn main() {
    assert_eq!(load(), Ok(1));
    wall();
    counted();
    half();
    assert_eq!(recursive(10), 55);
    drop((busy(1), both(), busy_opaque(), busy_boxed(), busy_forever()));
    let request = Request { route: "/".to_owned(), size: 1 };
    assert_eq!(tagged("eu", request).as_deref(), Ok("eu/"));
    drop((tagged_later(1, vec![1]), tagged_opaque(String::new()), tagged_boxed(String::new())));
    assert_eq!(tagged_located(line!()), 0);
    let mut store = Store::new("a");
    assert_eq!((store.get(1), store.own(2)), (Some(1), 2));
    assert_eq!(Pin::new(&mut store).pinned(), 1);
    store.excepted();
    drop(Store::new("b").later(String::new()));
    assert_eq!(Box::new(Store::new("c")).boxed(" x "), 2);
    assert_eq!(store.into_name(), "a");
    counted_only::timed();
    counted_only::promised();
    counted_only::counted();
    assert_eq!(1.get() + 1.other() + 1.r#type(), 6);
    tagged_never(0)
}
