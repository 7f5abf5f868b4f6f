//! A file of the kernel that is read again and again.
//!
//! It is kept open and read at its beginning each time, which saves opening and closing. A descriptor goes bad when its
//! device or process namespace goes away, so a failed reading is tried once more with a file that is newly opened. A
//! file that does not exist, or that the kernel has switched off, is no failure: not every kernel has every file.

use std::{fs::File, io, os::unix::fs::FileExt, path::PathBuf};

use rustix::io::Errno;

/// No file of the kernel that is read here is nearly as long.
const LONGEST: usize = 16 * 1024 * 1024;

/// The kernel fills at most this much at once, in whole lines, for files that it writes line by line.
const PAGE: usize = 4096;

/// Longer than any line of a file that is written line by line.
const LINE: usize = 1024;

/// Readings for which a missing file is not looked for again.
const PASSED_OVER: u32 = 30;

/// A file of the kernel.
#[derive(Debug)]
pub(super) struct KernelFile {
    path: PathBuf,
    file: Option<File>,
    /// How many readings are left until a missing file is looked for again.
    pass_over: u32,
}

impl KernelFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, file: None, pass_over: 0 }
    }

    /// The whole file in `buffer`, which grows if it must; `None` if the file does not exist.
    pub(super) fn read<'a>(&mut self, buffer: &'a mut Vec<u8>) -> io::Result<Option<&'a [u8]>> {
        if self.pass_over > 0 {
            self.pass_over -= 1;
            return Ok(None);
        }
        match self.fill(buffer) {
            Ok(length) => Ok(Some(&buffer[..length])),
            Err(error) if is_absent(&error) => {
                self.pass_over = PASSED_OVER;
                Ok(None)
            }
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))),
        }
    }

    /// As [`read`](Self::read), for a file that every kernel has.
    pub(super) fn read_needed<'a>(&mut self, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        let found = self.read(buffer)?;
        found.ok_or_else(|| {
            let message = format!("{} does not exist or may not be read", self.path.display());
            io::Error::new(io::ErrorKind::NotFound, message)
        })
    }

    fn fill(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        if let Some(file) = &self.file {
            if let Ok(length) = read_whole(file, buffer) {
                return Ok(length);
            }
            self.file = None;
        }
        let file = File::open(&self.path)?;
        let length = read_whole(&file, buffer)?;
        self.file = Some(file);
        Ok(length)
    }
}

/// Reads a file from its beginning to its end.
pub(super) fn read_whole(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if length == buffer.len() {
            if length >= LONGEST {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 16 MiB"));
            }
            buffer.resize((length * 2).max(PAGE), 0);
        }
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => return Ok(length),
            Ok(read) => {
                // A page that has room left for a line is the last one, which saves asking for more.
                let is_last = read < PAGE - LINE && length + read < buffer.len();
                length += read;
                if is_last {
                    return Ok(length);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether a failure says that the kernel does not have the file, or not for us.
fn is_absent(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::NOENT | Errno::NOTDIR | Errno::OPNOTSUPP | Errno::ACCESS | Errno::PERM))
}
