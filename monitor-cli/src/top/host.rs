//! What the machine is doing, as far as it is sampled into the store, by `monitor agent` or by the program itself.

use monitor_sinks::{Error, Latest, Store};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Figures of the machine; `None` for what is not sampled.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Host {
    /// Of all processors; 0 to 1.
    pub(super) cpu: Option<f64>,
    /// Over 1, 5 and 15 minutes.
    pub(super) load: [Option<f64>; 3],
    /// Ratio in use; 0 to 1.
    pub(super) memory: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
    pub(super) swap: Option<f64>,
    /// The file system with the least room, and what of it is in use; 0 to 1.
    pub(super) fullest: Option<(String, f64)>,
    /// Bytes a second.
    pub(super) disk_read: Option<f64>,
    pub(super) disk_write: Option<f64>,
    pub(super) received: Option<f64>,
    pub(super) sent: Option<f64>,
}

impl Host {
    /// The newest values of gauges, and what counters grew by a second in the last `window`, of which the store covers
    /// `seconds`. Cost: some small questions.
    pub(super) fn read(store: &Store, window: Duration, seconds: f64) -> Result<Self, Error> {
        let one = |metric: &str| Ok::<_, Error>(latest(store, metric)?.first().map(|latest| latest.point.value));
        let disk = |direction| rate(store, "system_disk_io_bytes_total", direction, window, seconds);
        let network = |direction| rate(store, "system_network_io_bytes_total", direction, window, seconds);
        let file_systems = latest(store, "system_filesystem_utilization_ratio")?;
        let fullest = file_systems.into_iter().max_by(|a, b| a.point.value.total_cmp(&b.point.value));
        Ok(Self {
            cpu: one("system_cpu_total_utilization_ratio")?,
            load: [one("system_load_average_1m")?, one("system_load_average_5m")?, one("system_load_average_15m")?],
            memory: one("system_memory_utilization_ratio")?,
            memory_bytes: one("system_memory_total_bytes")?,
            swap: one("system_swap_utilization_ratio")?,
            fullest: fullest
                .map(|full| (full.series.labels.get("mountpoint").cloned().unwrap_or_default(), full.point.value)),
            disk_read: disk("read")?,
            disk_write: disk("write")?,
            received: network("receive")?,
            sent: network("transmit")?,
        })
    }

    /// Whether anything is sampled.
    pub(super) fn is_known(&self) -> bool {
        *self != Self::default()
    }

    pub(super) fn json(&self) -> Json {
        json!({
            "cpu_ratio": self.cpu, "load_average": self.load, "memory_ratio": self.memory,
            "memory_bytes": self.memory_bytes, "swap_ratio": self.swap,
            "fullest_filesystem": self.fullest.as_ref().map(|(mountpoint, _)| mountpoint),
            "fullest_filesystem_ratio": self.fullest.as_ref().map(|(_, ratio)| ratio),
            "disk_read_bytes_per_second": self.disk_read, "disk_write_bytes_per_second": self.disk_write,
            "network_received_bytes_per_second": self.received, "network_sent_bytes_per_second": self.sent,
        })
    }
}

/// The newest values of a metric, of the recording that goes on.
fn latest(store: &Store, metric: &str) -> Result<Vec<Latest>, Error> {
    let mut latest = known(store.query().metric(metric).latest())?;
    latest.retain(|latest| latest.is_current);
    Ok(latest)
}

/// What all devices together grew by a second.
fn rate(store: &Store, metric: &str, direction: &str, window: Duration, seconds: f64) -> Result<Option<f64>, Error> {
    let query = store.query().metric(metric).tag("direction", direction).last(window);
    let groups = known(query.group_by(["direction"]).groups())?;
    let increase = groups.first().and_then(|group| group.summary.increase());
    Ok(increase.filter(|_| seconds > 0.0).map(|increase| increase / seconds))
}

/// Nothing, if nothing is called so.
fn known<T: Default>(answer: Result<T, Error>) -> Result<T, Error> {
    match answer {
        Err(error) if error.is_unknown_name() => Ok(T::default()),
        other => other,
    }
}
