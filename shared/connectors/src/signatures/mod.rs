//! Ways to show where a delivery comes from that belong to no vendor.

pub mod basic;
pub mod github;
pub mod standard_webhooks;
pub mod stripe;
pub mod timestamped;
pub mod token;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::inbound::SignatureError;
use crate::secret::Secret;

/// The fewest characters of a secret that can't be guessed. A shorter one, as a blank placeholder is, lets nothing in.
pub const SECRET_CHARS_MIN: usize = 16;

/// Those secrets that can't be guessed. None is our own trouble, and not the sender's.
fn fit(mut secrets: Vec<Secret>, text_of: fn(&Secret) -> &str) -> Result<Vec<Secret>, SignatureError> {
    secrets.retain(|secret| text_of(secret).chars().count() >= SECRET_CHARS_MIN);
    if secrets.is_empty() { Err(SignatureError::NoSecret) } else { Ok(secrets) }
}

/// HMAC-SHA256 over the parts of a message.
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes().into()
}

/// What is compared in the place of something secret: neither how long that is nor how far a guess is right shows in the
/// time that a comparison takes.
fn digest_of(secret: &[u8]) -> [u8; 32] {
    hmac_sha256(b"compared in constant time", &[secret])
}
