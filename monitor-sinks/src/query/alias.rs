//! Short names for what is asked of a host most often, such as `cpu_percent_total`.
//!
//! They are the names under which scripts around the Python library psutil store such figures. A short name stands for
//! one metric, narrowed to some of its labels, times a factor, each series by itself or summed up. A metric of that very
//! name, which a program may have recorded, comes first.
//!
//! What differs from psutil, on purpose: totals count from the start of the recording instead of from that of the
//! machine, as all counters of a store do; and a share of a file system is of what its users can have, as `df` has it.

use super::{
    Asked, Query, Selector, Series,
    fold::{Gathered, gather},
    select::unknown_short,
    series, sum,
};
use crate::{
    error::Error,
    store::{Reader, StoredSeries},
};

/// A short name and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Alias {
    pub(crate) name: &'static str,
    pub(crate) metric: &'static str,
    /// Labels that a series must have, each with the values that are taken.
    pub(crate) labels: &'static [(&'static str, &'static [&'static str])],
    pub(crate) form: Form,
}

/// What becomes of the series that a short name stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// They are taken as they are.
    Same,
    /// They are ratios, of which percentages are made.
    Percent,
    /// They are made percentages of the newest value of another metric.
    PercentOf(&'static str),
    /// They are added up over all values of these labels.
    SumOver(&'static [&'static str]),
}

/// Nothing to choose from.
const ALL: &[(&str, &[&str])] = &[];
const ROOT: &[(&str, &[&str])] = &[("mountpoint", &["/"])];

const fn alias(
    name: &'static str,
    metric: &'static str,
    labels: &'static [(&'static str, &'static [&'static str])],
    form: Form,
) -> Alias {
    Alias { name, metric, labels, form }
}

const DISK_BYTES: &str = "system_disk_io_bytes_total";
const DISK_OPERATIONS: &str = "system_disk_operations_total";
const NETWORK_BYTES: &str = "system_network_io_bytes_total";
const NETWORK_PACKETS: &str = "system_network_packets_total";
const FILESYSTEM_USAGE: &str = "system_filesystem_usage_bytes";
const OVER_DEVICES: Form = Form::SumOver(&["device"]);

/// All of them. A name stays what it is for ever.
const TABLE: [Alias; 30] = [
    alias("cpu_percent_total", "system_cpu_total_utilization_ratio", ALL, Form::Percent),
    alias("cpu_percent_per_core", "system_cpu_utilization_ratio", ALL, Form::Percent),
    alias("cpu_count_logical", "system_cpu_logical_count", ALL, Form::Same),
    alias("cpu_count_physical", "system_cpu_physical_count", ALL, Form::Same),
    alias("load_avg_1m", "system_load_average_1m", ALL, Form::Same),
    alias("load_avg_5m", "system_load_average_5m", ALL, Form::Same),
    alias("load_avg_15m", "system_load_average_15m", ALL, Form::Same),
    alias("memory_total", "system_memory_total_bytes", ALL, Form::Same),
    alias("memory_used", "system_memory_usage_bytes", &[("state", &["used"])], Form::Same),
    alias("memory_available", "system_memory_available_bytes", ALL, Form::Same),
    alias("memory_percent", "system_memory_utilization_ratio", ALL, Form::Percent),
    alias("swap_total", "system_swap_total_bytes", ALL, Form::Same),
    alias("swap_used", "system_swap_used_bytes", ALL, Form::Same),
    alias("swap_percent", "system_swap_utilization_ratio", ALL, Form::Percent),
    alias("disk_total", "system_filesystem_size_bytes", ROOT, Form::Same),
    alias("disk_used", FILESYSTEM_USAGE, &[("mountpoint", &["/"]), ("state", &["used"])], Form::Same),
    alias("disk_free", FILESYSTEM_USAGE, &[("mountpoint", &["/"]), ("state", &["free"])], Form::Same),
    alias("disk_percent", "system_filesystem_utilization_ratio", ROOT, Form::Percent),
    alias("disk_read_bytes", DISK_BYTES, &[("direction", &["read"])], OVER_DEVICES),
    alias("disk_write_bytes", DISK_BYTES, &[("direction", &["write"])], OVER_DEVICES),
    alias("disk_read_count", DISK_OPERATIONS, &[("direction", &["read"])], OVER_DEVICES),
    alias("disk_write_count", DISK_OPERATIONS, &[("direction", &["write"])], OVER_DEVICES),
    alias("network_bytes_sent", NETWORK_BYTES, &[("direction", &["transmit"])], OVER_DEVICES),
    alias("network_bytes_recv", NETWORK_BYTES, &[("direction", &["receive"])], OVER_DEVICES),
    alias("network_packets_sent", NETWORK_PACKETS, &[("direction", &["transmit"])], OVER_DEVICES),
    alias("network_packets_recv", NETWORK_PACKETS, &[("direction", &["receive"])], OVER_DEVICES),
    alias(
        "network_connections",
        "system_network_connections",
        &[("protocol", &["tcp", "tcp6", "udp", "udp6"]), ("state", &["in_use", "time_wait"])],
        Form::SumOver(&["protocol", "state"]),
    ),
    alias("total_processes", "system_processes_count", ALL, Form::Same),
    alias("top_cpu_processes", "system_process_cpu_utilization_ratio", ALL, Form::Percent),
    alias(
        "top_memory_processes",
        "system_process_memory_usage_bytes",
        ALL,
        Form::PercentOf("system_memory_total_bytes"),
    ),
];

impl Alias {
    /// What `name` stands for, if it is a short name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|alias| alias.name == name)
    }

    /// The short name that `series` goes by, by itself or as a part of a sum.
    pub(crate) fn of(series: &StoredSeries) -> Option<&'static Self> {
        TABLE.iter().find(|alias| alias.metric == series.name && alias.takes(series))
    }

    /// The short names whose metrics are among `all`.
    pub(crate) fn known(all: &[StoredSeries]) -> impl Iterator<Item = &str> {
        TABLE.iter().filter(|alias| all.iter().any(|series| series.name == alias.metric)).map(|alias| alias.name)
    }

    /// Those of `series` that the name stands for. To have none is an error.
    pub(super) fn select(&self, mut series: Vec<StoredSeries>) -> Result<Vec<StoredSeries>, Error> {
        series.retain(|series| self.takes(series));
        if series.is_empty() { Err(unknown_short(self.name, self.metric)) } else { Ok(series) }
    }

    /// Whether `series`, of the right metric, has the right labels.
    pub(crate) fn takes(&self, series: &StoredSeries) -> bool {
        self.labels.iter().all(|(key, values)| values.contains(&series.label(key)))
    }
}

impl Query {
    /// The answers for a short name.
    pub(super) fn shortly(
        &self,
        reader: &Reader,
        asked: Asked,
        alias: &Alias,
        matching: Vec<StoredSeries>,
        gathered: Gathered,
    ) -> Result<Vec<Series>, Error> {
        let (matching, gathered) = match alias.form {
            Form::SumOver(labels) => {
                let (series, folds) = sum::sums(matching, gathered.folds, labels);
                (series, Gathered { folds, ..gathered })
            }
            _ => (matching, gathered),
        };
        let answers = series::answers(matching, gathered).into_iter().map(|answer| answer.renamed(alias.name));
        Ok(match alias.form {
            Form::Same | Form::SumOver(_) => answers.collect(),
            Form::Percent => answers.map(|answer| answer.percent_of(1.0)).collect(),
            Form::PercentOf(whole) => {
                let wholes: Vec<_> =
                    reader.series(Some(&[whole]))?.into_iter().filter(|whole| self.of_service(whole)).collect();
                let wholes = series::answers(wholes.clone(), gather(reader, asked, &wholes, true)?);
                let whole = |service: &str| Some(wholes.iter().find(|whole| whole.service == service)?.last()?.value);
                let share = |answer: Series| whole(&answer.service).map(|whole| answer.percent_of(whole));
                answers.filter_map(share).collect()
            }
        })
    }

    fn of_service(&self, series: &StoredSeries) -> bool {
        Selector { service: self.service.as_deref(), tags: &[] }.keeps(series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_name_is_there_once_and_is_no_name_of_a_metric() {
        for (place, alias) in TABLE.iter().enumerate() {
            assert!(TABLE[..place].iter().all(|other| other.name != alias.name), "{}", alias.name);
            assert!(TABLE.iter().all(|other| other.metric != alias.name), "{}", alias.name);
            assert_eq!(Alias::find(alias.name), Some(alias));
        }
        assert_eq!(Alias::find("cpu_percent"), None);
    }
}
