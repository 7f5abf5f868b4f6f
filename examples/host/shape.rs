//! Numbers as people like to read them, bars and sparklines. Everything has a fixed width.

/// A bar of `width` cells, filled by `share`.
pub(crate) fn bar(share: f64, width: usize) -> String {
    const PARTS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let mut bar: String = "█".repeat(eighths / 8);
    bar.extend((eighths % 8).checked_sub(1).map(|part| PARTS[part]));
    let empty = width - bar.chars().count();
    format!("▕{bar}{}▏", "·".repeat(empty))
}

/// `values` as one character each, from 0 at the bottom to `top`.
pub(crate) fn sparkline(values: &[f64], top: f64) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let level = |value: f64| if top > 0.0 { (value / top * 7.0).round().clamp(0.0, 7.0) as usize } else { 0 };
    values.iter().map(|&value| LEVELS[level(value)]).collect()
}

/// The mean; 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Bytes in powers of 1,024, with three digits: `1.25 GiB`.
pub(crate) fn bytes(value: f64) -> String {
    scaled(value, 1_024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// A count in powers of 1,000, with three digits: `12.5 k`.
pub(crate) fn count(value: f64) -> String {
    scaled(value, 1_000.0, &["", "k", "M", "G", "T"])
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value.abs() >= step && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = match value.abs() {
        _ if unit == 0 && value.fract() == 0.0 => 0,
        large if large >= 99.95 => 0,
        middle if middle >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", units[unit]).trim_end().to_owned()
}

/// A percentage in six places: ` 12.3 %`.
pub(crate) fn percent(value: f64) -> String {
    format!("{value:>5.1} %")
}

/// A text cut to `width` characters, of which the last says so.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if clean.chars().count() <= width {
        return clean;
    }
    clean.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
