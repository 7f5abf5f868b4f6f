//! Messages about alerts: what they are, where they wait, and what carries them out.
//!
//! An alert that changes writes [`Message`]s into the outbox, in the transaction that stores the change. From there they
//! are sent by a thread for each [`Channel`], and marked when they have arrived. So a message is sent at least once,
//! whatever ends the program when; one that is sent twice has the same key both times.

#[cfg(feature = "webhook")]
mod alertmanager;
mod channel;
mod command;
#[cfg(feature = "smtp")]
mod email;
mod file;
mod message;
#[doc(hidden)]
pub mod notifier;
#[doc(hidden)]
pub mod outbox;
#[cfg(any(feature = "smtp", feature = "webhook"))]
mod plain;
mod secret;
mod severity;
#[cfg(feature = "webhook")]
mod webhook;

#[cfg(feature = "smtp")]
pub use self::email::{Builder as EmailBuilder, Email};
#[cfg(feature = "webhook")]
pub use self::{
    alertmanager::{Active, Alertmanager, Builder as AlertmanagerBuilder},
    webhook::{Builder as WebhookBuilder, Webhook},
};
pub use self::{
    channel::{Channel, Class, Receipt, Refusal, Settings},
    command::Command,
    file::{JsonFile, Stderr},
    message::{Kind, Member, Message},
    secret::Secret,
    severity::Severity,
};
