//! The pages of a SQLite file, read without SQLite.
//!
//! SQLite finds a page by following numbers from page to page, and gives up where one of them is damaged. Salvage goes
//! through all pages one after the other instead, so that a damaged page costs what is in it and nothing else. What the
//! log holds newer copies of is read from there, as far as a commit has made it valid. A file of ours has pages of one
//! size, and a map that says of each page whether it is in use; both are known without the header, which may be damaged.
//!
//! The layouts are SQLite's published file format. Whatever the bytes are, reading ends, and holds a page at a time and a
//! few bytes for each page of the log.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use super::super::schema::beside;
use crate::error::Error;

/// The size of a page. All stores are created with it.
pub(super) const PAGE: usize = 8192;

/// The bytes of a page.
pub(super) type Bytes = [u8; PAGE];

/// Pages that one page of the map describes.
const MAPPED: u32 = (PAGE / 5) as u32;

/// What a page is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Rows, or the way to them.
    Tree,
    /// What did not fit beside its row.
    Overflow,
    /// Nothing: what it holds was deleted.
    Free,
    /// The map itself.
    Map,
    /// The part of the map that would say so is damaged.
    Unknown,
}

/// The pages of a file and its log.
#[derive(Debug)]
pub(super) struct Pages {
    file: File,
    log: Log,
    count: u32,
    map: Map,
}

impl Pages {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |error| Error::io("read", path, error);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let log = Log::open(&beside(path, "-wal"));
        // The last page may be cut short.
        let count = log.pages.unwrap_or_else(|| u32::try_from(length.div_ceil(PAGE as u64)).unwrap_or(u32::MAX));
        Ok(Self { file, log, count, map: Map::default() })
    }

    /// How many there are. They are numbered from one.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// Reads page `number`; `false` if it is not there or the disk refuses.
    pub(super) fn read(&mut self, number: u32, into: &mut Bytes) -> bool {
        if number == 0 || number > self.count {
            return false;
        }
        match self.log.place(number) {
            Some((log, at)) => read_at(log, at, into),
            None => read_at(&mut self.file, u64::from(number - 1) * PAGE as u64, into),
        }
    }

    /// What page `number` is used for. Cheap if asked in ascending order.
    pub(super) fn usage(&mut self, number: u32) -> Use {
        if number < 2 {
            return Use::Tree;
        }
        let map = (number - 2) / (MAPPED + 1) * (MAPPED + 1) + 2;
        if number == map {
            return Use::Map;
        }
        if self.map.number != map {
            let mut bytes = [0; PAGE];
            let is_read = self.read(map, &mut bytes);
            self.map = Map::of(map, is_read.then_some(&bytes), self.count);
        }
        self.map.uses.get((number - map - 1) as usize).copied().unwrap_or(Use::Unknown)
    }
}

/// One page of the map.
#[derive(Debug, Default)]
struct Map {
    number: u32,
    /// Empty if the page is damaged.
    uses: Vec<Use>,
}

impl Map {
    /// A page with an entry that makes no sense says nothing at all: rows that were deleted can be told from others later,
    /// rows that were passed over cannot be brought back.
    fn of(number: u32, bytes: Option<&Bytes>, count: u32) -> Self {
        let described = MAPPED.min(count.saturating_sub(number)) as usize;
        let entry = |entry: &[u8]| match entry {
            [1, 0, 0, 0, 0] => Some(Use::Tree),
            [2, 0, 0, 0, 0] => Some(Use::Free),
            [_, 0, 0, 0, 0] => None,
            [3 | 4, ..] => Some(Use::Overflow),
            [5, ..] => Some(Use::Tree),
            _ => None,
        };
        let uses = bytes.and_then(|bytes| bytes.chunks_exact(5).take(described).map(entry).collect());
        Self { number, uses: uses.unwrap_or_default() }
    }
}

/// The log beside a file, as far as it is valid.
#[derive(Debug, Default)]
struct Log {
    file: Option<File>,
    /// Where the newest copies of pages are.
    places: HashMap<u32, u64>,
    /// How many pages the file has after the last commit.
    pages: Option<u32>,
}

const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

impl Log {
    fn open(path: &Path) -> Self {
        let mut log = Self::default();
        if let Ok(file) = File::open(path) {
            log.file = Some(file);
            log.index();
        }
        log
    }

    fn place(&mut self, number: u32) -> Option<(&mut File, u64)> {
        let at = *self.places.get(&number)?;
        self.file.as_mut().map(|file| (file, at))
    }

    /// Finds the pages of every transaction that was committed. A log is used again from its beginning, so that the first
    /// page that does not belong is its end.
    fn index(&mut self) -> Option<()> {
        let file = self.file.as_mut()?;
        let mut header = [0; LOG_HEADER];
        file.read_exact(&mut header).ok()?;
        let is_big = match word(&header, 0) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        if word(&header, 8) as usize != PAGE {
            return None;
        }
        let mut sum = checksum((0, 0), &header[..24], is_big);
        if sum != (word(&header, 24), word(&header, 28)) {
            return None;
        }
        let mut frame = vec![0; FRAME_HEADER + PAGE];
        let mut pending = Vec::new();
        let mut at = LOG_HEADER as u64;
        while file.read_exact(&mut frame).is_ok() {
            sum = checksum(checksum(sum, &frame[..8], is_big), &frame[FRAME_HEADER..], is_big);
            if frame[8..16] != header[16..24] || sum != (word(&frame, 16), word(&frame, 20)) {
                break;
            }
            pending.push((word(&frame, 0), at + FRAME_HEADER as u64));
            at += frame.len() as u64;
            let pages = word(&frame, 4);
            if pages > 0 {
                self.places.extend(pending.drain(..));
                self.pages = Some(pages);
            }
        }
        Some(())
    }
}

/// The checksum of the log, which goes on from frame to frame.
fn checksum(start: (u32, u32), bytes: &[u8], is_big: bool) -> (u32, u32) {
    bytes.as_chunks::<8>().0.iter().fold(start, |(first, second), &[a, b, c, d, e, f, g, h]| {
        let number = if is_big { u32::from_be_bytes } else { u32::from_le_bytes };
        let first = first.wrapping_add(number([a, b, c, d])).wrapping_add(second);
        (first, second.wrapping_add(number([e, f, g, h])).wrapping_add(first))
    })
}

/// The number at `at`; 0 if there is none.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |&bytes| u32::from_be_bytes(bytes))
}

/// Reads a page at `at`. What lies behind the end of the file reads as zeroes, unless it is all of it.
fn read_at(file: &mut File, at: u64, into: &mut Bytes) -> bool {
    into.fill(0);
    if file.seek(SeekFrom::Start(at)).is_err() {
        return false;
    }
    let mut read = 0;
    while read < PAGE {
        match file.read(&mut into[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
    read > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_with_an_entry_that_makes_no_sense_is_not_believed() {
        let mut bytes = [0; PAGE];
        for (entry, kind) in [1, 2, 3, 4, 5].into_iter().enumerate() {
            bytes[entry * 5] = kind;
            bytes[entry * 5 + 4] = if kind < 3 { 0 } else { 9 };
        }
        let uses = |bytes: &Bytes, count| Map::of(2, Some(bytes), count).uses;
        assert_eq!(uses(&bytes, 7), [Use::Tree, Use::Free, Use::Overflow, Use::Overflow, Use::Tree]);
        assert_eq!(uses(&bytes, 8), [], "the sixth entry is zero");
        bytes[9] = 7;
        assert_eq!(uses(&bytes, 7), [], "a free page with a parent");
    }
}
