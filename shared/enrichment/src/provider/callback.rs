//! The token in the address that a provider delivers to. Providers don't sign such a delivery, so the address itself is
//! what no one else can know.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::ids::{PurchaseId, TenantId};

/// What the token is for is a part of what is signed, so that it is good for nothing else.
const PURPOSE: &str = "leadgate callback 1";

/// The token for `purchase`, good until `expires`. It has characters that any address may hold.
pub fn token(secret: &[u8], tenant: &TenantId, purchase: &PurchaseId, expires: Timestamp) -> String {
    let expires = expires.as_millisecond().to_string();
    let code = hex::encode(mac(secret, tenant, purchase.as_str(), &expires).finalize().into_bytes());
    format!("{purchase}.{expires}.{code}")
}

/// Why a token isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was not made with our secret for this tenant.
    #[error("the token was not made by us for this tenant")]
    Forged,
    /// It was good once.
    #[error("the token has expired")]
    Expired,
}

/// The purchase that a token is for. Each of `secrets` may have made it. Codes are compared in constant time.
pub fn read(secrets: &[&[u8]], tenant: &TenantId, token: &str, now: Timestamp) -> Result<PurchaseId, TokenError> {
    let mut parts = token.splitn(3, '.');
    let (Some(purchase), Some(expires), Some(code)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(TokenError::Forged);
    };
    let code = hex::decode(code).map_err(|_| TokenError::Forged)?;
    let made_with = |secret: &&[u8]| mac(secret, tenant, purchase, expires).verify_slice(&code).is_ok();
    // A blank secret is known to all the world.
    if secrets.iter().filter(|secret| !secret.is_empty() && made_with(secret)).count() == 0 {
        return Err(TokenError::Forged);
    }
    let expires = expires.parse().ok().and_then(|millisecond| Timestamp::from_millisecond(millisecond).ok());
    match expires {
        Some(expires) if now < expires => PurchaseId::read(purchase).ok_or(TokenError::Forged),
        _ => Err(TokenError::Expired),
    }
}

fn mac(secret: &[u8], tenant: &TenantId, purchase: &str, expires: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    for part in [PURPOSE, tenant.as_str(), purchase, expires] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_tenant_its_purchase_and_its_time() {
        let (acme, other): (TenantId, TenantId) = ("acme".parse().expect("a name"), "other".parse().expect("a name"));
        let at = |second| Timestamp::from_second(second).expect("in range");
        let purchase = PurchaseId::derive(&acme, "run", at(1)).asynchronous();
        let made = token(b"secret", &acme, &purchase, at(100));
        assert!(made.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)), "{made}");

        assert_eq!(read(&[b"next", b"secret"], &acme, &made, at(99)), Ok(purchase));
        assert_eq!(read(&[b"secret"], &acme, &made, at(100)), Err(TokenError::Expired));
        assert_eq!(read(&[b"secret"], &other, &made, at(99)), Err(TokenError::Forged));
        assert_eq!(read(&[b"next"], &acme, &made, at(99)), Err(TokenError::Forged));
        assert_eq!(read(&[], &acme, &made, at(99)), Err(TokenError::Forged));
        for (from, to) in [("100000", "100001"), ("-later", ""), (".", "")] {
            assert_eq!(
                read(&[b"secret"], &acme, &made.replacen(from, to, 1), at(99)),
                Err(TokenError::Forged),
                "{from}"
            );
        }
        for nonsense in ["", "..", "a.b.c", "a.b"] {
            assert_eq!(read(&[b"secret"], &acme, nonsense, at(99)), Err(TokenError::Forged), "{nonsense}");
        }
    }
}
