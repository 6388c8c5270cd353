//! Whether a delivery comes from HubSpot. Checked is a type: only a `Delivery<Verified>` has a body to read.
//!
//! Three versions of the signature exist, all keyed with the app's client secret. Version 3 is an HMAC over method,
//! URL, body and time. Versions 1 and 2 are plain hashes without a time, so that whoever has seen one delivery can
//! repeat it for ever: they are refused unless switched on. HubSpot sends the version 3 headers along with the older
//! ones, so nothing is lost by that.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::secret::Secret;

/// How far a version 3 timestamp may be from our clock, either way. HubSpot says to refuse what is older than 5
/// minutes; what is as far in the future is no more believable.
const AGE_MAX_MS: u64 = 300_000;

/// A version of HubSpot's signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// SHA-256 of secret and body.
    V1,
    /// SHA-256 of secret, method, URL and body.
    V2,
    /// HMAC-SHA-256 of method, URL, body and timestamp.
    #[default]
    V3,
}

/// What a delivery has to satisfy.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The URL that HubSpot was given. Never put together from a request's own headers, which anybody can write.
    pub public_url: String,
    /// The app's client secret; the old and the new one while it is being rotated.
    pub secrets: Vec<Secret>,
    /// The versions that are accepted.
    pub versions: Vec<Version>,
}

impl Rules {
    /// Only version 3.
    pub fn new(public_url: String, secrets: Vec<Secret>) -> Self {
        Self { public_url, secrets, versions: vec![Version::default()] }
    }
}

/// The headers that a signature is in, as received.
#[derive(Debug, Clone, Default)]
pub struct SignatureHeaders {
    /// `x-hubspot-signature-v3`
    pub signature_v3: Option<String>,
    /// `x-hubspot-request-timestamp`
    pub request_timestamp: Option<String>,
    /// `x-hubspot-signature`
    pub signature: Option<String>,
    /// `x-hubspot-signature-version`
    pub signature_version: Option<String>,
}

/// Not checked yet.
pub struct Unverified {
    method: String,
    headers: SignatureHeaders,
}

/// HubSpot's own. Made only by [`Delivery::verify`].
pub struct Verified(());

/// One webhook POST.
pub struct Delivery<S> {
    body: Vec<u8>,
    state: S,
}

impl<S> fmt::Debug for Delivery<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({} bytes)", self.body.len())
    }
}

/// Why a delivery isn't believed. None of them holds a secret, a signature or a part of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header that isn't there.
    #[error("found no header {0}")]
    MissingHeader(&'static str),
    /// A timestamp that can't be one.
    #[error("found a timestamp that {why}, expected milliseconds in digits")]
    Timestamp {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Too old, or too far in the future.
    #[error("the timestamp is more than {} seconds away from now", AGE_MAX_MS / 1000)]
    Stale,
    /// Every signing secret is blank.
    #[error("there is no signing secret: every one of them is blank")]
    NoSecret,
    /// Not made with one of the secrets over what arrived and the configured URL.
    #[error("the signature doesn't match")]
    Mismatch,
    /// Signed in a way that isn't switched on.
    #[error("signed by {0:?}, which isn't switched on")]
    VersionNotAllowed(Version),
    /// Says that it is signed in a way that we don't know.
    #[error("signed by a version that doesn't exist")]
    UnknownVersion,
}

impl Delivery<Unverified> {
    /// As it arrived: the body's raw bytes, since that is what is signed.
    pub fn new(method: &str, headers: SignatureHeaders, body: Vec<u8>) -> Self {
        Self { body, state: Unverified { method: method.to_owned(), headers } }
    }

    /// Whether HubSpot made it. When version 3 is accepted and its header is there, it alone decides: a delivery with
    /// a wrong one doesn't get a second chance with an older one.
    pub fn verify(self, rules: &Rules, now: Timestamp) -> Result<Delivery<Verified>, SignatureError> {
        let allowed = |version| rules.versions.contains(&version);
        let headers = &self.state.headers;
        match (&headers.signature_v3, &headers.signature) {
            (Some(signature), _) if allowed(Version::V3) => self.check_v3(rules, signature, now)?,
            (_, Some(signature)) => match self.older_version()? {
                version if allowed(version) => self.check_older(rules, version, signature)?,
                version => return Err(SignatureError::VersionNotAllowed(version)),
            },
            (Some(_), None) => return Err(SignatureError::VersionNotAllowed(Version::V3)),
            (None, None) => return Err(SignatureError::MissingHeader("x-hubspot-signature-v3")),
        }
        Ok(Delivery { body: self.body, state: Verified(()) })
    }

    fn check_v3(&self, rules: &Rules, signature: &str, now: Timestamp) -> Result<(), SignatureError> {
        let timestamp = self.state.headers.request_timestamp.as_deref();
        let timestamp = timestamp.ok_or(SignatureError::MissingHeader("x-hubspot-request-timestamp"))?;
        if now.as_millisecond().abs_diff(milliseconds(timestamp)?) > AGE_MAX_MS {
            return Err(SignatureError::Stale);
        }
        let given = STANDARD.decode(signature).map_err(|_| SignatureError::Mismatch)?;
        let method = &self.state.method;
        let digest = |secret: &Secret| digest_v3(secret, method, &rules.public_url, &self.body, timestamp);
        any_matches(&rules.secrets, &given, digest)
    }

    fn older_version(&self) -> Result<Version, SignatureError> {
        match self.state.headers.signature_version.as_deref() {
            Some("v1") => Ok(Version::V1),
            Some("v2") => Ok(Version::V2),
            Some(_) => Err(SignatureError::UnknownVersion),
            None => Err(SignatureError::MissingHeader("x-hubspot-signature-version")),
        }
    }

    fn check_older(&self, rules: &Rules, version: Version, signature: &str) -> Result<(), SignatureError> {
        let given = hex::decode(signature).map_err(|_| SignatureError::Mismatch)?;
        any_matches(&rules.secrets, &given, |secret| {
            let mut hash = Sha256::new_with_prefix(secret.expose());
            if version == Version::V2 {
                hash.update(&self.state.method);
                hash.update(&rules.public_url);
            }
            hash.chain_update(&self.body).finalize().into()
        })
    }
}

impl Delivery<Verified> {
    /// The raw bytes.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The value of `x-hubspot-signature-v3` that HubSpot would send: for simulators and for sending oneself an event.
pub fn sign_v3(secret: &Secret, method: &str, url: &str, body: &[u8], timestamp_ms: i64) -> String {
    STANDARD.encode(digest_v3(secret, method, url, body, &timestamp_ms.to_string()))
}

fn digest_v3(secret: &Secret, method: &str, url: &str, body: &[u8], timestamp: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(method.as_bytes());
    mac.update(decoded(url).as_bytes());
    mac.update(body);
    mac.update(timestamp.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Compares in constant time, and with every secret: how long it takes tells nothing. A blank one, as a placeholder for
/// the next secret may be, is known to anybody: it signs nothing.
fn any_matches(secrets: &[Secret], given: &[u8], digest: impl Fn(&Secret) -> [u8; 32]) -> Result<(), SignatureError> {
    let none = Choice::from(0);
    let mut secrets = secrets.iter().filter(|secret| !secret.expose().is_empty()).peekable();
    if secrets.peek().is_none() {
        return Err(SignatureError::NoSecret);
    }
    let found = secrets.fold(none, |found, secret| found | digest(secret).as_slice().ct_eq(given));
    if found.into() { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// Digits only. What a lenient parser makes of other text is how an age check gets skipped.
fn milliseconds(timestamp: &str) -> Result<i64, SignatureError> {
    let wrong = |why| Err(SignatureError::Timestamp { why });
    if timestamp.is_empty() {
        return wrong("is empty");
    }
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("has more than digits");
    }
    timestamp.parse().or(wrong("is beyond 64 bits"))
}

/// HubSpot hashes the URL with these escapes decoded, and no others.
const DECODED: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// The URL as it is hashed. One pass, so that an escape which only appears by decoding stays.
fn decoded(url: &str) -> String {
    let mut decoded = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let escape = rest.get(..3).unwrap_or_default();
        let plain = DECODED.iter().find(|(known, _)| known.eq_ignore_ascii_case(escape));
        let (length, text) = plain.map_or((1, "%"), |(_, text)| (3, text));
        decoded.push_str(text);
        rest = &rest[length..];
    }
    decoded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_twelve_escapes_are_decoded_once() {
        assert_eq!(decoded("https://a.example/h?x=%28a%29&y=%3a%2F"), "https://a.example/h?x=(a)&y=:/");
        for kept in ["", "%", "%2", "%20%26%3D%2B%23%25", "a%2Gb", "%\u{e9}x", "no escapes"] {
            assert_eq!(decoded(kept), kept);
        }
        assert_eq!(decoded("%253A%"), "%253A%", "decoding makes no new escapes");
    }
}
