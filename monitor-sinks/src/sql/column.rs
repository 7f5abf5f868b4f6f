//! The three tables that read the store's samples, and their columns.
//!
//! `samples` shows what is stored, under the store's own names. `app_metrics` and `system_metrics` show the same data as
//! older scripts know them: one table for what a program records and one for its machine, each with the columns that
//! those scripts name, in their order. Columns that they have no idea of are hidden: a statement may name them, `*` does
//! not mean them.

use std::ffi::{CStr, c_int};

/// A table that reads samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Samples,
    App,
    System,
}

/// What a column shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Column {
    Id = b'i',
    Ts = b't',
    Time = b'T',
    Series = b's',
    Name = b'n',
    Service = b'v',
    Kind = b'k',
    Unit = b'u',
    Tags = b'g',
    Value = b'x',
    Increase = b'+',
    Count = b'c',
    Sum = b'S',
    Min = b'm',
    Max = b'M',
}

impl Shape {
    pub(super) const ALL: [Self; 3] = [Self::Samples, Self::App, Self::System];

    /// The name of the table, which is the argument of its module too.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::App => "app_metrics",
            Self::System => "system_metrics",
        }
    }

    /// The table of this name.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name().as_bytes() == name)
    }

    /// What SQLite is told of the columns.
    pub(super) const fn declaration(self) -> &'static CStr {
        match self {
            Self::Samples => {
                c"CREATE TABLE samples(series INTEGER, ts INTEGER, value REAL, increase REAL, count REAL, sum REAL, min REAL,
                    max REAL, name TEXT, service TEXT, labels TEXT, kind TEXT, unit TEXT, time TEXT)"
            }
            Self::App => {
                c"CREATE TABLE app_metrics(id INTEGER, timestamp TEXT, metric_name TEXT, metric_value REAL,
                    metric_type TEXT, tags TEXT, service_name TEXT, ts INTEGER HIDDEN, series INTEGER HIDDEN,
                    count REAL HIDDEN, sum REAL HIDDEN, min REAL HIDDEN, max REAL HIDDEN)"
            }
            Self::System => {
                c"CREATE TABLE system_metrics(id INTEGER, timestamp TEXT, metric_type TEXT, metric_name TEXT, value REAL,
                    unit TEXT, tags TEXT, ts INTEGER HIDDEN, series INTEGER HIDDEN, count REAL HIDDEN, sum REAL HIDDEN,
                    min REAL HIDDEN, max REAL HIDDEN, service TEXT HIDDEN)"
            }
        }
    }

    /// The column at `place`.
    pub(super) fn column(self, place: c_int) -> Option<Column> {
        let columns = self.columns();
        usize::try_from(place).ok().and_then(|place| columns.get(place)).copied()
    }

    /// In the order of [`declaration`](Self::declaration).
    const fn columns(self) -> &'static [Column] {
        use Column::{Count, Id, Increase, Kind, Max, Min, Name, Series, Service, Sum, Tags, Time, Ts, Unit, Value};
        match self {
            Self::Samples => {
                &[Series, Ts, Value, Increase, Count, Sum, Min, Max, Name, Service, Tags, Kind, Unit, Time]
            }
            Self::App => &[Id, Time, Name, Value, Kind, Tags, Service, Ts, Series, Count, Sum, Min, Max],
            Self::System => &[Id, Time, Kind, Name, Value, Unit, Tags, Ts, Series, Count, Sum, Min, Max, Service],
        }
    }
}

impl Column {
    /// The letter that a plan calls it by.
    pub(super) const fn letter(self) -> char {
        self as u8 as char
    }

    /// Those that a plan can narrow by.
    pub(super) const NARROWING: [Self; 5] = [Self::Ts, Self::Time, Self::Series, Self::Name, Self::Service];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_column_is_one_of_the_list() {
        for shape in Shape::ALL {
            let declared = shape.declaration().to_str().unwrap().matches(',').count() + 1;
            assert_eq!(declared, shape.columns().len(), "{}", shape.name());
            assert_eq!(shape.column(c_int::try_from(declared).unwrap()), None);
            assert_eq!(Shape::named(shape.name().as_bytes()), Some(shape));
        }
        assert_eq!(Shape::Samples.column(-1), None);
    }
}
