//! The CSV form of an export: one line a value, the same columns for every kind.

use std::{borrow::Cow, io, io::Write};

use super::{export::Sheet, openmetrics::Text, stored::kind_name};
use crate::{
    store::{Owned, SeriesInfo, Span, StoredSeries, Told},
    util::time::rfc3339,
};

/// Writes CSV as RFC 4180 describes it, with line feeds alone.
pub(super) struct Csv;

impl Sheet for Csv {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"time,name,kind,unit,service,labels,value,increase,count,sum,min,max\n")
    }

    fn value(&mut self, series: &StoredSeries, told: &Told, out: &mut dyn Write) -> io::Result<()> {
        let SeriesInfo { name, kind, unit, service, labels, .. } = &**series;
        let labels = serde_json::to_string(labels)?;
        let (time, kind) = (rfc3339(told.ts), kind_name(*kind));
        write!(out, "{time},{name},{kind},{},{},{},", field(unit), field(service), field(&labels))?;
        match &told.value {
            Owned::Counter { total, increase } => writeln!(out, "{},{},,,,", Text::of(*total), Text::of(*increase)),
            Owned::Gauge(value) => writeln!(out, "{},,,,,", Text::Float(*value)),
            Owned::Span(Span { last, smallest, largest, sum, count }) => {
                let [last, smallest, largest, sum] = [*last, *smallest, *largest, *sum].map(Text::Float);
                writeln!(out, "{last},,{count},{sum},{smallest},{largest}")
            }
            Owned::Distribution { moments, buckets } => {
                let count: u64 = buckets.iter().map(|bucket| bucket.1).sum();
                let [sum, min, max] = [moments.sum, moments.min, moments.max].map(Text::Float);
                writeln!(out, ",,{count},{sum},{min},{max}")
            }
        }
    }
}

/// A text as a field: in quotes if it holds what would end it.
fn field(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_quotes_or_commas_is_quoted() {
        assert_eq!(field("plain text"), "plain text");
        assert_eq!(field("{\"a\":\"b, c\"}"), "\"{\"\"a\"\":\"\"b, c\"\"}\"");
    }
}
