//! `monitor backup`, `check` and `salvage`: what keeps a store, and what gets it back.
//!
//! They only say what the library does. Nobody may be there to read it, which is no failure.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use monitor_sinks::{Error, Salvage, Store};
use serde_json::{Value as Json, json};

use crate::{
    arguments::{Check, Copy},
    exit::Exit,
    instant,
};

/// Copies a store.
pub(crate) fn backup(copy: &Copy) -> Result<Exit, Error> {
    let bytes = Store::open_read_only(&copy.db)?.backup(&copy.out)?;
    if copy.json {
        say(&json!({"bytes": bytes, "db": copy.db.to_string_lossy(), "out": copy.out.to_string_lossy()}).to_string());
    } else {
        say(&format!("{bytes} bytes of {} are copied to {}", copy.db.display(), copy.out.display()));
    }
    Ok(Exit::Done)
}

/// Looks for damage.
pub(crate) fn check(check: &Check) -> Result<Exit, Error> {
    let findings = Store::open_read_only(&check.db)?.check()?;
    let exit = if findings.is_empty() { Exit::Done } else { Exit::Failed };
    if check.json {
        let findings: Vec<Json> = findings
            .iter()
            .map(|finding| json!({"at_seconds": instant::seconds(finding.at()), "finding": finding.to_string()}))
            .collect();
        say(&json!({"is_sound": findings.is_empty(), "findings": findings}).to_string());
        return Ok(exit);
    }
    for finding in &findings {
        say(&finding.to_string());
    }
    if findings.is_empty() {
        say(&format!("{} is sound", check.db.display()));
        return Ok(exit);
    }
    say(&format!(
        "{0} is damaged, findings: {1}. Save what can be read with: monitor salvage --db {0} NEW-FILE",
        check.db.display(),
        findings.len()
    ));
    Ok(exit)
}

/// Saves what can be read.
pub(crate) fn salvage(copy: &Copy) -> Result<Exit, Error> {
    let saved = Store::salvage(&copy.db, &copy.out)?;
    if copy.json {
        say(&json_of(&saved).to_string());
        return Ok(Exit::Done);
    }
    for loss in saved.losses() {
        say(&format!("lost: {loss}"));
    }
    if saved.more_losses() > 0 {
        say(&format!("lost: {} more", saved.more_losses()));
    }
    say(&saved.to_string());
    Ok(Exit::Done)
}

fn json_of(saved: &Salvage) -> Json {
    let Salvage { pages, damaged_pages, series, flushes, segments, chunks, slow_calls, .. } = saved;
    let losses: Vec<Json> = saved
        .losses()
        .iter()
        .map(|loss| {
            let (from, to) = loss.between().unzip();
            let seconds = |time: Option<SystemTime>| time.map(instant::seconds);
            json!({"loss": loss.to_string(), "from_seconds": seconds(from), "to_seconds": seconds(to)})
        })
        .collect();
    json!({
        "pages": pages, "damaged_pages": damaged_pages, "series": series, "flushes": flushes, "segments": segments,
        "chunks": chunks, "slow_calls": slow_calls, "losses": losses, "more_losses": saved.more_losses(),
    })
}

fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
