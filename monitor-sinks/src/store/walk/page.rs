//! A walk that is left and taken up again: for readers that hand out what they find bit by bit.
//!
//! A page is one step of a [`Walk`]: some segments, or a page of rows. Between pages nothing is held, neither a
//! transaction nor memory of the store, so whoever reads may take as long as they like without keeping the writer's log
//! from being recycled.

use std::collections::VecDeque;

use rusqlite::Connection;

use super::{Detail, Found, Left, Part, Walk, parts};
use crate::store::{Tier, Window, segment};

/// What is left of a walk.
#[derive(Debug)]
pub(crate) struct Pages {
    ids: Vec<u64>,
    parts: VecDeque<Part>,
    left: Option<Left>,
}

impl Pages {
    /// All pages of the series `ids` in `window`; those of what was imported come last, ordered by themselves. The
    /// resolution of each part is settled now.
    pub(crate) fn new(connection: &Connection, ids: Vec<u64>, window: Window) -> rusqlite::Result<Self> {
        let mut parts = if ids.is_empty() { Vec::new() } else { parts(connection, window, Tier::Raw)? };
        if !ids.is_empty() && segment::newest(connection, Tier::Imported)?.is_some() {
            parts.push(Part { tier: Tier::Imported, window });
        }
        Ok(Self { ids, parts: parts.into(), left: None })
    }

    /// Visits the next page, which may hold nothing of the series. Returns whether there was one.
    pub(crate) fn next(&mut self, connection: &Connection, visit: &mut dyn FnMut(Found<'_>)) -> rusqlite::Result<bool> {
        let mut walk = Walk::new(connection, &self.ids, Detail::Each);
        let Some(left) = &mut self.left else {
            let Some(part) = self.parts.pop_front() else { return Ok(false) };
            self.left = Some(walk.begin(part, visit)?);
            return Ok(true);
        };
        if !walk.step(left, visit)? {
            self.left = None;
        }
        Ok(true)
    }
}
