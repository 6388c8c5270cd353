//! How HubSpot signs what it sends. The key is the app's client secret, never its access token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The percent-escapes that HubSpot undoes before it signs a URL. It leaves all others as they are.
const UNDONE_ESCAPES: [(&str, char); 12] = [
    ("3A", ':'),
    ("2F", '/'),
    ("3F", '?'),
    ("40", '@'),
    ("21", '!'),
    ("24", '$'),
    ("27", '\''),
    ("28", '('),
    ("29", ')'),
    ("2A", '*'),
    ("2C", ','),
    ("3B", ';'),
];

/// The first version, which CRM subscriptions still get in the old header: a plain digest, with no time in it.
pub fn v1(client_secret: &str, body: &[u8]) -> String {
    let digest = Sha256::new().chain_update(client_secret).chain_update(body).finalize();
    hex::encode(digest)
}

/// The third version: an HMAC over method, URL, body and the time in milliseconds.
pub fn v3(client_secret: &str, method: &str, url: &str, body: &[u8], timestamp_ms: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(client_secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(method.as_bytes());
    mac.update(undo_escapes(url).as_bytes());
    mac.update(body);
    mac.update(timestamp_ms.to_string().as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn undo_escapes(url: &str) -> String {
    let mut parts = url.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escape = part.get(..2).unwrap_or_default().to_uppercase();
        match UNDONE_ESCAPES.iter().find(|(code, _)| *code == escape) {
            Some((_, character)) => {
                plain.push(*character);
                plain.push_str(&part[2..]);
            }
            None => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const CREATION: &str = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;

    #[test]
    fn the_first_version_is_as_hubspot_publishes_it() {
        let expected = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de";
        assert_eq!(v1(SECRET, CREATION.as_bytes()), expected);
    }

    #[test]
    fn the_third_version_is_as_hubspots_own_libraries_have_it() {
        let url = "https://www.example.com/webhook_uri";
        let body = b"{'example_field':'example_value'}";
        let expected = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=";
        assert_eq!(v3(SECRET, "POST", url, body, 1_693_657_560_000), expected);
        let expected = "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=";
        assert_eq!(v3(SECRET, "POST", url, body, 1_700_000_300_000), expected);
        let expected = "RfOYXtW9pY8E1D4ah8CGwDBYchdSMlj+DoIWJDKDFw8=";
        let url = "https://hooks.example.com/hubspot";
        assert_eq!(v3(SECRET, "POST", url, CREATION.as_bytes(), 1_771_200_000_000), expected);
    }

    #[test]
    fn some_escapes_are_undone_before_signing() {
        let url = "https://hooks.example.com/hubspot?tenant=acme%3aeu%2F1&x=%28a%29&y=%20";
        assert_eq!(undo_escapes(url), "https://hooks.example.com/hubspot?tenant=acme:eu/1&x=(a)&y=%20");
        let url = "https://hooks.example.com/hubspot?tenant=acme%3Aeu%2F1&x=%28a%29";
        let expected = "Ihpg8bcKhGr1P5ZZHKn89+yUyti3JE9ww/xlrECEf9M=";
        assert_eq!(v3(SECRET, "POST", url, b"[]", 1_771_200_000_000), expected);
    }
}
