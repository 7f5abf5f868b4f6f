//! Tables for people.
//!
//! What is stored comes from programs, so a terminal must not be told by it what to do: control characters are shown, not
//! sent.

use std::io::{self, Write};

/// The most characters of a value that a table shows.
const WIDEST: usize = 80;

/// What makes a terminal write in red, and what ends that.
const RED: (&str, &str) = ("\u{1b}[31m", "\u{1b}[0m");

/// A cell of a table, fit for a terminal, see [`shown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    is_to_right: bool,
    is_red: bool,
}

impl Cell {
    /// Stands to the left.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_to_right: false, is_red: false }
    }

    /// Stands to the right.
    pub(crate) fn number(number: impl Into<String>) -> Self {
        Self { is_to_right: true, ..Self::text(number) }
    }

    /// The same, red if it is so. Only a terminal that wants colours may be sent red cells, see `colour`.
    pub(crate) fn red_if(self, is_red: bool) -> Self {
        Self { is_red, ..self }
    }

    fn padded(&self, width: usize) -> String {
        let text = &self.text;
        let padded = if self.is_to_right { format!("{text:>width$}") } else { format!("{text:<width$}") };
        if self.is_red { format!("{}{padded}{}", RED.0, RED.1) } else { padded }
    }
}

/// Writes a heading and rows of as many cells each, side by side.
pub(crate) fn write(head: &[String], rows: &[Vec<Cell>], out: &mut impl Write) -> io::Result<()> {
    let width_of = |place: usize| {
        let cells = rows.iter().map(|row| &row[place].text);
        cells.chain([&head[place]]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width_of).collect();
    write_line(&head.iter().map(Cell::text).collect::<Vec<_>>(), &widths, out)?;
    write_line(&widths.iter().map(|width| Cell::text("-".repeat(*width))).collect::<Vec<_>>(), &widths, out)?;
    rows.iter().try_for_each(|row| write_line(row, &widths, out))
}

fn write_line(cells: &[Cell], widths: &[usize], out: &mut impl Write) -> io::Result<()> {
    let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| cell.padded(*width)).collect();
    writeln!(out, "{}", padded.join("  ").trim_end())
}

/// `text` as a terminal may have it: control characters as escapes, and no longer than a table can bear.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = escaped(text.chars().take(WIDEST));
    if text.chars().nth(WIDEST).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters as a terminal may have them.
pub(crate) fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut escaped = String::new();
    for character in text {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_stored_reaches_a_terminal_as_a_command() {
        assert_eq!(shown("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(shown(&"ü".repeat(100)), format!("{}…", "ü".repeat(80)));
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let mut out = Vec::new();
        let head = ["name", "n"].map(String::from);
        let rows = [vec![Cell::text("a"), Cell::number("17")], vec![Cell::text("b"), Cell::number("5").red_if(true)]];
        write(&head, &rows, &mut out).unwrap();
        let wanted = "name  n\n----  --\na     17\nb     \u{1b}[31m 5\u{1b}[0m\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
