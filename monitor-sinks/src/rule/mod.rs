//! Alert rules: what they say, how an alert lives by them, and everything that is done with them without a running
//! monitor.
//!
//! ```text
//! model        Rule and its builder; condition: thresholds, presence, functions of the program
//! text         a rule as one line; template: what is said of an alert, seed: values as Python formats them
//! fingerprint  what tells one alert from another
//! state        what is remembered of an alert; event: what happened to it
//! route        where an alert leads, by its labels
//! evaluate     one rule over any source, at an instant: what is seen of each alert
//! coverage     windows with too few samples
//! engine       rules at work: evaluated at each flush, kept in the store, told
//! step         (rule, state, what was seen, time) ──► events: the one place where alerts change
//! alerts       the alerts of a rule on passed-in time
//! dry_run      what a rule would have done; testing: what it must do, as tests say
//! recording    groups of rules, and rules that record
//! objective    rules for what functions have promised
//! prometheus   rule files of Prometheus, in and out
//! ```
//!
//! Invariants:
//!
//! - [`step`] is a function of its arguments: no clock, no input, no output. The running monitor, dry runs and tests of
//!   rules call the same one.
//! - What is not known ends no alert, unless the rule says so.
//! - Time is what has been watched: neither a clock that is set, nor a program that was not running, counts.

mod alerts;
#[doc(hidden)]
pub mod bench;
mod condition;
mod coverage;
mod dry_run;
pub(crate) mod engine;
mod evaluate;
mod event;
mod fingerprint;
mod humanize;
mod model;
mod objective;
#[cfg(feature = "config")]
pub mod prometheus;
mod recording;
pub(crate) mod route;
mod seed;
mod state;
mod step;
mod template;
pub mod testing;
mod text;
mod view;

pub use self::{
    condition::{Closure, Comparison, Condition, Decision, Level},
    dry_run::{Incident, Report, Tried, dry_run, sweep},
    engine::{Acknowledgement, Alert, AlertEvent, Explanation, Silence},
    evaluate::{Elements, evaluate, observed},
    event::{Event, EventKind, Reason},
    fingerprint::Fingerprint,
    model::{Coverage, Missing, Rule},
    objective::{objective_group, objective_groups},
    recording::{Entry, Group, Recording},
    state::{Lifecycle, State},
    step::{Observed, Tick, remove, step},
    template::{Facts, Rendered, Template},
    view::View,
};
