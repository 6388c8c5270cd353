//! Whether a delivery comes from the workspace's webhook: an HMAC-SHA-256 of the body in hexadecimal digits
//! (docs.attio.com, "Configuring webhooks"). There is no time in it, so that a delivery can be repeated: the dedupe key
//! and the gate make that harmless.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::inbound::{Delivery, SignatureError, Unverified, any_matches};
use crate::secret::Secret;

/// The header with the signature.
pub const SIGNATURE: &str = "attio-signature";

/// Whether it is signed with one of these secrets.
pub fn check(delivery: &Delivery<Unverified>, secrets: &[Secret]) -> Result<(), SignatureError> {
    let header = delivery.header(SIGNATURE).ok_or(SignatureError::MissingHeader(SIGNATURE))?;
    let given = hex::decode(header).map_err(|_| SignatureError::Mismatch)?;
    any_matches(secrets, &given, |secret| digest(secret, delivery.raw()))
}

/// The value of the header that Attio would send: for simulators and for sending oneself an event.
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    hex::encode(digest(secret, body))
}

/// The secret consists of hexadecimal digits, and is used as the text that it is.
fn digest(secret: &Secret, body: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.chain_update(body).finalize().into_bytes().into()
}
