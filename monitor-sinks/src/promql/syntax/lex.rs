//! Text into words.

use std::{fmt::Write, str::Chars};

use super::{Span, Text, parse_duration};
use crate::promql::error::Error;

/// A word of PromQL.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// A name or a keyword; which one, its place decides.
    Name,
    Number(f64),
    /// Milliseconds.
    Duration(i64),
    Text(Text),
    /// An operator, a bracket, a comma.
    Sign(&'static str),
    End,
}

/// A word and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) span: Span,
}

/// Signs, longer ones before those that they begin with.
const SIGNS: [&str; 28] = [
    "==", "=~", "!=", "!~", "<=", ">=", "</", ">/", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")", "{", "}",
    "[", "]", ",", ":", "@", "!", "~",
];

/// All words of a text, and an end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { text, at: 0, in_brackets: false };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        match token.word {
            Word::Sign("[") => lexer.in_brackets = true,
            Word::Sign("]") => lexer.in_brackets = false,
            _ => {}
        }
        let is_end = token.word == Word::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Inside of brackets a colon is a sign; elsewhere it may begin a name.
    in_brackets: bool,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token, Error> {
        self.skip_space();
        let start = self.at;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else {
            return Ok(Token { word: Word::End, span: Span { start, end: start } });
        };
        let second_is_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        let word = if first.is_ascii_digit() || first == '.' && second_is_digit {
            self.number()?
        } else if first.is_ascii_alphabetic() || first == '_' || first == ':' && !self.in_brackets {
            self.name()
        } else if matches!(first, '"' | '\'' | '`') {
            self.string(first)?
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            self.at += sign.len();
            Word::Sign(sign)
        } else {
            let span = Span { start, end: start + first.len_utf8() };
            return Err(Error::syntax(span, format!("unexpected character {first:?}")));
        };
        Ok(Token { word, span: Span { start, end: self.at } })
    }

    fn skip_space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let space = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += space;
            if self.text[self.at..].starts_with('#') {
                self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at);
            } else if space == 0 || self.at == self.text.len() {
                return;
            }
        }
    }

    fn name(&mut self) -> Word {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b':' && !self.in_brackets;
        let name = &self.text[self.at..][..self.text.as_bytes()[self.at..].iter().take_while(|b| is_part(b)).count()];
        self.at += name.len();
        match () {
            () if name.eq_ignore_ascii_case("inf") => Word::Number(f64::INFINITY),
            () if name.eq_ignore_ascii_case("nan") => Word::Number(f64::NAN),
            () => Word::Name,
        }
    }

    /// A number, or a number with units.
    fn number(&mut self) -> Result<Word, Error> {
        let rest = &self.text.as_bytes()[self.at..];
        let mut end =
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
        let is_hex = rest.len() > 1 && rest[0] == b'0' && matches!(rest[1], b'x' | b'X');
        if !is_hex && matches!(rest[end - 1], b'e' | b'E') && matches!(rest.get(end), Some(b'+' | b'-')) {
            end += 1 + rest[end + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        }
        let text = &self.text[self.at..self.at + end];
        let start = self.at;
        self.at += end;
        number(text).map(Word::Number).or_else(|| parse_duration(text).map(Word::Duration)).ok_or_else(|| {
            Error::syntax(Span { start, end: self.at }, format!("bad number or duration syntax: `{text}`"))
        })
    }

    fn string(&mut self, quote: char) -> Result<Word, Error> {
        let start = self.at;
        let mut bytes = self.text.as_bytes()[start + 1..].iter().enumerate();
        let length = loop {
            match bytes.next() {
                Some((at, &byte)) if byte == quote as u8 => break at + 2,
                Some((_, b'\\')) if quote != '`' => drop(bytes.next()),
                Some((_, b'\n')) if quote != '`' => break 0,
                Some(_) => {}
                None => break 0,
            }
        };
        let span = Span { start, end: start + length.max(1) };
        self.at = span.end;
        if length == 0 {
            return Err(Error::syntax(span, format!("the string that begins here has no closing {quote}")));
        }
        unquote(&self.text[span.start..span.end]).map(Word::Text).map_err(|message| Error::syntax(span, message))
    }
}

/// Whether `name` can stand as a label without quotes.
pub(crate) fn is_label_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A number as Go reads it: decimal, hexadecimal, octal with a leading zero, and underscores between digits.
fn number(text: &str) -> Option<f64> {
    let underscores = text.contains('_');
    if underscores && (text.starts_with('_') || text.ends_with('_') || text.contains("__") || text.contains('.')) {
        return None;
    }
    let plain = text.replace('_', "").to_ascii_lowercase();
    if let Some(hex) = plain.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(|whole| whole as f64);
    }
    let is_octal = plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if is_octal {
        return u64::from_str_radix(&plain, 8).ok().map(|whole| whole as f64);
    }
    let is_decimal = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-'));
    if is_decimal { plain.parse().ok() } else { None }
}

/// The value of a literal with its quotes.
pub(crate) fn unquote(literal: &str) -> Result<Text, String> {
    let quote = literal.chars().next().unwrap_or('"');
    let inner = literal.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)).ok_or("a string needs quotes")?;
    if quote == '`' {
        return Ok(Text { value: inner.to_owned(), broken: None });
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let mut buffer = [0; 4];
        match c {
            '\\' => escape(&mut chars, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    Ok(match String::from_utf8(bytes) {
        Ok(value) => Text { value, broken: None },
        Err(error) => {
            let bytes = error.into_bytes();
            Text { value: String::from_utf8_lossy(&bytes).into_owned(), broken: Some(quoted_bytes(&bytes)) }
        }
    })
}

fn escape(chars: &mut Chars<'_>, bytes: &mut Vec<u8>) -> Result<(), String> {
    let kind = chars.next().ok_or_else(bad_escape)?;
    let byte = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '\'' | '"' => kind as u8,
        'x' => digits(chars, None, 2, 16)? as u8,
        '0'..='7' => u8::try_from(digits(chars, Some(kind), 3, 8)?).map_err(|_| bad_escape())?,
        'u' | 'U' => {
            let code = digits(chars, None, if kind == 'u' { 4 } else { 8 }, 16)?;
            let c = char::from_u32(code).ok_or_else(bad_escape)?;
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        _ => return Err(bad_escape()),
    };
    bytes.push(byte);
    Ok(())
}

/// The number of `count` digits, the first of which may have been taken already.
fn digits(chars: &mut Chars<'_>, first: Option<char>, count: usize, radix: u32) -> Result<u32, String> {
    let text: String = first.into_iter().chain(chars).take(count).collect();
    let is_whole = text.chars().count() == count && text.chars().all(|c| c.is_digit(radix));
    is_whole.then(|| u32::from_str_radix(&text, radix).ok()).flatten().ok_or_else(bad_escape)
}

fn bad_escape() -> String {
    String::from("invalid escape sequence in a string; write \\\\ for a backslash")
}

/// A text as a literal that [`unquote`] reads back.
pub(crate) fn quote(text: &str) -> String {
    let mut literal = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal += "\\n",
            '\r' => literal += "\\r",
            '\t' => literal += "\\t",
            c if c.is_control() => {
                let _ = write!(literal, "\\u{:04x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal + "\""
}

/// Bytes as a literal: what is not UTF-8 as `\x..`.
fn quoted_bytes(bytes: &[u8]) -> String {
    let mut text = String::from('"');
    for chunk in bytes.utf8_chunks() {
        text += quote(chunk.valid()).trim_matches('"');
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word> {
        tokens(text).unwrap().into_iter().map(|token| token.word).collect()
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, value) in [
            ("12.34e+6", 12_340_000.0),
            (".2", 0.2),
            ("2.", 2.0),
            ("0x1F", 31.0),
            ("010", 8.0),
            ("09", 9.0),
            ("1_000", 1000.0),
            ("inF", f64::INFINITY),
        ] {
            assert_eq!(words(text), [Word::Number(value), Word::End], "{text}");
        }
        assert_eq!(words("1h30m"), [Word::Duration(5_400_000), Word::End]);
        for text in ["1.5.2", "1e", "0x", "5mm", "5m30", "1__0", "0b"] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }

    #[test]
    fn strings_know_all_escapes_and_bytes_that_are_not_text() {
        assert_eq!(unquote(r#""a\n\x41\101\u00e9\U0001F600\"""#).unwrap().value, "a\nAAé😀\"");
        assert_eq!(unquote("`a\\n`").unwrap().value, "a\\n");
        let odd = "\u{1}\u{301}é\"\\\n\t";
        assert_eq!(unquote(&quote(odd)).unwrap().value, odd);
        assert_eq!(unquote(r#""a\xc5z""#).unwrap().broken.as_deref(), Some(r#""a\xc5z""#));
        for text in [r#""\q""#, r#""\x4""#, r#""\u12""#, r#""\400""#, r#""\U99999999""#, "\"", "x"] {
            assert!(unquote(text).is_err(), "{text}");
        }
    }

    #[test]
    fn comments_end_with_the_line() {
        assert_eq!(words("# one\n1 # two"), [Word::Number(1.0), Word::End]);
    }
}
