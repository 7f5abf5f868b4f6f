//! Messages about alerts: what they are, where they wait, and what carries them out.
//!
//! An alert that changes writes [`Message`]s into the outbox, in the transaction that stores the change. From there they
//! are sent by a thread for each [`Channel`], and marked when they have arrived. So a message is sent at least once,
//! whatever ends the program when; one that is sent twice has the same key both times.

mod channel;
mod message;
#[doc(hidden)]
pub mod notifier;
#[doc(hidden)]
pub mod outbox;
#[cfg(any(feature = "smtp", feature = "webhook"))]
mod secret;
mod severity;

#[cfg(any(feature = "smtp", feature = "webhook"))]
pub use self::secret::Secret;
pub use self::{
    channel::{Channel, Class, Receipt, Refusal, Settings},
    message::{Kind, Member, Message},
    severity::Severity,
};
