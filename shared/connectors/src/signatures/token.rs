//! A token that is echoed with each delivery, in a header or in the body: for what can't sign. Nothing of the delivery is
//! tied to it, so that what was overheard once opens the door until the token is replaced.

use leadgate_enrichment::config::Pointer;
use serde_json::Value;

use super::basic::AUTHORIZATION;
use super::{digest_of, fit};
use crate::inbound::{Delivery, SignatureError, Unverified, any_matches};
use crate::loose::read;
use crate::secret::Secret;

/// A larger body isn't parsed for a token: until that is found, anyone may have sent it.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// How a token in the header `authorization` may begin.
const BEARER: &str = "Bearer ";

/// Whether the delivery comes with one of these secrets in this header.
pub fn check_header(delivery: &Delivery<Unverified>, name: &str, secrets: Vec<Secret>) -> Result<(), SignatureError> {
    let secrets = fit(secrets, Secret::expose)?;
    let given = delivery.header(name).ok_or_else(|| SignatureError::MissingToken(format!("header {name}")))?;
    let bearer = given.strip_prefix(BEARER).filter(|_| name.eq_ignore_ascii_case(AUTHORIZATION));
    matches(&secrets, bearer.unwrap_or(given))
}

/// Whether the delivery comes with one of these secrets at this place of its body, which is parsed for nothing else.
pub fn check_body(delivery: &Delivery<Unverified>, at: &Pointer, secrets: Vec<Secret>) -> Result<(), SignatureError> {
    let secrets = fit(secrets, Secret::expose)?;
    let missing = || SignatureError::MissingToken(format!("place {at}"));
    let body = Some(delivery.raw()).filter(|body| body.len() <= BODY_BYTES_MAX).ok_or_else(missing)?;
    let body: Value = read(body).map_err(|_| missing())?;
    let given = body.pointer(at.as_str()).and_then(Value::as_str).ok_or_else(missing)?;
    matches(&secrets, given)
}

fn matches(secrets: &[Secret], given: &str) -> Result<(), SignatureError> {
    any_matches(secrets, &digest_of(given.as_bytes()), |secret| digest_of(secret.expose().as_bytes()))
}
