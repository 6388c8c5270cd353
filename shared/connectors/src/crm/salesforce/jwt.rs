//! The token that asks for a token: signed with the private key whose certificate the app has
//! (help.salesforce.com, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration").

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

use crate::secret::Secret;

/// What is asked for with it.
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// For how long it is good: Salesforce takes no more than a few minutes.
const LIFE_SECONDS: i64 = 180;

/// What it says.
pub(super) struct Claims<'a> {
    /// The app's consumer key.
    pub(super) issuer: &'a str,
    /// The user that it signs in.
    pub(super) subject: &'a str,
    /// The login server.
    pub(super) audience: &'a str,
    pub(super) now: Timestamp,
}

/// The token. An error says what is wrong with the key, and nothing of it.
pub(super) fn signed(claims: &Claims<'_>, key: &Secret) -> Result<String, &'static str> {
    let Claims { issuer, subject, audience, now } = claims;
    let expires = now.as_second() + LIFE_SECONDS;
    let payload = json!({ "iss": issuer, "sub": subject, "aud": audience, "exp": expires });
    let parts = [json!({ "alg": "RS256" }), payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = parts.join(".");
    let key = key_pair(key).ok_or("the credential is no RSA private key in PEM of 2048 bits or more")?;
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).map_err(|_| "the key can't sign")?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// In either of the forms that OpenSSL writes. A secret store may have made one line of its lines.
fn key_pair(pem: &Secret) -> Option<RsaKeyPair> {
    let der = |label: &str| {
        let (_, rest) = pem.expose().split_once(&format!("-----BEGIN {label}-----"))?;
        let (base64, _) = rest.split_once(&format!("-----END {label}-----"))?;
        let base64: String = base64.replace("\\n", "").chars().filter(|c| !c.is_ascii_whitespace()).collect();
        STANDARD.decode(base64).ok()
    };
    let pkcs8 = der("PRIVATE KEY").and_then(|der| RsaKeyPair::from_pkcs8(&der).ok());
    pkcs8.or_else(|| RsaKeyPair::from_der(&der("RSA PRIVATE KEY")?).ok())
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    /// It opens nothing but this test.
    const KEY: &str = include_str!("../../../tests/connectors/salesforce_test_key.pem");

    fn token(key: &str) -> Result<String, &'static str> {
        let now = Timestamp::from_second(1_771_200_000).expect("in range");
        let claims = Claims { issuer: "3MVG9", subject: "a@b.example", audience: "https://login.salesforce.com", now };
        signed(&claims, &Secret::new(key.to_owned()))
    }

    #[test]
    fn the_public_key_verifies_what_the_private_key_signed() {
        for key in [KEY.to_owned(), KEY.replace('\n', "\\n"), KEY.replace('\n', "\r\n")] {
            let token = token(&key).expect("a key");
            let (message, signature) = token.rsplit_once('.').expect("three parts");
            let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
            let pair = key_pair(&Secret::new(KEY.to_owned())).expect("a key");
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public());
            public.verify(message.as_bytes(), &signature).expect("our own signature");
            let (_, payload) = message.split_once('.').expect("two parts");
            let payload: serde_json::Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON");
            assert_eq!((&payload["exp"], &payload["iss"]), (&json!(1_771_200_180), &json!("3MVG9")));
        }
    }

    #[test]
    fn what_is_no_key_is_not_repeated() {
        let cut: String = KEY.chars().take(300).collect();
        for wrong in ["", "a consumer secret", &cut, "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----"] {
            let error = token(wrong).expect_err("no key");
            assert_eq!(error, "the credential is no RSA private key in PEM of 2048 bits or more");
        }
    }
}
