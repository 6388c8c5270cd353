//! Whether a delivery comes from the organization's webhook: an HMAC-SHA-256 of the time and the body, in hexadecimal digits
//! (developer.close.com, "Webhooks"). The key is given in such digits, too, and used as the bytes that they mean.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::inbound::{Delivery, SignatureError, Unverified, any_matches};
use crate::secret::Secret;

/// The header with the signature.
pub const SIGNATURE: &str = "close-sig-hash";
/// The header with the time that is signed, in seconds.
pub const TIMESTAMP: &str = "close-sig-timestamp";

/// How far the time may be from our clock, either way. Close names no bound; this is the usual one.
const AGE_MAX_SECONDS: u64 = 300;

/// The fewest bytes of a key that can't be guessed. Close's have 32. A shorter one, as a blank placeholder is, and one that
/// isn't made of hexadecimal digits let nothing in.
const KEY_BYTES_MIN: usize = 16;

/// Whether it is signed with one of these keys.
pub fn check(delivery: &Delivery<Unverified>, mut keys: Vec<Secret>, now: Timestamp) -> Result<(), SignatureError> {
    keys.retain(|key| bytes(key).is_some());
    if keys.is_empty() {
        return Err(SignatureError::NoSecret);
    }
    let header = |name| delivery.header(name).ok_or(SignatureError::MissingHeader(name));
    let (given, timestamp) = (header(SIGNATURE)?, header(TIMESTAMP)?);
    if now.as_second().abs_diff(seconds(timestamp)?) > AGE_MAX_SECONDS {
        return Err(SignatureError::Stale { seconds: AGE_MAX_SECONDS });
    }
    let given = hex::decode(given).map_err(|_| SignatureError::Mismatch)?;
    any_matches(&keys, &given, |key| digest(&bytes(key).unwrap_or_default(), timestamp, delivery.raw()))
}

/// The value of the header that Close would send: for simulators and for sending oneself an event. `None` if it isn't a key.
pub fn sign(key: &Secret, seconds: i64, body: &[u8]) -> Option<String> {
    Some(hex::encode(digest(&bytes(key)?, &seconds.to_string(), body)))
}

fn bytes(key: &Secret) -> Option<Vec<u8>> {
    hex::decode(key.expose()).ok().filter(|key| key.len() >= KEY_BYTES_MIN)
}

fn digest(key: &[u8], timestamp: &str, body: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(timestamp).chain_update(body).finalize().into_bytes().into()
}

/// Digits only. What a lenient parser makes of other text is how an age check gets skipped.
fn seconds(timestamp: &str) -> Result<i64, SignatureError> {
    let wrong = |why| Err(SignatureError::Timestamp { why, expected: "seconds in digits" });
    if timestamp.is_empty() {
        return wrong("is empty");
    }
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("has more than digits");
    }
    timestamp.parse().or(wrong("is beyond 64 bits"))
}
