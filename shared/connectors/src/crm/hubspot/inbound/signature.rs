//! Whether a delivery comes from HubSpot.
//!
//! Three versions of the signature exist, all keyed with the app's client secret. Version 3 is an HMAC over method,
//! URL, body and time. Versions 1 and 2 are plain hashes without a time, so that a person who has seen one delivery can
//! repeat it for ever: they are refused unless switched on. HubSpot sends the version 3 headers along with the older
//! ones, so nothing is lost by that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::inbound::{Delivery, SignatureError, Unverified, Verified, any_matches};
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

impl Version {
    /// The version that goes by this word, in configuration and in HubSpot's header.
    pub fn named(word: &str) -> Option<Self> {
        [Self::V1, Self::V2, Self::V3].into_iter().find(|version| version.word() == word)
    }

    /// The word used in configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

/// What a delivery has to satisfy.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The URL that HubSpot was given. Never put together from a request's own headers, which any sender can write.
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

/// The header with a version 3 signature.
pub const SIGNATURE_V3: &str = "x-hubspot-signature-v3";
/// The header with the time that version 3 signs, in milliseconds.
pub const TIMESTAMP: &str = "x-hubspot-request-timestamp";
/// The header with an older signature.
pub const SIGNATURE: &str = "x-hubspot-signature";
/// The header that says which older one it is.
pub const SIGNATURE_VERSION: &str = "x-hubspot-signature-version";

/// Whether HubSpot made it. When version 3 is accepted and its header is there, it alone decides: a delivery with
/// a wrong one doesn't get a second chance with an older one.
pub fn verify(
    delivery: Delivery<Unverified>,
    rules: &Rules,
    now: Timestamp,
) -> Result<Delivery<Verified>, SignatureError> {
    delivery.verified_by(|delivery| {
        let allowed = |version| rules.versions.contains(&version);
        match (delivery.header(SIGNATURE_V3), delivery.header(SIGNATURE)) {
            (Some(signature), _) if allowed(Version::V3) => check_v3(delivery, rules, signature, now),
            (_, Some(signature)) => match older_version(delivery)? {
                version if allowed(version) => check_older(delivery, rules, version, signature),
                version => Err(SignatureError::NotAllowed(version.word())),
            },
            (Some(_), None) => Err(SignatureError::NotAllowed(Version::V3.word())),
            (None, None) => Err(SignatureError::MissingHeader(SIGNATURE_V3)),
        }
    })
}

fn check_v3(
    delivery: &Delivery<Unverified>,
    rules: &Rules,
    signature: &str,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let timestamp = delivery.header(TIMESTAMP).ok_or(SignatureError::MissingHeader(TIMESTAMP))?;
    if now.as_millisecond().abs_diff(milliseconds(timestamp)?) > AGE_MAX_MS {
        return Err(SignatureError::Stale { seconds: AGE_MAX_MS / 1000 });
    }
    let given = STANDARD.decode(signature).map_err(|_| SignatureError::Mismatch)?;
    let (method, body) = (delivery.method(), delivery.raw());
    let digest = |secret: &Secret| digest_v3(secret, method, &rules.public_url, body, timestamp);
    any_matches(&rules.secrets, &given, digest)
}

fn older_version(delivery: &Delivery<Unverified>) -> Result<Version, SignatureError> {
    let word = delivery.header(SIGNATURE_VERSION).ok_or(SignatureError::MissingHeader(SIGNATURE_VERSION))?;
    // The third has a header of its own.
    let older = Version::named(word).filter(|version| *version != Version::V3);
    older.ok_or(SignatureError::UnknownVersion)
}

fn check_older(
    delivery: &Delivery<Unverified>,
    rules: &Rules,
    version: Version,
    signature: &str,
) -> Result<(), SignatureError> {
    let given = hex::decode(signature).map_err(|_| SignatureError::Mismatch)?;
    any_matches(&rules.secrets, &given, |secret| {
        let mut hash = Sha256::new_with_prefix(secret.expose());
        if version == Version::V2 {
            hash.update(delivery.method());
            hash.update(&rules.public_url);
        }
        hash.chain_update(delivery.raw()).finalize().into()
    })
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

/// Digits only. What a lenient parser makes of other text is how an age check gets skipped.
fn milliseconds(timestamp: &str) -> Result<i64, SignatureError> {
    let wrong = |why| Err(SignatureError::Timestamp { why, expected: "milliseconds in digits" });
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
