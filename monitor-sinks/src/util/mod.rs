//! Small helpers without knowledge of metrics.

pub(crate) mod distance;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) mod guard;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) mod report;
#[cfg(any(feature = "http", feature = "sqlite", feature = "sqlite-system"))]
#[cfg_attr(
    not(any(feature = "sqlite", feature = "sqlite-system")),
    allow(dead_code, reason = "the store uses the rest")
)]
pub(crate) mod time;
#[cfg(any(feature = "sqlite", feature = "sqlite-system"))]
pub(crate) mod varint;

/// The bits of the not-a-number by which Prometheus says that a series ended: no arithmetic makes it.
pub(crate) const STALE: u64 = 0x7ff0_0000_0000_0002;
