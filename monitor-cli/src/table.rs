//! Tables for people.
//!
//! What is stored comes from programs, so a terminal must not be told by it what to do: control characters are shown, not
//! sent.

use std::io::{self, Write};

/// The most characters of a value that a table shows.
const WIDEST: usize = 80;

/// A cell, and whether it is a number, which stands to the right.
pub(crate) type Cell = (String, bool);

/// Writes a heading and rows of as many cells each, side by side. They must be fit for a terminal, see [`shown`].
pub(crate) fn write(head: &[String], rows: Vec<Vec<Cell>>, out: &mut impl Write) -> io::Result<()> {
    let width_of = |place: usize| {
        let cells = rows.iter().map(|row| &row[place].0);
        cells.chain([&head[place]]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width_of).collect();
    let left = |text: String| (text, false);
    write_line(head.iter().cloned().map(left), &widths, out)?;
    write_line(widths.iter().map(|width| left("-".repeat(*width))), &widths, out)?;
    rows.into_iter().try_for_each(|row| write_line(row.into_iter(), &widths, out))
}

fn write_line(cells: impl Iterator<Item = Cell>, widths: &[usize], out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    for ((cell, to_right), width) in cells.zip(widths) {
        let padded = if to_right { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
        line.push_str(&padded);
    }
    writeln!(out, "{}", line.trim_end())
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
        write(&head, vec![vec![(String::from("a"), false), (String::from("17"), true)]], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "name  n\n----  --\na     17\n");
    }
}
