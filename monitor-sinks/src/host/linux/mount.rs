//! The table of mounts: `proc/self/mountinfo`.

use std::{borrow::Cow, path::PathBuf};

use super::parse::{fields, lines};
use crate::host::settings::HostSampling;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount<'a> {
    /// Major and minor number of its device.
    pub(super) number: &'a [u8],
    /// Which folder of the file system is mounted.
    pub(super) root: Cow<'a, [u8]>,
    /// Where.
    pub(super) point: Cow<'a, [u8]>,
    /// The type of the file system.
    pub(super) kind: &'a [u8],
    /// Its device, or whatever name it was given.
    pub(super) source: Cow<'a, [u8]>,
    /// Options of the file system, separated by commas.
    pub(super) options: &'a [u8],
}

impl<'a> Mount<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = fields(line).skip(2);
        let (number, root, point) = (fields.next()?, fields.next()?, fields.next()?);
        // Options of the mount and any number of optional fields, up to a field that is only a dash.
        fields.by_ref().find(|field| *field == b"-")?;
        let (kind, source) = (fields.next()?, fields.next().unwrap_or_default());
        let options = fields.next().unwrap_or_default();
        Some(Self { number, root: unescape(root), point: unescape(point), kind, source: unescape(source), options })
    }
}

/// The mounts in the order of the table, in which a later one covers an earlier one at the same place.
pub(super) fn mounts(bytes: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    lines(bytes).filter_map(Mount::parse)
}

/// Where the table is: that of the machine's first process if the machine's files are not at their usual place.
pub(super) fn table(settings: &HostSampling) -> PathBuf {
    let first = settings.path("proc/1/mountinfo");
    let is_elsewhere = settings.root != std::path::Path::new("/");
    if is_elsewhere && first.is_file() { first } else { settings.path("proc/self/mountinfo") }
}

/// Blanks and the like are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'\\') {
        return Cow::Borrowed(field);
    }
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let octal = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        plain.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &rest[4..] } else { after };
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_any_number_of_optional_fields() {
        for optional in ["", "shared:1 ", "shared:1 master:2 propagate_from:3 "] {
            let line = format!(
                "36 35 98:0 /mnt1 /mnt/with\\040blank rw,noatime {optional}- ext3 /dev/root rw,errors=continue"
            );
            let mount = Mount::parse(line.as_bytes()).unwrap();
            assert_eq!((&*mount.point, mount.kind), (&b"/mnt/with blank"[..], &b"ext3"[..]));
            assert_eq!((&*mount.root, &*mount.source, mount.number), (&b"/mnt1"[..], &b"/dev/root"[..], &b"98:0"[..]));
            assert_eq!(mount.options, b"rw,errors=continue");
        }
    }

    #[test]
    fn only_whole_escapes_are_escapes() {
        assert_eq!(*unescape(b"a\\134b\\04\\999\\"), b"a\\b\\04\\999\\"[..]);
        assert_eq!(*unescape(b"\\377\\400"), b"\xff\\400"[..]);
    }
}
