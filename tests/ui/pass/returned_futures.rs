//! Functions that return a future without being `async`: opaque, boxed, under an alias, as `async-trait` writes them.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(clippy::manual_async_fn, clippy::unused_self, clippy::type_complexity, clippy::needless_lifetimes)]
#![allow(async_fn_in_trait)]

use std::error::Error;
use std::fmt::Display;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use monitored::monitored;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Fallible<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

#[monitored]
fn opaque(n: u8) -> impl Future<Output = u8> + Send {
    let double = n * 2;
    async move { double }
}

#[monitored]
fn opaque_other(n: u8) -> impl Future<Output = Result<u8, String>> + Unpin {
    if n > 9 {
        return ready(Err("large".to_owned()));
    }
    ready(Ok(n))
}

#[monitored]
fn opaque_question_mark(text: &str) -> impl Future<Output = Result<u8, Box<dyn Error + Send + Sync>>> + Send + '_ {
    async move {
        if text.is_empty() {
            return Err("empty".into());
        }
        ready(()).await;
        Ok(text.parse()?)
    }
}

#[monitored]
fn opaque_in_opaque(fail: bool) -> impl Future<Output = Result<impl Display, String>> {
    async move { if fail { Err("failed".to_owned()) } else { Ok(1) } }
}

#[monitored]
fn opaque_generic<T: Clone + Send, F>(value: T, make: F) -> impl Future<Output = (T, usize)> + Send
where
    F: FnOnce(T) -> usize + Send,
{
    async move { (value.clone(), make(value)) }
}

#[monitored]
fn opaque_of_more_than_a_future() -> impl Future<Output = ()> + Clone {
    Finished
}

#[derive(Clone)]
struct Finished;

impl Future for Finished {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[monitored]
fn concrete(n: u8) -> Ready<u8> {
    ready(n)
}

#[monitored]
fn boxed<'a>(name: &'a str, other: &'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
    let length = name.len();
    Box::pin(async move { length + other.len() })
}

#[monitored]
fn boxed_early(n: u8) -> Pin<Box<dyn Future<Output = Result<u8, String>> + Send>> {
    if n == 0 {
        return Box::pin(ready(Err("zero".to_owned())));
    }
    match n {
        1 => Box::pin(async { Ok(1) }),
        n => Box::pin(async move {
            ready(()).await;
            Ok(n)
        }),
    }
}

#[monitored]
fn boxed_by_path(n: u8) -> ::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u8>>> {
    #[allow(clippy::items_after_statements)]
    fn helper(n: u8) -> impl Future<Output = u8> {
        ready(n)
    }
    ::std::boxed::Box::pin(helper(n))
}

#[monitored]
fn aliased(text: &str) -> BoxFuture<'_, Result<u8, std::num::ParseIntError>> {
    Box::pin(async move { text.parse() })
}

#[monitored]
fn aliased_with_two_types(n: u8) -> Fallible<u8, String> {
    Box::pin(async move {
        if n == 0 {
            return Err("zero".to_owned());
        }
        Ok(n)
    })
}

#[monitored]
fn aliased_and_forwarded(n: u8) -> Fallible<u8, String> {
    aliased_with_two_types(n)
}

trait FutureExt: Future + Sized {
    fn boxed<'a>(self) -> BoxFuture<'a, Self::Output>
    where
        Self: Send + 'a,
    {
        Box::pin(self)
    }
}

impl<F: Future> FutureExt for F {}

#[monitored]
fn boxed_by_method(n: u8) -> BoxFuture<'static, u8> {
    async move { n }.boxed()
}

#[monitored]
fn recursive(depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { if depth == 0 { 0 } else { recursive(depth - 1).await + 1 } })
}

trait Service {
    type Future: Future;
    fn call(&mut self, request: String) -> Self::Future;
}

struct Echo {
    calls: usize,
}

#[monitored]
impl Service for Echo {
    type Future = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

    fn call(&mut self, request: String) -> Self::Future {
        self.calls += 1;
        Box::pin(async move {
            ready(()).await;
            Ok(request)
        })
    }
}

/// What `#[async_trait]` makes of a trait and of an `impl`.
trait Fetch: Sync {
    fn fetch<'life0, 'life1, 'async_trait>(
        &'life0 mut self,
        key: &'life1 str,
    ) -> Pin<Box<dyn Future<Output = Result<String, std::fmt::Error>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait;

    #[monitored]
    fn provided<'life0, 'async_trait>(&'life0 self) -> Pin<Box<dyn Future<Output = u8> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            if let Some(__ret) = None::<u8> {
                #[allow(unreachable_code)]
                return __ret;
            }
            let __self = self;
            let __ret: u8 = {
                let _ = __self;
                1
            };
            #[allow(unreachable_code)]
            __ret
        })
    }
}

#[monitored]
impl Fetch for Echo {
    #[allow(clippy::used_underscore_binding)]
    fn fetch<'life0, 'life1, 'async_trait>(
        &'life0 mut self,
        key: &'life1 str,
    ) -> Pin<Box<dyn Future<Output = Result<String, std::fmt::Error>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            if let Some(__ret) = None::<Result<String, std::fmt::Error>> {
                #[allow(unreachable_code)]
                return __ret;
            }
            let __self = self;
            let key = key;
            let __ret: Result<String, std::fmt::Error> = {
                __self.calls += 1;
                if key.is_empty() {
                    return Err(std::fmt::Error);
                }
                Ok(key.to_owned())
            };
            #[allow(unreachable_code)]
            __ret
        })
    }
}

struct Store {
    rows: Vec<u8>,
}

#[monitored(time = both)]
impl Store {
    fn add(&mut self, row: u8) -> impl Future<Output = &mut u8> + '_ {
        async move {
            self.rows.push(row);
            self.rows.last_mut().expect("just added")
        }
    }

    fn boxed_self(self: Box<Self>) -> Pin<Box<dyn Future<Output = usize> + Send>> {
        Box::pin(async move { self.rows.len() })
    }

    async fn later(&self) -> Result<usize, String> {
        if self.rows.is_empty() {
            return Err("empty".to_owned());
        }
        ready(()).await;
        Ok(self.rows.len())
    }
}

struct Reader {
    rows: Vec<u8>,
}

#[monitored]
impl Reader {
    async fn count(&self) -> usize {
        ready(self.rows.len()).await
    }

    fn early(&self, early: bool) -> Pin<Box<dyn Future<Output = usize> + '_>> {
        if early {
            return Box::pin(self.count());
        }
        let later: Pin<Box<dyn Future<Output = usize> + '_>> = Box::pin(async move { self.rows.len() + 1 });
        later
    }

    fn elided(&self) -> Pin<Box<dyn Future<Output = Result<&u8, &str>> + Send + '_>> {
        let first = async move { Ok(&self.rows[0]) };
        match self.rows.len() {
            0 => Box::pin(async { Err("empty") }),
            _ => Box::pin(first),
        }
    }

    fn elided_opaque<'s>(&'s self) -> impl Future<Output = Result<&'s u8, &'s str>> + Send + 's {
        async move { self.rows.first().ok_or("empty") }
    }
}

/// Boxed, and no future.
trait Rows {
    fn rows(&self) -> usize;
}

struct RowsOf<F>(F);

impl<F: Future> Rows for RowsOf<F> {
    fn rows(&self) -> usize {
        std::mem::size_of_val(&self.0).min(1)
    }
}

trait IntoRows: Future + Sized {
    fn into_rows(self) -> RowsOf<Self> {
        RowsOf(self)
    }
}

impl<F: Future> IntoRows for F {}

type BoxRows = Pin<Box<dyn Rows>>;

#[monitored]
fn boxed_rows(n: u8) -> BoxRows {
    Box::pin(async move { n }.into_rows())
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
    assert_eq!(run(is_send(opaque(1))), 2);
    assert!(run(opaque_other(10)).is_err());
    assert_eq!(run(is_send(opaque_question_mark("7"))).ok(), Some(7));
    assert!(run(opaque_in_opaque(true)).is_err() && run(opaque_in_opaque(false)).is_ok());
    assert_eq!(run(is_send(opaque_generic("a", str::len))), ("a", 1));
    run(opaque_of_more_than_a_future().clone());
    assert_eq!(run(concrete(1)), 1);
    assert_eq!(run(is_send(boxed("four", "one"))), 7);
    assert!(run(boxed_early(0)).is_err() && run(boxed_early(1)).is_ok() && run(boxed_early(2)).is_ok());
    assert_eq!(run(boxed_by_path(1)) + run(boxed_by_method(1)), 2);
    assert!(run(aliased("x")).is_err());
    assert!(run(aliased_with_two_types(0)).is_err());
    assert_eq!(run(aliased_and_forwarded(1)), Ok(1));
    assert_eq!(run(is_send(recursive(3))), 3);
    let mut echo = Echo { calls: 0 };
    assert_eq!(run(echo.call("a".to_owned())).as_deref(), Ok("a"));
    assert_eq!(run(echo.fetch("b")).as_deref(), Ok("b"));
    assert_eq!((run(echo.provided()), echo.calls), (1, 2));
    let reader = Reader { rows: vec![7] };
    assert_eq!(run(reader.early(true)) + run(reader.early(false)), 3);
    assert_eq!((run(reader.elided()), run(reader.elided_opaque())), (Ok(&7), Ok(&7)));
    assert_eq!(boxed_rows(1).rows(), 1);
    let mut store = Store { rows: Vec::new() };
    assert!(run(store.later()).is_err());
    *run(store.add(1)) += 1;
    assert_eq!(run(is_send(store.later())), Ok(1));
    assert_eq!(run(Box::new(store).boxed_self()), 1);
}
