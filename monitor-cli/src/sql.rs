//! `monitor sql`: answers one statement, as a table for people or as JSON lines for programs.
//!
//! What is stored comes from programs, so a terminal must not be told by it what to do: control characters are shown, not
//! sent. What is remarkable about an answer, such as that it was cut, goes to standard error, so that it gets into no
//! file.

use std::io::{self, BufWriter, Write};

use monitor_sinks::{Error, SqlRows, SqlValue, Store};

use crate::{arguments::Sql, exit::Exit};

/// The most characters of a value that a table shows.
const WIDEST: usize = 80;

/// Asks and prints.
pub(crate) fn run(question: &Sql) -> Result<Exit, Error> {
    let store = Store::open_read_only(&question.db)?;
    let rows =
        store.sql(&question.statement).first(question.limit).most_rows(usize::MAX).within(question.within).rows()?;
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if question.json { rows.write_json_lines(&mut out) } else { write_table(&rows, &mut out) };
    // Whoever reads may have seen enough.
    let _ = printed.and_then(|()| out.flush());
    for remark in remarks(&rows, question.limit) {
        let _ = writeln!(io::stderr(), "monitor sql: {remark}");
    }
    Ok(Exit::Done)
}

/// What to know about an answer.
fn remarks(rows: &SqlRows, limit: usize) -> Vec<String> {
    let cut = rows.is_cut().then(|| format!("there are more than {limit} rows; print more with --limit"));
    let damaged = rows.warnings().iter().map(|warning| format!("damaged, and missing from the answer: {warning}"));
    cut.into_iter().chain(damaged).collect()
}

/// Writes columns side by side, numbers to the right.
fn write_table(rows: &SqlRows, out: &mut impl Write) -> io::Result<()> {
    let head: Vec<String> = rows.columns().iter().map(|name| shown(name)).collect();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|value| shown(&value.to_string())).collect()).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|place| {
            cells.iter().map(|row| &row[place]).chain([&head[place]]).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    let is_number = |value: &SqlValue| value.as_f64().is_some();
    let to_left = vec![false; head.len()];
    write_line(&head, &widths, &to_left, out)?;
    write_line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>(), &widths, &to_left, out)?;
    for (row, cells) in rows.iter().zip(&cells) {
        let to_right: Vec<bool> = row.iter().map(is_number).collect();
        write_line(cells, &widths, &to_right, out)?;
    }
    Ok(())
}

fn write_line(cells: &[String], widths: &[usize], to_right: &[bool], out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    for ((cell, width), to_right) in cells.iter().zip(widths).zip(to_right) {
        let padded = if *to_right { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
        line.push_str(&padded);
    }
    writeln!(out, "{}", line.trim_end())
}

/// `text` as a terminal may have it: control characters as escapes, and no longer than a table can bear.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (place, character) in text.chars().enumerate() {
        if place == WIDEST {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn width(text: &str) -> usize {
    text.chars().count()
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
        let cells = ["a", "7"].map(String::from);
        write_line(&cells, &[3, 4], &[false, true], &mut out).unwrap();
        assert_eq!(out, b"a       7\n");
    }
}
