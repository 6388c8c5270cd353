//! A common form of signature: an HMAC over a time, a dot and the body, in hex, with the signature and the time in a header
//! each. Some send the time in seconds and some in milliseconds, and not all say which, so that both are taken.

use jiff::Timestamp;
use subtle::ConstantTimeEq;

use super::standard_webhooks::{AGE_MAX_SECONDS, seconds};
use super::{fit, hmac_sha256};
use crate::inbound::{Delivery, SignatureError, Unverified};
use crate::secret::Secret;

/// Seconds since 1970 have fewer digits for the next 29,000 years, milliseconds have had as many since 2001.
const MILLISECONDS_MIN: i64 = 1_000_000_000_000;

/// Whether one of these secrets has signed the delivery, not long ago. The names of the headers are in lower case.
pub fn check(
    delivery: &Delivery<Unverified>,
    (signature, time): (&str, &str),
    secrets: Vec<Secret>,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let secrets = fit(secrets, Secret::expose)?;
    let header = |name: &str| delivery.header(name).ok_or_else(|| SignatureError::MissingNamedHeader(name.to_owned()));
    let (given, time) = (header(signature)?, header(time)?);
    let at = seconds(time)?;
    let at = if at >= MILLISECONDS_MIN { at / 1000 } else { at };
    if now.as_second().abs_diff(at) > AGE_MAX_SECONDS {
        return Err(SignatureError::Stale { seconds: AGE_MAX_SECONDS });
    }
    let given = hex::decode(given).map_err(|_| SignatureError::Mismatch)?;
    let is_signed_with = |secret: &Secret| digest(secret, time, delivery.raw()).as_slice().ct_eq(&given);
    let found = secrets.iter().fold(subtle::Choice::from(0), |found, secret| found | is_signed_with(secret));
    if found.into() { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The signature for this body at this time, as that stands in its header: for simulators and for sending oneself an event.
pub fn sign(secret: &Secret, time: &str, body: &[u8]) -> String {
    hex::encode(digest(secret, time, body))
}

pub(super) fn digest(secret: &Secret, time: &str, body: &[u8]) -> [u8; 32] {
    hmac_sha256(secret.expose().as_bytes(), &[time.as_bytes(), b".", body])
}
