//! Many messages in one, so that a storm of alerts is read and not deleted.
//!
//! The digest names every rule, the worst first; that of a group has a line for each alert, with its labels. What each of
//! its messages said in full stays in the outbox.

use std::{collections::BTreeMap, fmt::Write};

use crate::notify::{Kind, Member, Message, Severity};

/// So many alerts of a group have lines of their own.
const LINES: usize = 100;

/// A message that tells what `messages` tell. `first` is the row of the first of them, and makes its name unique.
pub(super) fn digest(messages: &[Message], first: i64, now_ms: i64) -> Option<Message> {
    let some = messages.first()?;
    let mut digest = Message::new(Kind::Digest, "digest", format!("digest.{first}"));
    digest.instance.clone_from(&some.instance);
    digest.channel.clone_from(&some.channel);
    if messages.iter().all(|message| message.group == some.group) {
        digest.group.clone_from(&some.group);
    }
    digest.severity = messages.iter().map(|message| message.severity).max().unwrap_or_default();
    digest.started_ms = messages.iter().map(|message| message.started_ms).min().unwrap_or(now_ms);
    digest.at_ms = now_ms;
    digest.members = messages.iter().map(Member::from).collect();
    digest.title = title(messages, &digest.group);
    let is_short = !digest.group.is_empty() && messages.len() <= LINES;
    digest.text = if is_short { lines(&digest.members) } else { text(&digest.members) };
    Some(digest)
}

/// How many of each kind: `12 alerts: 10 firing, 2 resolved`.
fn title(messages: &[Message], group: &str) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for message in messages {
        *kinds.entry(message.kind.name()).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {}", kind.replace('_', " "))).collect();
    let of = if group.is_empty() { String::new() } else { format!(" of {group}") };
    format!("{} alerts{of}: {}", messages.len(), kinds.join(", "))
}

/// A line for each alert, in the order in which it happened.
fn lines(members: &[Member]) -> String {
    let mut text = String::new();
    for Member { kind, rule, severity, title, labels, .. } in members {
        let labels = labels.iter().filter(|(label, _)| *label != "alertname");
        let labels: Vec<String> = labels.map(|(label, value)| format!("{label}={value}")).collect();
        // Writing to a text does not fail.
        let _ = writeln!(text, "{severity} {}: {title} ({rule}; {})", kind.name().replace('_', " "), labels.join(", "));
    }
    text
}

/// One line for each severity and kind, with all rules and how often each is in it.
fn text(members: &[Member]) -> String {
    let mut lines: BTreeMap<(std::cmp::Reverse<Severity>, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    for member in members {
        let line = lines.entry((std::cmp::Reverse(member.severity), member.kind.name())).or_default();
        *line.entry(&member.rule).or_default() += 1;
    }
    let mut text = String::new();
    for ((severity, kind), rules) in lines {
        let rules: Vec<String> = rules
            .into_iter()
            .map(|(rule, count)| if count == 1 { rule.to_owned() } else { format!("{rule} ({count})") })
            .collect();
        // Writing to a text does not fail.
        let _ = writeln!(text, "{} {}: {}", severity.0, kind.replace('_', " "), rules.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_names_all_rules_and_counts_them_the_worst_first() {
        let mut messages = vec![
            Message::new(Kind::Firing, "slow", "1"),
            Message::new(Kind::Firing, "slow", "2"),
            Message::new(Kind::Resolved, "full", "3"),
        ];
        messages[2].severity = Severity::Critical;
        let digest = digest(&messages, 7, 5_000).unwrap();
        assert_eq!(digest.title, "3 alerts: 2 firing, 1 resolved");
        assert_eq!(digest.text, "critical resolved: full\nmedium firing: slow (2)\n");
        assert_eq!((digest.severity, digest.members.len()), (Severity::Critical, 3));
        assert_eq!(digest.key(), "digest.7.1.digest.0");
    }

    #[test]
    fn the_digest_of_a_group_tells_of_each_alert_with_its_labels() {
        let message = |kind, disk: &str| {
            let mut message = Message::new(kind, "full", disk);
            message.title = format!("disk {disk} is full");
            message.group = String::from("full{host=\"h1\"}");
            message.labels.insert(String::from("disk"), disk.to_owned());
            message
        };
        let digest = digest(&[message(Kind::Firing, "sda"), message(Kind::Resolved, "sdb")], 7, 5_000).unwrap();
        assert_eq!(digest.title, "2 alerts of full{host=\"h1\"}: 1 firing, 1 resolved");
        assert_eq!(
            digest.text,
            "medium firing: disk sda is full (full; disk=sda)\nmedium resolved: disk sdb is full (full; disk=sdb)\n"
        );
        assert_eq!(digest.group, "full{host=\"h1\"}");
        assert_eq!(digest.members[1].labels["disk"], "sdb");
    }
}
