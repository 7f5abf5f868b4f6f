//! Reads text of the kernel: lines, fields, numbers. Any bytes are allowed; what is no number is `None`.
//!
//! Everything here takes time in proportion to the length of its input and allocates nothing.

use std::io;

/// The lines of a file. The last one may lack its end.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The fields of a line, which blanks and tabs separate.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty())
}

/// A whole number, decimal, without a sign. `None` if it is anything else or beyond 64 bits.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The next field as a number.
pub(super) fn next_number<'a>(fields: &mut impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    fields.next().and_then(number)
}

/// A number with decimals, such as a load average.
pub(super) fn decimal(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// What is before and after the first `mark`.
pub(super) fn split_at(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == mark)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// Without blanks, tabs and line ends at both ends.
pub(super) const fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// A failure to understand a file.
pub(super) fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
