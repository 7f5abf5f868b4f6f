//! A text that is used and never shown.

use std::{env, fmt, fs, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::{Receipt, Refusal, channel::CUT};
use crate::error::Error;

/// The most bytes of a file that holds a secret.
const LONGEST: u64 = 64 << 10;

/// A password, token or key, which is never printed, stored or logged, and is wiped from memory when it is dropped.
///
/// # Examples
///
/// ```
/// use monitor_sinks::notify::Secret;
///
/// let password = Secret::new("hunter2");
/// assert_eq!(format!("{password:?}"), "Secret(hidden)");
/// ```
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The secret itself. In a program it is better kept in a variable of the environment or in a file.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// What a variable of the environment holds.
    ///
    /// # Errors
    ///
    /// The variable is not set, is empty, or is not UTF-8.
    pub fn from_env(name: &str) -> Result<Self, Error> {
        match env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Self::new(value)),
            Ok(_) => Err(Error::setting(format!("the variable {name} is empty; it should hold a secret"))),
            Err(env::VarError::NotPresent) => {
                Err(Error::setting(format!("the variable {name} is not set; it should hold a secret")))
            }
            Err(env::VarError::NotUnicode(_)) => {
                Err(Error::setting(format!("the variable {name} is not UTF-8; write the secret in UTF-8")))
            }
        }
    }

    /// The content of a file, without line ends at its end.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is empty, longer than 64 KiB, or not UTF-8.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let wrong = |what: &str| Error::setting(format!("the file {} {what}; it should hold a secret", path.display()));
        let length = fs::metadata(path).map_err(|error| wrong(&format!("cannot be read ({error})")))?.len();
        if length > LONGEST {
            return Err(wrong("is longer than 64 KiB"));
        }
        let text = fs::read_to_string(path).map_err(|error| wrong(&format!("cannot be read ({error})")))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(wrong("is empty")),
            secret => Ok(Self::new(secret)),
        }
    }

    /// The text, for whoever has to send it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// In place of a secret.
const HIDDEN: &str = "(hidden)";
/// Anything shorter is found in texts that have nothing to do with it.
const SHORTEST: usize = 4;

/// What came of sending, without the secrets that were used for it: a receiver may answer with what it was sent, and a
/// program may complain about what it was given.
pub(super) fn without(sent: Result<Receipt, Refusal>, secrets: &[&str]) -> Result<Receipt, Refusal> {
    let refusal = |refusal: Refusal| Refusal { reason: hidden(refusal.reason, secrets), ..refusal };
    match sent {
        Ok(Receipt { text, refused }) => {
            let refused = refused.into_iter().map(|(recipient, reason)| (recipient, refusal(reason))).collect();
            Ok(Receipt { text: hidden(text, secrets), refused })
        }
        Err(reason) => Err(refusal(reason)),
    }
}

fn hidden(mut text: String, secrets: &[&str]) -> String {
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST) {
        text = text.replace(secret, HIDDEN);
        // A long text is cut, maybe in the middle of it.
        let Some(rest) = text.strip_suffix(CUT) else { continue };
        let begin = |length: &usize| secret.get(..*length).is_some_and(|begin| rest.ends_with(begin));
        if let Some(length) = (SHORTEST..secret.len()).rev().find(begin) {
            text = format!("{}{HIDDEN}{CUT}", &rest[..rest.len() - length]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "pässword \r\n").unwrap();
        assert_eq!(Secret::from_file(&path).unwrap().expose(), "pässword ");
    }

    #[test]
    fn what_is_missing_or_empty_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        assert!(Secret::from_file(&path).unwrap_err().to_string().contains("password cannot be read"));
        fs::write(&path, "\n").unwrap();
        assert!(Secret::from_file(&path).unwrap_err().to_string().contains("password is empty"));
        fs::write(&path, "x".repeat(100_000)).unwrap();
        assert!(Secret::from_file(&path).unwrap_err().to_string().contains("64 KiB"));
        let error = Secret::from_env("MONITORED_NO_SUCH_VARIABLE").unwrap_err();
        assert!(error.to_string().contains("MONITORED_NO_SUCH_VARIABLE is not set"), "{error}");
    }

    #[test]
    fn what_others_say_is_kept_without_it() {
        let answer = format!("no such path /planted, {}planted", "x".repeat(473));
        let secrets = ["", "x", "planted"];
        let Err(refusal) = without(Err(Refusal::transient(&answer)), &secrets) else { panic!("it was refused") };
        assert!(refusal.reason.starts_with("no such path /(hidden), xxx"), "{refusal}");
        // Of the last one only a part was kept.
        assert!(Refusal::transient(&answer).reason.ends_with("xplan ..."), "{}", Refusal::transient(&answer));
        assert!(refusal.reason.ends_with("x(hidden) ..."), "{refusal}");
        let receipt = Receipt::new("250 planted").except("a@b", Refusal::of_message("550 planted"));
        let shown = format!("{:?}", without(Ok(receipt), &secrets));
        assert!(!shown.contains("planted") && shown.contains("550 (hidden)"), "{shown}");
    }

    #[test]
    fn no_way_of_printing_shows_it() {
        let shown = format!("{:?} {:#?}", Secret::new("planted"), [Secret::new("planted")]);
        assert!(!shown.contains("planted"));
    }
}
