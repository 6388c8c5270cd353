//! [Standard Webhooks](https://www.standardwebhooks.com), version 1: an HMAC over the message's id, its time and its body.
//!
//! The signature header lists one entry for each secret that the sender signs with, so that a secret can be replaced
//! without a gap. One that matches is enough, and versions that we don't know are passed over.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use jiff::Timestamp;
use subtle::{Choice, ConstantTimeEq};

use super::hmac_sha256;
use crate::inbound::{Delivery, SignatureError, Unverified};
use crate::secret::Secret;

/// The header with the message's id: the same however often it is delivered.
pub const ID: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by blanks.
pub const SIGNATURE: &str = "webhook-signature";

/// The headers of a signature, in this order.
const NAMES: [&str; 3] = [ID, TIMESTAMP, SIGNATURE];
/// What the same headers were called before there was a standard, and still are by many senders
/// (docs.svix.com, "How to verify webhooks manually").
const SVIX_NAMES: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];

/// What a symmetric secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";

/// The fewest bytes of a secret (the specification asks for 24 to 64): fewer are no secret.
const SECRET_BYTES_MIN: usize = 24;
/// How far the time may be from our clock, either way, as in the reference libraries.
pub(super) const AGE_MAX_SECONDS: u64 = 300;
/// A sender that replaces secrets has two of them. Beyond this, entries are not looked at.
pub(super) const SIGNATURES_MAX: usize = 8;
/// The only version with a symmetric key.
const VERSION: &str = "v1";

/// Secrets are pasted with and without their padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether one of these secrets has signed the delivery, not long ago. Secrets of another form sign nothing.
pub fn check(delivery: &Delivery<Unverified>, secrets: &[Secret], now: Timestamp) -> Result<(), SignatureError> {
    let keys: Vec<Vec<u8>> = secrets.iter().filter_map(key).collect();
    if keys.is_empty() {
        return Err(SignatureError::NoSecret);
    }
    let header = |name| delivery.header(name).filter(|it| !it.is_empty()).ok_or(SignatureError::MissingHeader(name));
    let [id, timestamp, signatures] = names(delivery);
    let (id, timestamp, signatures) = (header(id)?, header(timestamp)?, header(signatures)?);
    if now.as_second().abs_diff(seconds(timestamp)?) > AGE_MAX_SECONDS {
        return Err(SignatureError::Stale { seconds: AGE_MAX_SECONDS });
    }
    let digests: Vec<[u8; 32]> = keys.iter().map(|key| digest(key, id, timestamp, delivery.raw())).collect();
    let mut found = Choice::from(0);
    for given in signatures.split(' ').take(SIGNATURES_MAX) {
        let Some((VERSION, encoded)) = given.split_once(',') else { continue };
        let Ok(given) = STANDARD.decode(encoded) else { continue };
        found = digests.iter().fold(found, |found, digest| found | digest.as_slice().ct_eq(&given));
    }
    if found.into() { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The id of a message: the same however often it is delivered. It is a part of what is signed.
pub fn id<S>(delivery: &Delivery<S>) -> Option<&str> {
    delivery.header(names(delivery)[0])
}

/// What the headers are called here. They are taken from one of the two sets: what stands in the other isn't signed.
fn names<S>(delivery: &Delivery<S>) -> [&'static str; 3] {
    let is_svix = delivery.header(SIGNATURE).is_none() && delivery.header(SVIX_NAMES[2]).is_some();
    if is_svix { SVIX_NAMES } else { NAMES }
}

/// The entry of the signature header for this message: for simulators and for sending oneself an event. `None` if the
/// secret isn't one.
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let digest = digest(&key(secret)?, id, &timestamp.to_string(), body);
    Some(format!("{VERSION},{}", STANDARD.encode(digest)))
}

/// Whether it has the form of a secret that signs.
pub fn is_secret(secret: &Secret) -> bool {
    key(secret).is_some()
}

fn key(secret: &Secret) -> Option<Vec<u8>> {
    let key = LENIENT.decode(secret.expose().strip_prefix(SECRET_PREFIX)?).ok()?;
    (key.len() >= SECRET_BYTES_MIN).then_some(key)
}

fn digest(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
    hmac_sha256(key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])
}

/// Digits only. What a lenient parser makes of other text is how an age check gets skipped.
pub(super) fn seconds(timestamp: &str) -> Result<i64, SignatureError> {
    let wrong = |why| Err(SignatureError::Timestamp { why, expected: "seconds in digits" });
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("has more than digits");
    }
    timestamp.parse().or(wrong("is beyond 64 bits"))
}
