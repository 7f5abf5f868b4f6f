//! The table of series, remembered from one question to the next.
//!
//! Rows are only ever added to the table. So what was read of it stays true as long as the file is the same one, and that
//! is told by the newest row that was read: by its number, what it names, and when it was made, to the microsecond. Reading
//! the whole table instead takes longer than most questions do.

use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};

use super::series::{self, StoredSeries};

/// What a store is known to hold.
#[derive(Debug, Default)]
pub(crate) struct Roster(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// Of one name in the order of service and labels.
    series: Vec<StoredSeries>,
    newest: Option<Newest>,
}

/// A row of the table, as far as it tells one file from another.
#[derive(Debug, PartialEq, Eq)]
struct Newest {
    id: i64,
    created_us: i64,
    name: String,
    labels: String,
}

impl Roster {
    /// The series that `keep` accepts, of one name in the order of service and labels.
    pub(crate) fn series(
        &self,
        connection: &Connection,
        mut keep: impl FnMut(&StoredSeries) -> bool,
    ) -> rusqlite::Result<Vec<StoredSeries>> {
        // Whoever panicked meanwhile has left a table that is refreshed like any other.
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.refresh(connection)?;
        // Room for all of them: most questions without a name keep most.
        let mut kept = Vec::with_capacity(table.series.len());
        kept.extend(table.series.iter().filter(|series| keep(series)).cloned());
        Ok(kept)
    }
}

impl Table {
    fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let newest = row(connection, "ORDER BY id DESC LIMIT 1")?;
        if newest == self.newest {
            return Ok(());
        }
        let known = self.newest.take();
        let is_same = match &known {
            Some(known) => row(connection, &format!("AND id = {}", known.id))?.as_ref() == Some(known),
            None => false,
        };
        let after = known.filter(|_| is_same).map_or(-1, |known| known.id);
        if after < 0 {
            self.series.clear();
        }
        self.series.append(&mut series::load_after(connection, after)?);
        self.series.sort_by(|a, b| (&a.name, &a.service, &a.labels).cmp(&(&b.name, &b.service, &b.labels)));
        self.newest = newest;
        Ok(())
    }
}

/// A row of the table. Those with negative numbers are of imports that are not finished.
fn row(connection: &Connection, which: &str) -> rusqlite::Result<Option<Newest>> {
    let sql = format!("SELECT id, created_us, name, labels FROM series WHERE id >= 0 {which}");
    connection
        .prepare_cached(&sql)?
        .query_row([], |row| {
            Ok(Newest { id: row.get(0)?, created_us: row.get(1)?, name: row.get(2)?, labels: row.get(3)? })
        })
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[(&str, i64)]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE series(id INTEGER PRIMARY KEY, source, name, kind, unit, service, labels, created_us)",
            )
            .unwrap();
        for name in names {
            add(&connection, *name);
        }
        connection
    }

    fn add(connection: &Connection, (name, created_us): (&str, i64)) {
        let sql = "INSERT INTO series(source, name, kind, unit, service, labels, created_us) VALUES('app', ?1, 0, '', '', '{}', ?2)";
        connection.execute(sql, rusqlite::params![name, created_us]).unwrap();
    }

    fn names(known: &Roster, connection: &Connection) -> Vec<String> {
        known.series(connection, |_| true).unwrap().into_iter().map(|series| series.name.clone()).collect()
    }

    #[test]
    fn what_is_added_is_found_and_another_file_is_told_from_the_first() {
        let known = Roster::default();
        let first = table(&[("b", 1), ("d", 2)]);
        assert_eq!(names(&known, &first), ["b", "d"]);
        add(&first, ("a", 3));
        assert_eq!(names(&known, &first), ["a", "b", "d"]);
        assert_eq!(known.series(&first, |series| series.name != "a").unwrap().len(), 2);
        // As many rows, and the newest of the same name.
        let second = table(&[("x", 4), ("y", 5), ("a", 6)]);
        assert_eq!(names(&known, &second), ["a", "x", "y"]);
        let third = table(&[("x", 4), ("y", 5), ("a", 7), ("c", 8)]);
        assert_eq!(names(&known, &third), ["a", "c", "x", "y"]);
        assert_eq!(names(&known, &table(&[])), [""; 0]);
        assert_eq!(names(&known, &first), ["a", "b", "d"]);
    }
}
