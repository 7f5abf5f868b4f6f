//! The virtual tables: what SQLite calls when a statement reads samples.
//!
//! They live in the `temp` schema of a connection that our library opened. So a statement that reads nothing else holds no
//! transaction on the store, however long it is stepped through: what it reads comes through connections of the scans'
//! own, a page at a time.

use std::{
    borrow::Cow,
    ffi::{CStr, c_int},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use rusqlite::{
    Connection, ffi,
    vtab::{Context, CreateVTab, Filters, IndexInfo, Module, VTab, VTabConnection, VTabCursor, VTabKind},
};

use super::{
    column::{Column, Shape},
    plan::{self, Wanted},
    scan::{Row, Scan},
    session::Session,
    stream::Moments,
    timestamp,
};
use crate::{error::Error, store::Reader};

/// The name of the module. Nobody but [`register`] can use it: statements must not create tables.
const MODULE: &str = "monitored_samples";

/// Makes the tables of samples known to `connection`.
pub(super) fn register(connection: &Connection, session: &Arc<Session>) -> rusqlite::Result<()> {
    const TABLES: &Module<'static, Table> = &Module::read_only_module();
    connection.create_module(MODULE, TABLES, Some(Arc::clone(session)))?;
    for shape in Shape::ALL {
        let name = shape.name();
        connection.execute_batch(&format!("CREATE VIRTUAL TABLE temp.{name} USING {MODULE}({name})"))?;
    }
    Ok(())
}

/// One of the tables.
#[repr(C)]
struct Table {
    /// SQLite's part.
    base: ffi::sqlite3_vtab,
    shape: Shape,
    session: Arc<Session>,
}

// SAFETY: rusqlite casts a pointer to `Table` to one to `sqlite3_vtab` and back, which is sound because that is its first
// field and `repr(C)` puts it first. The field is zeroed as SQLite wants it, and nothing here touches it afterwards.
unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = Arc<Session>;
    type Cursor = Cursor;

    fn connect(
        _: &mut VTabConnection,
        aux: Option<&Arc<Session>>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        arguments: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let shape = arguments.first().and_then(|name| Shape::named(name));
        let (Some(shape), Some(session)) = (shape, aux) else {
            return Err(rusqlite::Error::ModuleError(String::from("there is no such table of samples")));
        };
        let table = Self { base: ffi::sqlite3_vtab::default(), shape, session: Arc::clone(session) };
        Ok((shape.declaration().into(), table))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        plan::choose(self.shape, info);
        Ok(true)
    }

    fn open(&'vtab mut self) -> rusqlite::Result<Cursor> {
        Ok(Cursor {
            base: ffi::sqlite3_vtab_cursor::default(),
            shape: self.shape,
            session: Arc::clone(&self.session),
            reader: None,
            scan: None,
            row: None,
        })
    }
}

impl CreateVTab<'_> for Table {
    const KIND: VTabKind = VTabKind::Default;
}

/// A reading of a table.
#[repr(C)]
struct Cursor {
    /// SQLite's part.
    base: ffi::sqlite3_vtab_cursor,
    shape: Shape,
    session: Arc<Session>,
    /// The connection between two scans.
    reader: Option<Reader>,
    scan: Option<Scan>,
    row: Option<Row>,
}

// SAFETY: as for `Table`: SQLite's part is the first field of a `repr(C)` structure. A cursor refers to its table through
// an `Arc` only, so it may outlive it.
unsafe impl VTabCursor for Cursor {
    fn filter(&mut self, _: c_int, plan: Option<&str>, arguments: &Filters<'_>) -> rusqlite::Result<()> {
        let wanted = Wanted::of(plan.unwrap_or_default(), arguments);
        let done = self.begin(&wanted).and_then(|()| self.advance());
        self.told(done)
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        let done = self.advance();
        self.told(done)
    }

    fn eof(&self) -> bool {
        self.row.is_none()
    }

    fn column(&self, context: &mut Context, place: c_int) -> rusqlite::Result<()> {
        let (Some(scan), Some(row), Some(column)) = (&self.scan, &self.row, self.shape.column(place)) else {
            return Ok(());
        };
        let stream = scan.stream(row);
        let moment = |of: fn(&Moments) -> f64| row.fact.moments.as_ref().map(of);
        match column {
            Column::Id => context.set_result(id(row, stream.series(), stream.variant)),
            Column::Ts => context.set_result(row.ts),
            Column::Time => context.set_result(timestamp::text(row.ts)),
            Column::Series => context.set_result(stream.series()),
            Column::Name => context.set_result(stream.name.as_str()),
            Column::Service => context.set_result(stream.service.as_str()),
            Column::Kind => context.set_result(stream.kind),
            Column::Unit => context.set_result(stream.unit.as_str()),
            Column::Tags => context.set_result(stream.tags.as_str()),
            Column::Value => context.set_result(row.fact.value),
            Column::Increase => context.set_result(row.fact.increase),
            Column::Count => context.set_result(moment(|moments| moments.count)),
            Column::Sum => context.set_result(moment(|moments| moments.sum)),
            Column::Min => context.set_result(moment(|moments| moments.min)),
            Column::Max => context.set_result(moment(|moments| moments.max)),
        }
    }

    /// A number that means this row in every scan: SQLite takes rows with the same number for one when it joins the
    /// answers of both sides of an `OR`.
    fn rowid(&self) -> rusqlite::Result<i64> {
        let (Some(scan), Some(row)) = (&self.scan, &self.row) else { return Ok(0) };
        let stream = scan.stream(row);
        let mut hasher = DefaultHasher::new();
        (stream.series(), stream.variant, row.run, row.ts).hash(&mut hasher);
        Ok(hasher.finish().cast_signed())
    }
}

impl Cursor {
    fn begin(&mut self, wanted: &Wanted) -> Result<(), Error> {
        let known = self.scan.take().map(Scan::into_reader).or_else(|| self.reader.take());
        let reader = match known {
            Some(reader) => reader,
            None => self.session.reader()?,
        };
        self.scan = Some(Scan::new(&self.session, self.shape, wanted, reader)?);
        Ok(())
    }

    fn advance(&mut self) -> Result<(), Error> {
        self.row = match &mut self.scan {
            Some(scan) => scan.next(&self.session)?,
            None => None,
        };
        Ok(())
    }

    /// Ends the statement if something is wrong; the session tells why.
    fn told(&self, done: Result<(), Error>) -> rusqlite::Result<()> {
        let stop = |why: &str| Err(rusqlite::Error::ModuleError(why.to_owned()));
        match done {
            Ok(()) if self.session.notes().is_overdue => stop("the time is up"),
            Ok(()) => Ok(()),
            Err(error) => {
                let stopped = stop(&error.to_string());
                self.session.notes().failure = Some(error);
                stopped
            }
        }
    }
}

/// The bits of an id that hold series and variant.
const SERIES_BITS: u32 = 22;

/// 2020-01-01 in milliseconds: so ids last until 2089.
const EPOCH_MS: i64 = 1_577_836_800_000;

/// What the tables of older scripts call `id`: it grows with time, and is the same whenever the row is read.
fn id(row: &Row, series: i64, variant: u8) -> i64 {
    let millis = row.ts.div_euclid(1_000).saturating_sub(EPOCH_MS);
    let within = series.wrapping_mul(2).wrapping_add(i64::from(variant)) & ((1 << SERIES_BITS) - 1);
    millis.wrapping_shl(SERIES_BITS) | within
}
