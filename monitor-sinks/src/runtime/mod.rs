//! The running monitor: one background thread between the registry and the store.
//!
//! - `builder`: settings, checked when the monitor starts.
//! - `schedule`: when the next drain is due, as pure arithmetic on instants that are passed in.
//! - `thread`: the loop; `outage`: what it says and counts while the store cannot be written to.
//! - `source`: where values come from; the registry of the process, or a stand-in.
//! - `attached`: what ends with a monitor.
//! - `question`: PromQL.
//! - `attendant`: what is done at each flush beside storing; `alert`: rules and channels; `ruled`: which rules there are.
//! - `sampler`: origins beside it, on grids of their own; `host`: the machine as one of them.

#[cfg(feature = "rules")]
mod alert;
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only a server is attached"))]
mod attached;
#[cfg_attr(not(feature = "rules"), allow(dead_code, reason = "only rules look at the occasion"))]
mod attendant;
mod builder;
#[cfg(feature = "host")]
mod host;
mod outage;
mod plan;
#[cfg(feature = "promql")]
mod question;
#[cfg(feature = "rules")]
mod ruled;
mod sampler;
mod schedule;
mod source;
#[cfg_attr(not(feature = "promql"), allow(dead_code, reason = "only PromQL asks for values"))]
mod thread;

use std::{fmt, path::Path, sync::Arc, thread::JoinHandle};

use crossbeam_channel::{Sender, bounded};

#[allow(unused_imports, reason = "there are builds without plans")]
pub(crate) use self::plan::Plan;
use self::{
    attached::Attached,
    plan::Renewal,
    thread::{Command, Reply},
};
pub use self::{builder::Builder, source::Source};
use crate::{
    error::{Error, Kind},
    query::Query,
    store::Store,
    util::report,
};

/// A recording: a background thread that brings what the process records into a store.
///
/// It lasts until [`shutdown`](Self::shutdown) or until it is dropped; both store what is left. Its handle may be shared
/// between threads.
///
/// # Monitors that are never dropped
///
/// Rust does not drop the values of a `static` when the program ends, nor one given to [`std::mem::forget`] or alive in
/// a call of [`std::process::exit`]. A monitor in such a place loses what was recorded since its last flush. Keep the
/// monitor in a variable of `main`; or, where it has to be a `static`, keep it as
/// `Mutex<Option<Monitor>>`, and at the end of `main` take it out and call [`shutdown`](Self::shutdown).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use monitor_sinks::Monitor;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("metrics.db");
/// let monitor = Monitor::builder().service("etl").sqlite(path).flush_every(Duration::from_secs(1)).start()?;
/// monitor.flush()?;
/// for function in monitor.query().last(Duration::from_secs(3600)).functions()? {
///     println!("{}: {} calls", function.path(), function.calls);
/// }
/// monitor.shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a monitor stops recording when it is dropped"]
pub struct Monitor {
    store: Store,
    commands: Sender<Command>,
    /// Gone once the thread was joined.
    thread: Option<JoinHandle<()>>,
    attached: Attached,
    /// Where settings come from that can change.
    renewal: Option<Renewal>,
}

impl Monitor {
    /// Begins the settings of a monitor.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Stores everything that has been recorded before this call, and returns when it is committed.
    ///
    /// Waits for at most about a second, also when many threads call it at once: they share one drain. What could not be
    /// stored is kept and stored by a later flush.
    ///
    /// # Errors
    ///
    /// If the store cannot be written to at the moment.
    pub fn flush(&self) -> Result<(), Error> {
        self.ask(Command::Flush)
    }

    /// Begins a query on what has been stored. Call [`flush`](Self::flush) before to include the current interval.
    pub fn query(&self) -> Query {
        self.store.query()
    }

    /// The store that is recorded to.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Stores everything that has been recorded before this call, and copies the store to a new file, while recording goes
    /// on; see [`Store::backup`]. Returns the size of the copy in bytes.
    ///
    /// # Errors
    ///
    /// If the store cannot be written to at the moment, there is a file of that name already, or the copy cannot be
    /// written.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<u64, Error> {
        self.flush()?;
        self.store.backup(to)
    }

    /// Stores what is left, closes the store and ends the background thread.
    ///
    /// # Errors
    ///
    /// If the last values could not be stored, such as when the store stayed locked for two seconds. The thread has ended
    /// all the same. The values are kept in the process and stored by the next monitor that it starts; without one they
    /// are lost with the process.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.stop()
    }

    fn new(path: Arc<Path>, commands: Sender<Command>, thread: JoinHandle<()>, renewal: Option<Renewal>) -> Self {
        Self { store: Store::at(path), commands, thread: Some(thread), attached: Attached::default(), renewal }
    }

    fn stop(&mut self) -> Result<(), Error> {
        self.attached.end();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let result = self.ask(Command::Stop);
        // The loop catches panics; one that gets past it has been answered as `Stopped` above.
        let _ = thread.join();
        result
    }

    fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), Error> {
        let (reply, answer) = bounded(1);
        let stopped = || Error::from(Kind::Stopped);
        self.commands.send(command(reply)).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            report::line(format_args!("{error}"));
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("store", &self.store).finish_non_exhaustive()
    }
}
