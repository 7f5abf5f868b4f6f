//! `monitor alert test`: sends a message through a channel, past rules and outbox, and says what came of it.

use std::{
    io::{self, Write},
    time::{Instant, SystemTime},
};

use monitor_sinks::{
    config::Config,
    notify::{Kind, Message},
};
use serde_json::json;

use crate::{
    arguments::{Alert, AlertTask, ChannelTest},
    exit::Exit,
    failure::Failure,
    instant,
};

pub(crate) fn run(alert: &Alert) -> Result<Exit, Failure> {
    let AlertTask::Test(test) = &alert.task;
    let mut channel = Config::read(&test.config)?.take_channel(&test.channel)?;
    let timeout = channel.settings().timeout;
    let sent = channel.send(&message(test), Instant::now() + timeout);
    let name = &test.channel;
    let (exit, line, details) = match &sent {
        Ok(receipt) => {
            let said = if receipt.text.is_empty() { String::new() } else { format!(": {}", receipt.text) };
            let refused = receipt.refused.iter();
            let refused = refused.fold(String::new(), |told, (to, why)| format!("{told}; not for {to}: {why}"));
            let exit = if receipt.refused.is_empty() { Exit::Done } else { Exit::Failed };
            let line = format!("channel `{name}` took the test{said}{refused}");
            (exit, line, json!({"channel": name, "sent": true, "answer": format!("{}{refused}", receipt.text)}))
        }
        Err(refusal) => {
            let line = format!("channel `{name}` did not take the test: {refusal}");
            (Exit::Failed, line, json!({"channel": name, "sent": false, "answer": refusal.to_string()}))
        }
    };
    if alert.json {
        let _ = writeln!(io::stdout(), "{details}");
    } else if exit == Exit::Done {
        let _ = writeln!(io::stdout(), "{line}");
    } else {
        let _ = writeln!(io::stderr(), "monitor: {line}");
    }
    Ok(exit)
}

/// A message that nobody can take for another one, each time a new one.
fn message(test: &ChannelTest) -> Message {
    let now = SystemTime::now();
    let at_ms = (instant::seconds(now) * 1_000.0) as i64;
    let mut message = Message::new(Kind::Test, "test", format!("test-{at_ms}"));
    message.channel.clone_from(&test.channel);
    message.title = String::from("[test] a test of this channel");
    message.text = format!("Sent by `monitor alert test` at {}. Nothing is wrong.\n", instant::shown(now));
    (message.started_ms, message.at_ms) = (at_ms, at_ms);
    message
}
