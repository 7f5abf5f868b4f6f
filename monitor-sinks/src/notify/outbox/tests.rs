//! The outbox as its callers see it.
