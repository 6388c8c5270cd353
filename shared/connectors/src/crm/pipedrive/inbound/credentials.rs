//! The user and password that a webhook is created with, and that come with each of its deliveries: HTTP Basic
//! authentication (pipedrive.readme.io, "Guide for Webhooks v2": `http_auth_user`, `http_auth_password`; RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::inbound::{Delivery, SignatureError, Unverified, any_matches};
use crate::secret::Secret;

const AUTHORIZATION: &str = "authorization";

/// The fewest characters of a password that can't be guessed. Secrets with a shorter one, as a blank placeholder is, let
/// nothing in.
pub const PASSWORD_CHARS_MIN: usize = 16;

/// Whether the delivery comes with one of these secrets, each of them `user:password`. What is compared is a digest:
/// neither how long a secret is nor how far a guess is right shows in the time it takes.
pub fn check(delivery: &Delivery<Unverified>, mut secrets: Vec<Secret>) -> Result<(), SignatureError> {
    secrets.retain(is_fit);
    if secrets.is_empty() {
        return Err(SignatureError::NoSecret);
    }
    let header = delivery.header(AUTHORIZATION).ok_or(SignatureError::MissingHeader(AUTHORIZATION))?;
    let given = given(header).ok_or(SignatureError::Mismatch)?;
    any_matches(&secrets, &digest(&given), |secret| digest(secret.expose().as_bytes()))
}

/// A user's name can't hold a colon: the first one ends it.
fn is_fit(secret: &Secret) -> bool {
    let parts = secret.expose().split_once(':');
    parts.is_some_and(|(user, password)| !user.is_empty() && password.chars().count() >= PASSWORD_CHARS_MIN)
}

/// The user and password of a header, as they are.
fn given(header: &str) -> Option<Vec<u8>> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    STANDARD.decode(encoded.trim()).ok()
}

fn digest(credentials: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(b"a user and a password").expect("HMAC takes keys of any length");
    mac.chain_update(credentials).finalize().into_bytes().into()
}
