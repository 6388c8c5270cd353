//! Standard Webhooks: the vectors of the reference libraries, and every way to get a signature wrong.

use jiff::Timestamp;
use leadgate_connectors::inbound::{Delivery, SignatureError};
use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::standard_webhooks::{ID, SIGNATURE, TIMESTAMP, check, id, is_secret, sign};
use serde::Deserialize;

use crate::headers;

const VECTORS: &str = include_str!("../../src/signatures/standard-webhooks-vectors.json");

#[derive(Clone, Deserialize)]
struct Vector {
    secret: String,
    id: String,
    timestamp: String,
    body: String,
    signature: String,
}

impl Vector {
    fn all() -> Vec<Self> {
        serde_json::from_str(VECTORS).expect("vectors")
    }

    fn one() -> Self {
        Self::all().remove(0)
    }

    fn seconds(&self) -> i64 {
        self.timestamp.parse().expect("seconds")
    }

    /// Checked at a time so many seconds after it was signed, with these secrets.
    fn checked(&self, secrets: &[&str], after: i64) -> Result<(), SignatureError> {
        let given = |text: &'_ str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let named = [(ID, given(&self.id)), (TIMESTAMP, given(&self.timestamp)), (SIGNATURE, given(&self.signature))];
        let headers = headers(named.iter().map(|(name, text)| (*name, text.as_deref())));
        let delivery = Delivery::new("POST", headers, self.body.clone().into_bytes());
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
        let now = Timestamp::from_second(Self::one().seconds() + after).expect("in range");
        check(&delivery, &secrets, now)
    }

    fn passes(&self) -> Result<(), SignatureError> {
        let skew = self.seconds() - Self::one().seconds();
        self.checked(&[&self.secret], skew)
    }
}

#[test]
fn every_vector_of_the_reference_libraries_is_checked_and_made() {
    for vector in Vector::all() {
        assert_eq!(vector.passes(), Ok(()), "{}", vector.id);
        let made = sign(&Secret::new(vector.secret.clone()), &vector.id, vector.seconds(), vector.body.as_bytes());
        assert_eq!(made.as_deref(), Some(vector.signature.as_str()));
    }
    assert_eq!(Vector::all().len(), 4);
}

#[test]
fn nothing_of_it_may_be_changed() {
    let good = Vector::one();
    let changed = [
        Vector { id: format!("{}x", good.id), ..good.clone() },
        Vector { timestamp: (good.seconds() + 1).to_string(), ..good.clone() },
        Vector { body: good.body.replace(' ', ""), ..good.clone() },
        Vector { signature: good.signature.replace("g0h", "g0H"), ..good.clone() },
        Vector { signature: good.signature.replace("v1,", ""), ..good.clone() },
        Vector { signature: good.signature.replace("v1,", "v1a,"), ..good.clone() },
        Vector { signature: "v1,".to_owned(), ..good.clone() },
        Vector { signature: "v1,not base64!".to_owned(), ..good.clone() },
    ];
    for changed in changed {
        let refused = changed.checked(&[&good.secret], 0);
        assert_eq!(refused, Err(SignatureError::Mismatch), "{} {}", changed.id, changed.signature);
    }
    assert_eq!(good.checked(&[&Vector::all()[1].secret], 0), Err(SignatureError::Mismatch), "another secret");
}

#[test]
fn one_of_several_signatures_and_one_of_several_secrets_are_enough() {
    let (good, other) = (Vector::one(), Vector::all()[1].secret.clone());
    let list = format!("v1a,AAAA v2,x {} v1,AAAA", good.signature);
    let listed = Vector { signature: list, ..good.clone() };
    assert_eq!(listed.checked(&[&other, &good.secret], 0), Ok(()));
    assert_eq!(listed.checked(&[&other], 0), Err(SignatureError::Mismatch));
    let far = Vector { signature: format!("{}{}", "v1,AAAA ".repeat(8), good.signature), ..good.clone() };
    assert_eq!(far.checked(&[&good.secret], 0), Err(SignatureError::Mismatch), "a list has an end");
}

#[test]
fn five_minutes_are_enough_either_way_and_one_second_more_is_not() {
    let good = Vector::one();
    for within in [-300, 0, 300] {
        assert_eq!(good.checked(&[&good.secret], within), Ok(()), "{within}");
    }
    for beyond in [-301, 301] {
        assert_eq!(good.checked(&[&good.secret], beyond), Err(SignatureError::Stale { seconds: 300 }), "{beyond}");
    }
    for wrong in ["-5", "+5", "1e9", "12 ", "99999999999999999999"] {
        let refused = Vector { timestamp: wrong.to_owned(), ..good.clone() }.checked(&[&good.secret], 0);
        assert!(matches!(refused, Err(SignatureError::Timestamp { .. })), "{wrong}: {refused:?}");
    }
}

#[test]
fn each_header_is_needed() {
    let good = Vector::one();
    let without = [
        (ID, Vector { id: String::new(), ..good.clone() }),
        (TIMESTAMP, Vector { timestamp: String::new(), ..good.clone() }),
        (SIGNATURE, Vector { signature: String::new(), ..good.clone() }),
    ];
    for (name, vector) in without {
        assert_eq!(vector.checked(&[&good.secret], 0), Err(SignatureError::MissingHeader(name)));
    }
}

#[test]
fn what_is_no_secret_signs_nothing() {
    let good = Vector::one();
    let short = "whsec_c2hvcnQ=";
    for none in ["", "whsec_", "whsec_!!!", short, &good.secret["whsec_".len()..]] {
        assert!(!is_secret(&Secret::new(none.to_owned())), "{none}");
        assert_eq!(good.checked(&[none], 0), Err(SignatureError::NoSecret), "{none}");
        assert_eq!(good.checked(&[none, &good.secret], 0), Ok(()), "beside a good one");
    }
    let unpadded = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA";
    assert!(is_secret(&Secret::new(unpadded.to_owned())), "padding is optional");
}

#[test]
fn the_headers_older_names_are_taken_as_a_set_of_their_own() {
    let good = Vector::one();
    let (secret, now) = (Secret::new(good.secret.clone()), Timestamp::from_second(good.seconds()).expect("in range"));
    let delivery = |named: &[(&'static str, &str)]| {
        let headers = headers(named.iter().map(|(name, text)| (*name, Some(*text))));
        Delivery::new("POST", headers, good.body.clone().into_bytes())
    };
    let checked = |named: &[(&'static str, &str)]| check(&delivery(named), std::slice::from_ref(&secret), now);
    let (own_id, time, signature) = (good.id.as_str(), good.timestamp.as_str(), good.signature.as_str());
    let svix = [("svix-id", own_id), ("svix-timestamp", time), ("svix-signature", signature)];
    assert_eq!(checked(&svix), Ok(()));
    assert_eq!(id(&delivery(&svix)), Some(own_id));
    // What isn't signed must not be taken for the message's id.
    let forged = [svix[0], svix[1], svix[2], (ID, "msg_forged")];
    assert_eq!((checked(&forged), id(&delivery(&forged))), (Ok(()), Some(own_id)));
    let mixed = [("svix-id", own_id), (TIMESTAMP, time), (SIGNATURE, signature)];
    assert_eq!(checked(&mixed), Err(SignatureError::MissingHeader(ID)));
    let changed = [("svix-id", "msg_other"), svix[1], svix[2]];
    assert_eq!(checked(&changed), Err(SignatureError::Mismatch));
    assert_eq!(checked(&svix[..2]), Err(SignatureError::MissingHeader(ID)));
}
