//! A message as a mail.
//!
//! Its `Message-ID` follows from the message, so that a mail that is sent twice, because the connection broke before the
//! server had said that it took it, is seen to be one. All mails of an incident refer to its first one, and are shown as
//! one thread.

use std::time::{Duration, UNIX_EPOCH};

use lettre::message::{
    Mailbox, MessageBuilder,
    header::{ContentType, HeaderName, HeaderValue},
};

use crate::notify::{
    Kind, Message,
    plain::{body, headline},
};

/// What goes over the wire; the reason if it cannot be written.
pub(super) fn mail(message: &Message, from: &Mailbox, to: &[Mailbox]) -> Result<Vec<u8>, String> {
    let date = UNIX_EPOCH + Duration::from_millis(message.at_ms.max(0).unsigned_abs());
    let mut builder = lettre::Message::builder()
        .from(from.clone())
        .subject(headline(message))
        .date(date)
        .message_id(Some(message_id(&message.idempotency_key())))
        .header(ContentType::TEXT_PLAIN)
        .raw_header(raw("Auto-Submitted", "auto-generated"));
    builder = to.iter().fold(builder, |builder, to| builder.to(to.clone()));
    let mail = thread(builder, message).body(body(message)).map_err(|error| error.to_string())?;
    Ok(mail.formatted())
}

/// Adds what the mail refers to.
fn thread(builder: MessageBuilder, message: &Message) -> MessageBuilder {
    let is_first = message.kind == Kind::Firing && message.ordinal == 0 && message.recipients.is_empty();
    if is_first {
        return builder;
    }
    let first = message_id(&message.first_key());
    builder.in_reply_to(first.clone()).references(first)
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A key in angle brackets, without what they may not hold.
pub(super) fn message_id(key: &str) -> String {
    let (left, right) = key.rsplit_once('@').unwrap_or((key, "localhost"));
    let safe = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).collect()
    };
    format!("<{}@{}>", safe(left), safe(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &Message) -> String {
        let [from, to] = ["Monitor <monitor@a.example>", "ops@b.example"].map(|address| address.parse().unwrap());
        String::from_utf8(mail(message, &from, &[to]).unwrap()).unwrap()
    }

    #[test]
    fn attempts_have_one_message_id_and_later_mails_refer_to_the_first() {
        let mut message = Message::new(Kind::Firing, "high_cpu", "f00d");
        (message.channel, message.instance) = (String::from("ops"), String::from("db1"));
        let first = text(&message);
        assert_eq!(first, text(&message));
        assert!(first.contains("Message-ID: <f00d.1.firing.0.ops@db1>\r\n"), "{first}");
        assert!(!first.contains("In-Reply-To"), "{first}");
        message.kind = Kind::Resolved;
        let last = text(&message);
        for line in ["Message-ID: <f00d.1.resolved.0.ops@db1>", "In-Reply-To: <f00d.1.firing.0.ops@db1>"] {
            assert!(last.contains(line), "{last}");
        }
    }

    #[test]
    fn a_title_cannot_add_a_header() {
        let mut message = Message::new(Kind::Firing, "high_cpu", "f00d");
        message.title = String::from("a\r\nBcc: everyone@b.example");
        assert!(!text(&message).contains("\r\nBcc:"));
        assert_eq!(message_id("a/b@c.example\r\n.ops é@db\r\n1"), "<a-b-c.example--.ops--@db--1>");
    }
}
