//! The signatures that belong to no vendor: documented vectors, and every way to get one wrong.

use jiff::Timestamp;
use leadgate_connectors::inbound::{Delivery, SignatureError};
use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::{basic, github, stripe, timestamped, token};

use crate::headers;

type Checked = Result<(), SignatureError>;

/// GitHub's own pair (docs.github.com, "Validating webhook deliveries").
const GITHUB: [&str; 3] = [
    "It's a Secret to Everybody",
    "Hello, World!",
    "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
];

/// A secret, a body and its signature in Stripe's form.
const STRIPE: [&str; 3] = [
    "whsec_test_secret",
    r#"{"id":"evt_1","object":"event"}"#,
    "t=1771200000,v1=a0c9720fa6c2159a7772946a9370f218e3a80f1dbfc6ee14d61cf346e342b0be",
];
const STRIPE_TIME: i64 = 1_771_200_000;

const OTHER: &str = "another secret, as long as the first";

fn delivery(
    header: &'static str,
    value: Option<&str>,
    body: &str,
) -> Delivery<leadgate_connectors::inbound::Unverified> {
    Delivery::new("POST", headers([(header, value)]), body.as_bytes().to_vec())
}

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::new((*text).to_owned())).collect()
}

fn github(texts: &[&str], body: &str, signature: Option<&str>) -> Checked {
    github::check(&delivery(github::SIGNATURE, signature, body), secrets(texts))
}

fn stripe(texts: &[&str], body: &str, signature: Option<&str>, after: i64) -> Checked {
    let now = Timestamp::from_second(STRIPE_TIME + after).expect("a time");
    stripe::check(&delivery(stripe::SIGNATURE, signature, body), secrets(texts), now)
}

#[test]
fn the_documented_pair_of_github_is_checked_and_made_and_nothing_of_it_may_be_changed() {
    let [secret, body, signature] = GITHUB;
    assert_eq!(github(&[secret], body, Some(signature)), Ok(()));
    assert_eq!(github(&[OTHER, secret], body, Some(signature)), Ok(()), "while one replaces the other");
    assert_eq!(github::sign(&Secret::new(secret.to_owned()), body.as_bytes()), signature);
    let upper = signature.to_uppercase();
    let changed = [
        (body, signature.replace("757", "758")),
        (body, signature[..signature.len() - 2].to_owned()),
        (body, format!("{signature}00")),
        (body, signature.replace("sha256=", "")),
        (body, signature.replace("sha256=", "sha1=")),
        (body, upper),
        (body, "sha256=".to_owned()),
        (body, "sha256=not hex at all".to_owned()),
        ("Hello, World", signature.to_owned()),
        ("hello, World!", signature.to_owned()),
        ("", signature.to_owned()),
    ];
    for (body, signature) in changed {
        assert_eq!(github(&[secret], body, Some(&signature)), Err(SignatureError::Mismatch), "{body} {signature}");
    }
    assert_eq!(github(&[OTHER], body, Some(signature)), Err(SignatureError::Mismatch));
    assert_eq!(github(&[secret], body, None), Err(SignatureError::MissingHeader(github::SIGNATURE)));
}

#[test]
fn a_signature_in_stripes_form_is_checked_and_made_and_nothing_of_it_may_be_changed() {
    let [secret, body, signature] = STRIPE;
    assert_eq!(stripe(&[secret], body, Some(signature), 0), Ok(()));
    assert_eq!(stripe::sign(&Secret::new(secret.to_owned()), STRIPE_TIME, body.as_bytes()), signature);
    let changed = [
        (body, signature.replace("1771200000", "1771200001")),
        (body, signature.replace("a0c", "a0d")),
        (body, signature.replace("v1=", "v0=")),
        (body, signature.replace("v1=", "v2=")),
        (body, "t=1771200000".to_owned()),
        (body, "t=1771200000,v1=".to_owned()),
        (body, "t=1771200000,v1=nothing in hex".to_owned()),
        (&body[1..], signature.to_owned()),
        (r#"{"id":"evt_2","object":"event"}"#, signature.to_owned()),
    ];
    for (body, signature) in changed {
        assert_eq!(stripe(&[secret], body, Some(&signature), 0), Err(SignatureError::Mismatch), "{signature}");
    }
    assert_eq!(stripe(&[OTHER], body, Some(signature), 0), Err(SignatureError::Mismatch));
    // The same prefix as in Standard Webhooks, and no base64.
    assert_eq!(stripe(&[&secret["whsec_".len()..]], body, Some(signature), 0), Err(SignatureError::NoSecret));
    assert_eq!(stripe(&[secret], body, None, 0), Err(SignatureError::MissingHeader(stripe::SIGNATURE)));
}

#[test]
fn one_of_several_entries_of_stripes_form_is_enough_and_the_list_has_an_end() {
    let [secret, body, signature] = STRIPE;
    let (time, own) = signature.split_once(',').expect("two entries");
    let wrong = "v1=00";
    for good in [format!("{time}, {wrong}, {own},v0=00"), format!("{own},{time}"), format!("x,{time},{own},")] {
        assert_eq!(stripe(&[OTHER, secret], body, Some(&good), 0), Ok(()), "{good}");
    }
    let far = format!("{time},{}{own}", format!("{wrong},").repeat(8));
    assert_eq!(stripe(&[secret], body, Some(&far), 0), Err(SignatureError::Mismatch));
    let second_time = format!("t=1,{signature}");
    assert!(stripe(&[secret], body, Some(&second_time), 0).is_err(), "the first time is the one that counts");
}

#[test]
fn stripes_form_is_good_for_five_minutes_either_way() {
    let [secret, body, signature] = STRIPE;
    for within in [-300, 300] {
        assert_eq!(stripe(&[secret], body, Some(signature), within), Ok(()), "{within}");
    }
    for beyond in [-301, 301, 1_000_000] {
        let stale = SignatureError::Stale { seconds: 300 };
        assert_eq!(stripe(&[secret], body, Some(signature), beyond), Err(stale), "{beyond}");
    }
    for wrong in ["v1=00", "t=,v1=00", "t=-5,v1=00", "t=1e9,v1=00", "t=99999999999999999999,v1=00"] {
        let refused = stripe(&[secret], body, Some(wrong), 0);
        assert!(matches!(refused, Err(SignatureError::Timestamp { .. })), "{wrong}: {refused:?}");
    }
}

/// Lusha's, made with another implementation of HMAC: a secret, a body, and each time with its signature.
const LUSHA: [&str; 2] = [
    "lusha-account-webhook-secret",
    r#"{"id":"f3b87e05","type":"companyChange","entityType":"contact","entityId":"4158887495"}"#,
];
const LUSHA_SIGNED: [[&str; 2]; 2] = [
    ["1771200000", "9a6dac37b71cffc838c0bef069e3407337e96a428515e27737f79186444ed96a"],
    ["1771200000123", "e4aefef04c285590e51b10f83d9d87c8440ef286d12000d73d5855fdfa43b720"],
];

fn timestamped(text: &str, body: &str, [time, signature]: [Option<&str>; 2], after: i64) -> Checked {
    let both = headers([("x-lusha-timestamp", time), ("x-lusha-signature", signature)]);
    let delivery = Delivery::new("POST", both, body.as_bytes().to_vec());
    let now = Timestamp::from_second(STRIPE_TIME + after).expect("a time");
    timestamped::check(&delivery, ("x-lusha-signature", "x-lusha-timestamp"), secrets(&[text]), now)
}

#[test]
fn a_time_in_a_header_of_its_own_is_signed_with_the_body_and_good_for_five_minutes() {
    let [secret, body] = LUSHA;
    for [time, signature] in LUSHA_SIGNED {
        let check = |body: &str, time: &str, signature: &str, after| {
            timestamped(secret, body, [Some(time), Some(signature)], after)
        };
        assert_eq!(check(body, time, signature, 0), Ok(()), "{time}");
        assert_eq!(timestamped::sign(&Secret::new(secret.to_owned()), time, body.as_bytes()), signature);
        for within in [-300, 300] {
            assert_eq!(check(body, time, signature, within), Ok(()), "{within}");
        }
        for beyond in [-302, 301, 1_000_000] {
            assert_eq!(check(body, time, signature, beyond), Err(SignatureError::Stale { seconds: 300 }), "{beyond}");
        }
        let changed = [
            (body, time.replace("12000", "12001"), signature.to_owned()),
            (&body[1..], time.to_owned(), signature.to_owned()),
            (body, time.to_owned(), signature[2..].to_owned()),
            (body, time.to_owned(), "not hex".to_owned()),
            (body, time.to_owned(), String::new()),
        ];
        for (body, time, signature) in changed {
            assert_eq!(check(body, &time, &signature, 0), Err(SignatureError::Mismatch), "{time} {signature}");
        }
        assert_eq!(timestamped(OTHER, body, [Some(time), Some(signature)], 0), Err(SignatureError::Mismatch));
        let missing = |name: &str| Err(SignatureError::MissingNamedHeader(name.to_owned()));
        assert_eq!(timestamped(secret, body, [None, Some(signature)], 0), missing("x-lusha-timestamp"));
        assert_eq!(timestamped(secret, body, [Some(time), None], 0), missing("x-lusha-signature"));
        assert!(matches!(check(body, "today", signature, 0), Err(SignatureError::Timestamp { .. })));
    }
}

const USER: &str = "warehouse:a password that is long enough";

fn basic(texts: &[&str], header: Option<&str>) -> Checked {
    basic::check(&delivery(basic::AUTHORIZATION, header, "{}"), secrets(texts))
}

#[test]
fn a_user_and_a_password_are_compared_as_a_whole() {
    let good = basic::header(&Secret::new(USER.to_owned()));
    assert_eq!(basic(&[USER], Some(&good)), Ok(()));
    assert_eq!(basic(&["warehouse:the password before this one", USER], Some(&good)), Ok(()));
    assert_eq!(basic(&[USER], Some(&good.replace("Basic", "basic"))), Ok(()), "the scheme has no case");
    for other in [USER.replace("warehouse", "warehousE"), USER.replace("long", "Long"), format!("{USER}x")] {
        let header = basic::header(&Secret::new(other.clone()));
        assert_eq!(basic(&[USER], Some(&header)), Err(SignatureError::Mismatch), "{other}");
    }
    for wrong in ["", "Basic", "Basic !!!", &good["Basic ".len()..], &good.replace("Basic", "Bearer")] {
        assert_eq!(basic(&[USER], Some(wrong)), Err(SignatureError::Mismatch), "{wrong}");
    }
    assert_eq!(basic(&[USER], None), Err(SignatureError::MissingHeader(basic::AUTHORIZATION)));
}

const TOKEN: &str = "token-0123456789abcdef";

fn in_header(texts: &[&str], header: &'static str, value: Option<&str>) -> Checked {
    token::check_header(&delivery(header, value, "{}"), header, secrets(texts))
}

fn in_body(texts: &[&str], body: &str) -> Checked {
    let at = "/auth/token".parse().expect("a pointer");
    token::check_body(&delivery("x-other", None, body), &at, secrets(texts))
}

#[test]
fn a_token_is_compared_as_a_whole_wherever_it_is_echoed() {
    let is_missing = |checked: Checked| matches!(checked, Err(SignatureError::MissingToken(_)));
    assert_eq!(in_header(&[TOKEN], "x-api-token", Some(TOKEN)), Ok(()));
    assert_eq!(in_header(&[OTHER, TOKEN], "x-api-token", Some(TOKEN)), Ok(()));
    assert_eq!(in_header(&[TOKEN], "authorization", Some(&format!("Bearer {TOKEN}"))), Ok(()));
    assert_eq!(in_header(&[TOKEN], "x-api-token", Some(&format!("Bearer {TOKEN}"))), Err(SignatureError::Mismatch));
    assert!(is_missing(in_header(&[TOKEN], "x-api-token", None)));
    let body = |token: &str| format!(r#"{{"auth":{{"token":"{token}"}},"rows":[]}}"#);
    assert_eq!(in_body(&[OTHER, TOKEN], &body(TOKEN)), Ok(()));
    for wrong in [&TOKEN[1..], &TOKEN.to_uppercase(), &format!("{TOKEN}x"), "", OTHER] {
        assert_eq!(in_header(&[TOKEN], "x-api-token", Some(wrong)), Err(SignatureError::Mismatch), "{wrong}");
        assert_eq!(in_body(&[TOKEN], &body(wrong)), Err(SignatureError::Mismatch), "{wrong}");
    }
    let large = format!("{}{}", body(TOKEN), " ".repeat(256 * 1024));
    let nested = format!("{}{}", "[".repeat(100_000), body(TOKEN));
    for without in ["", "{}", "not JSON", r#"{"auth":{"token":["token-0123456789abcdef"]}}"#, &large, &nested] {
        assert!(is_missing(in_body(&[TOKEN], without)), "{}", &without[..without.len().min(40)]);
    }
}

#[test]
fn what_can_be_guessed_lets_nothing_in() {
    for none in ["", "changeme", "fifteen chars!!"] {
        let signed = github::sign(&Secret::new(none.to_owned()), b"{}");
        assert_eq!(github(&[none], "{}", Some(&signed)), Err(SignatureError::NoSecret), "{none}");
        let signed = stripe::sign(&Secret::new(none.to_owned()), STRIPE_TIME, b"{}");
        assert_eq!(stripe(&[none, ""], "{}", Some(&signed), 0), Err(SignatureError::NoSecret), "{none}");
        assert_eq!(in_header(&[none], "x-api-token", Some(none)), Err(SignatureError::NoSecret), "{none}");
        assert_eq!(in_body(&[none], "{}"), Err(SignatureError::NoSecret), "{none}");
        let user = format!("user:{none}");
        let header = basic::header(&Secret::new(user.clone()));
        assert_eq!(basic(&[&user], Some(&header)), Err(SignatureError::NoSecret), "{none}");
    }
    let no_user = ":a password that is long enough";
    assert_eq!(basic(&[no_user], Some(&basic::header(&Secret::new(no_user.into())))), Err(SignatureError::NoSecret));
    // Beside a placeholder, the other one opens.
    let [secret, body, signature] = GITHUB;
    assert_eq!(github(&["", secret], body, Some(signature)), Ok(()));
}
