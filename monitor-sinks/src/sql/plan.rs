//! Which part of a WHERE clause narrows what is read.
//!
//! SQLite looks at every row again that a table gives it, so that to narrow too little costs time, and to narrow too much
//! gives wrong answers. What is not certain to mean what it seems to, such as a comparison with a value of another type or
//! under another collation, therefore narrows nothing.
//!
//! A plan is a text of two characters for each value that SQLite is to hand over: a column and a comparison.

use rusqlite::{
    types::ValueRef,
    vtab::{Filters, IndexConstraintOp, IndexInfo},
};

use super::{
    column::{Column, Shape},
    stream::Stream,
    timestamp,
};
use crate::store::Window;

/// Rows of a table of samples that nothing narrows, for the planner; only the proportions matter.
const ALL_ROWS: f64 = 1e9;

/// What a scan is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) window: Window,
    name: Option<String>,
    service: Option<String>,
    series: Option<i64>,
}

/// Tells SQLite which comparisons narrow, and how much.
pub(super) fn choose(shape: Shape, info: &mut IndexInfo) {
    let constraints: Vec<_> = info
        .constraints()
        .enumerate()
        .filter(|(_, constraint)| constraint.is_usable())
        .filter_map(|(place, constraint)| {
            let column = shape.column(constraint.column()).filter(|column| Column::NARROWING.contains(column))?;
            Some((place, column, sign(&constraint.operator())?))
        })
        .collect();
    let mut plan = String::new();
    let mut rows = ALL_ROWS;
    for (place, column, sign) in constraints {
        let is_range = matches!(column, Column::Ts | Column::Time);
        if (sign != '=' && !is_range) || info.collation(place).is_ok_and(|collation| collation != "BINARY") {
            continue;
        }
        plan.extend([column.letter(), sign]);
        let argument = plan.len() / 2;
        info.constraint_usage(place).set_argv_index(i32::try_from(argument).unwrap_or(0));
        rows /= match (column, sign) {
            (Column::Service, _) => 4.0,
            (_, '=') => 1_000.0,
            _ => 10.0,
        };
    }
    info.set_idx_str(&plan);
    info.set_estimated_cost(rows.max(1.0));
    info.set_estimated_rows(rows.max(1.0) as i64);
}

/// The character of a comparison that may narrow.
const fn sign(operator: &IndexConstraintOp) -> Option<char> {
    match operator {
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ => Some('='),
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GT => Some('>'),
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_GE => Some('g'),
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LT => Some('<'),
        IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_LE => Some('l'),
        _ => None,
    }
}

impl Wanted {
    /// Everything.
    const ALL: Self = Self { window: Window::ALL, name: None, service: None, series: None };

    /// What `plan` means with the values of `arguments`.
    pub(super) fn of(plan: &str, arguments: &Filters<'_>) -> Self {
        let mut wanted = Self::ALL;
        let mut letters = plan.chars();
        for value in arguments.iter() {
            let (Some(column), Some(sign)) = (letters.next(), letters.next()) else { break };
            wanted.narrow(column, sign, value);
        }
        wanted
    }

    /// Whether rows of `stream` are wanted.
    pub(super) fn takes(&self, stream: &Stream) -> bool {
        self.name.as_ref().is_none_or(|name| *name == stream.name)
            && self.service.as_ref().is_none_or(|service| *service == stream.service)
            && self.series.is_none_or(|series| series == stream.series())
    }

    fn narrow(&mut self, column: char, sign: char, value: ValueRef<'_>) {
        let is = |wanted: Column| wanted.letter() == column;
        match value {
            ValueRef::Integer(number) if is(Column::Series) => self.series = Some(number),
            ValueRef::Integer(number) if is(Column::Ts) => self.window(sign, number, number.saturating_sub(1)),
            // A microsecond to either side, because a float may lie between two.
            ValueRef::Real(number) if is(Column::Ts) && !number.is_nan() => {
                let whole = number.floor() as i64;
                self.window.after =
                    self.window.after.max(if matches!(sign, '<' | 'l') { i64::MIN } else { whole.saturating_sub(1) });
                self.window.until = self.window.until.min(if matches!(sign, '>' | 'g') { i64::MAX } else { whole });
            }
            ValueRef::Text(text) => {
                let Ok(text) = std::str::from_utf8(text) else { return };
                if is(Column::Name) {
                    self.name = Some(text.to_owned());
                } else if is(Column::Service) {
                    self.service = Some(text.to_owned());
                } else if is(Column::Time) {
                    self.window(sign, timestamp::last_until(text), timestamp::last_before(text));
                }
            }
            _ => {}
        }
    }

    /// Narrows the window by a comparison with a bound: `until` is the last instant at or before it, `before` the last one
    /// before it.
    fn window(&mut self, sign: char, until: i64, before: i64) {
        let Window { after: first, until: last } = &mut self.window;
        match sign {
            '>' => *first = until.max(*first),
            'g' => *first = before.max(*first),
            '<' => *last = before.min(*last),
            'l' => *last = until.min(*last),
            _ => (*first, *last) = (before.max(*first), until.min(*last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(comparisons: &[(Column, char, ValueRef<'_>)]) -> (i64, i64) {
        let mut wanted = Wanted::ALL;
        for &(column, sign, value) in comparisons {
            wanted.narrow(column.letter(), sign, value);
        }
        (wanted.window.after, wanted.window.until)
    }

    #[test]
    fn comparisons_of_instants_bound_the_window() {
        let number = |number| ValueRef::Integer(number);
        assert_eq!(window(&[(Column::Ts, '>', number(5)), (Column::Ts, 'l', number(9))]), (5, 9));
        assert_eq!(window(&[(Column::Ts, 'g', number(5)), (Column::Ts, '<', number(9))]), (4, 8));
        assert_eq!(window(&[(Column::Ts, '=', number(5))]), (4, 5));
        assert_eq!(window(&[(Column::Ts, '>', number(5)), (Column::Ts, '>', number(3))]), (5, i64::MAX));
        assert_eq!(window(&[(Column::Ts, 'g', number(i64::MIN))]).0, i64::MIN);
    }

    #[test]
    fn comparisons_with_fractions_keep_what_may_match() {
        let (after, until) = window(&[(Column::Ts, '>', ValueRef::Real(4.5)), (Column::Ts, '<', ValueRef::Real(8.5))]);
        assert!(after < 5 && until >= 8);
        for extreme in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            window(&[(Column::Ts, '=', ValueRef::Real(extreme))]);
        }
    }

    #[test]
    fn comparisons_of_texts_bound_the_window_too() {
        let bound = ValueRef::Text(b"1970-01-01 00:00:01");
        assert_eq!(window(&[(Column::Time, '>', bound)]), (999_999, i64::MAX));
        assert_eq!(window(&[(Column::Time, '<', bound)]), (i64::MIN, 999_999));
        assert_eq!(window(&[(Column::Time, '=', ValueRef::Text(b"1970-01-01 00:00:01.000000"))]), (999_999, 1_000_000));
    }

    #[test]
    fn values_of_another_type_narrow_nothing() {
        for column in Column::NARROWING {
            for value in [ValueRef::Null, ValueRef::Blob(b"x"), ValueRef::Text(&[0xff])] {
                let mut wanted = Wanted::ALL;
                wanted.narrow(column.letter(), '=', value);
                assert_eq!(wanted, Wanted::ALL);
            }
        }
    }
}
