//! What generated code calls. Not part of the public interface: it changes without notice.

pub use crate::metric::assert_tag_keys;
pub use crate::site::{
    Both, Busy, CallSite, ErrorLabel, Guard, Label, Meta, Objective, Once, Outcome, Probe, Span, TagText, Time, Whole,
    begin, boxed, call, enter, error_if, future, labelled, made, ok_if, probe, tagged,
};
