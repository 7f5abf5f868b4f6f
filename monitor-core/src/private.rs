//! What generated code calls. Not part of the public interface: it changes without notice.

pub use crate::metric::assert_tag_keys;
pub use crate::site::{
    AsyncSpan, Both, Busy, CallSite, ErrorLabel, Label, Meta, Objective, Outcome, Probe, Span, TagText, Time, Whole,
    boxed, call, call_ok, enter, error_if, future, labelled, made, ok_if, probe, start, tagged,
};
