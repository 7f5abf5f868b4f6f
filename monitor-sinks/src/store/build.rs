//! Builds chunks: takes the entries of one series one by one, and packs them by their kind.

use monitor_core::{Distribution, Number};

use super::{
    chunk::{counter, gauge, merged::Moments, values},
    entry::{Encoded, Entry, Span},
    segment::{Packed, Plain},
};

/// The entries of one series in the order of their flushes.
#[derive(Debug, Default)]
pub(super) struct Build {
    counters: Vec<counter::Entry>,
    gauges: Vec<gauge::Entry>,
    values: values::Values,
    buckets: Vec<(u16, u64)>,
    rolled: Option<Rolled>,
}

/// What a window says of a gauge beside its last value.
#[derive(Debug, Default)]
struct Rolled {
    smallest: Vec<gauge::Entry>,
    largest: Vec<gauge::Entry>,
    sums: Vec<gauge::Entry>,
    counts: Vec<gauge::Entry>,
}

impl Build {
    /// How many numbers there are to pack, about.
    pub(super) const fn numbers(&self) -> usize {
        self.counters.len() + self.gauges.len() + self.values.numbers()
    }

    /// Takes the entry of flush `at`, or says why it cannot be read.
    pub(super) fn push(&mut self, at: u32, entry: Entry<'_>) -> Result<(), &'static str> {
        match entry {
            Entry::Counter { total, increase } => self.push_counter(at, total, increase),
            Entry::Gauge(value) => self.gauges.push(gauge::Entry { at, value }),
            Entry::Span(span) => self.push_span(at, span),
            Entry::Distribution(encoded) => {
                let Encoded { sum, min, max, .. } = encoded;
                encoded.buckets(&mut self.buckets)?;
                self.values.push(at, Moments { sum, min, max }, &self.buckets);
            }
        }
        Ok(())
    }

    /// A fractional increase is kept as the difference of two totals, which is what everybody reads it as and packs tighter
    /// than the increase with its own rounding.
    pub(super) fn push_counter(&mut self, at: u32, total: Number, increase: Number) {
        let increase = match (self.counters.last().map(|before| before.total), total) {
            (Some(Number::Float(before)), Number::Float(total)) => Number::Float(total - before),
            _ => increase,
        };
        self.push_grown_counter(at, total, increase);
    }

    /// Takes a total and an increase as they are, where a counter may have begun anew between two totals.
    pub(super) fn push_grown_counter(&mut self, at: u32, total: Number, increase: Number) {
        self.counters.push(counter::Entry { at, total, increase });
    }

    pub(super) fn push_distribution(&mut self, at: u32, values: &Distribution) {
        if let Some((min, max)) = values.extremes() {
            self.values.push(at, Moments { sum: values.sum(), min, max }, values.buckets());
        }
    }

    pub(super) fn push_span(&mut self, at: u32, span: Span) {
        self.gauges.push(gauge::Entry { at, value: span.last });
        let rolled = self.rolled.get_or_insert_default();
        let columns = [
            (&mut rolled.smallest, span.smallest),
            (&mut rolled.largest, span.largest),
            (&mut rolled.sums, span.sum),
            (&mut rolled.counts, span.count),
        ];
        for (column, value) in columns {
            column.push(gauge::Entry { at, value });
        }
    }

    /// Packs the entries, in a segment of `flushes` flushes. `None` if there are none; `Err` if they make no chunk.
    pub(super) fn pack(self, flushes: usize) -> Result<Option<Packed>, &'static str> {
        let mut blob = Vec::new();
        if !self.counters.is_empty() {
            let summary = counter::encode(&self.counters, flushes, &mut blob)?;
            let plain = Plain {
                entries: in_column(summary.entries),
                last: Some(summary.last.as_f64()),
                total: Some(summary.increase.as_f64()),
                ..Plain::default()
            };
            return Ok(Some(Packed { plain, merged: None, blob }));
        }
        if !self.gauges.is_empty() {
            let summary = gauge::encode(&self.gauges, flushes, &mut blob)?;
            let plain = Plain {
                entries: in_column(summary.entries),
                last: Some(summary.last),
                smallest: Some(summary.min),
                largest: Some(summary.max),
                total: Some(summary.sum),
                observations: None,
            };
            let Some(rolled) = &self.rolled else { return Ok(Some(Packed { plain, merged: None, blob })) };
            return Ok(Some(Packed { plain: rolled.plain(plain), merged: Some(rolled.pack(flushes)?), blob }));
        }
        if self.values.iter().next().is_none() {
            return Ok(None);
        }
        let mut merged = Vec::new();
        let summary = values::encode(&self.values, flushes, &mut blob, &mut merged)?;
        let plain = Plain {
            entries: in_column(summary.entries),
            smallest: Some(summary.moments.min),
            largest: Some(summary.moments.max),
            total: Some(summary.moments.sum),
            observations: Some(i64::try_from(summary.count).unwrap_or(i64::MAX)),
            ..Plain::default()
        };
        Ok(Some(Packed { plain, merged: Some(merged), blob }))
    }
}

/// A number of entries as it is stored.
fn in_column(entries: usize) -> i64 {
    i64::try_from(entries).unwrap_or(i64::MAX)
}

impl Rolled {
    /// The plain columns, of all values and not of the last ones.
    fn plain(&self, plain: Plain) -> Plain {
        let fold =
            |column: &[gauge::Entry], f: fn(f64, f64) -> f64| column.iter().map(|entry| entry.value).fold(f64::NAN, f);
        Plain {
            smallest: Some(fold(&self.smallest, f64::min)),
            largest: Some(fold(&self.largest, f64::max)),
            total: Some(self.sums.iter().map(|entry| entry.value).sum()),
            observations: Some(self.counts.iter().map(|entry| entry.value).sum::<f64>() as i64),
            ..plain
        }
    }

    /// See [`unpack`].
    fn pack(&self, flushes: usize) -> Result<Vec<u8>, &'static str> {
        let mut packed = Vec::new();
        let mut blob = Vec::new();
        for column in [&self.smallest, &self.largest, &self.sums, &self.counts] {
            gauge::encode(column, flushes, &mut blob)?;
            crate::util::varint::put(&mut packed, blob.len() as u64);
            packed.extend_from_slice(&blob);
        }
        Ok(packed)
    }
}

/// Takes apart what was packed beside the last values of a gauge: smallest, largest, sums and counts, each a chunk of a
/// gauge after its length.
pub(super) fn unpack(mut packed: &[u8]) -> Option<[&[u8]; 4]> {
    let mut columns: [&[u8]; 4] = [&[]; 4];
    for column in &mut columns {
        let length = usize::try_from(crate::util::varint::take(&mut packed)?).ok()?;
        (*column, packed) = packed.split_at_checked(length)?;
    }
    packed.is_empty().then_some(columns)
}
