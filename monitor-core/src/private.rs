//! What generated code calls. Not part of the public interface: it changes without notice.

pub use crate::metric::assert_tag_keys;
pub use crate::site::{
    AsyncSpan, CallSite, Label, Meta, Objective, Outcome, Probe, Span, TagText, Time, call, call_ok, enter, probe,
    start, tagged,
};
