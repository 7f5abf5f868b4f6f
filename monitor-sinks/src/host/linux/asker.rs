//! Threads that ask file systems for their size, so that nobody else waits for one that does not answer.
//!
//! They take mounts from a queue. A thread whose file system hangs stays with it until it answers, so there may be several,
//! up to a number; without work they end. The answers come back through a channel, late ones too.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::Builder,
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, unbounded};

/// Threads that ask, at most.
const MOST_THREADS: usize = 8;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(90);

/// What a file system answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    /// In bytes.
    pub(super) size: u64,
    pub(super) free: u64,
    /// What of it programs may use.
    pub(super) available: u64,
    pub(super) inodes: u64,
    pub(super) inodes_free: u64,
    pub(super) is_read_only: bool,
}

/// How a file system is asked.
pub(super) type Ask = fn(&Path) -> io::Result<Usage>;

/// Asks the kernel.
pub(super) fn ask(path: &Path) -> io::Result<Usage> {
    let told = rustix::fs::statvfs(path)?;
    let block = if told.f_frsize > 0 { told.f_frsize } else { told.f_bsize };
    Ok(Usage {
        size: told.f_blocks.saturating_mul(block),
        free: told.f_bfree.saturating_mul(block),
        available: told.f_bavail.saturating_mul(block),
        inodes: told.f_files,
        inodes_free: told.f_ffree,
        is_read_only: told.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}

/// A request and an answer, by the key of who asked.
type Request<K> = (K, PathBuf);
type Answer<K> = (K, io::Result<Usage>);

/// The threads that ask.
pub(super) struct Askers<K> {
    ask: Ask,
    requests: (Sender<Request<K>>, Receiver<Request<K>>),
    answers: (Sender<Answer<K>>, Receiver<Answer<K>>),
    alive: Arc<AtomicUsize>,
}

impl<K: Send + 'static> Askers<K> {
    pub(super) fn new(ask: Ask) -> Self {
        Self { ask, requests: unbounded(), answers: unbounded(), alive: Arc::default() }
    }

    /// Puts a file system into the queue.
    pub(super) fn ask(&self, key: K, path: PathBuf) {
        // The other end is in this struct.
        let _ = self.requests.0.send((key, path));
        if self.threads() == 0 {
            self.start();
        }
    }

    /// The next answer, waited for this long.
    pub(super) fn answer(&self, wait: Duration) -> Option<Answer<K>> {
        self.answers.1.recv_timeout(wait).ok()
    }

    /// Starts one more thread if there is work that nobody takes.
    pub(super) fn reinforce(&self) {
        if !self.requests.1.is_empty() && !self.is_exhausted() {
            self.start();
        }
    }

    /// Whether there are as many threads as there may be.
    pub(super) fn is_exhausted(&self) -> bool {
        self.threads() >= MOST_THREADS
    }

    /// The threads that work, wait or hang.
    pub(super) fn threads(&self) -> usize {
        self.alive.load(Ordering::Acquire)
    }

    fn start(&self) {
        let (ask, requests, answers) = (self.ask, self.requests.1.clone(), self.answers.0.clone());
        let alive = Alive::new(&self.alive);
        // Without a thread, the mounts stay unanswered, and the next reading tries again.
        let _ = Builder::new().name(String::from("monitored-host")).spawn(move || {
            let _alive = alive;
            while let Ok((key, path)) = requests.recv_timeout(IDLE) {
                let answer = ask(&path);
                if answers.send((key, answer)).is_err() {
                    return;
                }
            }
        });
    }
}

/// Counts a thread for as long as it lives.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
