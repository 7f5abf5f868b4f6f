//! What is told together: rows of one group that come within a short time are one message.
//!
//! The first row of a group waits for others, and those that come meanwhile wait with it. What comes after the group was
//! told waits until an interval has passed since then, and no longer than that since it was queued, so that an outage of the
//! channel does not add to it. All of a group that is due goes out at once, several rows of an alert in their order; while
//! some of it is on its way, the rest waits.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::{collapse::Waiting, is_ahead};
use crate::notify::Kind;

/// Puts off what is due of groups that were told within their intervals.
pub(super) fn put_off(connection: &Connection, channel: &str, now_ms: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE outbox SET not_before_ms = late.until_ms FROM (
                 SELECT id, group_interval_ms + min(created_ms, (
                     SELECT told.done_ms FROM outbox AS told WHERE told.channel = row.channel
                     AND told.group_key = row.group_key AND told.state = 'sent' AND told.done_ms <= ?2
                     ORDER BY told.done_ms DESC LIMIT 1)) AS until_ms
                 FROM outbox AS row WHERE channel = ?1 AND state = 'pending' AND group_interval_ms IS NOT NULL
                 AND attempts = 0 AND lease_until_ms IS NULL AND not_before_ms <= ?2) AS late
             WHERE outbox.id = late.id AND late.until_ms > ?2",
        )?
        .execute(params![channel, now_ms])?;
    Ok(())
}

/// The rows that are due, those that are told together side by side; in the order of their first rows.
///
/// `closed` are the sequences of which nothing may be sent now. `rows` are in the order in which they were queued.
pub(super) fn units(rows: &[Waiting], closed: HashSet<String>, now_ms: i64) -> Vec<Vec<Waiting>> {
    let mut units = Units { closed, taken: HashMap::new(), found: Vec::new(), places: HashMap::new() };
    let busy = busy(rows);
    for row in rows.iter().filter(|row| !row.leased) {
        let is_due = !is_ahead(row.not_before_ms, now_ms);
        // What may have arrived is sent again under its own name, and a digest is one already.
        match row.group.as_deref().filter(|_| !row.uncertain && row.kind != Kind::Digest) {
            Some(group) => units.add(group, row, is_due && !busy.contains(group)),
            None => units.add_single(row, is_due),
        }
    }
    units.found
}

/// Groups of which something is on its way, or is being told by a digest that has not arrived.
fn busy(rows: &[Waiting]) -> HashSet<&str> {
    let is_busy = |row: &&Waiting| row.leased || row.uncertain || row.kind == Kind::Digest;
    rows.iter().filter(is_busy).filter_map(|row| row.group.as_deref()).collect()
}

struct Units<'a> {
    closed: HashSet<String>,
    /// Sequences of which rows are in a unit, with the group of it.
    taken: HashMap<&'a str, Option<&'a str>>,
    found: Vec<Vec<Waiting>>,
    /// Where the units of groups are.
    places: HashMap<&'a str, usize>,
}

impl<'a> Units<'a> {
    fn add_single(&mut self, row: &'a Waiting, is_due: bool) {
        if self.closed.contains(&row.sequence) || self.taken.contains_key(row.sequence.as_str()) {
            return;
        }
        if is_due {
            self.taken.insert(&row.sequence, None);
            self.found.push(vec![row.clone()]);
        } else {
            self.closed.insert(row.sequence.clone());
        }
    }

    fn add(&mut self, group: &'a str, row: &'a Waiting, is_due: bool) {
        let is_taken = self.taken.get(row.sequence.as_str()).is_some_and(|other| *other != Some(group));
        if self.closed.contains(&row.sequence) || is_taken {
            return;
        }
        if !is_due {
            self.closed.insert(row.sequence.clone());
            return;
        }
        self.taken.insert(&row.sequence, Some(group));
        let place = *self.places.entry(group).or_insert_with(|| {
            self.found.push(Vec::new());
            self.found.len() - 1
        });
        self.found[place].push(row.clone());
    }
}
