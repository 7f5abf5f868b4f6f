//! Small helpers without knowledge of metrics.

pub(crate) mod distance;
pub(crate) mod guard;
pub(crate) mod report;
pub(crate) mod time;
pub(crate) mod varint;
