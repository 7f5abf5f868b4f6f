//! Small helpers without knowledge of metrics.

pub(crate) mod distance;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) mod guard;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) mod report;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) mod time;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) mod varint;
