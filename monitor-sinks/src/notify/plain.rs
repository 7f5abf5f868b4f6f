//! A message as text for people.

use std::fmt::Write;

use super::{Kind, Message};
use crate::util::time::rfc3339;

/// One line: how bad, what state, what.
pub(super) fn headline(message: &Message) -> String {
    let state = message.kind.name().replace('_', " ");
    let severity = message.severity.name().to_uppercase();
    let title = if message.title.is_empty() { &message.rule } else { &message.title };
    let title = title.replace(['\n', '\r'], " ");
    match message.kind {
        Kind::Digest | Kind::Meta => format!("[{severity}] {title}"),
        _ => format!("[{severity}] {state}: {title}"),
    }
}

/// All that is known, in lines.
pub(super) fn body(message: &Message) -> String {
    let mut body = String::new();
    if !message.text.is_empty() {
        // Writing to a text does not fail, here and below.
        let _ = writeln!(body, "{}\n", message.text.trim_end());
    }
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(body, "{name}: {value}");
    };
    line("rule", &message.rule);
    if let Some(value) = message.value {
        line("value", &value.to_string());
    }
    message.labels.iter().for_each(|(name, value)| line(name, value));
    message.annotations.iter().for_each(|(name, value)| line(name, value));
    line("began", &time(message.started_ms));
    if let Some(ended_ms) = message.ended_ms {
        line("ended", &time(ended_ms));
    }
    line("instance", &message.instance);
    body
}

/// An instant as RFC 3339 writes it.
pub(super) fn time(ms: i64) -> String {
    rfc3339(ms.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Severity;

    #[test]
    fn a_message_is_read_from_its_first_line() {
        let mut message = Message::new(Kind::Resolved, "high_cpu", "f00d");
        message.severity = Severity::High;
        message.title = String::from("CPU 95 %\r\nBcc: all");
        assert_eq!(headline(&message), "[HIGH] resolved: CPU 95 %  Bcc: all");
        message.value = Some(95.5);
        message.labels.insert(String::from("host"), String::from("h1"));
        let body = body(&message);
        assert!(body.starts_with("rule: high_cpu\nvalue: 95.5\nhost: h1\nbegan: 1970-01-01T00:00:00"), "{body}");
    }
}
