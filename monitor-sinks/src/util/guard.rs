//! The checksum of a stored row.
//!
//! SQLite does not notice flipped bits inside a blob: most damage that hits a row leaves `integrity_check` content. The
//! CRC covers the row's key as well, so that a sound blob under the wrong time is refused too.

/// The CRC-32 of `blob` stored under `ts`.
pub(crate) fn checksum(ts: i64, blob: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&ts.to_be_bytes());
    hasher.update(blob);
    hasher.finalize()
}

/// Whether a stored checksum is `found`. It is stored with a sign, which takes four bytes in a row; once it was without.
pub(crate) fn is_same(stored: i64, found: u32) -> bool {
    stored == i64::from(found.cast_signed()) || stored == i64::from(found)
}

/// The CRC-32 of `blobs` one after the other, each after its length, stored under the key `numbers`.
pub(crate) fn checksum_of(numbers: &[i64], blobs: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for number in numbers {
        hasher.update(&number.to_be_bytes());
    }
    for blob in blobs {
        hasher.update(&(blob.len() as u64).to_be_bytes());
        hasher.update(blob);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_or_another_time_changes_the_checksum() {
        let sound = checksum(1_000, b"values");
        assert_ne!(sound, checksum(1_001, b"values"));
        assert_ne!(sound, checksum(1_000, b"vblues"));
    }
}
