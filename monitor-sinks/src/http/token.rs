//! The secret that a client must show.

use std::fmt;

/// The least length of a token: 128 bits as hexadecimal digits.
const SHORTEST: usize = 32;

/// A secret that clients send as `Authorization: Bearer ...`. It is never printed.
///
/// ```
/// use monitor_sinks::http::Token;
///
/// let token = Token::new("6b1f0c9e5d7a4832a1c4e8f7b2d90536").unwrap();
/// assert_eq!(format!("{token:?}"), "Token(..)");
/// assert!(Token::new("hunter2").is_none());
/// ```
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token of at least 32 visible ASCII characters, such as 16 random bytes in hexadecimal; `None` for anything else.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        let fits = secret.len() >= SHORTEST && secret.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(secret.to_owned()))
    }

    /// Whether `shown` is the secret. The time that takes depends on the length of `shown` alone.
    pub(super) fn is(&self, shown: &[u8]) -> bool {
        let secret = self.0.as_bytes();
        let differing = shown.iter().zip(secret.iter().cycle()).fold(0, |sum, (left, right)| sum | (left ^ right));
        // Without the detour a compiler might stop at the first difference.
        std::hint::black_box(differing) == 0 && shown.len() == secret.len()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_is_accepted() {
        let secret = "0123456789abcdef0123456789abcdef";
        let token = Token::new(secret).unwrap();
        assert!(token.is(secret.as_bytes()));
        for wrong in ["", "0", &secret[1..], &secret.repeat(2), "0123456789abcdef0123456789abcdeF"] {
            assert!(!token.is(wrong.as_bytes()), "{wrong}");
        }
    }
}
