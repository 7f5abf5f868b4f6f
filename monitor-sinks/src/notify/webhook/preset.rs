//! What well-known receivers want to read.

use serde_json::{Value, json};

use crate::notify::{
    Kind, Message, Secret, Severity,
    plain::{body, headline, time},
};

/// The most that a receiver takes, in bytes.
const SLACK: usize = 39_000;
const DISCORD: usize = 1_990;
const TEAMS: usize = 20_000;
const PAGERDUTY: usize = 1_000;

/// What a request has in it.
#[derive(Debug)]
pub(super) enum Format {
    /// The message itself.
    Json,
    /// What a template makes of it.
    Template(Box<super::template::Template>),
    Slack,
    Discord,
    Teams,
    PagerDuty(Secret),
}

impl Format {
    /// The requests that tell of a message, in their order.
    pub(super) fn bodies(&self, message: &Message) -> Result<Vec<String>, String> {
        let json = match self {
            Self::Json => message_json(message)?,
            Self::Template(template) => return template.render(message).map(|body| vec![body]),
            Self::Slack => json!({ "text": cut(&slack(message), SLACK) }),
            Self::Discord => {
                let content = cut(&format!("**{}**\n{}", headline(message), body(message)), DISCORD);
                json!({ "content": content, "allowed_mentions": { "parse": [] } })
            }
            Self::Teams => teams(message),
            Self::PagerDuty(key) => {
                return Ok(actions(message).iter().map(|action| pagerduty(message, key, action).to_string()).collect());
            }
        };
        Ok(vec![json.to_string()])
    }
}

/// The message with its keys.
pub(super) fn message_json(message: &Message) -> Result<Value, String> {
    let mut json = serde_json::to_value(message).map_err(|error| error.to_string())?;
    json["key"] = message.idempotency_key().into();
    json["incident_key"] = message.incident_key().into();
    Ok(json)
}

fn slack(message: &Message) -> String {
    let text = format!("{}\n{}", headline(message), body(message));
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    match text.split_once('\n') {
        Some((head, rest)) => format!("*{head}*\n{rest}"),
        None => text,
    }
}

/// An adaptive card, which the workflows of Teams post.
fn teams(message: &Message) -> Value {
    let block = |text: String, more: Value| {
        let mut block = json!({ "type": "TextBlock", "text": text, "wrap": true });
        if let (Value::Object(block), Value::Object(more)) = (&mut block, more) {
            block.extend(more);
        }
        block
    };
    let head = block(headline(message), json!({ "weight": "bolder", "color": color(message.severity) }));
    // A single line end is no line end there.
    let text = block(cut(&body(message).replace('\n', "\n\n"), TEAMS), json!({}));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [head, text],
            },
        }],
    })
}

/// What a message does to an incident of PagerDuty.
fn actions(message: &Message) -> &'static [&'static str] {
    match message.kind {
        Kind::Acknowledged => &["acknowledge"],
        Kind::FiredAndResolved | Kind::Test => &["trigger", "resolve"],
        _ if message.ended_ms.is_some() || message.is_over() => &["resolve"],
        _ => &["trigger"],
    }
}

/// An event of PagerDuty's second interface.
fn pagerduty(message: &Message, key: &Secret, action: &str) -> Value {
    let severity = match message.severity {
        Severity::Low => "info",
        Severity::Medium => "warning",
        Severity::High => "error",
        Severity::Critical => "critical",
    };
    json!({
        "routing_key": key.expose(),
        "event_action": action,
        "dedup_key": message.incident_key(),
        "payload": {
            "summary": cut(&headline(message), PAGERDUTY),
            "source": message.instance,
            "severity": severity,
            "timestamp": time(message.at_ms),
            "class": message.rule,
            "custom_details": { "labels": message.labels, "annotations": message.annotations, "value": message.value,
                "text": message.text },
        },
    })
}

/// The start of a text, cut to `most` bytes, and a word that something is missing.
fn cut(text: &str, most: usize) -> String {
    const MISSING: &str = "\n... (cut)";
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}{MISSING}", &text[..text.floor_char_boundary(most.saturating_sub(MISSING.len()))])
}

/// What a severity is called among the colours of a card.
const fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "good",
        Severity::Medium => "accent",
        Severity::High => "warning",
        Severity::Critical => "attention",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(format: &Format, message: &Message) -> Vec<Value> {
        format.bodies(message).unwrap().iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    fn storm() -> Message {
        let mut message = Message::new(Kind::Digest, "digest", "f00d");
        message.text = "<rule> & co, ".repeat(10_000);
        message
    }

    #[test]
    fn no_body_is_longer_than_its_receiver_takes() {
        let limits = [(Format::Slack, 160_000), (Format::Discord, 2_100), (Format::Teams, 28_000)];
        for (format, most) in limits {
            let bodies = format.bodies(&storm()).unwrap();
            assert!(bodies[0].len() < most, "{format:?} {}", bodies[0].len());
        }
        let content = parsed(&Format::Discord, &storm())[0]["content"].as_str().unwrap().len();
        assert!((1_900..=2_000).contains(&content), "{content}");
    }

    #[test]
    fn nothing_of_an_alert_is_read_as_markup_by_slack() {
        let text = parsed(&Format::Slack, &storm())[0]["text"].as_str().unwrap().to_owned();
        assert!(text.contains("&lt;rule&gt; &amp; co") && !text.contains('<'));
    }

    #[test]
    fn an_incident_of_pagerduty_has_one_key_from_its_trigger_to_its_end() {
        let format = Format::PagerDuty(Secret::new("routing"));
        let mut message = Message::new(Kind::Firing, "high_cpu", "f00d");
        message.severity = Severity::High;
        let trigger = parsed(&format, &message).remove(0);
        assert_eq!((&trigger["event_action"], &trigger["routing_key"]), (&json!("trigger"), &json!("routing")));
        assert_eq!(trigger["payload"]["severity"], "error");
        message.kind = Kind::Resolved;
        let end = parsed(&format, &message).remove(0);
        assert_eq!((&end["event_action"], &end["dedup_key"]), (&json!("resolve"), &trigger["dedup_key"]));
        message.kind = Kind::FiredAndResolved;
        let both: Vec<Value> = parsed(&format, &message).iter().map(|body| body["event_action"].clone()).collect();
        assert_eq!(both, ["trigger", "resolve"]);
        message.kind = Kind::Acknowledged;
        assert_eq!(parsed(&format, &message)[0]["event_action"], "acknowledge");
    }

    #[test]
    fn the_keys_are_in_the_plain_form() {
        let json = parsed(&Format::Json, &Message::new(Kind::Firing, "high_cpu", "f00d")).remove(0);
        assert_eq!((&json["key"], &json["kind"]), (&json!("f00d.1.firing.0.@localhost"), &json!("firing")));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        let long = cut(&"é".repeat(100), 51);
        assert!(long.len() <= 51 && long.ends_with("(cut)"));
    }
}
