//! Rows in the pages of a SQLite file.
//!
//! A page of a tree is a list of cells, and the payload of a cell is a record: the types of its columns, then their values.
//! Everything is checked against the ends of what it lies in; a cell that does not fit is told of and passed over.

use rusqlite::types::ValueRef;

use super::page::{Bytes, PAGE, Pages, Use, word};

/// More than any row of ours has. A length that was damaged into a larger one is not followed.
const MOST_PAYLOAD: usize = 64 << 20;

/// More than any table of ours has.
const MOST_COLUMNS: usize = 16;

/// What a page of a tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    /// Rows with a number each.
    Rows,
    /// Entries of an index, or of a table that is its own index. With what lies before each.
    Entries { is_inner: bool },
    /// Numbers of other pages only.
    Way,
}

/// Where the header of page `number` begins, behind that of the file.
const fn start(number: u32) -> usize {
    if number == 1 { 100 } else { 0 }
}

/// What page `number` is by its own account; `None` if it is no page of a tree.
pub(super) fn tree(number: u32, page: &Bytes) -> Option<Tree> {
    match page[start(number)] {
        0x0d => Some(Tree::Rows),
        0x0a => Some(Tree::Entries { is_inner: false }),
        0x02 => Some(Tree::Entries { is_inner: true }),
        0x05 => Some(Tree::Way),
        _ => None,
    }
}

/// Where the cells of a page begin; `None` for each that cannot be, and for the whole page if it has more than fit.
pub(super) fn cells(number: u32, page: &Bytes, tree: Tree) -> Option<impl Iterator<Item = Option<usize>>> {
    let header = start(number);
    let count = usize::from(half(page, header + 3));
    let first = header + if tree == (Tree::Entries { is_inner: true }) || tree == Tree::Way { 12 } else { 8 };
    let end = first + 2 * count;
    (end <= PAGE).then(|| {
        (0..count).map(move |cell| {
            let at = usize::from(half(page, first + 2 * cell));
            (at >= end && at < PAGE).then_some(at)
        })
    })
}

/// Reads the cell at `at` into `payload`, from other pages as well. Returns the number of its row, 0 if it has none.
pub(super) fn cell(pages: &mut Pages, page: &Bytes, tree: Tree, at: usize, payload: &mut Vec<u8>) -> Option<i64> {
    let mut rest = page.get(at..)?;
    if tree == (Tree::Entries { is_inner: true }) {
        rest = rest.get(4..)?;
    }
    let length = usize::try_from(varint(&mut rest)?).ok().filter(|&length| length <= MOST_PAYLOAD)?;
    let row = if tree == Tree::Rows { varint(&mut rest)? } else { 0 };
    let here = local(tree, length);
    payload.clear();
    payload.extend_from_slice(rest.get(..here)?);
    if here < length {
        overflow(pages, word(rest.get(here..here + 4)?, 0), length, payload)?;
    }
    Some(row)
}

/// How much of a payload lies beside its row.
const fn local(tree: Tree, length: usize) -> usize {
    let most = if matches!(tree, Tree::Rows) { PAGE - 35 } else { (PAGE - 12) * 64 / 255 - 23 };
    if length <= most {
        return length;
    }
    let least = (PAGE - 12) * 32 / 255 - 23;
    let wanted = least + (length - least) % (PAGE - 4);
    if wanted <= most { wanted } else { least }
}

/// Follows the pages that hold the rest of a payload.
fn overflow(pages: &mut Pages, first: u32, length: usize, payload: &mut Vec<u8>) -> Option<()> {
    let mut page = [0; PAGE];
    let mut next = first;
    while payload.len() < length {
        if !pages.read(next, &mut page) {
            return None;
        }
        let more = (length - payload.len()).min(PAGE - 4);
        payload.extend_from_slice(&page[4..4 + more]);
        next = word(&page, 0);
    }
    (next == 0).then_some(())
}

/// The columns of a record, in place of the contents of `out`; `None` if it is none of ours.
pub(super) fn columns<'a>(record: &'a [u8], out: &mut Vec<ValueRef<'a>>) -> Option<()> {
    out.clear();
    let mut types = record;
    let header = usize::try_from(varint(&mut types)?).ok()?;
    let mut types = record.get(record.len() - types.len()..header)?;
    let mut values = &record[header..];
    while !types.is_empty() {
        let kind = varint(&mut types)?;
        if out.len() == MOST_COLUMNS {
            return None;
        }
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind as usize,
            5 => 6,
            6 | 7 => 8,
            12.. => usize::try_from((kind - 12) / 2).ok()?,
            _ => return None,
        };
        let (value, rest) = values.split_at_checked(length)?;
        values = rest;
        out.push(match kind {
            0 => ValueRef::Null,
            7 => ValueRef::Real(f64::from_be_bytes(*value.first_chunk()?)),
            8 | 9 => ValueRef::Integer(kind - 8),
            1..=6 => ValueRef::Integer(integer(value)),
            _ if kind % 2 == 0 => ValueRef::Blob(value),
            _ => ValueRef::Text(std::str::from_utf8(value).ok()?.as_bytes()),
        });
    }
    values.is_empty().then_some(())
}

/// A signed number of up to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|&first| first >= 0x80) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, &byte| number << 8 | i64::from(byte))
}

fn half(page: &Bytes, at: usize) -> u16 {
    page.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |&bytes| u16::from_be_bytes(bytes))
}

/// SQLite's numbers of one to nine bytes, the greatest digits first.
fn varint(rest: &mut &[u8]) -> Option<i64> {
    let mut number = 0_i64;
    for place in 0..9 {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        if place == 8 {
            return Some(number << 8 | i64::from(byte));
        }
        number = number << 7 | i64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Whether a page may be looked at for rows.
pub(super) const fn may_hold_rows(usage: Use) -> bool {
    matches!(usage, Use::Tree | Use::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_record_is_read_as_sqlite_writes_it() {
        // Header of six bytes: NULL, one byte, the constant one, a float, a text of two, a blob of one.
        let mut record = vec![7, 0, 1, 9, 7, 17, 14, 0xfe];
        record.extend(1.5_f64.to_be_bytes());
        record.extend(b"abx");
        let mut columns_found = Vec::new();
        columns(&record, &mut columns_found).unwrap();
        let wanted = [
            ValueRef::Null,
            ValueRef::Integer(-2),
            ValueRef::Integer(1),
            ValueRef::Real(1.5),
            ValueRef::Text(b"ab"),
            ValueRef::Blob(b"x"),
        ];
        assert_eq!(columns_found, wanted);
        record.push(0);
        assert_eq!(columns(&record, &mut Vec::new()), None, "something is left over");
    }

    #[test]
    fn numbers_of_every_length_are_read() {
        for (bytes, number) in [
            (&[0x7f][..], 127),
            (&[0x81, 0x00], 128),
            (&[0xff; 9], -1),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x05], 5),
        ] {
            assert_eq!(varint(&mut &bytes[..]), Some(number));
        }
        assert_eq!(varint(&mut &[0x80][..]), None);
        assert_eq!(integer(&[0xff, 0x00]), -256);
    }

    #[test]
    fn arbitrary_bytes_end_in_columns_or_in_nothing() {
        let mut random = Random(0x5eed_0bad_5eed_0bad);
        let mut page = [0; PAGE];
        for _ in 0..2_000 {
            let length = random.below(64);
            let record: Vec<u8> = (0..length).map(|_| random.next() as u8 >> (random.next() % 8)).collect();
            let _ = columns(&record, &mut Vec::new());
            page[..length].copy_from_slice(&record);
            for kind in [Tree::Rows, Tree::Entries { is_inner: true }, Tree::Way] {
                assert!(cells(2, &page, kind).is_none_or(|cells| cells.count() <= PAGE / 2));
            }
        }
    }
}
