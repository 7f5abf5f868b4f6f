//! Proves to the receiver who sent a request and when.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::notify::Secret;

/// The value of the header: `t=SECONDS,v1=HEX`, where `HEX` is the HMAC-SHA256 of `SECONDS.BODY`.
///
/// The time is signed as well, so that a receiver can refuse what somebody recorded and sends again.
pub(super) fn signature(key: &Secret, seconds: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else {
        unreachable!("a key of HMAC may have any length")
    };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    let mut header = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        // Writing to a text does not fail.
        let _ = write!(header, "{byte:02x}");
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_computes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature(&Secret::new("key"), 1_700_000_000, "{\"a\":1}"),
            "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
        );
    }
}
