//! Mistakes in a file: all of them, each with its place.
//!
//! Who reads a file goes on after a mistake, with whatever makes sense in its place, so that all mistakes are told at once.
//! What was read is used only if there was none.

use std::{cell::RefCell, collections::BTreeSet, fmt::Display};

use crate::{error::Error, util::distance::nearest};

/// More mistakes than this are counted and not told: they have one cause.
const MOST: usize = 30;

/// More names than this are not listed.
const LISTED: usize = 20;

/// The mistakes of one file so far.
pub(super) struct Faults<'a> {
    /// How messages call the file.
    file: &'a str,
    text: &'a str,
    /// By the offset of the place.
    found: RefCell<BTreeSet<(usize, String)>>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: RefCell::default() }
    }

    /// The text of the file.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Adds a mistake at an offset of the text.
    pub(super) fn add(&self, at: usize, message: impl Display) {
        let line = message.to_string().replace(['\n', '\r'], " ");
        self.found.borrow_mut().insert((at, line));
    }

    /// What was read, if there was no mistake; else an error with a line for each, `FILE:LINE:COLUMN: ...`.
    pub(super) fn or<T>(self, read: T) -> Result<T, Error> {
        let found = self.found.into_inner();
        if found.is_empty() {
            return Ok(read);
        }
        let told = found.iter().take(MOST).map(|(at, message)| {
            let (line, column) = place(self.text, *at);
            format!("{}:{line}:{column}: {message}", self.file)
        });
        let more = found.len().saturating_sub(MOST);
        let more = (more > 0).then(|| format!("{}: and {more} more", self.file));
        Err(Error::setting(told.chain(more).collect::<Vec<_>>().join("\n")))
    }
}

/// What to add to a message about an unknown name: the nearest of those that there are, or all of them.
pub(super) fn hint<'a>(wanted: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let [name] = nearest(wanted, known.clone(), 1)[..] {
        return format!("; did you mean `{name}`?");
    }
    let all: Vec<&str> = known.collect();
    let more = if all.len() > LISTED { " and others" } else { "" };
    let listed = all[..all.len().min(LISTED)].join(", ");
    if all.is_empty() { String::new() } else { format!("; there are {listed}{more}") }
}

/// Line and column of an offset, both from 1, the column in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_in_the_order_of_the_file() {
        let faults = Faults::new("monitor.toml", "äb\ncd\n");
        faults.add(4, "second");
        faults.add(2, "first\nof all");
        faults.add(99, "at the end");
        let message = faults.or(()).unwrap_err().to_string();
        assert_eq!(message, "monitor.toml:1:2: first of all\nmonitor.toml:2:1: second\nmonitor.toml:3:1: at the end");
        assert_eq!(Faults::new("monitor.toml", "").or(5).unwrap(), 5);
    }

    #[test]
    fn a_flood_of_mistakes_is_cut() {
        let faults = Faults::new("f", "");
        (0..100).for_each(|number| faults.add(0, number));
        let message = faults.or(()).unwrap_err().to_string();
        assert!(message.lines().count() == MOST + 1 && message.ends_with("f: and 70 more"), "{message}");
    }
}
