//! Texts of a file that say where they stand.

use std::ops::Range;

/// A text of the file, with its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    /// What it says.
    pub(super) value: &'a str,
    /// Where it begins in the file.
    pub(super) at: usize,
    /// As it stands in the file, with its quotes.
    literal: &'a str,
}

impl<'a> Text<'a> {
    /// The text at `span` of `file`, which says `value`.
    pub(super) fn new(value: &'a str, span: Range<usize>, file: &'a str) -> Self {
        let at = span.start;
        Self { value, at, literal: file.get(span).unwrap_or_default() }
    }

    /// Where in the file byte `offset` of the value stands.
    ///
    /// Escapes are longer than what they stand for, and a multi-line text may leave out a line end: the literal is walked
    /// along its value.
    pub(super) fn place(&self, offset: usize) -> usize {
        let has_escapes = self.literal.starts_with('"');
        let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| self.literal.starts_with(quotes));
        let mut at = quotes.map_or(0, str::len);
        let is_long = at == 3;
        if is_long {
            at += line_end(&self.literal[at..]);
        }
        let mut passed = 0;
        while let Some(next) = self.literal[at..].chars().next() {
            let rest = &self.literal[at..];
            let (length, stands_for) = match next {
                '\\' if has_escapes => escape(rest),
                '\r' if rest.starts_with("\r\n") && !self.value[passed.min(self.value.len())..].starts_with('\r') => {
                    (1, 0)
                }
                next => (next.len_utf8(), next.len_utf8()),
            };
            if stands_for > 0 && passed + stands_for > offset {
                break;
            }
            passed += stands_for;
            at += length;
        }
        self.at + at
    }

    /// Where line `line`, column `column` of the value (both from 1, in bytes) stands in the file.
    pub(super) fn place_of(&self, (line, column): (usize, usize)) -> usize {
        let before: usize = self.value.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        self.place(before + column.saturating_sub(1))
    }
}

/// The length of the escape that `rest` begins with, and of what it stands for.
fn escape(rest: &str) -> (usize, usize) {
    let code = |digits: usize| {
        let code = rest.get(2..2 + digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
    };
    match rest[1..].chars().next() {
        Some('u') => code(4),
        Some('U') => code(8),
        Some('x') => code(2),
        // The line end and all blanks up to the next word are left out.
        Some(blank) if blank.is_ascii_whitespace() => {
            let length = rest[1..].find(|c: char| !c.is_ascii_whitespace()).unwrap_or(rest.len() - 1);
            (1 + length, 0)
        }
        Some(letter) => (1 + letter.len_utf8(), 1),
        None => (1, 0),
    }
}

/// The length of the line end that `text` begins with.
fn line_end(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { usize::from(text.starts_with('\n')) }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    #[test]
    fn every_character_of_a_value_is_found_in_the_file() {
        for file in [
            "a = 'plain X'",
            "a = \"tab\\tü\\u00fc\\U0001F600 X\"",
            "a = \"\"\"\nfirst\n  X\"\"\"",
            "a = \"\"\"\r\nfirst\r\n  X\"\"\"",
            "a = \"\"\"first \\\n    X\"\"\"",
            "a = '''\nno \\escape X'''",
        ] {
            let table = DeTable::parse(file).unwrap();
            let (_, value) = table.get_ref().iter().next().unwrap();
            let decoded = value.get_ref().as_str().unwrap();
            let text = Text::new(decoded, value.span(), file);
            assert_eq!(text.place(decoded.find('X').unwrap()), file.find('X').unwrap(), "{file:?}");
            // Beyond the end there is no panic.
            assert!(text.place(1_000) <= file.len() + 1);
        }
    }
}
