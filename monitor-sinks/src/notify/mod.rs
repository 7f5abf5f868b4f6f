//! Notifications of alerts: what is told, and how urgent it is.

mod severity;

pub use self::severity::Severity;
