//! `monitor sql`: answers one statement, as a table for people or as JSON lines for programs.
//!
//! What is remarkable about an answer, such as that it was cut, goes to standard error, so that it gets into no
//! file.

use std::io::{self, BufWriter, Write};

use monitor_sinks::{Error, SqlRows, SqlValue, Store};

use crate::{
    arguments::Sql,
    exit::Exit,
    table::{self, Cell, shown},
};

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
    let cell = |value: &SqlValue| {
        let text = shown(&value.to_string());
        if value.as_f64().is_some() { Cell::number(text) } else { Cell::text(text) }
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    table::write(&head, &rows, out)
}
