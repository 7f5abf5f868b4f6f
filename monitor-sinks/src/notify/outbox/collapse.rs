//! What can be left out of what waits: an alert that began and ended while its channel was down is one message.

use crate::notify::Kind;

/// A row that waits, without its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) id: i64,
    pub(super) sequence: String,
    pub(super) incident: String,
    pub(super) kind: Kind,
    /// What it is told together with, if with anything.
    pub(super) group: Option<String>,
    pub(super) not_before_ms: i64,
    /// On its way, by this process or by another one.
    pub(super) leased: bool,
    /// It was on its way, and nobody knows whether it has arrived: who sent it was killed, perhaps. It must be sent again
    /// under its own name, so that a receiver that has it can tell.
    pub(super) uncertain: bool,
}

/// Rows of one incident that one row can stand for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// `Resolved` of an incident whose `Firing` waits as well: a new row tells both.
    Both { firing: i64, resolved: i64, others: Vec<i64> },
    /// A row that says all that these say.
    Into { id: i64, others: Vec<i64> },
}

/// What can be folded of these rows, which are in the order in which they were queued.
pub(super) fn folds(rows: &[Waiting]) -> Vec<Fold> {
    let mut incidents: Vec<(&str, &str, Vec<&Waiting>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for row in rows.iter().filter(|row| !row.uncertain && tells_of_an_incident(row.kind)) {
        let place = *places.entry((&row.sequence, &row.incident)).or_insert_with(|| {
            incidents.push((&row.sequence, &row.incident, Vec::new()));
            incidents.len() - 1
        });
        incidents[place].2.push(row);
    }
    incidents.iter().filter_map(|(_, _, rows)| fold(rows)).collect()
}

const fn tells_of_an_incident(kind: Kind) -> bool {
    matches!(kind, Kind::Firing | Kind::Escalated | Kind::Repeat | Kind::Acknowledged | Kind::NoData | Kind::Resolved)
}

fn fold(rows: &[&Waiting]) -> Option<Fold> {
    let last = |kind: Kind| rows.iter().rev().find(|row| row.kind == kind).map(|row| row.id);
    let except = |ids: &[i64]| -> Vec<i64> { rows.iter().map(|row| row.id).filter(|id| !ids.contains(id)).collect() };
    match (last(Kind::Firing), last(Kind::Resolved)) {
        (Some(firing), Some(resolved)) => Some(Fold::Both { firing, resolved, others: except(&[firing, resolved]) }),
        (None, Some(resolved)) => some(resolved, except(&[resolved])),
        (firing, None) => {
            // What goes on need not be said as long as something else is still to be said.
            let repeats: Vec<i64> = rows.iter().filter(|row| row.kind == Kind::Repeat).map(|row| row.id).collect();
            let newest = firing.or_else(|| last(Kind::Escalated)).or_else(|| last(Kind::Repeat))?;
            some(newest, repeats.into_iter().filter(|id| *id != newest).collect())
        }
    }
}

fn some(id: i64, others: Vec<i64>) -> Option<Fold> {
    (!others.is_empty()).then_some(Fold::Into { id, others })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(kinds: &[(Kind, &str, bool)]) -> Vec<Waiting> {
        let row = |(place, (kind, incident, leased)): (usize, &(Kind, &str, bool))| Waiting {
            id: i64::try_from(place).unwrap() + 1,
            sequence: String::from("f00d"),
            incident: String::from(*incident),
            kind: *kind,
            group: None,
            not_before_ms: 0,
            leased: *leased,
            uncertain: *leased,
        };
        kinds.iter().enumerate().map(row).collect()
    }

    #[test]
    fn an_incident_that_waits_from_beginning_to_end_is_one_message() {
        let waiting = rows(&[
            (Kind::Firing, "1", false),
            (Kind::Escalated, "1", false),
            (Kind::Repeat, "1", false),
            (Kind::Resolved, "1", false),
            (Kind::Firing, "2", false),
        ]);
        assert_eq!(folds(&waiting), [Fold::Both { firing: 1, resolved: 4, others: vec![2, 3] }]);
    }

    #[test]
    fn what_is_on_its_way_is_left_alone() {
        let waiting = rows(&[(Kind::Firing, "1", true), (Kind::Resolved, "1", false)]);
        assert_eq!(folds(&waiting), []);
    }

    #[test]
    fn the_end_of_an_incident_stands_for_all_that_waits_of_it() {
        let waiting = rows(&[(Kind::Escalated, "1", false), (Kind::Repeat, "1", false), (Kind::Resolved, "1", false)]);
        assert_eq!(folds(&waiting), [Fold::Into { id: 3, others: vec![1, 2] }]);
    }

    #[test]
    fn of_repeats_the_newest_is_sent_and_none_beside_news() {
        let repeats = rows(&[(Kind::Repeat, "1", false), (Kind::Repeat, "1", false)]);
        assert_eq!(folds(&repeats), [Fold::Into { id: 2, others: vec![1] }]);
        let news = rows(&[(Kind::Firing, "1", false), (Kind::Repeat, "1", false), (Kind::Escalated, "1", false)]);
        assert_eq!(folds(&news), [Fold::Into { id: 1, others: vec![2] }]);
        assert_eq!(folds(&rows(&[(Kind::Meta, "1", false), (Kind::Meta, "1", false)])), []);
    }
}
