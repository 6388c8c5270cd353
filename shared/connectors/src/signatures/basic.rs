//! A user and a password that come with each delivery: HTTP Basic authentication (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{digest_of, fit};
use crate::inbound::{Delivery, SignatureError, Unverified, any_matches};
use crate::secret::Secret;

/// The header that they come in.
pub const AUTHORIZATION: &str = "authorization";

/// Whether the delivery comes with one of these secrets, each of them `user:password`.
pub fn check(delivery: &Delivery<Unverified>, secrets: Vec<Secret>) -> Result<(), SignatureError> {
    let secrets = fit(secrets, password)?;
    let header = delivery.header(AUTHORIZATION).ok_or(SignatureError::MissingHeader(AUTHORIZATION))?;
    let given = given(header).ok_or(SignatureError::Mismatch)?;
    any_matches(&secrets, &digest_of(&given), |secret| digest_of(secret.expose().as_bytes()))
}

/// The header for this secret: for simulators and for sending oneself an event.
pub fn header(secret: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(secret.expose()))
}

/// A user's name can't hold a colon: the first one ends it. Without a user there is no password.
fn password(secret: &Secret) -> &str {
    let parts = secret.expose().split_once(':');
    parts.filter(|(user, _)| !user.is_empty()).map_or("", |(_, password)| password)
}

/// The user and password of a header, as they are.
fn given(header: &str) -> Option<Vec<u8>> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    STANDARD.decode(encoded.trim()).ok()
}
