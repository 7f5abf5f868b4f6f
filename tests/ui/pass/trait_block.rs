//! Trait implementations: constants, types, asynchronous and generic methods, odd types.
#![deny(warnings)]
#![deny(clippy::pedantic)]

use std::fmt;

use monitored::monitored;

trait Stage<T> {
    type Output;
    const NAME: &'static str;
    fn run(&self, input: T) -> Self::Output;
    fn check(&self) -> Result<(), fmt::Error>;
    fn visit<V: FnMut(&T)>(&self, visitor: V) -> usize;
}

trait Fetch {
    fn fetch(&self, key: &str) -> impl std::future::Future<Output = Result<String, fmt::Error>> + Send;
}

struct Upper<T>(Vec<T>);

#[monitored]
impl<T> Stage<T> for Upper<T>
where
    T: Clone + Into<String>,
{
    type Output = Vec<String>;
    const NAME: &'static str = {
        const PREFIX: &str = "upper";
        PREFIX
    };

    fn run(&self, input: T) -> Self::Output {
        self.0.iter().cloned().chain([input]).map(Into::into).collect()
    }

    fn check(&self) -> fmt::Result {
        if self.0.is_empty() { Err(fmt::Error) } else { Ok(()) }
    }

    fn visit<V: FnMut(&T)>(&self, mut visitor: V) -> usize {
        self.0.iter().for_each(&mut visitor);
        self.0.len()
    }
}

#[monitored]
impl<T: Sync> Fetch for Upper<T> {
    async fn fetch(&self, key: &str) -> Result<String, fmt::Error> {
        std::future::ready(()).await;
        Ok(key.to_owned())
    }
}

#[monitored]
impl<T> fmt::Display for Upper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.len())
    }
}

#[monitored]
impl<T> Drop for Upper<T> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

trait Named {
    fn named(self) -> Self;
}

#[monitored]
impl Named for &str {
    fn named(self) -> Self {
        self
    }
}

#[monitored]
impl Named for (u8, [u8; 2]) {
    fn named(self) -> Self {
        self
    }
}

#[monitored]
impl Named for Result<u8, fmt::Error> {
    fn named(self) -> Self {
        self
    }
}

trait Provided {
    #[monitored]
    fn provided(&self) -> Result<u8, fmt::Error>
    where
        Self: Sized,
    {
        self.number().checked_sub(1).ok_or(fmt::Error)
    }
    fn number(&self) -> u8;
}

impl Provided for u8 {
    #[monitored]
    fn number(&self) -> u8 {
        *self
    }
}

fn main() {
    let upper = Upper(vec!["a"]);
    assert_eq!(upper.run("b"), ["a", "b"]);
    assert_eq!(upper.check(), Ok(()));
    assert_eq!(upper.visit(|_| {}), 1);
    assert_eq!(upper.to_string(), "1");
    assert_eq!(<Upper<&str> as Stage<&str>>::NAME, "upper");
    drop(upper.fetch("k"));
    assert_eq!("x".named(), "x");
    assert_eq!((1, [2, 3]).named().0, 1);
    assert_eq!(Ok::<u8, fmt::Error>(1).named(), Ok(1));
    assert!(0_u8.provided().is_err());
}
