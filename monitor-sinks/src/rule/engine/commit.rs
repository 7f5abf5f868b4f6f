//! What an engine writes to the store, and what it knows to be there.
//!
//! Invariant: what [`Engine::write`] has written in a transaction is what [`Engine::committed`] takes for written after it.

use rusqlite::Transaction;

use super::{
    Engine, command,
    live::Live,
    message,
    table::{self, RuleRow},
    tracked::Tracked,
};

impl Engine {
    /// Whether nothing has been written to file number `generation`.
    pub(crate) fn is_new(&self, generation: u64) -> bool {
        self.generation != Some(generation)
    }

    /// Whether there is anything to write to file number `generation`.
    pub(crate) fn is_unsaved(&self, generation: u64, is_last: bool) -> bool {
        self.is_new(generation)
            || !self.queue.is_empty()
            || !self.orphans.is_empty()
            || self.rules.iter().any(|live| {
                Self::is_rule_unsaved(live, is_last)
                    || live.alerts.values().any(|alert| alert.is_unsaved(self.flushed_ms, is_last))
            })
    }

    /// Whether what is to be written must be safe from a loss of power.
    pub(crate) fn is_durable(&self) -> bool {
        !self.queue.messages.is_empty() || !self.queue.entries.is_empty()
    }

    /// Whether how a rule fares is to be written: when that changes, and now and then.
    fn is_rule_unsaved(live: &Live, is_last: bool) -> bool {
        const EVERY_MS: u64 = 60_000;
        let Some(evaluated_ms) = live.evaluated_ms else { return live.saved.is_none() };
        live.saved.as_ref().is_none_or(|(saved_ms, failure)| {
            *failure != live.failure || is_last || evaluated_ms.saturating_sub(*saved_ms) >= EVERY_MS
        })
    }

    /// Writes what is to be written, to file number `generation`; all of it, if that is another one than before.
    pub(crate) fn write(&self, transaction: &Transaction<'_>, generation: u64, is_last: bool) -> rusqlite::Result<()> {
        let is_new = self.is_new(generation);
        if is_new {
            table::create(transaction)?;
            table::number_after(transaction, self.commanded)?;
            table::clear_rules(transaction)?;
        }
        for (rule, alert) in &self.orphans {
            table::put_alert(transaction, rule, alert)?;
        }
        for live in &self.rules {
            let stale =
                |alert: &&Tracked| alert.is_unsaved(self.flushed_ms, is_last) || (is_new && !alert.is_forgettable());
            for alert in live.alerts.values().filter(stale) {
                table::put_alert(transaction, live.rule.name(), alert)?;
            }
        }
        let unsaved = self.rules.iter().filter(|live| is_new || Self::is_rule_unsaved(live, is_last));
        let rows: Vec<RuleRow> = unsaved.map(row).collect();
        table::put_rules(transaction, &rows)?;
        if is_new || self.queue.silences {
            table::put_silences(transaction, self.silencers.iter().map(|silencer| &silencer.silence))?;
        }
        if self.queue.commanded {
            command::done(transaction, self.commanded)?;
        }
        self.queue.write(transaction)
    }

    /// Takes note that what was written has been committed.
    pub(crate) fn committed(&mut self, generation: u64, is_last: bool) {
        let is_new = self.generation.replace(generation) != Some(generation);
        let now = self.flushed_ms;
        self.orphans.clear();
        for place in 0..self.rules.len() {
            let is_row_written = is_new || Self::is_rule_unsaved(&self.rules[place], is_last);
            let live = &mut self.rules[place];
            if is_row_written {
                live.saved = Some((live.evaluated_ms.unwrap_or(0), live.failure.clone()));
            }
            for alert in live.alerts.values_mut() {
                if alert.is_unsaved(now, is_last) || (is_new && !alert.is_forgettable()) {
                    alert.saved.clone_from(&alert.memory);
                    alert.saved_ms = Some(now);
                }
            }
        }
        self.queue.clear();
    }
}

fn row(live: &Live) -> RuleRow {
    RuleRow {
        name: live.rule.name().to_owned(),
        expr: live.rule.expr().to_owned(),
        definition: message::definition(&live.rule),
        evaluated_ms: live.evaluated_wall_ms,
        elements: live.elements,
        error: live.failure.clone(),
    }
}
