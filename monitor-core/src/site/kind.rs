//! The kinds of error seen at one call site: a small table that grows by itself and never blocks.

use once_cell::race::OnceBox;

use super::Label;
use crate::shard::KINDS;

/// The label of what does not fit into the table.
pub(crate) const OTHER: &str = "other";

/// Gives each kind of error at a site a small number.
///
/// Looking a known kind up compares pointers first, so it takes a few nanoseconds; the first error of a kind allocates.
#[derive(Debug)]
pub(crate) struct Kinds {
    labels: [OnceBox<Label>; KINDS - 1],
}

impl Kinds {
    pub(crate) const fn new() -> Self {
        Self { labels: [const { OnceBox::new() }; KINDS - 1] }
    }

    /// The number of `label`, below [`KINDS`].
    #[cold]
    pub(crate) fn number(&self, label: Label) -> usize {
        self.labels
            .iter()
            .position(|slot| {
                let kept = slot.get().unwrap_or_else(|| {
                    // If another thread is first, its label is the one to compare with.
                    let _ = slot.set(Box::new(label));
                    slot.get().unwrap_or(&Label::OTHER)
                });
                *kept == label
            })
            .unwrap_or(KINDS - 1)
    }

    /// The label behind a number.
    pub(crate) fn label(&self, number: usize) -> String {
        self.labels.get(number).and_then(OnceBox::get).map_or_else(|| OTHER.to_owned(), |label| label.to_text())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_kind_keeps_its_number_and_the_last_one_takes_the_rest() {
        const NAMES: &str = "abcdefghijklmnopqrstuvwxyz";
        let kinds = Kinds::new();
        for at in 0..NAMES.len() {
            kinds.number(Label::Kind(&NAMES[at..=at]));
        }
        assert_eq!(kinds.number(Label::Kind("d")), 3);
        assert_eq!(kinds.label(3), "d");
        assert_eq!(kinds.number(Label::Kind("z")), KINDS - 1);
        assert_eq!(kinds.label(KINDS - 1), "other");
    }
}
