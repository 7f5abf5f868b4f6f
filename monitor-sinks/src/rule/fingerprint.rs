//! What tells one alert from all others, for as long as the rule has its name and the series its labels.

use std::{fmt, str::FromStr};

use crate::{error::Error, promql::Labels};

/// A number of 128 bits made of the name of a rule and the labels of an element; severity is not in it.
///
/// It is the same on every machine and in every release, because the store and the systems that were told about an alert
/// keep it: FNV-1a over the texts, each after its length. Printed in 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

impl Fingerprint {
    /// Of an alert of a rule. The name of the metric does not count.
    #[must_use]
    pub fn new(rule: &str, labels: &Labels) -> Self {
        let texts = labels.iter().filter(|(label, _)| *label != "__name__").flat_map(|(label, value)| [label, value]);
        Self(std::iter::once(rule).chain(texts).fold(BASIS, |hash, text| {
            let length = (text.len() as u64).to_le_bytes();
            length.iter().chain(text.as_bytes()).fold(hash, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
        }))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = if is_hex { u128::from_str_radix(text, 16).ok() } else { None };
        number.map(Self).ok_or_else(|| {
            Error::setting(format!("`{text}` is not the fingerprint of an alert, which has 32 hexadecimal digits"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_make_it_and_nothing_else_does() {
        let labels = Labels::new([("__name__", "up"), ("host", "a")]);
        let print = Fingerprint::new("down", &labels);
        assert_eq!(print, Fingerprint::new("down", &Labels::new([("host", "a")])));
        assert_ne!(print, Fingerprint::new("down", &Labels::new([("host", "b")])));
        assert_ne!(print, Fingerprint::new("up", &labels));
        assert_ne!(
            Fingerprint::new("r", &Labels::new([("a", "bc")])),
            Fingerprint::new("r", &Labels::new([("ab", "c")]))
        );
    }

    /// Stored fingerprints would be worthless if it ever changed.
    #[test]
    fn it_never_changes() {
        let print = Fingerprint::new("high_cpu", &Labels::new([("host", "h1"), ("cpu", "0")]));
        assert_eq!(print.to_string().parse::<Fingerprint>().unwrap(), print);
        assert_eq!(print.to_string(), "5cb92950c0f04a1581e6baef03a2815d");
        for text in ["", "12", "+0000000000000000000000000000001", "zz000000000000000000000000000000"] {
            assert!(text.parse::<Fingerprint>().is_err());
        }
    }
}
