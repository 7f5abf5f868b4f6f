//! `sort` and `sort_by_label`: the order in which a vector is shown.

use std::{cmp::Ordering, str::CharIndices};

use super::{Context, Node, Table, Vector, select_k::ordered};
use crate::promql::{annotation::Remark, labels::Labels, syntax::Span};

/// A vector in an order.
pub(super) struct Sorted {
    /// By the values of these labels, in the order of numbers where they have numbers; else by value.
    labels: Option<Vec<String>>,
    descending: bool,
    inner: Box<dyn Node>,
    span: Span,
}

impl Sorted {
    pub(super) fn new(labels: Option<Vec<String>>, descending: bool, inner: Box<dyn Node>, span: Span) -> Self {
        Self { labels, descending, inner, span }
    }
}

impl Node for Sorted {
    fn eval(&mut self, at: i64, context: &mut Context) -> Vector {
        if context.times.is_range {
            context.remark(self.span, &Remark::SortInRange);
        }
        let mut vector = self.inner.eval(at, context)?;
        let series = self.inner.series();
        if let Some(labels) = &self.labels {
            vector.sort_by(|left, right| {
                let order = by_labels(series.labels(left.id), series.labels(right.id), labels);
                if self.descending { order.reverse() } else { order }
            });
        } else {
            vector.retain(|sample| sample.value.as_float().is_some());
            vector.sort_by(|left, right| ordered(&left.value, &right.value, self.descending));
        }
        Ok(vector)
    }

    fn series(&self) -> &Table {
        self.inner.series()
    }
}

fn by_labels(left: &Labels, right: &Labels, labels: &[String]) -> Ordering {
    let value = |of: &Labels, label: &str| of.get(label).unwrap_or_default().to_owned();
    let orders = labels.iter().map(|label| natural(&value(left, label), &value(right, label)));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| left.cmp(right))
}

/// The order of texts in which `a2` comes before `a10`.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    while !left.is_empty() && !right.is_empty() {
        let (a, b) = (chunk(left), chunk(right));
        let numbers = (a.parse::<u64>(), b.parse::<u64>());
        let order = match numbers {
            (Ok(a_number), Ok(b_number)) => a_number.cmp(&b_number).then(a.len().cmp(&b.len())),
            _ => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (&left[a.len()..], &right[b.len()..]);
    }
    left.len().cmp(&right.len())
}

/// The digits, or what is no digit, that a text begins with.
fn chunk(text: &str) -> &str {
    let mut chars: CharIndices<'_> = text.char_indices();
    let is_digit = chars.next().is_some_and(|(_, c)| c.is_ascii_digit());
    let end = chars.find(|(_, c)| c.is_ascii_digit() != is_digit).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_are_compared_as_numbers() {
        let mut texts = ["a10b", "a2b", "a2", "10", "9", "b", "a02"];
        texts.sort_by(|left, right| natural(left, right));
        assert_eq!(texts, ["9", "10", "a2", "a2b", "a02", "a10b", "b"]);
    }
}
