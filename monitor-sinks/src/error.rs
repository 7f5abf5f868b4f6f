//! What can go wrong between a program and its store, in one opaque type.
//!
//! A message names the thing, the place and the cure, because it is read by someone whose program has just refused to
//! start or whose question was not answered. Callers branch on predicates, so that kinds can be added and split without
//! breaking them.

use std::{error, fmt, path::Path, path::PathBuf, sync::Arc, time::Duration};

use rusqlite::{ErrorCode, ffi::SQLITE_IOERR_SHMSIZE};

/// A failure to start, to write, or to answer a question.
///
/// The message says what failed, where, and what to do about it. Branch on the predicates:
///
/// ```
/// # fn give_up() {}
/// match monitor_sinks::Store::open_read_only("no/such/metrics.db") {
///     Err(error) if error.is_not_found() => println!("nothing recorded yet: {error}"),
///     Err(error) => println!("{error}"),
///     Ok(store) => drop(store),
/// }
/// ```
#[derive(Clone)]
pub struct Error {
    kind: Box<Kind>,
}

/// A name that was meant and a hint how to say it.
type Hint = String;

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    IsFolder { path: PathBuf },
    IsSpecial { path: PathBuf },
    DanglingLink { path: PathBuf, target: PathBuf },
    FolderMissing { path: PathBuf },
    NotFound { path: PathBuf },
    ReadOnly { path: PathBuf, source: Option<Source> },
    Companion { path: PathBuf, companion: PathBuf, read_only: bool, source: Source },
    NotADatabase { path: PathBuf },
    OtherApplication { path: PathBuf, application_id: i32 },
    SchemaTooNew { path: PathBuf, found: i64, known: i64 },
    Empty { path: PathBuf },
    Exists { path: PathBuf },
    Incomplete { path: PathBuf },
    NothingFound { path: PathBuf },
    InUse { path: PathBuf, holder: Option<u32> },
    Locked { path: PathBuf, waited: Duration },
    Full { path: PathBuf, source: Source },
    Corrupt { path: PathBuf, source: Source },
    Unopenable { path: PathBuf, source: Source },
    Sqlite { doing: &'static str, path: PathBuf, source: Source },
    Io { doing: &'static str, path: PathBuf, source: Source },
    Setting { message: String },
    Stopped,
    Unstored { cause: Error },
    Panicked { message: String },
    UnknownName { message: String },
    Ambiguous { what: String, candidates: Vec<Hint> },
    NoFunction,
    BadInput { message: String },
    Stream { doing: String, source: Arc<std::io::Error> },
    Sql { fault: Fault, message: String },
    Rule { name: String, message: String },
}

/// What is the matter with a statement of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It makes no sense.
    Mistake,
    /// It would do something else than read.
    Refused,
    /// It reads or answers more than its limits allow.
    Limit,
}

type Source = Arc<dyn error::Error + Send + Sync>;

impl Error {
    /// Whether another connection holds the database locked. Trying again later can help.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self.kind(), Kind::Locked { .. })
    }

    /// Whether the file or its folder cannot be written to.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self.kind(), Kind::ReadOnly { .. } | Kind::Companion { read_only: true, .. })
    }

    /// Whether the file is something else than a database.
    #[must_use]
    pub fn is_not_a_database(&self) -> bool {
        matches!(self.kind(), Kind::NotADatabase { .. })
    }

    /// Whether the file is a database that belongs to another application. It was not touched.
    #[must_use]
    pub fn is_of_another_application(&self) -> bool {
        matches!(self.kind(), Kind::OtherApplication { .. })
    }

    /// Whether the file was written by a newer release, so that trying again cannot help.
    #[must_use]
    pub fn is_schema_too_new(&self) -> bool {
        matches!(self.kind(), Kind::SchemaTooNew { .. })
    }

    /// Whether another monitor, in this process or another one, is recording to the file.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self.kind(), Kind::InUse { .. })
    }

    /// Whether a file that was to be made is there already. It was left alone.
    #[must_use]
    pub fn is_already_there(&self) -> bool {
        matches!(self.kind(), Kind::Exists { .. })
    }

    /// Whether the path leads to a folder instead of a file.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        matches!(self.kind(), Kind::IsFolder { .. })
    }

    /// Whether the file, or the folder that it should be in, does not exist, or the file is still empty.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.kind(),
            Kind::NotFound { .. } | Kind::FolderMissing { .. } | Kind::Empty { .. } | Kind::DanglingLink { .. }
        )
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.kind(), Kind::Full { .. })
    }

    /// Whether the database is damaged.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self.kind(), Kind::Corrupt { .. })
    }

    /// Whether a setting given to the builder or to a query is out of range or missing.
    #[must_use]
    pub fn is_invalid_setting(&self) -> bool {
        matches!(self.kind(), Kind::Setting { .. })
    }

    /// Whether the store knows no function, metric, service or tag of the name asked for.
    #[must_use]
    pub fn is_unknown_name(&self) -> bool {
        matches!(self.kind(), Kind::UnknownName { .. } | Kind::NoFunction)
    }

    /// Whether several functions go by the name asked for. [`candidates`](Self::candidates) says how to name each.
    #[must_use]
    pub fn is_ambiguous_name(&self) -> bool {
        matches!(self.kind(), Kind::Ambiguous { .. })
    }

    /// For an ambiguous name, the shortest spelling of each function that is meant by it, sorted; else empty.
    #[must_use]
    pub fn candidates(&self) -> &[String] {
        match self.kind() {
            Kind::Ambiguous { candidates, .. } => candidates,
            _ => &[],
        }
    }

    /// Whether a statement of SQL makes no sense: a mistake in it, or a table or column that there is not.
    #[must_use]
    pub fn is_invalid_sql(&self) -> bool {
        matches!(self.kind(), Kind::Sql { fault: Fault::Mistake, .. })
    }

    /// Whether a statement of SQL would do something else than read.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.kind(), Kind::Sql { fault: Fault::Refused, .. })
    }

    /// Whether an answer, or the way to it, is longer than its limits allow.
    #[must_use]
    pub fn is_over_limit(&self) -> bool {
        matches!(self.kind(), Kind::Sql { fault: Fault::Limit, .. })
    }

    /// Whether a text that was to be imported is not in the format, or is too large. The message names the line.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        matches!(self.kind(), Kind::BadInput { .. })
    }

    /// Whether whoever an export was written for has stopped reading, as `head` does.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self.kind(), Kind::Stream { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// Whether a rule has a mistake in it, or could not be evaluated. The message names the rule.
    #[must_use]
    pub fn is_of_rule(&self) -> bool {
        matches!(self.kind(), Kind::Rule { .. })
    }

    /// Whether SQLite could not open the file, for a reason that it does not tell.
    pub(crate) fn is_unopenable(&self) -> bool {
        matches!(self.kind(), Kind::Unopenable { .. })
    }

    /// The schema of a file that is newer than this release.
    pub(crate) fn newer_schema(&self) -> Option<i64> {
        match self.kind() {
            Kind::SchemaTooNew { found, .. } => Some(*found),
            _ => None,
        }
    }

    /// Whether SQLite found what cannot be in a store. Our statements are what they always are: one that makes no sense to
    /// it, or has an answer of another type, does so because of the file.
    pub(crate) fn is_damage(&self) -> bool {
        match self.kind() {
            Kind::Corrupt { .. } | Kind::NotADatabase { .. } => true,
            Kind::Sqlite { source, .. } => source.downcast_ref::<rusqlite::Error>().is_some_and(|error| {
                matches!(error.sqlite_error_code(), None | Some(ErrorCode::Unknown | ErrorCode::TypeMismatch))
            }),
            _ => false,
        }
    }

    /// Whether damage to the header of the file may have led to this.
    pub(crate) fn may_be_damage(&self) -> bool {
        let by_header = matches!(
            self.kind(),
            Kind::OtherApplication { .. }
                | Kind::SchemaTooNew { .. }
                | Kind::Empty { .. }
                | Kind::ReadOnly { .. }
                | Kind::Unopenable { .. }
        );
        by_header || self.is_damage()
    }

    /// Sorts a failure of SQLite into what the caller can do about it.
    pub(crate) fn sqlite(doing: &'static str, path: &Path, waited: Duration, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let code = source.sqlite_error_code();
        // The index of the log found no room; the code does not say so.
        let no_room = source.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE);
        match code {
            _ if no_room => Kind::Full { path, source: Arc::new(source) },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Locked { path, waited },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Kind::ReadOnly { path, source: Some(Arc::new(source)) }
            }
            Some(ErrorCode::CannotOpen) => Kind::Unopenable { path, source: Arc::new(source) },
            Some(ErrorCode::NotADatabase) => Kind::NotADatabase { path },
            Some(ErrorCode::DiskFull) => Kind::Full { path, source: Arc::new(source) },
            Some(ErrorCode::DatabaseCorrupt) => Kind::Corrupt { path, source: Arc::new(source) },
            _ => Kind::Sqlite { doing, path, source: Arc::new(source) },
        }
        .into()
    }

    /// Sorts a failure of the file system into what the caller can do about it.
    pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Kind::ReadOnly { path, source: Some(Arc::new(source)) }
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Kind::Full { path, source: Arc::new(source) },
            _ => Kind::Io { doing, path, source: Arc::new(source) },
        }
        .into()
    }

    /// What went wrong, whatever came of it.
    fn kind(&self) -> &Kind {
        match &*self.kind {
            Kind::Unstored { cause } => cause.kind(),
            kind => kind,
        }
    }

    /// The failure underneath, for another message; the failure itself if there is none.
    pub(crate) fn into_reason(self) -> Reason {
        error::Error::source(&self).map_or_else(|| Reason(self.to_string()), |source| Reason(source.to_string()))
    }

    /// A text that cannot be imported. `line` counts from 1 and is 0 if it is about the text as a whole.
    pub(crate) fn bad_input(input: &str, line: usize, message: impl AsRef<str>) -> Self {
        let place = if line == 0 { String::new() } else { format!("line {line}: ") };
        Kind::BadInput { message: format!("cannot import {input}: {place}{}", message.as_ref()) }.into()
    }

    /// A failure to read an import or to write an export.
    pub(crate) fn stream(doing: impl Into<String>, source: std::io::Error) -> Self {
        Kind::Stream { doing: doing.into(), source: Arc::new(source) }.into()
    }

    /// A mistake in a rule, or a failure to evaluate it.
    #[allow(dead_code, reason = "there are builds without rules")]
    pub(crate) fn rule(name: &str, message: impl fmt::Display) -> Self {
        Kind::Rule { name: name.to_owned(), message: message.to_string() }.into()
    }

    pub(crate) fn setting(message: impl Into<String>) -> Self {
        Kind::Setting { message: message.into() }.into()
    }
}

/// The text of a failure that another one names as its reason.
#[derive(Debug)]
pub(crate) struct Reason(String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Reason {}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { kind: Box::new(kind) }
    }
}

impl fmt::Display for Error {
    #[allow(clippy::too_many_lines, reason = "one message for each kind, in one place")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.kind {
            Kind::IsFolder { path } => {
                write!(f, "metric store {} is a folder; name a file in it, such as metrics.db", path.display())
            }
            Kind::IsSpecial { path } => write!(f, "{} is not a regular file; choose another path", path.display()),
            Kind::DanglingLink { path, target } => write!(
                f,
                "{} is a symbolic link to {}, which does not exist; create that file (it may be empty), or remove the link",
                path.display(),
                target.display()
            ),
            Kind::FolderMissing { path } => {
                about(f, "the folder of metric store", path, "does not exist; create it or choose another path")
            }
            Kind::NotFound { path } => {
                write!(f, "there is no metric store {}; check the path, or start a recording program first", path.display())
            }
            Kind::ReadOnly { path, .. } => about(
                f,
                "metric store",
                path,
                "cannot be written to; give this user write permission on the file and its folder, or choose another path",
            ),
            Kind::Companion { path, companion, source, .. } => write!(
                f,
                "cannot record to metric store {}: its file {} cannot be written to ({source}); give this user write \
                 permission on that file, or remove it while no program uses the store",
                path.display(),
                companion.display()
            ),
            Kind::NotADatabase { path } => {
                write!(f, "{} is not a metric store (not a SQLite database); choose another path", path.display())
            }
            Kind::OtherApplication { path, application_id } => write!(
                f,
                "{} is a database of another application (application_id {application_id}) and was left alone; choose \
                 another path",
                path.display()
            ),
            Kind::SchemaTooNew { path, found, known } => write!(
                f,
                "metric store {} has schema {found}, newest known is {known}; update this program, or choose another file",
                path.display()
            ),
            Kind::Empty { path } => {
                about(f, "metric store", path, "is empty; start a recording program on it first, or check the path")
            }
            Kind::Exists { path } => about(f, "a file", path, "is there already and is not replaced; choose another name"),
            Kind::Incomplete { path } => about(f, "", path, "does not hold what was copied to it; try again, or check the disk"),
            Kind::NothingFound { path } => about(f, "", path, "holds nothing of a metric store; look for a backup"),
            Kind::InUse { path, holder } => write!(
                f,
                "metric store {} is in use: {} is recording to it; stop that recording, or give each its own file",
                path.display(),
                who(*holder)
            ),
            Kind::Locked { path, waited } => write!(
                f,
                "metric store {} is locked by another connection (waited {waited:?}); close the program that holds a \
                 transaction on it",
                path.display()
            ),
            Kind::Full { path, .. } => about(f, "the disk of metric store", path, "is full; free some space on it"),
            Kind::Corrupt { path, source } => write!(
                f,
                "metric store {} is damaged ({source}); save what can be read with `monitor salvage`, or move it away together \
                 with the files -wal and -shm beside it",
                path.display()
            ),
            Kind::Unopenable { path, source } => write!(
                f,
                "cannot open metric store {} ({source}); check the permissions of this user on the file and its folder",
                path.display()
            ),
            Kind::Sqlite { doing, path, source } | Kind::Io { doing, path, source } => {
                write!(f, "cannot {doing} metric store {}: {source}", path.display())
            }
            Kind::Setting { message }
            | Kind::UnknownName { message }
            | Kind::BadInput { message }
            | Kind::Sql { message, .. } => f.write_str(message),
            Kind::Stopped => f.write_str("the monitor's background thread has ended; start a new monitor"),
            Kind::Unstored { cause } => write!(
                f,
                "the last values could not be stored: {cause}. The next monitor that this process starts stores them; if \
                 it ends without one, they are lost"
            ),
            Kind::Panicked { message } => write!(
                f,
                "storing panicked ({message}); this is a mistake in the monitor or in the source given to it, please report it"
            ),
            Kind::Ambiguous { what, candidates } => {
                write!(f, "several functions are called `{what}`; write one of: {}", candidates.join(", "))
            }
            Kind::Stream { doing, source } => write!(f, "cannot {doing}: {source}"),
            Kind::Rule { name, message } => write!(f, "rule `{name}`: {message}"),
            Kind::NoFunction => f.write_str(
                "the store holds no function at all; check that functions carry #[monitored], that one was called while \
                 a monitor was recording, and that this is the right file",
            ),
        }
    }
}

/// A sentence around the name of a file.
fn about(f: &mut fmt::Formatter<'_>, before: &str, path: &Path, after: &str) -> fmt::Result {
    let space = if before.is_empty() { "" } else { " " };
    write!(f, "{before}{space}{} {after}", path.display())
}

/// The process that holds a store, in words.
fn who(holder: Option<u32>) -> String {
    match holder {
        Some(process) if process == std::process::id() => String::from("this process"),
        Some(process) => format!("process {process}"),
        None => String::from("another process"),
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self}; {:?})", self.kind)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &*self.kind {
            Kind::Unstored { cause } => Some(cause),
            Kind::ReadOnly { source: Some(source), .. }
            | Kind::Companion { source, .. }
            | Kind::Full { source, .. }
            | Kind::Corrupt { source, .. }
            | Kind::Unopenable { source, .. }
            | Kind::Sqlite { source, .. }
            | Kind::Io { source, .. } => Some(source.as_ref()),
            Kind::Stream { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_crosses_threads() {
        const fn sendable<T: Send + Sync + 'static>() {}
        sendable::<Error>();
    }

    #[test]
    fn each_message_names_the_place_and_the_cure() {
        let path = PathBuf::from("var/metrics.db");
        let kinds = [
            Kind::IsFolder { path: path.clone() },
            Kind::IsSpecial { path: path.clone() },
            Kind::DanglingLink { path: path.clone(), target: path.clone() },
            Kind::FolderMissing { path: path.clone() },
            Kind::NotFound { path: path.clone() },
            Kind::ReadOnly { path: path.clone(), source: None },
            Kind::NotADatabase { path: path.clone() },
            Kind::OtherApplication { path: path.clone(), application_id: 7 },
            Kind::SchemaTooNew { path: path.clone(), found: 9, known: 1 },
            Kind::Empty { path: path.clone() },
            Kind::Exists { path: path.clone() },
            Kind::Incomplete { path: path.clone() },
            Kind::NothingFound { path: path.clone() },
            Kind::InUse { path: path.clone(), holder: None },
            Kind::Locked { path, waited: Duration::from_secs(2) },
        ];
        for kind in kinds {
            let message = Error::from(kind).to_string();
            assert!(message.contains("metrics.db") && message.contains(';'), "{message}");
        }
    }
}
