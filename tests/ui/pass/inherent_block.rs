//! An inherent block: every form of `self`, constants, constant functions, overrides.
#![deny(warnings)]
#![deny(clippy::pedantic)]
#![allow(clippy::missing_errors_doc, clippy::must_use_candidate, clippy::result_unit_err)]

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use monitored::monitored;

#[derive(Debug, Clone, Default)]
pub struct Store {
    rows: Vec<u64>,
}

/// What a store does.
#[monitored(service = "store", tags(tier = "gold", region = "eu"))]
impl Store {
    /// How many rows fit.
    pub const LIMIT: usize = 4;

    #[must_use]
    pub const fn new() -> Self {
        Self { rows: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, row: u64) -> Self {
        self.rows.push(row);
        self
    }

    pub fn add(&mut self, row: u64) -> Result<&mut u64, String> {
        if self.rows.len() == Self::LIMIT {
            return Err(format!("more than {} rows", Self::LIMIT));
        }
        self.rows.push(row);
        self.rows.last_mut().ok_or_else(String::new)
    }

    #[monitored(tags(region = "us", kind = "read"), service = "reader")]
    fn get(&self, at: usize) -> Option<&u64> {
        self.rows.get(at)
    }

    #[monitored(skip)]
    fn len(&self) -> usize {
        self.rows.len()
    }

    #[monitored(name = "store_drain")]
    pub fn drain(self) -> Vec<u64> {
        self.rows
    }

    #[monitored::monitored]
    // What the lint says of the bare method too.
    #[allow(clippy::boxed_local)]
    pub fn boxed(self: Box<Self>) -> u64 {
        self.rows.iter().sum()
    }

    pub fn counted(self: Rc<Self>) -> usize {
        Rc::strong_count(&self)
    }

    pub fn shared(self: &Arc<Self>) -> usize {
        Arc::strong_count(self)
    }

    pub fn pinned(self: Pin<&mut Self>) -> usize {
        self.get_mut().rows.len()
    }

    pub async fn wait(&mut self, rows: &[u64]) -> Result<usize, String> {
        for row in rows {
            self.add(*row)?;
        }
        std::future::ready(()).await;
        Ok(self.rows.len())
    }

    #[cfg(any())]
    fn never_compiled(&self) -> Missing {}

    #[inline]
    fn iter(&self) -> impl Iterator<Item = &u64> + '_ {
        self.rows.iter()
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the attribute must survive")]
    fn sum(&self) -> u64 {
        self.iter().sum()
    }

    #[allow(clippy::should_implement_trait, reason = "methods may be named like items of the prelude")]
    pub fn drop(&self) {}

    #[allow(non_snake_case, reason = "methods may be named like items of the prelude")]
    pub fn Ok(&self) -> Result<(), ()> {
        Ok(())
    }

    pub fn default_rows() -> Vec<u64> {
        vec![1, 2]
    }
}

fn main() {
    let mut store = Store::new().with(1);
    *store.add(2).unwrap() += 1;
    assert_eq!(store.get(1), Some(&3));
    assert_eq!((store.len(), store.iter().count(), store.sum()), (2, 2, 4));
    store.drop();
    assert_eq!(store.Ok(), Ok(()));
    assert_eq!(Pin::new(&mut store).pinned(), 2);
    std::mem::drop(store.wait(&[1]));
    assert_eq!(Rc::new(store.clone()).counted() + Arc::new(store.clone()).shared(), 2);
    assert_eq!(Box::new(store.clone()).boxed(), 4);
    assert_eq!(store.drain(), [1, 3]);
    assert_eq!(Store::default_rows().len(), 2);
}
