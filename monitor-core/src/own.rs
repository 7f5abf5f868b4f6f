//! The monitor's own counters: every failure that must not disturb the program becomes one of these.
//!
//! They are ordinary metrics, stored and queried like the user's. None of them changes while all is well, so an idle
//! program writes nothing.

use crate::Counter;

/// Values left out: negative for a counter or histogram, or not finite.
static REJECTED_VALUES: Counter = Counter::own("monitored_rejected_total").tags(&[("reason", "value")]);

/// Records whose tags were partly left out: a key that is not allowed, or more than 16 tags.
pub static REJECTED_TAGS: Counter = Counter::own("monitored_rejected_total").tags(&[("reason", "tag")]);

/// Records with a tag value that was cut to 1,024 bytes.
pub static CUT_TAGS: Counter = Counter::own("monitored_cut_tags_total");

/// Records that went to an overflow series because their metric, or all together, had as many series as they may have.
pub static SERIES_OVERFLOW: Counter = Counter::own("monitored_series_overflow_total");

/// Exemplars of slow calls dropped because the drain did not take them in time.
pub static DROPPED_EXEMPLARS: Counter = Counter::own("monitored_dropped_exemplars_total");

/// Times that the processor's counter was found to have jumped, after which the system's clock was used.
pub static CLOCK_JUMPS: Counter = Counter::own("monitored_clock_jumps_total");

/// Flushes that failed; their values were kept and written later.
pub static FLUSH_FAILURES: Counter = Counter::own("monitored_flush_failures_total");

/// Times that sealing, rolling up or dropping old data failed; it is tried again.
pub static UPKEEP_FAILURES: Counter = Counter::own("monitored_upkeep_failures_total");

/// Stores that were found damaged and set aside; recording went on in a new file.
pub static DAMAGED_STORES: Counter = Counter::own("monitored_damaged_stores_total");

/// Times that the system's wall clock was set back by more than two flush intervals.
pub static CLOCK_STEPS_BACK: Counter = Counter::own("monitored_clock_steps_back_total");

/// Panics caught in the background thread.
pub static BACKGROUND_PANICS: Counter = Counter::own("monitored_background_panics_total");

/// Notifications that a channel took.
pub static SENT_NOTIFICATIONS: Counter = Counter::own("monitored_notifications_total").tags(&[("outcome", "sent")]);

/// Attempts to deliver a notification that failed and are made again.
pub static FAILED_NOTIFICATIONS: Counter = Counter::own("monitored_notifications_total").tags(&[("outcome", "failed")]);

/// Notifications that a channel will never take.
pub static PARKED_NOTIFICATIONS: Counter = Counter::own("monitored_notifications_total").tags(&[("outcome", "parked")]);

/// Notifications that were given up because their channel did not deliver for a day.
pub static EXPIRED_NOTIFICATIONS: Counter =
    Counter::own("monitored_notifications_total").tags(&[("outcome", "expired")]);

/// Counts a value that was left out.
#[cold]
#[inline(never)]
pub(crate) fn rejected_value() {
    REJECTED_VALUES.add(1_u64);
}
