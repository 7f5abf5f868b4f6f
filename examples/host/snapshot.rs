//! The machine as it is at the moment.

use std::io::{self, Write};

use crate::figures::Figures;
use crate::shape::{bar, bytes, count, cut, percent};

/// The width of bars.
const BAR: usize = 24;

/// The most lines of each list.
const MOST: usize = 12;

pub(crate) fn print(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    processors(out, now)?;
    memory(out, now)?;
    pressure(out, now)?;
    filesystems(out, now)?;
    disks(out, now)?;
    network(out, now)?;
    processes(out, now)?;
    container(out, now)?;
    own_process(out, now)
}

fn title(out: &mut impl Write, name: &str, about: &str) -> io::Result<()> {
    writeln!(out, "\n{name:<12}{about}")
}

/// A title with the names of the columns below it.
fn columns(out: &mut impl Write, name: &str, columns: &[&str]) -> io::Result<()> {
    write!(out, "\n{name:<18}")?;
    for column in columns {
        write!(out, "{column:>12}")?;
    }
    writeln!(out)
}

fn processors(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let whole = |metric| now.value(metric).map_or_else(|| String::from("-"), |value| format!("{value:.0}"));
    let load: Vec<String> = ["load_avg_1m", "load_avg_5m", "load_avg_15m"]
        .into_iter()
        .filter_map(|metric| now.value(metric).map(|value| format!("{value:.2}")))
        .collect();
    let about = format!(
        "{} logical, {} physical; load {}",
        whole("cpu_count_logical"),
        whole("cpu_count_physical"),
        load.join("  ")
    );
    title(out, "CPU", &about)?;
    if let Some(total) = now.value("cpu_percent_total") {
        writeln!(out, "  {:<10}{} {}", "all", bar(total / 100.0, BAR), percent(total))?;
    }
    let mut cores: Vec<(String, f64)> = now.by("cpu_percent_per_core", "cpu", &[]).into_iter().collect();
    // "10" comes after "9".
    cores.sort_by_key(|(core, _)| (core.len(), core.clone()));
    let surplus = cores.len().saturating_sub(MOST);
    for (core, used) in cores.into_iter().take(MOST) {
        writeln!(out, "  {:<10}{} {}", format!("core {core}"), bar(used / 100.0, BAR), percent(used))?;
    }
    more(out, surplus, "cores")
}

fn memory(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let (Some(total), Some(available)) = (now.value("memory_total"), now.value("memory_available")) else {
        return Ok(());
    };
    title(out, "Memory", &format!("{} in all, {} available", bytes(total), bytes(available)))?;
    let used = now.value("memory_percent").unwrap_or_default();
    let amount = bytes(now.value("memory_used").unwrap_or_default());
    writeln!(out, "  {:<10}{} {}   {amount}", "used", bar(used / 100.0, BAR), percent(used))?;
    match (now.value("swap_total"), now.value("swap_percent")) {
        (Some(total), Some(used)) if total > 0.0 => {
            let amount = format!("of {}", bytes(total));
            writeln!(out, "  {:<10}{} {}   {amount}", "swap", bar(used / 100.0, BAR), percent(used))
        }
        _ => writeln!(out, "  {:<10}none", "swap"),
    }
}

/// How much of the time some work had to wait for something.
fn pressure(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let waiting = now.by("system_pressure_waiting_seconds_total", "resource", &[("scope", "some")]);
    if waiting.is_empty() {
        return Ok(());
    }
    title(out, "Pressure", "share of the time in which some work waited for")?;
    for (resource, share) in waiting {
        writeln!(out, "  {:<10}{} {}", resource, bar(share, BAR), percent(share * 100.0))?;
    }
    Ok(())
}

fn filesystems(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let used = now.by("system_filesystem_utilization_ratio", "mountpoint", &[]);
    if used.is_empty() {
        return Ok(());
    }
    let size = now.by("system_filesystem_size_bytes", "mountpoint", &[]);
    let free = now.by("system_filesystem_usage_bytes", "mountpoint", &[("state", "free")]);
    title(out, "File systems", "")?;
    let surplus = used.len().saturating_sub(MOST);
    for (mount, share) in used.into_iter().take(MOST) {
        let amount = |of: Option<&f64>| of.map_or_else(|| String::from("-"), |value| bytes(*value));
        writeln!(
            out,
            "  {:<28}{} {}   {:>8} free of {:>8}",
            cut(&mount, 27),
            bar(share, BAR / 2),
            percent(share * 100.0),
            amount(free.get(&mount)),
            amount(size.get(&mount)),
        )?;
    }
    more(out, surplus, "file systems")
}

fn disks(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let busy = now.by("system_disk_io_time_seconds_total", "device", &[]);
    if busy.is_empty() {
        return Ok(());
    }
    let [read, written] =
        ["read", "write"].map(|way| now.by("system_disk_io_bytes_total", "device", &[("direction", way)]));
    let [reads, writes] =
        ["read", "write"].map(|way| now.by("system_disk_operations_total", "device", &[("direction", way)]));
    columns(out, "Disks", &["read/s", "reads/s", "written/s", "writes/s", "busy"])?;
    let surplus = busy.len().saturating_sub(MOST);
    for (device, share) in busy.into_iter().take(MOST) {
        let [read, written] = [&read, &written].map(|of| bytes(of.get(&device).copied().unwrap_or_default()));
        let [reads, writes] = [&reads, &writes].map(|of| count(of.get(&device).copied().unwrap_or_default()));
        writeln!(
            out,
            "  {:<16}{read:>12}{reads:>12}{written:>12}{writes:>12}{:>12}",
            cut(&device, 16),
            percent(share * 100.0)
        )?;
    }
    more(out, surplus, "disks")
}

fn network(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let [received, sent] =
        ["receive", "transmit"].map(|way| now.by("system_network_io_bytes_total", "device", &[("direction", way)]));
    if received.is_empty() {
        return Ok(());
    }
    let [packets_in, packets_out] =
        ["receive", "transmit"].map(|way| now.by("system_network_packets_total", "device", &[("direction", way)]));
    columns(out, "Network", &["received/s", "packets/s", "sent/s", "packets/s"])?;
    let surplus = received.len().saturating_sub(MOST);
    for (device, value) in received.into_iter().take(MOST) {
        let sent = bytes(sent.get(&device).copied().unwrap_or_default());
        let [inward, outward] =
            [&packets_in, &packets_out].map(|of| count(of.get(&device).copied().unwrap_or_default()));
        writeln!(out, "  {:<16}{:>12}{inward:>12}{sent:>12}{outward:>12}", cut(&device, 16), bytes(value))?;
    }
    more(out, surplus, "interfaces")?;
    match now.value("network_connections") {
        Some(connections) => writeln!(out, "  {:<16}{:>12}", "connections", count(connections)),
        None => Ok(()),
    }
}

fn processes(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let cpu = now.by("top_cpu_processes", "command", &[]);
    let memory = now.by("system_process_memory_usage_bytes", "command", &[]);
    if memory.is_empty() {
        return Ok(());
    }
    let all = now.value("total_processes").map_or_else(String::new, |all| format!("{} in all; ", count(all)));
    title(out, "Processes", &format!("{all}those that use the most, by command"))?;
    let mut commands: Vec<(f64, f64, String)> = memory
        .into_iter()
        .map(|(command, memory)| (cpu.get(&command).copied().unwrap_or_default(), memory, command))
        .filter(|(cpu, memory, _)| *cpu > 0.0 || *memory > 0.0)
        .collect();
    commands.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    for (cpu, memory, command) in commands.into_iter().take(8) {
        writeln!(out, "  {:<28}{:>12} of a core{:>12}", cut(&command, 27), percent(cpu), bytes(memory))?;
    }
    Ok(())
}

fn container(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let limit = |metric, shown: fn(f64) -> String| now.value(metric).map_or_else(|| String::from("no limit"), shown);
    let cpu = now.course("container_cpu_usage_seconds_total", 1).first().copied();
    let memory = now.value("container_memory_usage_bytes");
    if cpu.is_none() && memory.is_none() {
        return Ok(());
    }
    title(out, "Container", "the control group that this runs in")?;
    if let Some(cpu) = cpu {
        let limit = limit("container_cpu_limit_ratio", |cores| format!("{cores:.2} cores"));
        writeln!(out, "  {:<10}{:>12} of a core, {limit}", "CPU", percent(cpu * 100.0))?;
    }
    if let Some(memory) = memory {
        let limit = limit("container_memory_limit_bytes", bytes);
        writeln!(out, "  {:<10}{:>12}, {limit}", "memory", bytes(memory))?;
    }
    Ok(())
}

fn own_process(out: &mut impl Write, now: &Figures<'_>) -> io::Result<()> {
    let Some(memory) = now.value("process_memory_usage_bytes") else { return Ok(()) };
    title(out, "This process", "")?;
    let cpu: f64 = now.by("process_cpu_time_seconds_total", "mode", &[]).values().sum();
    writeln!(out, "  {:<10}{:>12} of a core", "CPU", percent(cpu * 100.0))?;
    writeln!(out, "  {:<10}{:>12}", "memory", bytes(memory))?;
    for (name, metric) in [("threads", "process_threads"), ("files", "process_open_file_descriptors")] {
        if let Some(value) = now.value(metric) {
            writeln!(out, "  {name:<10}{:>12}", count(value))?;
        }
    }
    let sampling: f64 = now.by("monitored_host_sample_seconds_total", "family", &[]).values().sum();
    writeln!(out, "  {:<10}{:>11.2} % of a core, to sample all this twice a second", "sampling", sampling * 100.0)
}

fn more(out: &mut impl Write, count: usize, what: &str) -> io::Result<()> {
    if count > 0 { writeln!(out, "  and {count} more {what}") } else { Ok(()) }
}
