//! What a failure of SMTP means: it depends on what was being said.

use std::{error, io};

use lettre::transport::smtp;

use crate::notify::Refusal;

/// What was being said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The connection, its encryption, the login, and who sends. It is the same for all mails.
    Session,
    /// A recipient, or the mail.
    Mail,
}

/// What is done about a failure.
pub(super) fn refusal(error: &smtp::Error, stage: Stage) -> Refusal {
    let reason = said(error);
    let is_final = if error.status().is_some() { error.is_permanent() } else { error.is_client() };
    match stage {
        _ if error.is_tls() || is_of_tls(error) => Refusal::of_channel(reason),
        _ if !is_final => Refusal::transient(reason),
        Stage::Session => Refusal::of_channel(reason),
        Stage::Mail => Refusal::of_message(reason),
    }
}

/// Whether there was a connection, and no trust. The client calls it a failure of the network; TLS says so by this kind of
/// failure of reading and writing only. Tried again as if the network were down, it would be so for ever.
fn is_of_tls(error: &smtp::Error) -> bool {
    let mut cause: Option<&(dyn error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The failure and its causes.
fn said(error: &smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error::Error::source(error);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
