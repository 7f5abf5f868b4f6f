//! What there is to see at one moment.

use std::time::{Duration, SystemTime};

use monitor_sinks::{Error, Store};
use serde_json::{Value as Json, json};

use super::{alerts, host::Host};
use crate::{
    activity::{Activity, Function},
    duration, instant,
};

/// Whoever records stores something each minute, unless it flushes less often.
const SILENCE: Duration = Duration::from_mins(3);

/// Functions, machine, and what needs attention.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Snapshot {
    pub(super) taken: Option<SystemTime>,
    pub(super) activity: Activity,
    pub(super) host: Host,
    /// What needs attention, the most urgent first: alerts, and whatever makes the figures doubtful.
    pub(super) notices: Vec<String>,
}

impl Snapshot {
    /// Looks at the last `window`.
    pub(super) fn read(store: &Store, service: Option<&str>, window: Duration) -> Result<Self, Error> {
        let mut query = store.query().last(window);
        if let Some(service) = service {
            query = query.service(service);
        }
        let activity = Activity::read(&query)?;
        let now = SystemTime::now();
        let covered = activity.window.and_then(|(from, to)| to.duration_since(from).ok());
        let host = Host::read(store, window, covered.unwrap_or_default().as_secs_f64())?;
        let mut notices = alerts::notices(store, now)?;
        notices.extend(self::notices(&activity, store.promql_source().newest()?, now));
        Ok(Self { taken: Some(now), activity, host, notices })
    }

    pub(super) fn json(&self) -> Json {
        json!({
            "at_seconds": self.taken.map(instant::seconds),
            "from_seconds": self.activity.window.map(|(from, _)| instant::seconds(from)),
            "functions": self.activity.functions.iter().map(Function::json).collect::<Vec<_>>(),
            "host": self.host.json(), "notices": self.notices,
        })
    }
}

fn notices(activity: &Activity, newest: Option<SystemTime>, now: SystemTime) -> Vec<String> {
    let silent = newest.and_then(|newest| now.duration_since(newest).ok()).filter(|silent| *silent > SILENCE);
    let silent = silent.map(|silent| {
        format!("nothing has been stored for {}; does the program that records still run?", duration::about(silent))
    });
    let empty = newest.is_none().then(|| String::from("nothing is stored yet"));
    let damaged = activity.warnings.first().map(|first| {
        let more = activity.warnings.len() - 1;
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        format!("damaged, and missing from the figures: {first}{more}; `monitor check` tells all")
    });
    silent.into_iter().chain(empty).chain(damaged).collect()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn silence_and_damage_are_noticed() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let mut activity = Activity::default();
        assert!(notices(&activity, Some(at(1_000)), at(1_180)).is_empty());
        // The clock of the reader may be behind.
        assert!(notices(&activity, Some(at(1_000)), at(900)).is_empty());
        assert!(notices(&activity, Some(at(1_000)), at(1_181))[0].contains("for 3m;"));
        assert_eq!(notices(&activity, None, at(0)), ["nothing is stored yet"]);
        activity.warnings = vec![String::from("row at 5 us: checksum"), String::from("b"), String::from("c")];
        assert!(notices(&activity, Some(at(0)), at(0))[0].contains("checksum, and 2 more"));
    }
}
