//! The series of a node, numbered in the order in which they were met.

use std::collections::HashMap;

use crate::promql::labels::Labels;

/// What a series of a node is.
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    pub(crate) labels: Labels,
    /// Whether the name goes when the question is answered. Until then it tells series apart and can be asked for.
    pub(crate) drop_name: bool,
}

/// Series by number and number by labels.
#[derive(Debug, Default)]
pub(crate) struct Table {
    list: Vec<Meta>,
    numbers: HashMap<Labels, usize>,
}

impl Table {
    /// The number of a series; it gets one if it is new.
    pub(crate) fn intern(&mut self, meta: Meta) -> usize {
        if let Some(&id) = self.numbers.get(&meta.labels) {
            return id;
        }
        let id = self.list.len();
        self.numbers.insert(meta.labels.clone(), id);
        self.list.push(meta);
        id
    }

    pub(crate) fn get(&self, id: usize) -> &Meta {
        &self.list[id]
    }

    pub(crate) fn labels(&self, id: usize) -> &Labels {
        &self.list[id].labels
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Lets the name of a series go.
    pub(crate) fn drop_name(&mut self, id: usize) {
        self.list[id].drop_name = true;
    }
}

/// What a node makes of the series of its child, found out once for each.
#[derive(Debug, Default)]
pub(crate) struct Renaming {
    pub(crate) table: Table,
    numbers: Vec<Option<usize>>,
}

impl Renaming {
    /// The number in `table` of what `rename` makes of the child's series `id`.
    pub(crate) fn of(&mut self, id: usize, child: &Table, rename: impl FnOnce(&Meta) -> Meta) -> usize {
        if self.numbers.len() <= id {
            self.numbers.resize(child.len(), None);
        }
        if let Some(number) = self.numbers[id] {
            return number;
        }
        let number = self.table.intern(rename(child.get(id)));
        self.numbers[id] = Some(number);
        number
    }

    /// The same series, whose name goes if `drop_name` says so.
    pub(crate) fn keep(&mut self, id: usize, child: &Table, drop_name: bool) -> usize {
        self.of(id, child, |meta| Meta { labels: meta.labels.clone(), drop_name: meta.drop_name || drop_name })
    }
}

/// Finds what comes twice at one instant, without clearing anything in between.
#[derive(Debug, Default)]
pub(crate) struct Once {
    rounds: Vec<u64>,
    round: u64,
}

impl Once {
    /// Begins the next instant.
    pub(crate) fn begin(&mut self) {
        self.round += 1;
    }

    /// Whether `id` comes for the first time at this instant.
    pub(crate) fn is_first(&mut self, id: usize) -> bool {
        if self.rounds.len() <= id {
            self.rounds.resize(id + 1, 0);
        }
        std::mem::replace(&mut self.rounds[id], self.round) != self.round
    }
}
