//! The form of Stripe's webhooks: an HMAC over a time and the body, in hex, in `Stripe-Signature: t=…,v1=…`
//! (docs.stripe.com, "Receive Stripe events in your webhook endpoint": "Verify webhook signatures manually").
//!
//! While a secret is replaced there is an entry `v1` for each. The secret is the whole text, with the `whsec_` that it begins
//! with, unlike in Standard Webhooks.

use jiff::Timestamp;
use subtle::{Choice, ConstantTimeEq};

use super::fit;
use super::standard_webhooks::{AGE_MAX_SECONDS, SIGNATURES_MAX, seconds};
use super::timestamped::digest;
use crate::inbound::{Delivery, SignatureError, Unverified};
use crate::secret::Secret;

/// The header with the time and the signatures.
pub const SIGNATURE: &str = "stripe-signature";

/// The name of the entry that holds the time of the attempt, in seconds since 1970.
const TIME: &str = "t";
/// The only version with a signature that counts.
const VERSION: &str = "v1";

/// Whether one of these secrets has signed the delivery, not long ago.
pub fn check(delivery: &Delivery<Unverified>, secrets: Vec<Secret>, now: Timestamp) -> Result<(), SignatureError> {
    let secrets = fit(secrets, Secret::expose)?;
    let header = delivery.header(SIGNATURE).ok_or(SignatureError::MissingHeader(SIGNATURE))?;
    let entries: Vec<(&str, &str)> = header.split(',').filter_map(|entry| entry.trim().split_once('=')).collect();
    let time = entries.iter().find(|(name, _)| *name == TIME).map(|(_, time)| *time);
    let time = time.ok_or(SignatureError::Timestamp { why: "isn't there", expected: "seconds in digits" })?;
    if now.as_second().abs_diff(seconds(time)?) > AGE_MAX_SECONDS {
        return Err(SignatureError::Stale { seconds: AGE_MAX_SECONDS });
    }
    let digests: Vec<[u8; 32]> = secrets.iter().map(|secret| digest(secret, time, delivery.raw())).collect();
    let mut found = Choice::from(0);
    let signatures = entries.iter().filter(|(name, _)| *name == VERSION);
    for given in signatures.take(SIGNATURES_MAX).filter_map(|(_, given)| hex::decode(given).ok()) {
        found = digests.iter().fold(found, |found, digest| found | digest.as_slice().ct_eq(&given));
    }
    if found.into() { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The signature header for this body at this time: for simulators and for sending oneself an event.
pub fn sign(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    let time = timestamp.to_string();
    format!("{TIME}={time},{VERSION}={}", hex::encode(digest(secret, &time, body)))
}
