//! What names, services and tags may look like, checked at build time so that nothing is left to refuse at run time.
//!
//! Tags follow the rules of Prometheus; the keys that every call gets from the runtime are kept free for it. Each check
//! gives the sentence that the error shows.

/// The longest name or service, in bytes.
const MAX_NAME: usize = 200;
/// The longest key of a tag, in bytes.
const MAX_KEY: usize = 64;
/// The longest value of a tag, in bytes.
const MAX_VALUE: usize = 1024;
/// The most tags of a function, after those of its block are added.
pub(crate) const MAX_TAGS: usize = 12;

/// The most calls of which one is timed.
pub(crate) const MAX_SAMPLE: u32 = 65_536;

/// Checks `name = "..."`.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the name is empty; leave `name` out to use the function's own".to_owned());
    }
    check_length("name", name, MAX_NAME)?;
    if let Some(wrong) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "_:.<>".contains(*c))) {
        return Err(format!("{wrong:?} is not allowed in a name; use letters, digits, `_`, `:`, `.`, `<` and `>`"));
    }
    if !starts_like_a_word(name) {
        return Err(format!("a name starts with a letter or `_`; write `_{name}`"));
    }
    Ok(())
}

/// Checks `service = "..."`.
pub(crate) fn check_service(service: &str) -> Result<(), String> {
    if service.is_empty() {
        return Err("the service is empty; leave `service` out to use the program's own".to_owned());
    }
    check_length("service", service, MAX_NAME)?;
    match service.chars().find(|c| c.is_control()) {
        Some(wrong) => Err(format!("{wrong:?} is not allowed in a service; control characters cannot be shown")),
        None => Ok(()),
    }
}

/// Checks the key of a tag.
pub(crate) fn check_tag_key(key: &str) -> Result<(), String> {
    check_length("tag key", key, MAX_KEY)?;
    if !starts_like_a_word(key) || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("tag key `{key}` may hold only the letters a to z, digits and `_`"));
    }
    match key {
        "service" => Err("tag key `service` is reserved; write `service = \"...\"` outside of `tags`".to_owned()),
        "function" => Err("tag key `function` is reserved; write `name = \"...\"` outside of `tags`".to_owned()),
        "module" | "outcome" | "error_type" => {
            Err(format!("tag key `{key}` is reserved: every call gets it by itself; choose another"))
        }
        "le" | "quantile" => Err(format!("tag key `{key}` is reserved for histograms; choose another")),
        _ if key.starts_with("__") => Err(format!("tag key `{key}` is reserved: it starts with `__`; choose another")),
        _ => Ok(()),
    }
}

/// Checks the value of a tag.
pub(crate) fn check_tag_value(value: &str) -> Result<(), String> {
    check_length("tag value", value, MAX_VALUE)
}

/// Checks `prefix = "..."`.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), String> {
    if prefix.is_empty() {
        return Err("the prefix is empty; leave `prefix` out to use none".to_owned());
    }
    check_name(prefix).map_err(|message| message.replace("name", "prefix"))
}

/// Checks the label of a kind of error.
pub(crate) fn check_label(label: &str) -> Result<(), String> {
    if label.is_empty() {
        return Err("the label is empty; leave the attribute out to use the variant's name".to_owned());
    }
    check_length("label", label, MAX_NAME)?;
    match label.chars().find(|c| c.is_control()) {
        Some(wrong) => Err(format!("{wrong:?} is not allowed in a label; control characters cannot be shown")),
        None => Ok(()),
    }
}

/// Reads a duration such as `250ms` or `1.5s`, in nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 6] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9)];
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    let Some(number) = number.parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return Err(format!("{text:?} is no duration; write a number and a unit, as in \"250ms\""));
    };
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let what = if unit.is_empty() { "the duration has no unit".to_owned() } else { format!("{unit:?} is no unit") };
        return Err(format!("{what}; write ns, us, ms, s, m or h after the number, as in \"{number}ms\""));
    };
    let nanos = (number * factor).round();
    if nanos < 1.0 {
        return Err("the duration is zero; write at least \"1ns\"".to_owned());
    }
    if nanos > 9e18 {
        return Err("the duration is longer than 285 years; write a shorter one".to_owned());
    }
    Ok(nanos as u64)
}

fn check_length(what: &str, text: &str, longest: usize) -> Result<(), String> {
    if text.len() <= longest {
        return Ok(());
    }
    Err(format!("the {what} has {} bytes; at most {longest} are allowed", text.len()))
}

fn starts_like_a_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_or_words_that_start_with_a_letter() {
        for good in ["parse", "_private", "etl::Stage<T>::run", "http.request", "a:b"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "9lives", "::root", "two words", "näme", "dash-ed", &"x".repeat(201)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert_eq!(check_name(&"x".repeat(200)), Ok(()));
    }

    #[test]
    fn services_are_any_text_that_can_be_shown() {
        for good in ["billing", "Abrechnung (alt)", "größe"] {
            assert_eq!(check_service(good), Ok(()), "{good}");
        }
        for bad in ["", "two\nlines", "\u{7f}", &"x".repeat(201)] {
            assert!(check_service(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tag_keys_leave_the_reserved_words_free() {
        for good in ["region", "_tier", "type", "Shard9", &"k".repeat(64)] {
            assert_eq!(check_tag_key(good), Ok(()), "{good}");
        }
        for bad in ["function", "module", "service", "outcome", "error_type", "le", "quantile", "__name__", "größe"] {
            assert!(check_tag_key(bad).is_err(), "{bad}");
        }
        assert!(check_tag_key(&"k".repeat(65)).is_err());
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1ns", 1),
            ("2us", 2_000),
            ("1.5 s", 1_500_000_000),
            ("3m", 180_000_000_000),
            ("1h", 3_600_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(nanos), "{text}");
        }
        for text in ["", "ms", "250", "-1s", "1.2.3s", "5 minutes", "0s", "1e3s", "9999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tag_values_may_be_empty_but_not_endless() {
        assert_eq!(check_tag_value(""), Ok(()));
        assert_eq!(check_tag_value(&"v".repeat(1024)), Ok(()));
        assert!(check_tag_value(&"v".repeat(1025)).is_err());
    }
}
