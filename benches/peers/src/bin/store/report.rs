//! What was measured, line by line, and whether it is within its bound.

use std::fmt::{self, Write as _};

/// The bounds that a figure has to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// A figure for information.
    None,
}

impl Bound {
    fn holds(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtMost(most) => Some(figure <= most),
            Self::AtLeast(least) => Some(figure >= least),
            Self::None => None,
        }
    }
}

/// A table of figures, in sections.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    title: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    what: String,
    figure: f64,
    unit: &'static str,
    bound: Bound,
}

impl Report {
    /// Begins a section.
    pub(crate) fn section(&mut self, title: impl Into<String>) {
        self.sections.push(Section { title: title.into(), lines: Vec::new() });
    }

    /// Adds a figure to the section.
    pub(crate) fn line(&mut self, what: impl Into<String>, figure: f64, unit: &'static str, bound: Bound) {
        if self.sections.is_empty() {
            self.section("Figures");
        }
        if let Some(section) = self.sections.last_mut() {
            section.lines.push(Line { what: what.into(), figure, unit, bound });
        }
    }

    /// How many bounds were held, and how many were not.
    pub(crate) fn verdict(&self) -> (usize, usize) {
        let judged = self.sections.iter().flat_map(|section| &section.lines);
        judged
            .filter_map(|line| line.bound.holds(line.figure))
            .fold((0, 0), |(held, missed), holds| if holds { (held + 1, missed) } else { (held, missed + 1) })
    }
}

/// As Markdown.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, section) in self.sections.iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n" };
            writeln!(f, "{gap}### {}\n\n| what | figure | bound | |\n|---|---:|---:|---|", section.title)?;
            for line in &section.lines {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = match self.bound {
            Bound::AtMost(most) => format!("≤ {}", number(most)),
            Bound::AtLeast(least) => format!("≥ {}", number(least)),
            Bound::None => String::new(),
        };
        let verdict = match self.bound.holds(self.figure) {
            Some(true) => "held",
            Some(false) => "**missed**",
            None => "",
        };
        let figure = format!("{} {}", number(self.figure), self.unit);
        write!(f, "| {} | {} | {bound} | {verdict} |", self.what, figure.trim_end())
    }
}

/// Three digits, or all that stand before the point, in groups.
pub(crate) fn number(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 6) };
    let text = format!("{value:.*}", digits as usize);
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let part = part.trim_end_matches('0');
    if !part.is_empty() {
        let _ = write!(grouped, ".{part}");
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_all_before_the_point() {
        let pairs =
            [(0.0, "0"), (0.031_24, "0.0312"), (2.5, "2.5"), (0.9, "0.9"), (64.0, "64"), (1_234_567.8, "1,234,568")];
        for (value, wanted) in pairs {
            assert_eq!(number(value), wanted);
        }
    }

    #[test]
    fn a_bound_holds_up_to_its_edge() {
        let mut report = Report::default();
        report.line("a", 1.0, "ms", Bound::AtMost(1.0));
        report.line("b", 1.0, "ms", Bound::AtLeast(1.0));
        report.line("c", 1.1, "ms", Bound::AtMost(1.0));
        report.line("d", f64::NAN, "ms", Bound::AtMost(1.0));
        report.line("e", 1.0, "ms", Bound::None);
        assert_eq!(report.verdict(), (2, 2));
        assert!(report.to_string().contains("| c | 1.1 ms | ≤ 1 | **missed** |"), "{report}");
    }
}
