//! What is said and counted while the store cannot be written to.
//!
//! One line when it begins, with the cure, and one when it is over, with how long it lasted; none in between, however
//! often a flush fails. The lines are returned rather than printed, and the time is passed in, so that both can be
//! tested.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::error::Error;

/// A run of flushes that failed.
#[derive(Debug, Default)]
pub(super) struct Outage {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    flushes: u64,
}

impl Outage {
    /// Takes note of a flush that failed; returns the line to print if it is the first.
    pub(super) fn failed(&mut self, error: &Error, now: Instant) -> Option<String> {
        if let Some(open) = &mut self.open {
            open.flushes += 1;
            return None;
        }
        self.open = Some(Open { since: now, flushes: 1 });
        Some(format!("{error}. Values are kept in memory and stored as soon as that is possible"))
    }

    /// Takes note of a flush that was committed; returns the line to print if others had failed before it.
    pub(super) fn succeeded(&mut self, path: &Path, now: Instant) -> Option<String> {
        let open = self.open.take()?;
        let lasted = Duration::from_millis(now.saturating_duration_since(open.since).as_millis() as u64);
        Some(format!(
            "storing to {} again after {lasted:?}; flushes that failed meanwhile: {}, values lost: none",
            path.display(),
            open.flushes
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn an_outage_is_told_at_its_beginning_and_its_end_only() {
        let locked = || Error::from(Kind::Locked { path: Path::new("metrics.db").to_owned(), waited: Duration::ZERO });
        let path = Path::new("metrics.db");
        let start = Instant::now();
        let mut outage = Outage::default();
        assert_eq!(outage.succeeded(path, start), None);
        let first = outage.failed(&locked(), start).unwrap();
        assert!(first.contains("metrics.db") && first.contains("kept in memory"), "{first}");
        assert_eq!(outage.failed(&locked(), start + Duration::from_secs(1)), None);
        let last = outage.succeeded(path, start + Duration::from_millis(2_500)).unwrap();
        assert!(last.contains("2.5s") && last.contains("meanwhile: 2,"), "{last}");
        assert_eq!(outage.succeeded(path, start + Duration::from_secs(3)), None);
    }
}
