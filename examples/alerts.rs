//! Alerts: a queue that grows too long, is told of at two severities, and drains again; and a function that breaks its promise.
//!
//! A rule is evaluated at each flush, the one that records before those that alert. Its alert fires once the queue has been too long for a second, grows worse, and ends
//! when it is short again; a silence keeps messages of another rule back. What is told goes to two channels: one of
//! `monitored`, which writes JSON to standard error, and one of this program.
//!
//! ```text
//! cargo run --release --features rules --example alerts
//! ```

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use monitored::notify::{Channel, Message, Receipt, Refusal, Severity, Stderr};
use monitored::prelude::*;
use monitored::promql::Data;
use monitored::rule::{Comparison, Level, Recording, Rule};

/// A channel of this program's own: whatever can take a text.
struct Console;

impl Channel for Console {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        println!("      ** {} ({}, incident {})", message.title, message.kind, message.incident);
        Ok(Receipt::new("printed"))
    }
}

/// One delivery in a hundred may fail.
#[monitored(objective(errors = 1))]
fn deliver(order: u32) -> Result<(), String> {
    if order.is_multiple_of(3) { Err(format!("nobody opens the door to order {order}")) } else { Ok(()) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let long_queue = Rule::new("long_queue")
        .when("queue_length")
        .level(Level::new(Severity::Medium, Comparison::Above, 100.0))
        .level(Level::new(Severity::Critical, Comparison::Above, 500.0))
        .held_for(Duration::from_secs(1))
        .annotation("summary", "{queue_length:.0f} orders wait");
    let idle = Rule::new("idle").when("queue_length").below(5.0).severity(Severity::Low);
    let monitor = Monitor::builder()
        .service("shop")
        .sqlite(folder.path().join("metrics.db"))
        .flush_every(Duration::from_millis(250))
        .record(Recording::new("shop:orders:most", "max_over_time(queue_length[1m])"))
        .rules([long_queue, idle])
        .objectives()
        .channel("console", Console)
        .channel("log", Stderr::new().min_severity(Severity::Critical))
        .start()?;

    // Nobody wants to be told that there is nothing to do.
    monitor.silence("idle", Some(SystemTime::now() + Duration::from_hours(1)), "me", "the shop is closed")?;

    let course = [(0, 2), (150, 6), (700, 7), (150, 4), (20, 4)];
    for (length, quarters) in course {
        println!("{length:>4} orders in the queue");
        gauge!("queue_length", length);
        thread::sleep(Duration::from_millis(250) * quarters);
        for alert in monitor.alerts()? {
            let severity = alert.severity.map(|severity| format!(", {severity}")).unwrap_or_default();
            println!("     {}: {}{severity}", alert.rule, alert.lifecycle);
        }
    }

    (1..=30).for_each(|order| drop(deliver(order)));
    monitor.flush()?;
    for what in ["shop:orders:most", "function_objective_budget_left:ratio"] {
        if let Data::Vector(elements) = monitor.promql(what).newest()?.data() {
            for element in elements {
                println!("{} is {:?}", element.labels, element.value.as_float());
            }
        }
    }

    println!("what happened, the newest first:");
    for event in monitor.store().alert_events(10)? {
        let rule = event.rule.unwrap_or_default();
        let value = event.value.map(|value| format!(" at {value}")).unwrap_or_default();
        println!("     {rule} {}{value} {}", event.kind, event.text);
    }
    monitor.shutdown()?;
    Ok(())
}
