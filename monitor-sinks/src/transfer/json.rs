//! The JSON lines form of an export: one object a value, keys without a value left out.

use std::{io, io::Write};

use monitor_core::{Distribution, Number};
use serde_json::{Map, Value, json};

use super::{export::Sheet, openmetrics::Text, stored::kind_name};
use crate::{
    store::{Owned, Span, StoredSeries, Told},
    util::time::rfc3339,
};

/// Writes a JSON object a line.
pub(super) struct JsonLines;

impl Sheet for JsonLines {
    fn value(&mut self, series: &StoredSeries, told: &Told, out: &mut dyn Write) -> io::Result<()> {
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
        put("time", Value::from(rfc3339(told.ts)));
        put("name", Value::from(series.name.as_str()));
        put("kind", Value::from(kind_name(series.kind)));
        put("unit", Value::from(series.unit.as_str()));
        put("service", Value::from(series.service.as_str()));
        put("labels", json!(series.labels));
        match &told.value {
            Owned::Counter { total, increase } => {
                put("value", number(*total));
                put("increase", number(*increase));
            }
            Owned::Gauge(value) => {
                put("value", float(*value));
            }
            Owned::Span(Span { last, smallest, largest, sum, count }) => {
                for (key, value) in
                    [("value", last), ("count", count), ("sum", sum), ("min", smallest), ("max", largest)]
                {
                    put(key, float(*value));
                }
            }
            Owned::Distribution { moments, buckets } => {
                let values = Distribution::from_parts(buckets.clone(), moments.sum, Some((moments.min, moments.max)));
                let edges: Vec<Value> = values.edges().map(|(_, edge, count)| json!([float(edge), count])).collect();
                put("count", Value::from(values.count()));
                for (key, value) in [("sum", moments.sum), ("min", moments.min), ("max", moments.max)] {
                    put(key, float(value));
                }
                put("buckets", Value::from(edges));
            }
        }
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }
}

fn number(number: Number) -> Value {
    match number {
        Number::Int(whole) => Value::from(whole),
        Number::Float(value) => float(value),
    }
}

/// A number, or a text for what JSON has no number for.
fn float(value: f64) -> Value {
    if value.is_finite() { Value::from(value) } else { Value::from(Text::Float(value).to_string()) }
}
