//! `[store]`, `[host]` and `[alerts]`: where to record, what of the machine, how often to look at rules.

use std::{path::PathBuf, time::Duration};

use super::{fault::hint, secret::Surroundings, table::Table};
use crate::{
    host::{Family, HostSampling},
    store::Retention,
};

const HOUR: Duration = Duration::from_hours(1);

/// What `[store]` says.
#[derive(Debug, Default)]
pub(super) struct StoreSettings {
    pub(super) path: Option<PathBuf>,
    pub(super) service: Option<String>,
    pub(super) flush_every: Option<Duration>,
    pub(super) retention: Option<Retention>,
}

/// What `[alerts]` says.
#[derive(Debug, Default)]
pub(super) struct AlertSettings {
    pub(super) evaluate_every: Option<Duration>,
    pub(super) instance: Option<String>,
}

/// Whether and how the machine is sampled.
#[derive(Debug)]
pub(super) enum Machine {
    Off,
    On(Box<HostSampling>),
}

pub(super) fn store(table: &Table<'_>, around: Surroundings<'_>) -> StoreSettings {
    let settings = StoreSettings {
        path: table.text("path").map(|path| around.folder.join(path.value)),
        service: table.text("service").map(|service| service.value.to_owned()),
        flush_every: table.duration_in("flush_every", Duration::from_millis(1)..=HOUR),
        retention: table.table("retention").map(|table| retention(&table)),
    };
    table.finish();
    settings
}

fn retention(table: &Table<'_>) -> Retention {
    let mut retention = Retention::default();
    retention = table.duration("raw").into_iter().fold(retention, Retention::raw);
    retention = table.duration("minutes").into_iter().fold(retention, Retention::minutes);
    retention = table.duration("hours").into_iter().fold(retention, Retention::hours);
    if let Some(size) = table.text("size") {
        match bytes(size.value) {
            Some(size) => retention = retention.size(size),
            None => table.fault(
                size.at,
                format!("`size` is `{}`, which is not a size; write it such as \"512MiB\" or \"2GiB\"", size.value),
            ),
        }
    }
    table.finish();
    retention
}

/// A size with its unit.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

pub(super) fn alerts(table: &Table<'_>) -> AlertSettings {
    let settings = AlertSettings {
        evaluate_every: table.duration_in("evaluate_every", Duration::from_millis(100)..=HOUR),
        instance: table.text("instance").map(|instance| instance.value.to_owned()),
    };
    table.finish();
    settings
}

pub(super) fn host(table: &Table<'_>, around: Surroundings<'_>) -> Machine {
    let is_on = table.flag("enabled").unwrap_or(true);
    let every = table.duration_in("every", Duration::from_millis(100)..=HOUR);
    let mut host = HostSampling::every(every.unwrap_or(Duration::from_secs(10)));
    if table.has("families") {
        host = host.only(families(table, "families"));
    } else {
        let _ = table.texts("families");
    }
    host = families(table, "without").into_iter().fold(host, HostSampling::without);
    if let Some(processes) = table.whole("top", 0..=32) {
        host = host.top(processes as usize);
    }
    let patterns = |key| table.texts(key).into_iter().map(|text| text.value.to_owned()).collect::<Vec<_>>();
    host = host.include_mounts(patterns("include_mounts")).exclude_mounts(patterns("exclude_mounts"));
    host = host.include_interfaces(patterns("include_interfaces")).include_disks(patterns("include_disks"));
    let (interfaces, disks) = (patterns("exclude_interfaces"), patterns("exclude_disks"));
    if table.has("exclude_interfaces") {
        host = host.exclude_interfaces(interfaces);
    }
    if table.has("exclude_disks") {
        host = host.exclude_disks(disks);
    }
    if let Some(folder) = table.text("textfiles") {
        host = host.textfiles(around.folder.join(folder.value));
    }
    if let Some(root) = table.text("root") {
        host = host.root(around.folder.join(root.value));
    }
    if let Some(budget) = table.number("budget") {
        host = host.budget(budget);
    }
    if is_on && let Err(error) = host.check() {
        table.fault(table.at, error);
    }
    table.finish();
    if is_on { Machine::On(Box::new(host)) } else { Machine::Off }
}

fn families(table: &Table<'_>, key: &'static str) -> Vec<Family> {
    let family = |text: super::text::Text<'_>| {
        let found = Family::ALL.into_iter().find(|family| family.name() == text.value);
        if found.is_none() {
            let hint = hint(text.value, Family::ALL.iter().map(|family| family.name()));
            table.fault(text.at, format!("there is no family `{}`{hint}", text.value));
        }
        found
    };
    table.texts(key).into_iter().filter_map(family).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("512MiB"), Some(512 << 20));
        assert_eq!(bytes("2 GiB"), Some(2 << 30));
        for text in ["", "5", "MiB", "1.5GiB", "5MB", "99999999999999999999GiB", "-1KiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
