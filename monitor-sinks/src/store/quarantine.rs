//! What becomes of a store that is found damaged: it is set aside, and recording goes on in a new file.
//!
//! A program must not be kept from starting, nor lose what it records, because a disk has flipped a bit in the history of
//! its metrics. The damaged file gets another name, with its log, and is not touched any more; a thread of its own saves
//! what can be read of it into a store beside it. Mending the file in place was rejected: what SQLite would make of it
//! cannot be told beforehand.
//!
//! What must stay true: a file that was never a store of ours is left alone, however damaged it is. So it is not enough that
//! SQLite cannot make sense of it. Either it says in its header that it is ours; or the header is damaged as well, and then
//! there must be something in it that only a store has, which is rows with our checksum.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use monitor_core::own;

use super::{
    fresh,
    lease::Quiet,
    salvage,
    schema::{APPLICATION_ID, beside},
};
use crate::{error::Error, util::report};

/// How long the end of a recording waits for what is being saved.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether `error` comes from damage to the file at `path`, and the file was a store of ours.
pub(super) fn is_damaged_store(path: &Path, error: &Error) -> bool {
    // Looked at by other means than SQLite, which is allowed while nobody records to it.
    let Some(_quiet) = Quiet::at(path).filter(|_| error.may_be_damage()) else { return false };
    let Some(header) = Header::read(path) else { return false };
    match header.owner() {
        Owner::Us => error.is_damage() || header.is_damaged(),
        Owner::NobodyKnows => salvage::holds_rows(path).unwrap_or(false),
        Owner::Somebody => false,
    }
}

/// Who a file belongs to by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Us,
    Somebody,
    /// It is damaged where it would say so.
    NobodyKnows,
}

/// The beginning of a SQLite file.
struct Header([u8; 100]);

impl Header {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";

    /// Newer releases may have more versions, but not in this life.
    const LIKELY_VERSIONS: std::ops::RangeInclusive<u32> = 1..=1_000;

    /// The header of the file at `path`, if it is long enough to have one.
    fn read(path: &Path) -> Option<Self> {
        let mut header = [0; 100];
        File::open(path).and_then(|mut file| file.read_exact(&mut header)).ok().map(|()| Self(header))
    }

    fn number(&self, at: usize) -> u32 {
        self.0[at..].first_chunk().map_or(0, |&bytes| u32::from_be_bytes(bytes))
    }

    fn owner(&self) -> Owner {
        let id = self.number(68).to_be_bytes();
        let wrong = id.iter().zip(APPLICATION_ID.to_be_bytes()).filter(|(found, ours)| **found != *ours).count();
        match (self.0.starts_with(Self::MAGIC), wrong) {
            (true, 0) => Owner::Us,
            // One byte of it may have been flipped. Nobody else comes that close by accident.
            (true, 1) | (false, _) => Owner::NobodyKnows,
            (true, _) => Owner::Somebody,
        }
    }

    /// Whether it says something that no header of a store says.
    fn is_damaged(&self) -> bool {
        let is_sound = self.0[16..18] == [0x20, 0]
            && self.0[18..20].iter().all(|version| (1..=2).contains(version))
            && self.0[20..24] == [0, 64, 32, 32]
            && (1..=4).contains(&self.number(44))
            && self.number(56) == 1
            && Self::LIKELY_VERSIONS.contains(&self.number(60));
        !is_sound
    }
}

/// Gives the file at `path` another name, and its log with it. The caller holds the lease, and has no connection.
pub(super) fn rename(path: &Path, now_us: i64) -> Result<PathBuf, Error> {
    let seconds = now_us.div_euclid(1_000_000);
    let names = (0..).map(|again| match again {
        0 => beside(path, &format!(".corrupt-{seconds}")),
        again => beside(path, &format!(".corrupt-{seconds}-{again}")),
    });
    let aside = names.into_iter().find(|name| name.symlink_metadata().is_err()).unwrap_or_else(|| path.to_owned());
    let failed = |error| Error::io("set aside", path, error);
    // The log first: with a new file it would be taken for the log of that.
    let log = beside(path, "-wal");
    if log.symlink_metadata().is_ok() {
        fs::rename(log, beside(&aside, "-wal")).map_err(failed)?;
    }
    fs::rename(path, &aside).map_err(failed)?;
    let _ = fs::remove_file(beside(path, "-shm"));
    fresh::sync_folder(path);
    Ok(aside)
}

/// A damaged store that is being saved in the background.
#[derive(Debug)]
pub(super) struct Saving {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Saving {
    /// Begins to save what can be read of `aside` into a store beside it. What becomes of that is said in a line.
    pub(super) fn begin(aside: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let work = move || {
            let saved = saved_name(&aside);
            // Relaxed: nothing else is passed by it.
            match salvage::salvage(&aside, &saved, || !asked.load(Ordering::Relaxed)) {
                Ok(report) => report::line(format_args!("{}: {report}; see {}", aside.display(), saved.display())),
                Err(error) => report::line(format_args!(
                    "{} was not saved: {error}. Try it with: monitor salvage --db {0} NEW-FILE",
                    aside.display()
                )),
            }
        };
        // Without a thread it is not saved now, and can be saved at any time.
        let thread = thread::Builder::new().name(String::from("monitored-save")).spawn(work).ok();
        Self { stop, thread }
    }
}

impl Drop for Saving {
    /// Waits a moment for its end, then gives it up.
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let begun = Instant::now();
        while !thread.is_finished() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        self.stop.store(true, Ordering::Relaxed);
        if thread.join().is_err() {
            own::BACKGROUND_PANICS.add(1_u64);
        }
    }
}

/// `metrics.db.salvaged-17` for `metrics.db.corrupt-17`.
fn saved_name(aside: &Path) -> PathBuf {
    let name = aside.file_name().map(|name| name.to_string_lossy().replace(".corrupt-", ".salvaged-"));
    aside.with_file_name(name.map_or_else(OsString::new, OsString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(change: impl FnOnce(&mut [u8; 100])) -> Header {
        let mut bytes = [0; 100];
        bytes[..16].copy_from_slice(Header::MAGIC);
        bytes[16..24].copy_from_slice(&[0x20, 0, 2, 2, 0, 64, 32, 32]);
        (bytes[47], bytes[59], bytes[63]) = (4, 1, 2);
        bytes[68..72].copy_from_slice(&APPLICATION_ID.to_be_bytes());
        change(&mut bytes);
        Header(bytes)
    }

    #[test]
    fn a_header_tells_whose_the_file_is_unless_it_is_damaged_there() {
        assert_eq!(header(|_| {}).owner(), Owner::Us);
        assert_eq!(header(|bytes| bytes[70] ^= 4).owner(), Owner::NobodyKnows);
        assert_eq!(header(|bytes| bytes[3] ^= 4).owner(), Owner::NobodyKnows);
        assert_eq!(header(|bytes| bytes[68..72].fill(0)).owner(), Owner::Somebody);
        assert_eq!(header(|bytes| bytes[69..71].fill(1)).owner(), Owner::Somebody);
    }

    #[test]
    fn what_no_store_says_is_damage() {
        assert!(!header(|_| {}).is_damaged());
        for at in [16, 17, 18, 19, 20, 21, 22, 23, 44, 47, 56, 59, 60, 61] {
            assert!(header(|bytes| bytes[at] ^= 0x40).is_damaged(), "byte {at}");
        }
        // A newer version, and what changes with each transaction.
        for at in [24, 28, 32, 36, 40, 63, 92] {
            assert!(!header(|bytes| bytes[at] ^= 0x40).is_damaged(), "byte {at}");
        }
    }

    #[test]
    fn names_tell_what_belongs_together_and_are_never_used_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        for wanted in ["metrics.db.corrupt-17", "metrics.db.corrupt-17-1", "metrics.db.corrupt-17-2"] {
            fs::write(&path, wanted).unwrap();
            fs::write(beside(&path, "-wal"), "log").unwrap();
            let aside = rename(&path, 17_000_000).unwrap();
            assert_eq!(aside.file_name().unwrap(), wanted);
            assert!(beside(&aside, "-wal").exists() && !path.exists() && !beside(&path, "-wal").exists());
        }
        assert_eq!(saved_name(Path::new("a/m.corrupt-9-1")), Path::new("a/m.salvaged-9-1"));
    }
}
