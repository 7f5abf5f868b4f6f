//! Lines of a text of any length, in bounded memory.

use std::io::{self, BufRead, BufReader, Read};

/// The longest line: a sample with as many labels as may be, all as long as may be, is shorter.
pub(super) const MOST_BYTES: usize = 1 << 17;

/// The lines of a text.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: usize,
    bytes: u64,
}

/// Why there is no next line.
#[derive(Debug)]
pub(super) enum Problem {
    Unreadable(io::Error),
    /// What is wrong with the line and what to do about it.
    Wrong(String),
}

impl<R: Read> Lines<R> {
    pub(super) fn of(input: R) -> Self {
        Self { input: BufReader::with_capacity(1 << 16, input), line: Vec::new(), number: 0, bytes: 0 }
    }

    /// The next line, with its end; `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<&str>, Problem> {
        self.line.clear();
        let most = MOST_BYTES as u64 + 1;
        let read = self.input.by_ref().take(most).read_until(b'\n', &mut self.line).map_err(Problem::Unreadable)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += read as u64;
        if read > MOST_BYTES {
            return Err(Problem::Wrong(format!(
                "it is longer than {MOST_BYTES} bytes; give a text with one sample a line"
            )));
        }
        let text = std::str::from_utf8(&self.line);
        text.map(Some).map_err(|_| Problem::Wrong(String::from("this is not UTF-8 text; write it as UTF-8")))
    }

    /// The number of the newest line, from 1.
    pub(super) const fn number(&self) -> usize {
        self.number
    }

    /// How many bytes were read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_with_their_ends_and_numbers() {
        let mut lines = Lines::of(&b"a\n\nb"[..]);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.to_owned());
        }
        assert_eq!(found, ["a\n", "\n", "b"]);
        assert_eq!((lines.number(), lines.bytes()), (3, 4));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let mut lines = Lines::of(io::repeat(b'x'));
        assert!(matches!(lines.next(), Err(Problem::Wrong(what)) if what.contains("longer than")));
        assert!(lines.line.capacity() <= 4 * MOST_BYTES);
        let mut lines = Lines::of(&b"\xff\n"[..]);
        assert!(matches!(lines.next(), Err(Problem::Wrong(what)) if what.contains("UTF-8")));
    }
}
