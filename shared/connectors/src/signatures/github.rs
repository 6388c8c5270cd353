//! The form of GitHub's webhooks, which many others have taken over: an HMAC over the body, in hex, in
//! `X-Hub-Signature-256` (docs.github.com, "Validating webhook deliveries").
//!
//! No time is signed, so that a delivery that was overheard can be sent again for ever.

use super::{fit, hmac_sha256};
use crate::inbound::{Delivery, SignatureError, Unverified, any_matches};
use crate::secret::Secret;

/// The header with the signature.
pub const SIGNATURE: &str = "x-hub-signature-256";
/// The header with the delivery's id: the same when it is delivered again. It is not signed.
pub const ID: &str = "x-github-delivery";

/// What the signature begins with.
const PREFIX: &str = "sha256=";

/// Whether one of these secrets has signed the delivery.
pub fn check(delivery: &Delivery<Unverified>, secrets: Vec<Secret>) -> Result<(), SignatureError> {
    let secrets = fit(secrets, Secret::expose)?;
    let header = delivery.header(SIGNATURE).ok_or(SignatureError::MissingHeader(SIGNATURE))?;
    let given = header.strip_prefix(PREFIX).and_then(|hex| hex::decode(hex).ok()).ok_or(SignatureError::Mismatch)?;
    any_matches(&secrets, &given, |secret| digest(secret, delivery.raw()))
}

/// The signature header for this body: for simulators and for sending oneself an event.
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    format!("{PREFIX}{}", hex::encode(digest(secret, body)))
}

fn digest(secret: &Secret, body: &[u8]) -> [u8; 32] {
    hmac_sha256(secret.expose().as_bytes(), &[body])
}
