//! What is known of the rows that wait for being sealed, without reading them.
//!
//! Looking whether they are to be sealed means reading all of them. So it is only done when something says that they may
//! be: their number, their age, a recording before this one, or a span that is to be rolled up.

use rusqlite::Connection;

use super::seal::{self, When};

/// The rows that wait for being sealed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    count: usize,
    /// The time of the oldest one.
    oldest: Option<i64>,
    /// The end of the span of time that holds the newest one that was written.
    span_end: i64,
    /// Whether there may be enough of them for a segment.
    may_be_enough: bool,
    /// Whether some of them may be of an earlier recording, which nothing can come to any more.
    may_be_over: bool,
}

impl Waiting {
    /// Those in the file, of which nothing else is known.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("SELECT count(*), min(ts) FROM unsealed")?.query_row([], |row| {
            let count = row.get::<_, i64>(0)?.try_into().unwrap_or(0);
            let may_be_enough = count > seal::ENOUGH;
            Ok(Self { count, oldest: row.get(1)?, span_end: i64::MAX, may_be_enough, may_be_over: count > 0 })
        })
    }

    /// Takes note of a row that was written at `ts`, for flushes every `interval_us`.
    pub(super) fn wrote(&mut self, ts: i64, interval_us: i64) {
        self.count += 1;
        self.oldest.get_or_insert(ts);
        let span_end = seal::span_end(ts, interval_us);
        // The first row of the next span tells that one is over, and so does a row at its very end.
        let is_over = ts > self.span_end || ts == span_end;
        self.may_be_enough |= (self.count >= seal::ENOUGH && is_over) || self.count >= seal::MOST;
        self.span_end = span_end;
    }

    /// Takes note that there are `count` of this recording, the first of `oldest`, and that they are not to be sealed yet.
    pub(super) const fn looked(&mut self, count: usize, oldest: Option<i64>) {
        (self.count, self.oldest) = (count, oldest);
        (self.may_be_enough, self.may_be_over) = (false, false);
    }

    /// Whether there are any up to `ts`.
    pub(super) fn reach_back_to(&self, ts: i64) -> bool {
        self.oldest.is_some_and(|oldest| oldest <= ts)
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Whether it is worth reading them to see if they are to be sealed.
    pub(super) fn may_be_due(&self, when: When) -> bool {
        let is_old = |oldest: i64| when.now_us.saturating_sub(oldest) >= seal::OLDEST_US;
        let is_wanted = when.wanted_until.is_some_and(|until| self.reach_back_to(until));
        self.may_be_enough || is_wanted || self.oldest.is_some_and(|oldest| self.may_be_over || is_old(oldest))
    }

    /// Whether they may be due whatever the time.
    pub(super) const fn may_be_enough(&self) -> bool {
        self.may_be_enough
    }
}
