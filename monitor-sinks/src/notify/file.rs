//! Messages as lines of JSON, in a file or on standard error.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use super::{Channel, Message, Receipt, Refusal, Settings, Severity};

/// Appends each message to a file, as one line of JSON, and waits until it is on the disk.
///
/// The file is opened for each message, so that it may be moved away at any time. Messages are not gathered in digests.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// use monitor_sinks::notify::{Channel, JsonFile, Kind, Message};
///
/// let folder = std::env::temp_dir().join("monitored-json-file");
/// std::fs::create_dir_all(&folder)?;
/// let path = folder.join("alerts.jsonl");
/// # let _ = std::fs::remove_file(&path);
/// JsonFile::new(&path).send(&Message::new(Kind::Firing, "high_cpu", "f00d"), Instant::now()).unwrap();
/// assert!(std::fs::read_to_string(&path)?.starts_with("{\"kind\":\"firing\""));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a channel does nothing until it is given to a monitor"]
pub struct JsonFile {
    path: PathBuf,
    settings: Settings,
}

impl JsonFile {
    /// Lines in the file at `path`, which is made if it is missing.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), settings: Settings { digest: false, ..Settings::default() } }
    }

    /// Leaves out alerts that are less bad.
    pub fn min_severity(mut self, severity: Severity) -> Self {
        self.settings.min_severity = severity;
        self
    }
}

impl Channel for JsonFile {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        let written = OpenOptions::new().create(true).append(true).open(&self.path).and_then(|file| {
            let length = file.metadata()?.len();
            append(&file, message).inspect_err(|_| {
                // Half a line would spoil the next one.
                let _ = file.set_len(length);
            })
        });
        written.map_err(|error| {
            let reason = format!("cannot write to {}: {error}", self.path.display());
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::IsADirectory => {
                    Refusal::of_channel(reason)
                }
                _ => Refusal::transient(reason),
            }
        })?;
        Ok(Receipt::new("written"))
    }

    fn settings(&self) -> Settings {
        self.settings
    }
}

fn append(mut file: &File, message: &Message) -> io::Result<()> {
    file.write_all(line(message)?.as_bytes())?;
    file.sync_data()
}

/// Writes each message to standard error, as one line of JSON.
#[derive(Debug, Clone, Default)]
#[must_use = "a channel does nothing until it is given to a monitor"]
pub struct Stderr {
    settings: Settings,
}

impl Stderr {
    /// Lines on standard error.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves out alerts that are less bad.
    pub fn min_severity(mut self, severity: Severity) -> Self {
        self.settings.min_severity = severity;
        self
    }
}

impl Channel for Stderr {
    fn send(&mut self, message: &Message, _deadline: Instant) -> Result<Receipt, Refusal> {
        // One call, so that lines of several threads do not mix.
        let written = line(message).and_then(|line| io::stderr().lock().write_all(line.as_bytes()));
        written.map_err(|error| Refusal::transient(format!("cannot write to standard error: {error}")))?;
        Ok(Receipt::new("written"))
    }

    fn settings(&self) -> Settings {
        self.settings
    }
}

fn line(message: &Message) -> io::Result<String> {
    Ok(serde_json::to_string(message)? + "\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::notify::{Class, Kind};

    #[test]
    fn each_message_is_a_line_that_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let mut channel = JsonFile::new(&path);
        for ordinal in 0..3 {
            let mut message = Message::new(Kind::Repeat, "high_cpu", "f00d");
            (message.ordinal, message.text) = (ordinal, String::from("two\nlines"));
            assert_eq!(channel.send(&message, Instant::now()), Ok(Receipt::new("written")));
        }
        let text = fs::read_to_string(&path).unwrap();
        let ordinals: Vec<u64> =
            text.lines().map(|line| serde_json::from_str::<Message>(line).unwrap().ordinal).collect();
        assert_eq!(ordinals, [0, 1, 2]);
    }

    #[test]
    fn a_path_that_leads_nowhere_is_for_somebody_to_mend() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("missing/alerts.jsonl")] {
            let refusal = JsonFile::new(&path).send(&Message::new(Kind::Test, "", ""), Instant::now()).unwrap_err();
            assert_eq!(refusal.class, Class::Channel, "{refusal}");
            assert!(refusal.reason.contains(&path.display().to_string()));
        }
    }
}
