//! HubSpot's signatures: every published and computed vector, and every way to get one wrong.

use jiff::Timestamp;
use leadgate_connectors::crm::hubspot::inbound::signature::{
    Rules, SIGNATURE, SIGNATURE_V3, SIGNATURE_VERSION, TIMESTAMP, Version, sign_v3, verify,
};
use leadgate_connectors::inbound::{Delivery, SignatureError, Unverified, Verified};
use leadgate_connectors::secret::Secret;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::headers;

const VECTORS: &str = include_str!("../../src/crm/hubspot/signature-vectors.json");

#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    scheme: String,
    secret: String,
    method: String,
    #[serde(default)]
    url: String,
    wire_url: Option<String>,
    body: String,
    #[serde(default)]
    timestamp: String,
    signature: String,
}

/// The headers of a signature.
#[derive(Clone, Default)]
struct SignatureHeaders {
    signature_v3: Option<String>,
    request_timestamp: Option<String>,
    signature: Option<String>,
    signature_version: Option<String>,
}

impl SignatureHeaders {
    fn map(self) -> HeaderMap {
        let named = [
            (SIGNATURE_V3, self.signature_v3),
            (TIMESTAMP, self.request_timestamp),
            (SIGNATURE, self.signature),
            (SIGNATURE_VERSION, self.signature_version),
        ];
        headers(named.iter().map(|(name, value)| (*name, value.as_deref())))
    }
}

/// As it reads best in a test.
trait Verify {
    fn verify(self, rules: &Rules, now: Timestamp) -> Result<Delivery<Verified>, SignatureError>;
}

impl Verify for Delivery<Unverified> {
    fn verify(self, rules: &Rules, now: Timestamp) -> Result<Delivery<Verified>, SignatureError> {
        verify(self, rules, now)
    }
}

/// What is changed, and how.
type Change = (&'static str, fn(&mut Vector));

impl Vector {
    fn all() -> Vec<Self> {
        serde_json::from_str(VECTORS).expect("vectors")
    }

    fn one() -> Self {
        Self::all().into_iter().find(|vector| vector.name == "hs-v3-generic").expect("the vector")
    }

    fn version(&self) -> Version {
        let version = self.scheme.strip_prefix("hubspot-").expect("a HubSpot vector");
        serde_json::from_value(version.into()).expect("a version")
    }

    fn is_v3(&self) -> bool {
        self.version() == Version::V3
    }

    fn rules(&self) -> Rules {
        let public_url = self.wire_url.clone().unwrap_or_else(|| self.url.clone());
        Rules { versions: vec![self.version()], ..Rules::new(public_url, vec![Secret::new(self.secret.clone())]) }
    }

    fn headers(&self) -> SignatureHeaders {
        let (signature, none) = (Some(self.signature.clone()), SignatureHeaders::default());
        match self.is_v3() {
            true => {
                SignatureHeaders { signature_v3: signature, request_timestamp: Some(self.timestamp.clone()), ..none }
            }
            false => {
                let version = self.scheme.strip_prefix("hubspot-").map(str::to_owned);
                SignatureHeaders { signature, signature_version: version, ..none }
            }
        }
    }

    fn delivery(&self) -> Delivery<Unverified> {
        Delivery::new(&self.method, self.headers().map(), self.body.clone().into_bytes())
    }

    fn now(&self) -> Timestamp {
        self.later(0)
    }

    fn later(&self, milliseconds: i64) -> Timestamp {
        let signed_at: i64 = self.timestamp.parse().unwrap_or_default();
        Timestamp::from_millisecond(signed_at + milliseconds).expect("an instant")
    }

    fn verify(&self) -> Result<(), SignatureError> {
        self.delivery().verify(&self.rules(), self.now()).map(drop)
    }
}

#[test]
fn every_vector_passes() {
    assert_eq!(Vector::all().len(), 12);
    for vector in Vector::all() {
        let delivery = vector.delivery().verify(&vector.rules(), vector.now());
        assert_eq!(delivery.expect(&vector.name).body(), vector.body.as_bytes());
    }
}

#[test]
fn what_we_sign_is_what_hubspot_signs() {
    for vector in Vector::all().into_iter().filter(Vector::is_v3) {
        let (secret, timestamp) = (Secret::new(vector.secret), vector.timestamp.parse().expect("digits"));
        for url in [Some(&vector.url), vector.wire_url.as_ref()].into_iter().flatten() {
            let signature = sign_v3(&secret, &vector.method, url, vector.body.as_bytes(), timestamp);
            assert_eq!(signature, vector.signature, "{} at {url}", vector.name);
        }
    }
}

#[test]
fn whatever_was_tampered_with_is_found_out() {
    for vector in Vector::all() {
        let changes: [Change; 6] = [
            ("the body", |vector| vector.body.push(' ')),
            ("the secret", |vector| vector.secret.push('z')),
            ("the signature", |vector| vector.signature.replace_range(0..1, "!")),
            ("the signature's end", |vector| vector.signature.truncate(20)),
            ("a longer signature", |vector| vector.signature.push_str("00")),
            ("an empty signature", |vector| vector.signature.clear()),
        ];
        for (what, change) in changes {
            let mut changed = vector.clone();
            change(&mut changed);
            assert_eq!(changed.verify(), Err(SignatureError::Mismatch), "{}: {what}", vector.name);
        }
    }
}

#[test]
fn method_url_and_timestamp_are_signed_too() {
    let changes: [Change; 6] = [
        ("GET for POST", |vector| vector.method = "GET".into()),
        ("post for POST", |vector| vector.method = "post".into()),
        ("http", |vector| vector.url = vector.url.replacen("https", "http", 1)),
        ("a slash", |vector| vector.url.push('/')),
        ("another host", |vector| vector.url = vector.url.replacen("hooks", "hook", 1)),
        ("one millisecond", |vector| vector.timestamp = "1771200000001".into()),
    ];
    for (what, change) in changes {
        let mut changed = Vector::one();
        change(&mut changed);
        assert_eq!(changed.verify(), Err(SignatureError::Mismatch), "{what}");
    }
}

#[test]
fn five_minutes_either_way_and_not_a_millisecond_more() {
    let vector = Vector::one();
    let at = |milliseconds| vector.delivery().verify(&vector.rules(), vector.later(milliseconds)).map(drop);
    for fresh in [-300_000, -1, 0, 1, 300_000] {
        assert_eq!(at(fresh), Ok(()), "{fresh} ms");
    }
    for stale in [-600_000, -300_001, 300_001, 86_400_000] {
        assert_eq!(at(stale), Err(SignatureError::Stale { seconds: 300 }), "{stale} ms");
    }
}

#[test]
fn a_timestamp_is_digits() {
    let timestamps = [
        ("", "is empty"),
        ("soon", "has more than digits"),
        ("-1771200000000", "has more than digits"),
        ("+1771200000000", "has more than digits"),
        ("1771200000000 ", "has more than digits"),
        ("1.7712e12", "has more than digits"),
        ("NaN", "has more than digits"),
        ("99999999999999999999999", "is beyond 64 bits"),
    ];
    let mut vector = Vector::one();
    let (rules, now) = (vector.rules(), vector.now());
    for (timestamp, why) in timestamps {
        vector.timestamp = timestamp.into();
        let result = vector.delivery().verify(&rules, now).map(drop);
        assert_eq!(result, Err(SignatureError::Timestamp { why, expected: "milliseconds in digits" }), "{timestamp:?}");
    }
    vector.timestamp = i64::MAX.to_string();
    assert_eq!(vector.delivery().verify(&rules, now).map(drop), Err(SignatureError::Stale { seconds: 300 }));
}

#[test]
fn missing_headers_are_named() {
    let vector = Vector::one();
    let verify = |headers: SignatureHeaders| {
        Delivery::new("POST", headers.map(), vec![]).verify(&vector.rules(), vector.now()).map(drop)
    };
    let missing = |name| Err(SignatureError::MissingHeader(name));
    assert_eq!(verify(SignatureHeaders::default()), missing("x-hubspot-signature-v3"));
    let no_time = SignatureHeaders { request_timestamp: None, ..vector.headers() };
    assert_eq!(verify(no_time), missing("x-hubspot-request-timestamp"));
    let no_signature = SignatureHeaders { signature_v3: None, ..vector.headers() };
    assert_eq!(verify(no_signature), missing("x-hubspot-signature-v3"));
    let no_version = SignatureHeaders { signature: Some("00".into()), ..SignatureHeaders::default() };
    assert_eq!(verify(no_version), missing("x-hubspot-signature-version"));
}

#[test]
fn older_versions_pass_only_where_they_are_switched_on() {
    for vector in Vector::all().into_iter().filter(|vector| !vector.is_v3()) {
        let verify = |versions: &[Version]| {
            let rules = Rules { versions: versions.to_vec(), ..vector.rules() };
            vector.delivery().verify(&rules, vector.now()).map(drop)
        };
        let refused = Err(SignatureError::NotAllowed(vector.version().word()));
        assert_eq!(verify(&[Version::V3]), refused, "{}", vector.name);
        assert_eq!(verify(&[]), refused, "{}", vector.name);
        assert_eq!(verify(&[Version::V3, Version::V1, Version::V2]), Ok(()), "{}", vector.name);
    }
    let mut unknown = Vector::one().headers();
    (unknown.signature_v3, unknown.signature, unknown.signature_version) = (None, Some("00".into()), Some("v9".into()));
    let result = Delivery::new("POST", unknown.map(), vec![]).verify(&Vector::one().rules(), Vector::one().now());
    assert_eq!(result.map(drop), Err(SignatureError::UnknownVersion));
}

#[test]
fn a_wrong_v3_signature_gets_no_second_chance() {
    let older = Vector::all().into_iter().find(|vector| vector.name == "hs-v1-generic").expect("the vector");
    let both = SignatureHeaders { signature_v3: Some("AAAA".into()), ..Vector::one().headers() };
    let both =
        SignatureHeaders { signature: Some(older.signature.clone()), signature_version: Some("v1".into()), ..both };
    let verify = |versions: &[Version]| {
        let rules = Rules { versions: versions.to_vec(), ..older.rules() };
        let delivery = Delivery::new("POST", both.clone().map(), older.body.clone().into_bytes());
        delivery.verify(&rules, Vector::one().now()).map(drop)
    };
    assert_eq!(verify(&[Version::V1, Version::V3]), Err(SignatureError::Mismatch));
    assert_eq!(verify(&[Version::V1]), Ok(()), "where version 3 isn't accepted, it decides nothing");
}

#[test]
fn while_a_secret_is_rotated_either_passes() {
    let vector = Vector::one();
    let verify = |secrets: &[&str]| {
        let secrets = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
        vector.delivery().verify(&Rules { secrets, ..vector.rules() }, vector.now()).map(drop)
    };
    assert_eq!(verify(&["the next one", &vector.secret]), Ok(()));
    assert_eq!(verify(&[&vector.secret, "the last one"]), Ok(()));
    assert_eq!(verify(&["the next one", "the last one"]), Err(SignatureError::Mismatch));
    assert_eq!(verify(&[]), Err(SignatureError::NoSecret));
    assert_eq!(format!("{:?}", vector.delivery()), "Delivery(246 bytes)");
}

#[test]
fn a_blank_secret_lets_nothing_in() {
    let vector = Vector { secret: String::new(), ..Vector::one() };
    let timestamp = vector.now().as_millisecond();
    let rules = |secrets: &[&str]| Rules {
        secrets: secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect(),
        versions: vec![Version::V1, Version::V2, Version::V3],
        ..vector.rules()
    };
    let body = b"[]".to_vec();
    let signature = sign_v3(&Secret::new(String::new()), "POST", &vector.rules().public_url, &body, timestamp);
    let headers = SignatureHeaders {
        signature_v3: Some(signature),
        request_timestamp: Some(timestamp.to_string()),
        ..SignatureHeaders::default()
    };
    let verify = |secrets: &[&str]| {
        Delivery::new("POST", headers.clone().map(), body.clone()).verify(&rules(secrets), vector.now()).map(drop)
    };
    assert_eq!(verify(&["", " \n"]), Err(SignatureError::NoSecret));
    assert_eq!(verify(&["a secret", ""]), Err(SignatureError::Mismatch), "as is a placeholder for the next one");
    // SHA-256 of the body alone is version 1 with no secret.
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"[]"));
    let headers = SignatureHeaders {
        signature: Some(digest),
        signature_version: Some("v1".into()),
        ..SignatureHeaders::default()
    };
    let verified = Delivery::new("POST", headers.map(), body.clone()).verify(&rules(&["a secret", ""]), vector.now());
    assert_eq!(verified.map(drop), Err(SignatureError::Mismatch));
}
