//! Tags of a series: put in order, hashed and compared by their full bytes without allocating.
//!
//! A hash alone never identifies a series: two tag sets with the same hash, or with values that read the same when
//! strung together, stay apart because every lookup compares keys and values in full.

use crate::name::{MAX_TAG_VALUE, MAX_TAGS, check_service, check_tag_key};

/// The tag that sets the service of a series rather than a label.
pub(crate) const SERVICE: &str = "service";

/// Tags that are kept, in order of their keys.
pub(crate) type OwnedTags = Box<[(Box<str>, Box<str>)]>;

/// The tags of one record, in order of their keys, borrowed from the caller.
pub(crate) struct Tags<'a> {
    pairs: [(&'a str, &'a str); MAX_TAGS],
    len: usize,
    /// Whether tags were left out because their keys are not allowed, appear twice, or are too many.
    pub(crate) rejected: bool,
}

impl<'a> Tags<'a> {
    /// Sorts `pairs`. Of two tags with one key the later one counts.
    pub(crate) fn new(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut tags = Self { pairs: [("", ""); MAX_TAGS], len: 0, rejected: false };
        for (key, value) in pairs {
            tags.insert(key, value);
        }
        tags
    }

    fn insert(&mut self, key: &'a str, value: &'a str) {
        let sound = if key == SERVICE { check_service(value).is_ok() } else { check_tag_key(key).is_ok() };
        let place = self.as_slice().partition_point(|pair| pair.0 < key);
        if sound && self.as_slice().get(place).is_some_and(|pair| pair.0 == key) {
            self.pairs[place].1 = value;
        } else if sound && self.len < MAX_TAGS {
            self.pairs.copy_within(place..self.len, place + 1);
            self.pairs[place] = (key, value);
            self.len += 1;
        } else {
            self.rejected = true;
        }
    }

    /// The tags, sorted by key.
    pub(crate) fn as_slice(&self) -> &[(&'a str, &'a str)] {
        &self.pairs[..self.len]
    }

    /// Whether a value is longer than a store should hold.
    pub(crate) fn is_too_long(&self) -> bool {
        self.as_slice().iter().any(|pair| pair.1.len() > MAX_TAG_VALUE)
    }

    /// A hash of keys and values, each closed by a byte that UTF-8 does not use.
    pub(crate) fn hash(&self) -> u64 {
        let parts = self.as_slice().iter().flat_map(|pair| [pair.0, pair.1]);
        parts.fold(HASH_SEED, |hash, part| hash_byte(hash_bytes(hash, part.as_bytes()), 0xff))
    }

    /// Whether these are exactly the tags in `other`.
    pub(crate) fn is(&self, other: &[(Box<str>, Box<str>)]) -> bool {
        self.len == other.len()
            && self.as_slice().iter().zip(other).all(|(own, kept)| *own.0 == *kept.0 && *own.1 == *kept.1)
    }

    /// A copy that outlives the call.
    pub(crate) fn to_owned(&self) -> OwnedTags {
        self.as_slice().iter().map(|pair| (pair.0.into(), pair.1.into())).collect()
    }
}

/// `value` cut to the longest that is kept, with a hash of the whole at its end, so that values that differ stay apart.
pub(crate) fn cut(value: &str) -> String {
    let hash = hash_bytes(HASH_SEED, value.as_bytes());
    let mut end = MAX_TAG_VALUE - 24;
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…~{hash:016x}", &value[..end])
}

const HASH_SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// Mixes eight bytes at a time (multiply and rotate, as in rustc's `FxHash`). The tables that use it are small, bounded
/// and compare in full, so an attacker who knows it gains a longer chain and nothing else.
pub(crate) fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(8);
    let mut hash = seed;
    for chunk in chunks.by_ref() {
        hash = mix(hash, chunk.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte)));
    }
    chunks.remainder().iter().fold(hash, |hash, byte| hash_byte(hash, *byte))
}

fn hash_byte(hash: u64, byte: u8) -> u64 {
    mix(hash, u64::from(byte))
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// Seed for hashing names.
pub(crate) fn hash_name(name: &str) -> u64 {
    hash_bytes(HASH_SEED, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_ordered_by_key_and_the_last_of_a_key_counts() {
        let tags = Tags::new([("b", "1"), ("a", "2"), ("b", "3")].into_iter());
        assert_eq!(tags.as_slice(), [("a", "2"), ("b", "3")]);
        assert!(!tags.rejected);
    }

    #[test]
    fn values_that_read_the_same_when_strung_together_stay_apart() {
        let (one, two) =
            (Tags::new([("a", "ab"), ("b", "c")].into_iter()), Tags::new([("a", "a"), ("b", "bc")].into_iter()));
        assert_ne!(one.hash(), two.hash());
        assert!(!one.is(&two.to_owned()));
    }

    #[test]
    fn bad_keys_and_too_many_tags_are_left_out_and_said_so() {
        assert!(Tags::new([("bad key", "x")].into_iter()).rejected);
        let keys: Vec<String> = (0..=MAX_TAGS).map(|i| format!("k{i}")).collect();
        let tags = Tags::new(keys.iter().map(|key| (key.as_str(), "v")));
        assert!(tags.rejected);
        assert_eq!(tags.as_slice().len(), MAX_TAGS);
    }

    #[test]
    fn long_values_that_differ_at_the_end_stay_apart() {
        let (one, two) = ("ä".repeat(5_000) + "1", "ä".repeat(5_000) + "2");
        assert_ne!(cut(&one), cut(&two));
        assert!(cut(&one).len() <= MAX_TAG_VALUE);
    }
}
