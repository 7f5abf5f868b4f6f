//! `[channels.NAME]`: the ways out of the program.

use super::{fault::hint, secret::Surroundings, table::Table};
use crate::{
    error::Error,
    notify::{
        Alertmanager, AlertmanagerBuilder, Channel, Command, Email, EmailBuilder, JsonFile, Secret, Severity, Stderr,
        Webhook, WebhookBuilder,
    },
};

/// What a table becomes. Where there is a mistake, it was told.
type Made = Option<Result<Box<dyn Channel>, Error>>;

/// Reads a table of one type.
type Read = fn(&Table<'_>, Surroundings<'_>) -> Made;

/// The types of channels.
const TYPES: [(&str, Read); 10] = [
    ("email", email),
    ("webhook", webhook),
    ("slack", slack),
    ("discord", discord),
    ("teams", teams),
    ("pagerduty", pagerduty),
    ("alertmanager", alertmanager),
    ("command", command),
    ("file", file),
    ("stderr", stderr),
];

/// Severities by name.
pub(super) const SEVERITIES: [(&str, Severity); 4] =
    [("low", Severity::Low), ("medium", Severity::Medium), ("high", Severity::High), ("critical", Severity::Critical)];

/// The channel that a table describes.
pub(super) fn channel(table: &Table<'_>, around: Surroundings<'_>) -> Option<Box<dyn Channel>> {
    let kind = table.needed_text("type", "\"email\"")?;
    let Some((_, read)) = TYPES.iter().find(|(name, _)| *name == kind.value) else {
        let hint = hint(kind.value, TYPES.iter().map(|(name, _)| *name));
        table.fault(kind.at, format!("there is no channel of type `{}`{hint}", kind.value));
        return None;
    };
    let made = read(table, around)?;
    let channel = made.map_err(|error| table.fault(table.at, format!("{}: {error}", table.name))).ok();
    table.finish();
    channel
}

fn email(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    let server = table.needed_text("smtp_server", "\"smtp.example.com\"");
    let port = table.whole("smtp_port", 1..=65_535);
    let encryption = table.choice("encryption", &[("starttls", 0), ("tls", 1), ("none", 2)]);
    let ca_file = table.text("ca_file");
    let user = table.text("username");
    let password = around.secret(table, "password");
    let from = table.text("from").or(user.filter(|user| user.value.contains('@')));
    let recipients = table.texts("recipients");
    let mut email = Email::via(server?.value);
    if let Some(port) = port.and_then(|port| u16::try_from(port).ok()) {
        email = email.port(port);
    }
    email = match encryption {
        Some(1) => email.implicit_tls(),
        Some(2) => email.without_encryption(),
        _ => email,
    };
    if let Some(path) = ca_file {
        email = email.ca_file(around.folder.join(path.value));
    }
    email = match (user, password) {
        (Some(user), Some(password)) => email.login(user.value, password),
        (Some(user), None) => {
            table.fault(
                user.at,
                "there is a `username` but no password; add one of password, password_env, password_file",
            );
            email
        }
        (None, Some(_)) => {
            table.fault(table.at, format!("{} has a password but no `username`; add it", table.name));
            email
        }
        (None, None) => email,
    };
    if let Some(from) = from {
        email = email.from(from.value);
    }
    email = recipients.iter().fold(email, |email, to| email.to(to.value));
    email = least(table).into_iter().fold(email, EmailBuilder::min_severity);
    email = timeout(table).into_iter().fold(email, EmailBuilder::timeout);
    Some(email.build().map(boxed))
}

fn webhook(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    let url = around.needed_secret(table, "url");
    let template = table.text("template");
    let mut webhook = Webhook::new("https://unknown.invalid/");
    if let Some(template) = template {
        webhook = webhook.template(template.value);
    }
    Some(requests(table, around, webhook.url(url?)))
}

fn slack(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    preset(table, around, Webhook::slack)
}

fn discord(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    preset(table, around, Webhook::discord)
}

fn teams(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    preset(table, around, Webhook::teams)
}

fn preset(table: &Table<'_>, around: Surroundings<'_>, of: fn(Secret) -> WebhookBuilder) -> Made {
    let url = around.needed_secret(table, "url");
    Some(requests(table, around, of(url?)))
}

fn pagerduty(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    let key = around.needed_secret(table, "routing_key");
    let url = around.secret(table, "url");
    let webhook = Webhook::pagerduty(key?);
    Some(requests(table, around, url.into_iter().fold(webhook, WebhookBuilder::url)))
}

/// What all channels have that speak HTTP.
fn requests(
    table: &Table<'_>,
    around: Surroundings<'_>,
    mut webhook: WebhookBuilder,
) -> Result<Box<dyn Channel>, Error> {
    webhook = around.secret(table, "signing_key").into_iter().fold(webhook, WebhookBuilder::sign);
    for (name, value) in table.named_texts("headers") {
        webhook = webhook.header(name, Secret::new(value.value));
    }
    if let Some(authorization) = around.secret(table, "authorization") {
        webhook = webhook.header("Authorization", authorization);
    }
    if let Some(path) = table.text("ca_file") {
        webhook = webhook.ca_file(around.folder.join(path.value));
    }
    webhook = least(table).into_iter().fold(webhook, WebhookBuilder::min_severity);
    webhook = timeout(table).into_iter().fold(webhook, WebhookBuilder::timeout);
    webhook.build().map(boxed)
}

fn alertmanager(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    let url = table.needed_text("url", "\"http://127.0.0.1:9093\"");
    let authorization = around.secret(table, "authorization");
    let resend = table.duration("resend_every");
    let (timeout, ca_file) = (timeout(table), table.text("ca_file"));
    let mut alertmanager = Alertmanager::at(url?.value);
    if let Some(path) = ca_file {
        alertmanager = alertmanager.ca_file(around.folder.join(path.value));
    }
    if let Some(authorization) = authorization {
        alertmanager = alertmanager.header("Authorization", authorization);
    }
    alertmanager = resend.into_iter().fold(alertmanager, AlertmanagerBuilder::resend_every);
    alertmanager = timeout.into_iter().fold(alertmanager, AlertmanagerBuilder::timeout);
    Some(alertmanager.start().map(boxed))
}

fn command(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    let words = table.texts("command");
    let variables = table.named_texts("env");
    let (least, timeout) = (least(table), timeout(table));
    let Some((program, arguments)) = words.split_first() else {
        if !table.has("command") {
            let example = "command = [\"/usr/local/bin/page\", \"ops\"]";
            table.fault(table.at, format!("{} has no `command`; add one, such as {example}", table.name));
        }
        return None;
    };
    // A name without a slash is looked for in the path of programs, as everywhere.
    let is_path = program.value.contains('/');
    let path = if is_path { around.folder.join(program.value) } else { program.value.into() };
    let mut command = arguments.iter().fold(Command::new(path), |command, argument| command.arg(argument.value));
    for (name, value) in variables {
        command = command.env(name, Secret::new(value.value));
    }
    command = least.into_iter().fold(command, Command::min_severity);
    command = timeout.into_iter().fold(command, Command::timeout);
    Some(Ok(boxed(command)))
}

fn file(table: &Table<'_>, around: Surroundings<'_>) -> Made {
    let path = table.needed_text("path", "\"alerts.jsonl\"");
    let least = least(table);
    let file = JsonFile::new(around.folder.join(path?.value));
    Some(Ok(boxed(least.into_iter().fold(file, JsonFile::min_severity))))
}

#[allow(clippy::unnecessary_wraps, reason = "one of several")]
fn stderr(table: &Table<'_>, _around: Surroundings<'_>) -> Made {
    Some(Ok(boxed(least(table).into_iter().fold(Stderr::new(), Stderr::min_severity))))
}

fn least(table: &Table<'_>) -> Option<Severity> {
    table.choice("min_severity", &SEVERITIES)
}

fn timeout(table: &Table<'_>) -> Option<std::time::Duration> {
    use std::time::Duration;
    table.duration_in("timeout", Duration::from_millis(100)..=Duration::from_mins(5))
}

fn boxed(channel: impl Channel + 'static) -> Box<dyn Channel> {
    Box::new(channel)
}
