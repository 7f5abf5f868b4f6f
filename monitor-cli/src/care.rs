//! `monitor backup`, `check` and `salvage`: what keeps a store, and what gets it back.
//!
//! They only say what the library does. Nobody may be there to read it, which is no failure.

use std::io::{self, Write};

use monitor_sinks::{Error, Store};

use crate::{
    arguments::{Check, Copy},
    exit::Exit,
};

/// Copies a store.
pub(crate) fn backup(copy: &Copy) -> Result<Exit, Error> {
    let bytes = Store::open_read_only(&copy.db)?.backup(&copy.out)?;
    say(&format!("{bytes} bytes of {} are copied to {}", copy.db.display(), copy.out.display()));
    Ok(Exit::Done)
}

/// Looks for damage.
pub(crate) fn check(check: &Check) -> Result<Exit, Error> {
    let findings = Store::open_read_only(&check.db)?.check()?;
    for finding in &findings {
        say(&finding.to_string());
    }
    if findings.is_empty() {
        say(&format!("{} is sound", check.db.display()));
        return Ok(Exit::Done);
    }
    say(&format!(
        "{0} is damaged, findings: {1}. Save what can be read with: monitor salvage --db {0} NEW-FILE",
        check.db.display(),
        findings.len()
    ));
    Ok(Exit::Failed)
}

/// Saves what can be read.
pub(crate) fn salvage(copy: &Copy) -> Result<Exit, Error> {
    let saved = Store::salvage(&copy.db, &copy.out)?;
    for loss in saved.losses() {
        say(&format!("lost: {loss}"));
    }
    if saved.more_losses() > 0 {
        say(&format!("lost: {} more", saved.more_losses()));
    }
    say(&saved.to_string());
    Ok(Exit::Done)
}

fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
