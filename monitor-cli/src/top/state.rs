//! What is shown of a snapshot, and what keys do to that.

use std::{path::Path, time::Duration};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::snapshot::Snapshot;
use crate::{activity::Activity, arguments::Column, filter::Filter};

/// The columns that are shown, in their order; it is sorted by one of them.
pub(super) const COLUMNS: [(Column, &str); 9] = [
    (Column::Function, "function"),
    (Column::Calls, "calls"),
    (Column::Rate, "rate/s"),
    (Column::Errors, "errors"),
    (Column::Panicked, "panicked"),
    (Column::P50, "p50"),
    (Column::P99, "p99"),
    (Column::Max, "max"),
    (Column::Share, "share"),
];

/// The windows that + and - go through.
const WINDOWS: [Duration; 9] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(6),
    Duration::from_hours(24),
    Duration::from_hours(24 * 7),
];

/// How far the keys for pages go.
const PAGE: usize = 10;

/// Longer filters match no function.
const LONGEST_FILTER: usize = 200;

/// Everything that a frame is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    /// The file of the store, as it is shown.
    pub(super) db: String,
    pub(super) window: Duration,
    pub(super) every: Duration,
    pub(super) sort: Column,
    pub(super) filter: String,
    /// Whether keys go into the filter.
    pub(super) is_typing: bool,
    pub(super) is_paused: bool,
    /// The row that is selected, of those that are shown.
    pub(super) selected: usize,
    pub(super) output: Output,
    pub(super) snapshot: Snapshot,
}

/// What a frame is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// It is printed, and nobody can press keys.
    Text,
    /// A terminal without colours.
    Plain,
    /// A terminal with colours.
    Coloured,
}

/// What is to be done after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Draw,
    /// Look at the store again, then draw.
    Look,
    Quit,
}

impl State {
    pub(super) fn new(db: &Path, window: Duration, every: Duration) -> Self {
        Self {
            db: db.display().to_string(),
            window,
            every,
            sort: Column::Share,
            filter: String::new(),
            is_typing: false,
            is_paused: false,
            selected: 0,
            output: Output::Text,
            snapshot: Snapshot::default(),
        }
    }

    /// Shows what is there now.
    pub(super) fn show(&mut self, snapshot: Snapshot) {
        self.snapshot = snapshot;
        self.select(self.selected);
    }

    /// The functions that the filter lets through, sorted.
    pub(super) fn activity(&self) -> Activity {
        let mut activity = self.snapshot.activity.clone();
        activity.filter(&Filter::new(&self.filter));
        activity.sort(self.sort);
        activity
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Wish {
        // Some terminals tell of releases, too.
        if key.kind == KeyEventKind::Release {
            return Wish::Draw;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Wish::Quit } else { Wish::Draw };
        }
        if self.is_typing {
            self.type_key(key.code);
            return Wish::Draw;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Quit,
            KeyCode::Char('p') => {
                self.is_paused = !self.is_paused;
                // What was missed is seen at once.
                return if self.is_paused { Wish::Draw } else { Wish::Look };
            }
            KeyCode::Char('+' | '=') => return self.resize(|window| WINDOWS.into_iter().find(|one| *one > window)),
            KeyCode::Char('-') => return self.resize(|window| WINDOWS.into_iter().rev().find(|one| *one < window)),
            KeyCode::Char('s') | KeyCode::Right => self.sort_by(1),
            KeyCode::Char('S') | KeyCode::Left => self.sort_by(COLUMNS.len() - 1),
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Up => self.select(self.selected.saturating_sub(1)),
            KeyCode::Down => self.select(self.selected + 1),
            KeyCode::PageUp => self.select(self.selected.saturating_sub(PAGE)),
            KeyCode::PageDown => self.select(self.selected + PAGE),
            KeyCode::Home => self.select(0),
            KeyCode::End => self.select(usize::MAX),
            _ => {}
        }
        Wish::Draw
    }

    fn type_key(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.filter.clear();
                self.is_typing = false;
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(character) if self.filter.len() < LONGEST_FILTER => self.filter.push(character),
            _ => {}
        }
        self.select(self.selected);
    }

    /// Selects a row, or the last one if there are not so many.
    fn select(&mut self, row: usize) {
        self.selected = row.min(self.activity().functions.len().saturating_sub(1));
    }

    /// Sorts by the column so many further on.
    fn sort_by(&mut self, further: usize) {
        let place = COLUMNS.iter().position(|(column, _)| *column == self.sort).unwrap_or(0);
        self.sort = COLUMNS[(place + further) % COLUMNS.len()].0;
        self.select(0);
    }

    fn resize(&mut self, next: impl Fn(Duration) -> Option<Duration>) -> Wish {
        self.window = next(self.window).unwrap_or(self.window);
        Wish::Look
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Function;

    fn state() -> State {
        let mut state = State::new(Path::new("m.db"), Duration::from_mins(1), Duration::from_secs(2));
        let function = |path: &str, calls| Function { path: path.to_owned(), calls, ..Function::default() };
        let functions = vec![function("a::load", 1), function("b::parse", 3), function("c::store", 2)];
        state.show(Snapshot { activity: Activity { functions, ..Activity::default() }, ..Snapshot::default() });
        state
    }

    fn press(state: &mut State, keys: &[KeyCode]) -> Wish {
        keys.iter().map(|code| state.key(KeyEvent::from(*code))).last().unwrap()
    }

    fn text(text: &str) -> Vec<KeyCode> {
        text.chars().map(KeyCode::Char).collect()
    }

    #[test]
    fn it_ends_by_q_escape_and_control_c() {
        for key in [KeyCode::Char('q'), KeyCode::Esc] {
            assert_eq!(press(&mut state(), &[key]), Wish::Quit);
        }
        let mut state = state();
        press(&mut state, &text("/"));
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(state.key(control_c), Wish::Quit);
        let released = KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(state.key(released), Wish::Draw);
    }

    #[test]
    fn a_filter_is_typed_kept_and_dropped() {
        let mut state = state();
        assert_eq!(press(&mut state, &text("/parsq")), Wish::Draw);
        assert!(state.activity().functions.is_empty() && state.is_typing);
        press(&mut state, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!((state.filter.as_str(), state.is_typing), ("pars", false));
        assert_eq!(state.activity().functions.len(), 1);
        press(&mut state, &[KeyCode::Char('/'), KeyCode::Esc]);
        assert_eq!((state.filter.as_str(), state.is_typing), ("", false));
        assert_eq!(press(&mut state, &text(&format!("/{}", "x".repeat(500)))), Wish::Draw);
        assert_eq!(state.filter.len(), LONGEST_FILTER);
    }

    #[test]
    fn columns_are_sorted_by_in_turn() {
        let mut state = state();
        press(&mut state, &text("s"));
        assert_eq!(state.sort, Column::Function);
        press(&mut state, &text("s"));
        let paths: Vec<String> = state.activity().functions.into_iter().map(|function| function.path).collect();
        assert_eq!(paths, ["b::parse", "c::store", "a::load"]);
        press(&mut state, &text("SS"));
        assert_eq!(state.sort, Column::Share);
    }

    #[test]
    fn the_selection_stays_among_the_rows() {
        let mut state = state();
        press(&mut state, &[KeyCode::Up]);
        assert_eq!(state.selected, 0);
        press(&mut state, &[KeyCode::Down; 7]);
        assert_eq!(state.selected, 2);
        press(&mut state, &[KeyCode::PageUp, KeyCode::PageDown]);
        assert_eq!(state.selected, 2);
        press(&mut state, &text("/parse"));
        assert_eq!(state.selected, 0);
        state.show(Snapshot::default());
        press(&mut state, &[KeyCode::Enter, KeyCode::End]);
        assert_eq!(state.selected, 0);
    }

    #[test]
    fn the_window_grows_and_shrinks_within_bounds() {
        let mut state = state();
        assert_eq!(press(&mut state, &text("+")), Wish::Look);
        assert_eq!(state.window, Duration::from_mins(5));
        press(&mut state, &text("---------"));
        assert_eq!(state.window, Duration::from_secs(10));
        // One that was given lies between two.
        state.window = Duration::from_secs(45);
        press(&mut state, &text("-"));
        assert_eq!(state.window, Duration::from_secs(30));
        press(&mut state, &text("+++++++++++"));
        assert_eq!(state.window, Duration::from_hours(168));
    }

    #[test]
    fn a_pause_ends_with_a_look() {
        let mut state = state();
        assert_eq!((press(&mut state, &text("p")), state.is_paused), (Wish::Draw, true));
        assert_eq!((press(&mut state, &text("p")), state.is_paused), (Wish::Look, false));
    }
}
