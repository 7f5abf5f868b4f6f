//! Room set aside for the day on which the disk is full.
//!
//! A store with a write-ahead log cannot help itself then: deleting old data writes to the log, and so does moving the log
//! into the file. So a file without contents lies beside the store. When a flush finds the disk full it is removed, and in
//! its room old data can be dropped. It comes back once there is room for it again, and for more besides.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::schema::beside;

/// More than the log grows to, so that there is always room to move it into the file.
const BYTES: u64 = 4 << 20;

/// What has to be free besides, so that it never takes the last.
const BESIDES: u64 = 1 << 20;

/// How often it is tried to bring it back, in microseconds.
const AGAIN_US: i64 = 60_000_000;

/// The file beside a store.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    /// When it was last tried to bring it back.
    tried_us: i64,
}

impl Ballast {
    /// The ballast of the store at `path`, laid down if there is room.
    pub(super) fn of(path: &Path, now_us: i64) -> Self {
        let mut ballast = Self { path: beside(path, "-ballast"), tried_us: i64::MIN };
        ballast.restore(now_us);
        ballast
    }

    /// Gives the room free. Returns whether there was any.
    pub(super) fn release(&mut self, now_us: i64) -> bool {
        self.tried_us = now_us;
        fs::remove_file(&self.path).is_ok()
    }

    /// Lays the file down if it is not there and there is room. Returns whether it is there.
    pub(super) fn lay_again(&mut self) -> bool {
        if fs::metadata(&self.path).is_ok() {
            return true;
        }
        let laid = self.lay().is_ok();
        if !laid {
            let _ = fs::remove_file(&self.path);
        }
        laid
    }

    /// Lays the file down if it is not there and there is room. Tries that now and then only.
    pub(super) fn restore(&mut self, now_us: i64) {
        // A clock that was set back may be far behind.
        if now_us.abs_diff(self.tried_us) < AGAIN_US.unsigned_abs() {
            return;
        }
        self.tried_us = now_us;
        self.lay_again();
    }

    fn lay(&self) -> io::Result<()> {
        let mut file = File::create_new(&self.path)?;
        // Real bytes, because a file of holes takes no room.
        let page = vec![0; 65_536];
        for _ in 0..(BYTES + BESIDES) / page.len() as u64 {
            file.write_all(&page)?;
        }
        file.set_len(BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_laid_once_and_comes_back_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("metrics.db");
        let file = folder.path().join("metrics.db-ballast");
        let mut ballast = Ballast::of(&store, 0);
        assert_eq!(fs::metadata(&file).unwrap().len(), BYTES);
        assert!(ballast.release(1));
        assert!(!ballast.release(2));
        ballast.restore(3);
        assert!(!file.exists(), "not at once");
        ballast.restore(2 + AGAIN_US);
        assert!(file.exists());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_put_it_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut ballast = Ballast::of(&folder.path().join("metrics.db"), 100 * AGAIN_US);
        assert!(ballast.release(100 * AGAIN_US));
        ballast.restore(AGAIN_US);
        assert!(folder.path().join("metrics.db-ballast").exists());
    }
}
