//! The table of series: which number stands for which metric, kind, service and labels.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Deref,
    sync::Arc,
};

use monitor_core::{MetricKind, SeriesKey};
use rusqlite::{Connection, OptionalExtension, params};

use super::origin::{Origin, Placed};

/// What a series is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SeriesInfo {
    /// The metric's name.
    pub name: String,
    /// What kind of value it holds.
    pub kind: MetricKind,
    /// The base unit; empty when none was given.
    pub unit: String,
    /// The service that recorded it.
    pub service: String,
    /// Labels (tags).
    pub labels: BTreeMap<String, String>,
}

/// A series as the store knows it. Cheap to clone: answers share what it is called.
#[derive(Debug, Clone)]
pub(crate) struct StoredSeries {
    pub(crate) id: u64,
    pub(crate) info: Arc<SeriesInfo>,
}

impl Deref for StoredSeries {
    type Target = SeriesInfo;

    fn deref(&self) -> &SeriesInfo {
        &self.info
    }
}

impl StoredSeries {
    /// The value of label `key`; empty when there is none.
    pub(crate) fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }
}

/// The number of the series of `placed`, of `service` if it names none itself. It is entered if it is new.
///
/// `None` for kinds that this release cannot store.
pub(super) fn resolve(
    connection: &Connection,
    placed: &Placed<'_>,
    service: &str,
    now_us: i64,
) -> rusqlite::Result<Option<u64>> {
    let key = placed.sample.key;
    if let Some(known) = find(connection, key, service)? {
        return Ok(Some(known));
    }
    let Some(kind) = kind_code(key.kind) else { return Ok(None) };
    let service = key.service.as_deref().unwrap_or(service);
    let id: i64 = connection
        .prepare_cached(
            "INSERT INTO series(source, name, kind, unit, service, labels, created_us)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        )?
        .query_row(
            params![placed.origin.source(), key.name, kind, key.unit, service, canonical(&key.labels), now_us],
            |row| row.get(0),
        )?;
    Ok(u64::try_from(id).ok())
}

/// The number of a series, of `service` if it names none itself, if it has one.
pub(super) fn find(connection: &Connection, key: &SeriesKey, service: &str) -> rusqlite::Result<Option<u64>> {
    let Some(kind) = kind_code(key.kind) else { return Ok(None) };
    let service = key.service.as_deref().unwrap_or(service);
    let known: Option<i64> = connection
        .prepare_cached("SELECT id FROM series WHERE name = ?1 AND service = ?2 AND labels = ?3 AND kind = ?4")?
        .query_row(params![key.name, service, canonical(&key.labels), kind], |row| row.get(0))
        .optional()?;
    Ok(known.and_then(|id| u64::try_from(id).ok()))
}

/// Enters a series, which names its service or has none, under a number that is free.
pub(super) fn enter(
    connection: &Connection,
    id: u64,
    origin: Origin,
    key: &SeriesKey,
    now_us: i64,
) -> rusqlite::Result<()> {
    let Some(kind) = kind_code(key.kind) else { return Ok(()) };
    let (service, labels) = (key.service.as_deref().unwrap_or_default(), canonical(&key.labels));
    connection
        .prepare_cached(
            "INSERT INTO series(id, source, name, kind, unit, service, labels, created_us)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![id.cast_signed(), origin.source(), key.name, kind, key.unit, service, labels, now_us])?;
    Ok(())
}

/// The series called one of `names`. Entries that make no sense are left out.
pub(super) fn load(connection: &Connection, names: &[&str]) -> rusqlite::Result<Vec<StoredSeries>> {
    // By name, through the unique index.
    let mut statement = connection.prepare(&format!("{COLUMNS} WHERE name = ?1"))?;
    let mut found = Vec::new();
    for name in names {
        take(statement.query([name])?, &mut found)?;
    }
    Ok(found)
}

/// The series with numbers above `after`, by ascending number. Entries that make no sense are left out.
pub(super) fn load_after(connection: &Connection, after: i64) -> rusqlite::Result<Vec<StoredSeries>> {
    let mut statement = connection.prepare(&format!("{COLUMNS} WHERE id > ?1 ORDER BY id"))?;
    let mut found = Vec::new();
    take(statement.query([after])?, &mut found)?;
    Ok(found)
}

/// When each series was entered, in microseconds.
pub(super) fn since(connection: &Connection) -> rusqlite::Result<HashMap<u64, i64>> {
    let mut statement = connection.prepare("SELECT id, created_us FROM series WHERE id >= 0")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))?;
    rows.collect()
}

const COLUMNS: &str = "SELECT id, name, kind, unit, service, labels FROM series";

fn take(mut rows: rusqlite::Rows<'_>, found: &mut Vec<StoredSeries>) -> rusqlite::Result<()> {
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let labels = parse(row.get_ref(5)?.as_str()?);
        if let (Ok(id), Some(kind), Some(labels)) = (u64::try_from(id), kind_of(row.get(2)?), labels) {
            let info = SeriesInfo { name: row.get(1)?, kind, unit: row.get(3)?, service: row.get(4)?, labels };
            found.push(StoredSeries { id, info: Arc::new(info) });
        }
    }
    Ok(())
}

/// Whether a series of this kind and with these labels can be loaded.
pub(super) fn is_readable(kind: i64, labels: &str) -> bool {
    kind_of(kind).is_some() && parse(labels).is_some()
}

/// The numbers of the series that come from `origin`, ascending.
pub(super) fn of_origin(connection: &Connection, origin: Origin) -> rusqlite::Result<Vec<u64>> {
    let mut statement = connection.prepare("SELECT id FROM series WHERE source = ?1 AND id >= 0 ORDER BY id")?;
    let ids = statement.query_map([origin.source()], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))?;
    ids.collect()
}

/// The labels that [`canonical`] has written as `text`, or any other program as an object of texts.
fn parse(text: &str) -> Option<BTreeMap<String, String>> {
    // Without escapes, which is the rule, a quotation mark is the end of a text, and no general parser is needed.
    plain(text).or_else(|| serde_json::from_str(text).ok())
}

fn plain(text: &str) -> Option<BTreeMap<String, String>> {
    if text.contains('\\') {
        return None;
    }
    if text == "{}" {
        return Some(BTreeMap::new());
    }
    let mut parts = text.split('"');
    let mut labels = BTreeMap::new();
    let mut before = "{";
    while parts.next()? == before {
        let key = parts.next()?;
        if parts.next()? != ":" {
            return None;
        }
        labels.insert(key.to_owned(), parts.next()?.to_owned());
        before = ",";
        let mut rest = parts.clone();
        if rest.next()? == "}" {
            return rest.next().is_none().then_some(labels);
        }
    }
    None
}

/// Labels as one JSON object with sorted keys and no spaces: equal labels are equal text.
fn canonical(labels: &[(String, String)]) -> String {
    let sorted: BTreeMap<&str, &str> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    // A map of texts always has a JSON form.
    serde_json::to_string(&sorted).unwrap_or_else(|_| String::from("{}"))
}

/// The stored codes. They are part of the file format: never change one.
const KINDS: [(MetricKind, i64); 4] =
    [(MetricKind::Counter, 0), (MetricKind::Gauge, 1), (MetricKind::Histogram, 2), (MetricKind::Timer, 3)];

fn kind_code(kind: MetricKind) -> Option<i64> {
    KINDS.iter().find(|known| known.0 == kind).map(|known| known.1)
}

fn kind_of(code: i64) -> Option<MetricKind> {
    KINDS.iter().find(|known| known.1 == code).map(|known| known.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_in_one_way_only() {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let text = canonical(&[label("b", "quote \" nul \0"), label("a", "grün")]);
        assert_eq!(text, r#"{"a":"grün","b":"quote \" nul \u0000"}"#);
        assert_eq!(canonical(&[]), "{}");
    }

    #[test]
    fn labels_are_read_as_they_were_written_whatever_is_in_them() {
        let texts = ["", "a", "\",\"", "\":\"", "\\", "{}", "a\"b", "grün \u{0} \n", ",", ":", "\""];
        for key in texts {
            for value in texts {
                let labels = [(key.to_owned(), value.to_owned()), (String::from("z"), String::from("last"))];
                assert_eq!(parse(&canonical(&labels)), Some(labels.into()), "{key:?} {value:?}");
            }
        }
        assert_eq!(parse("{ \"a\" : \"b\" }"), Some([(String::from("a"), String::from("b"))].into()));
        for wrong in ["", "{", "[]", "{\"a\"}", "{\"a\":1}", "{\"a\":\"b\"", "{\"a\":\"b\",}", "{\"a\":\"b\"}\"\""] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
