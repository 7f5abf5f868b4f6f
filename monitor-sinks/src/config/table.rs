//! Tables of a file, read key by key.
//!
//! Each way to ask for a key notes that there is such a key; [`Table::finish`] then complains of those that nobody asked for.
//! So there is one place that says which keys there are: the code that reads them.

use std::{borrow::Cow, cell::RefCell, collections::BTreeMap, fmt::Display, ops::RangeInclusive, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    fault::{Faults, hint},
    text::Text,
};
use crate::{
    promql::syntax::{duration_text, parse_duration},
    util::distance::nearest,
};

/// A value with its place.
type Value<'a> = Spanned<DeValue<'a>>;

/// A table of the file.
pub(super) struct Table<'a> {
    /// How messages call it.
    pub(super) name: String,
    /// Where it begins.
    pub(super) at: usize,
    entries: &'a DeTable<'a>,
    /// The keys that there may be.
    asked: RefCell<Vec<Cow<'static, str>>>,
    faults: &'a Faults<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn new(name: impl Into<String>, at: usize, entries: &'a DeTable<'a>, faults: &'a Faults<'a>) -> Self {
        Self { name: name.into(), at, entries, asked: RefCell::default(), faults }
    }

    /// Adds a mistake at an offset of the file.
    pub(super) fn fault(&self, at: usize, message: impl Display) {
        self.faults.add(at, message);
    }

    /// Complains of keys that nobody asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if !asked.iter().any(|known| known == name) {
                let hint = hint(name, asked.iter().map(|known| &**known));
                self.faults.add(key.span().start, format!("unknown key `{name}` in {}{hint}", self.name));
            }
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Option<Text<'a>> {
        self.text_of(Cow::Borrowed(key))
    }

    /// A text under a key that is put together.
    pub(super) fn text_of(&self, key: impl Into<Cow<'static, str>>) -> Option<Text<'a>> {
        let key = key.into();
        let value = self.get(key.clone())?;
        self.as_text(&key, value)
    }

    /// A text that must be there. `example` shows how it is written.
    pub(super) fn needed_text(&self, key: &'static str, example: &str) -> Option<Text<'a>> {
        let text = self.text(key);
        // One that is mistyped is told as such.
        let is_mistyped = !nearest(key, self.entries.keys().map(|name| &**name.get_ref()), 1).is_empty();
        if text.is_none() && !is_mistyped {
            self.fault(self.at, format!("{} has no `{key}`; add one, such as {key} = {example}", self.name));
        }
        text
    }

    /// One text, or several in brackets.
    pub(super) fn texts(&self, key: &'static str) -> Vec<Text<'a>> {
        match self.get(key.into()) {
            None => Vec::new(),
            Some(value) => match value.get_ref() {
                DeValue::Array(items) => items.iter().filter_map(|item| self.as_text(key, item)).collect(),
                _ => self.as_text(key, value).into_iter().collect(),
            },
        }
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key.into())?;
        value.get_ref().as_bool().or_else(|| self.wrong_type(key, value, "true or false"))
    }

    pub(super) fn number(&self, key: &'static str) -> Option<f64> {
        let value = self.get(key.into())?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n as f64),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        number.or_else(|| self.wrong_type(key, value, "a number, such as 80.0"))
    }

    pub(super) fn whole(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key.into())?;
        let number = value.get_ref().as_integer();
        let number = number.and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (from, to) = range.into_inner();
            self.fault(value.span().start, format!("`{key}` must be a whole number from {from} to {to}"));
        }
        number
    }

    /// A length of time such as `"1m30s"`.
    pub(super) fn duration(&self, key: &'static str) -> Option<Duration> {
        self.duration_in(key, Duration::ZERO..=Duration::MAX)
    }

    pub(super) fn duration_in(&self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let value = self.get(key.into())?;
        let Some(text) = value.get_ref().as_str() else {
            return self.wrong_type(key, value, "a time with its unit, in quotes, such as \"10s\" or \"1h30m\"");
        };
        let Some(millis) = (if text == "0" { Some(0) } else { parse_duration(text) }) else {
            let message = format!("`{key}` is `{text}`, which is not a time; write it such as \"10s\" or \"1h30m\"");
            self.fault(value.span().start, message);
            return None;
        };
        let duration = Duration::from_millis(millis.unsigned_abs());
        if range.contains(&duration) {
            return Some(duration);
        }
        let shown = |limit: &Duration| duration_text(i64::try_from(limit.as_millis()).unwrap_or(i64::MAX));
        let (from, to) = (shown(range.start()), shown(range.end()));
        self.fault(value.span().start, format!("`{key}` is `{text}`, which is out of range; choose {from} to {to}"));
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text.value);
        if found.is_none() {
            let hint = hint(text.value, choices.iter().map(|(name, _)| *name));
            self.fault(text.at, format!("`{key}` cannot be `{}`{hint}", text.value));
        }
        found.map(|(_, choice)| *choice)
    }

    pub(super) fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let value = self.get(key.into())?;
        self.as_table(key, format!("[{key}]"), value)
    }

    /// Tables in an array, `[[key]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.get(key.into()) else { return Vec::new() };
        if let DeValue::Array(items) = value.get_ref() {
            return items.iter().filter_map(|item| self.as_table(key, format!("[[{key}]]"), item)).collect();
        }
        let _: Option<()> = self.wrong_type(key, value, &format!("a list of tables; write [[{key}]]"));
        Vec::new()
    }

    /// Texts under names of the user's own, such as labels.
    pub(super) fn named_texts(&self, key: &'static str) -> BTreeMap<&'a str, Text<'a>> {
        let Some(table) = self.table(key) else { return BTreeMap::new() };
        let texts = table.entries.iter().filter_map(|(name, value)| {
            let name: &str = name.get_ref();
            Some((name, table.as_text(name, value)?))
        });
        texts.collect()
    }

    /// Tables under names of the user's own, `[key.NAME]`, with the place of each name.
    pub(super) fn named_tables(&self, key: &'static str) -> Vec<(&'a str, Table<'a>)> {
        let Some(table) = self.table(key) else { return Vec::new() };
        let named = table.entries.iter().filter_map(|(name, value)| {
            let place = name.span().start;
            let name: &str = name.get_ref();
            let found = table.as_table(name, format!("[{key}.{name}]"), value)?;
            Some((name, Table { at: place, ..found }))
        });
        named.collect()
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Where the value of a key begins; where the table does if there is none.
    pub(super) fn place(&self, key: &str) -> usize {
        self.entry(key).map_or(self.at, |value| value.span().start)
    }

    fn get(&self, key: Cow<'static, str>) -> Option<&'a Value<'a>> {
        let value = self.entry(&key);
        self.asked.borrow_mut().push(key);
        value
    }

    fn entry(&self, key: &str) -> Option<&'a Value<'a>> {
        self.entries.iter().find(|(name, _)| &**name.get_ref() == key).map(|(_, value)| value)
    }

    fn as_text(&self, key: &str, value: &'a Value<'a>) -> Option<Text<'a>> {
        match value.get_ref().as_str() {
            Some(text) => Some(Text::new(text, value.span(), self.faults.text())),
            None => self.wrong_type(key, value, "a text in quotes"),
        }
    }

    fn as_table(&self, key: &str, name: String, value: &'a Value<'a>) -> Option<Table<'a>> {
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table::new(name, value.span().start, entries, self.faults)),
            _ => self.wrong_type(key, value, &format!("a table; write {name}")),
        }
    }

    /// The value itself is not told: it may be a secret.
    fn wrong_type<T>(&self, key: &str, value: &Value<'_>, wanted: &str) -> Option<T> {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fault(value.span().start, format!("`{key}` must be {wanted}, not {found}"));
        None
    }
}
