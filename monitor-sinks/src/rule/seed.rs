//! `{name:.1f}`, as Python formats: rewritten for the templates, and the formats themselves.

use std::fmt::Write;

use minijinja::{Error, ErrorKind, Value};

/// A text with every `{name}` and `{name:format}` in the place of which a template can stand. What is in double braces,
/// and in `{% %}` and `{# #}`, stays as it is, and so does a brace that is only a brace.
pub(super) fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")].into_iter().find(|(open, _)| rest.starts_with(open));
        if let Some((_, close)) = end {
            let length = rest[2..].find(close).map_or(rest.len(), |found| found + 4);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else if let Some((name, format, length)) = field(rest) {
            // Formats have no quotes and no backslashes.
            let _ = write!(out, "{{{{ {name} | seed_format(\"{format}\") }}}}");
            rest = &rest[length..];
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out + rest
}

/// The name and the format of a field, and its length, if the text begins with one.
fn field(text: &str) -> Option<(&str, &str, usize)> {
    let end = text.find('}')?;
    let (name, format) = text[1..end].split_once(':').unwrap_or((&text[1..end], ""));
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        && !name.ends_with('.');
    let is_format = Format::parse(format).is_some();
    (is_name && is_format).then_some((name, format, end + 1))
}

/// The filter behind such a field.
#[allow(clippy::needless_pass_by_value, reason = "what the templates give to filters")]
pub(super) fn format_value(value: Value, format: &str) -> Result<String, Error> {
    let format = Format::parse(format)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("`{format}` is no format; write `.1f`")))?;
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "there is no such value"));
    }
    let number = if value.is_number() { f64::try_from(value.clone()).ok() } else { None };
    let is_text = number.is_none();
    let body = match (format.form, number) {
        (None | Some('s'), None) => {
            let text = value.to_string();
            format.precision.map_or_else(|| text.clone(), |most| text.chars().take(most).collect())
        }
        (form, Some(number)) if form != Some('s') => format.number(form, number),
        _ => {
            let message = format!("`{}` does not fit {value}", format.form.map(String::from).unwrap_or_default());
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
    };
    Ok(format.padded(&body, is_text))
}

/// Python's `[[fill]align][sign][0][width][,][.precision][form]`.
#[derive(Debug, Default, Clone, Copy)]
struct Format {
    fill: Option<char>,
    align: Option<char>,
    plus: bool,
    width: usize,
    grouped: bool,
    precision: Option<usize>,
    form: Option<char>,
}

/// Wider and finer than this is not meant.
const MOST: usize = 200;

impl Format {
    fn parse(text: &str) -> Option<Self> {
        let mut format = Self::default();
        let mut chars: Vec<char> = text.chars().collect();
        let is_align = |c: Option<&char>| c.copied().filter(|c| matches!(c, '<' | '>' | '^'));
        if let Some(align) = is_align(chars.get(1)) {
            (format.fill, format.align) =
                (Some(chars[0]).filter(|c| !matches!(c, '"' | '\\' | '{' | '}')), Some(align));
            format.fill?;
            chars.drain(..2);
        } else if let Some(align) = is_align(chars.first()) {
            format.align = Some(align);
            chars.remove(0);
        }
        let mut rest: &str = &chars.iter().collect::<String>();
        if let Some(after) = rest.strip_prefix('+') {
            (format.plus, rest) = (true, after);
        }
        if let Some(after) = rest.strip_prefix('0') {
            (format.fill, format.align) = (format.fill.or(Some('0')), format.align.or(Some('=')));
            rest = after;
        }
        (format.width, rest) = leading_number(rest)?;
        if let Some(after) = rest.strip_prefix(',') {
            (format.grouped, rest) = (true, after);
        }
        if let Some(after) = rest.strip_prefix('.') {
            if !after.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            let (precision, after) = leading_number(after)?;
            (format.precision, rest) = (Some(precision), after);
        }
        let mut form = rest.chars();
        format.form = form.next();
        let is_known = format.form.is_none_or(|form| "fFeEgGd%s".contains(form));
        (is_known && form.next().is_none()).then_some(format)
    }

    fn number(&self, form: Option<char>, number: f64) -> String {
        let precision = self.precision.unwrap_or(6);
        let size = number.abs();
        let mut body = match form {
            _ if !number.is_finite() => if number.is_nan() { "nan" } else { "inf" }.to_owned(),
            Some('f' | 'F') => format!("{size:.precision$}"),
            Some('%') => format!("{:.precision$}%", size * 100.0),
            Some('d') => format!("{size:.0}"),
            Some(form @ ('e' | 'E')) => exponent(size, precision, form),
            Some(form) => shortest(size, precision.max(1), if form == 'G' { 'E' } else { 'e' }),
            None => self.precision.map_or_else(|| format!("{size}"), |precision| shortest(size, precision.max(1), 'e')),
        };
        if self.grouped && number.is_finite() {
            body = grouped(&body);
        }
        let sign = if number.is_sign_negative() && !number.is_nan() {
            "-"
        } else if self.plus {
            "+"
        } else {
            ""
        };
        format!("{sign}{body}")
    }

    fn padded(&self, body: &str, is_text: bool) -> String {
        let missing = self.width.saturating_sub(body.chars().count());
        let fill = |count: usize| self.fill.unwrap_or(' ').to_string().repeat(count);
        match self.align.unwrap_or(if is_text { '<' } else { '>' }) {
            '<' => format!("{body}{}", fill(missing)),
            '^' => format!("{}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
            '=' => {
                let (sign, digits) = body.split_at(usize::from(body.starts_with(['+', '-'])));
                format!("{sign}{}{digits}", fill(missing))
            }
            _ => format!("{}{body}", fill(missing)),
        }
    }
}

fn leading_number(text: &str) -> Option<(usize, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = if digits == 0 { 0 } else { text[..digits].parse().ok()? };
    (number <= MOST).then_some((number, &text[digits..]))
}

/// `1.500000e+01`
fn exponent(number: f64, precision: usize, form: char) -> String {
    let text = format!("{number:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}{form}{sign}{size:0>2}")
}

/// As many digits as asked for and no zeros at the end, with an exponent where that is shorter.
fn shortest(number: f64, digits: usize, form: char) -> String {
    let scientific = format!("{number:.*e}", digits - 1);
    let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let trimmed = |text: &str| {
        let is_whole = !text.contains('.');
        if is_whole { text.to_owned() } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
    };
    let most = i32::try_from(digits).unwrap_or(i32::MAX);
    if power < -4 || power >= most {
        let text = exponent(number, digits - 1, form);
        let (digits, power) = text.split_once(form).unwrap_or((&text, ""));
        return format!("{}{form}{power}", trimmed(digits));
    }
    trimmed(&format!("{number:.*}", (most - 1 - power).max(0) as usize))
}

/// With a comma between thousands.
fn grouped(text: &str) -> String {
    let whole = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let mut out = String::new();
    for (at, digit) in text[..whole].chars().enumerate() {
        if at > 0 && (whole - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + &text[whole..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python says of each.
    #[test]
    fn values_are_formatted_as_python_formats_them() {
        for (format, number, wanted) in [
            (".1f", 93.25, "93.2"),
            (".2f", -0.005, "-0.01"),
            ("", 2.5, "2.5"),
            ("08.2f", -2.71928, "-0002.72"),
            (">8.1f", 2.25, "     2.2"),
            ("^7.0f", 5.0, "   5   "),
            ("*<6.1f", 1.0, "1.0***"),
            (",.1f", 1_234_567.89, "1,234,567.9"),
            (".1%", 0.256, "25.6%"),
            (".2e", 12_345.0, "1.23e+04"),
            ("g", 0.00001, "1e-05"),
            (".3g", 1_234.0, "1.23e+03"),
            (".3g", 12.0, "12"),
            ("+.0f", 3.0, "+3"),
            ("d", 7.0, "7"),
            (".1f", f64::NAN, "nan"),
            (".1f", f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(format_value(Value::from(number), format).unwrap(), wanted, "{format}");
        }
        assert_eq!(format_value(Value::from("host"), ">6.2s").unwrap(), "    ho");
        assert!(format_value(Value::from("host"), ".1f").is_err());
    }

    #[test]
    fn only_fields_are_rewritten() {
        assert_eq!(translated("a {b:.1f} {c}"), "a {{ b | seed_format(\".1f\") }} {{ c | seed_format(\"\") }}");
        for text in
            ["{", "}", "{}", "{ a }", "{1}", "{a b}", "{a:.f}", "{a:\"}", "{{ a }", "{{ {a} }}", "{a.}", "{a:999999f}"]
        {
            assert_eq!(translated(text), text);
        }
    }
}
