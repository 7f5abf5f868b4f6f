//! Trait definitions: default bodies are monitored, the rest is left alone.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(async_fn_in_trait, clippy::missing_errors_doc, clippy::missing_safety_doc, clippy::must_use_candidate)]
#![allow(dead_code)]

use std::fmt::{self, Debug};
use std::future::{Future, ready};

use monitored::monitored;

/// A stage.
#[monitored(service = "etl", tags(kind = "stage"))]
pub trait Stage<T = u8>: Debug
where
    T: Clone,
{
    /// How often it is tried.
    const TRIES: usize = {
        const ONE: usize = 1;
        ONE
    };
    type Row: From<T>;
    type Many<'a>: Iterator<Item = &'a T>
    where
        Self: 'a,
        T: 'a;

    fn bodiless(&self, row: T) -> Result<Self::Row, fmt::Error>;

    fn many(&self) -> Self::Many<'_>;

    fn run(&self, row: T) -> Result<Self::Row, fmt::Error> {
        for _ in 0..Self::TRIES {
            if let Ok(row) = self.bodiless(row.clone()) {
                return Ok(row);
            }
        }
        Err(fmt::Error)
    }

    #[must_use]
    fn itself(self) -> Self
    where
        Self: Sized,
    {
        self
    }

    #[monitored(skip)]
    fn skipped(&self) {}

    #[monitored(name = "stage_named", tags(kind = "named"))]
    fn named(&mut self, visit: &mut dyn FnMut(&T)) -> usize {
        self.many().inspect(|row| visit(row)).count()
    }

    async fn later(&self, row: T) -> Result<Self::Row, fmt::Error> {
        ready(()).await;
        self.bodiless(row)
    }

    async fn later_bodiless(&self);

    fn opaque(&self) -> impl Future<Output = usize> + Send
    where
        Self: Sync,
    {
        async { Self::TRIES }
    }

    fn associated() -> &'static str
    where
        Self: Sized,
    {
        "associated"
    }
}

#[monitored]
trait Empty: Dangerous {}

#[monitored]
unsafe trait Dangerous {
    unsafe fn raw(&self, pointer: *const u8) -> u8 {
        // SAFETY: the callers of this example pass a valid pointer.
        unsafe { *pointer }
    }
}

#[monitored]
trait ObjectSafe {
    fn number(&self) -> u8 {
        7
    }
}

#[derive(Debug)]
struct Upper(Vec<u8>);

#[monitored]
impl Stage for Upper {
    type Row = u64;
    type Many<'a> = std::slice::Iter<'a, u8>;

    fn bodiless(&self, row: u8) -> Result<u64, fmt::Error> {
        if row == 0 { Err(fmt::Error) } else { Ok(row.into()) }
    }

    fn many(&self) -> Self::Many<'_> {
        self.0.iter()
    }

    async fn later_bodiless(&self) {}
}

impl Empty for Upper {}
// SAFETY: there is nothing to keep.
unsafe impl Dangerous for Upper {}
impl ObjectSafe for Upper {}

fn main() {
    let mut upper = Upper(vec![1, 2]);
    assert_eq!(upper.run(1), Ok(1));
    assert!(upper.run(0).is_err());
    assert_eq!(upper.named(&mut |_| {}), 2);
    upper.skipped();
    drop((upper.later(1), upper.later_bodiless(), upper.opaque()));
    assert_eq!(Upper::associated(), "associated");
    // SAFETY: the pointer comes from a reference that lives on.
    assert_eq!(unsafe { upper.raw(&5) }, 5);
    let object: &dyn ObjectSafe = &upper;
    assert_eq!(object.number(), 7);
    assert_eq!(upper.itself().0.len(), 2);
}
