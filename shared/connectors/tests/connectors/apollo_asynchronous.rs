//! What Apollo takes minutes to find: asking for it, and asking what has become of it.

use std::time::Duration;

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Confidence, Profile, ProfileField};
use leadgate_enrichment::provider::{AsynchronousId, AsynchronousRequest, Collected, Provider, Reply};
use serde_json::{Value, json};

use crate::apollo::{NO_FIELDS, SILENCE, TIMEOUT, apollo, people};
use crate::loopback::{Server, nobody, raw};

/// The webhook is at an address that has to be encoded, as all with a token are.
const CALLBACK: &str = "https://hooks.example/apollo?token=a/b+c&tenant=x y";

fn later(mobile: bool, waterfall_email: bool, waterfall_mobile: bool) -> AsynchronousRequest {
    let fields = [
        (mobile, PricedField::Mobile),
        (waterfall_email, PricedField::EmailOfOthers),
        (waterfall_mobile, PricedField::MobileOfOthers),
    ];
    let fields = fields.into_iter().filter_map(|(wanted, field)| wanted.then_some(field)).collect();
    AsynchronousRequest { fields, callback: Some(CALLBACK.into()), names: Vec::new() }
}

fn id(id: &str) -> AsynchronousId {
    AsynchronousId(id.to_owned())
}

/// What comes of asking for this call's result when this is the answer.
async fn collected(status: u16, body: &Value) -> Collected {
    let body = body.to_string();
    let server = Server::start(move |_, _| (status, body.clone())).await;
    apollo(&server.url).collect(&id("-42"), TIMEOUT).await.reply
}

/// The one profile in a result with these people.
async fn arrived(people: Value) -> Profile {
    match collected(200, &json!({"webhook_result": {"people": people}})).await {
        Collected::Arrived { people, .. } => people.into_values().next().unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_to_arrive_later_is_asked_for_in_the_query_and_nobody_is_named_there() {
    let encoded = "webhook_url=https%3A%2F%2Fhooks.example%2Fapollo%3Ftoken%3Da%2Fb%2Bc%26tenant%3Dx+y";
    let queries = [
        (later(true, false, false), format!("?reveal_phone_number=true&{encoded}")),
        (later(false, true, false), format!("?run_waterfall_email=true&{encoded}")),
        (
            later(true, true, true),
            format!("?reveal_phone_number=true&run_waterfall_email=true&run_waterfall_phone=true&{encoded}"),
        ),
        (later(false, false, false), String::new()),
    ];
    let server = Server::start(|line, _| match line.contains("bulk") {
        true => (200, r#"{"matches":[null,null]}"#.to_owned()),
        false => (200, r#"{"person":null}"#.to_owned()),
    })
    .await;
    let mut expected = Vec::new();
    for (asynchronous, query) in queries {
        for count in [1, 2] {
            let reply =
                apollo(&server.url).look_up(&people(count), &NO_FIELDS, Some(&asynchronous), TIMEOUT).await.reply;
            assert!(matches!(reply, Reply::Answered { asynchronous: None, .. }), "{reply:?}");
        }
        expected.push((format!("POST /people/match{query}"), json!({"email": "p0@b.example"})));
        let details = json!({"details": [{"email": "p0@b.example"}, {"email": "p1@b.example"}]});
        expected.push((format!("POST /people/bulk_match{query}"), details));
    }
    assert_eq!(server.asked(), expected);
}

/// What the rest can be asked for under, of one person and of two.
async fn later_of(asked: Option<&AsynchronousRequest>, rest: &str) -> [Option<AsynchronousId>; 2] {
    let rest = rest.to_owned();
    let server = Server::start(move |line, _| match line.contains("bulk") {
        true => (200, format!(r#"{{"matches":[null,{{"id":"1","first_name":"Ada"}}]{rest}}}"#)),
        false => (200, format!(r#"{{"person":{{"id":"1","first_name":"Ada"}}{rest}}}"#)),
    })
    .await;
    let mut found = [None, None];
    for (count, found) in (1..).zip(&mut found) {
        match apollo(&server.url).look_up(&people(count), &NO_FIELDS, asked, TIMEOUT).await.reply {
            Reply::Answered { asynchronous, reported: None, .. } => *found = asynchronous,
            other => panic!("{other:?}"),
        }
    }
    found
}

#[tokio::test]
async fn the_call_has_an_id_that_is_kept_to_the_last_digit() {
    let mobile = later(true, false, false);
    for (written, read) in [
        ("42", Some("42")),
        ("-9223372036854775808", Some("-9223372036854775808")),
        ("9223372036854775807", Some("9223372036854775807")),
        ("\"-8072398472983471\"", Some("-8072398472983471")),
        ("\"a1b2-c3\"", Some("a1b2-c3")),
        ("\"../users\"", None),
        ("\"\"", None),
        ("1.5", None),
        ("null", None),
        ("{}", None),
    ] {
        let expected = read.map(id);
        let found = later_of(Some(&mobile), &format!(r#","request_id":{written}"#)).await;
        assert_eq!(found, [expected.clone(), expected], "{written}");
    }
    assert_eq!(later_of(Some(&mobile), "").await, [None, None]);
    assert_eq!(later_of(None, r#","request_id":42"#).await, [None, None], "nothing was to arrive later");
}

#[tokio::test]
async fn a_waterfall_that_is_not_accepted_brings_nothing_but_a_number_may_still_come() {
    let both = later(true, true, false);
    let waterfall = later(false, true, true);
    let mobile = later(true, false, false);
    for (status, asked, comes) in [
        (r#"{"status":"accepted","message":"…"}"#, &waterfall, true),
        (r#"{"status":"Accepted"}"#, &waterfall, true),
        (r#"{"status":"failed","message":"…"}"#, &waterfall, false),
        (r#"{"status":"failed"}"#, &both, true),
        (r#"{"status":"failed"}"#, &mobile, true),
        ("null", &waterfall, true),
    ] {
        let rest = format!(r#","request_id":42,"waterfall":{status}"#);
        let expected = comes.then(|| id("42"));
        assert_eq!(later_of(Some(asked), &rest).await, [expected.clone(), expected], "{status} {asked:?}");
    }
}

#[tokio::test]
async fn numbers_of_apollos_own_arrive_by_person() {
    let body = json!({
        "request_id": "-42", "webhook_status": "success", "request_type": "phone", "failure_reason": null,
        "webhook_result": {
            "status": "success", "total_requested_enrichments": 3, "unique_enriched_records": 1, "missing_records": 2,
            "credits_consumed": 8, "unheard_of": [{}],
            "people": [
                {"id": "p1", "status": "success", "phone_numbers": [{
                    "_id": "x", "id": "x", "key": "x", "raw_number": "+44 7700 900001", "sanitized_number": "+447700900001",
                    "type_cd": "mobile", "status_cd": "valid_number", "confidence_cd": "high", "position": 0,
                    "direct_dial_source_cd": null, "dnc_status_cd": "not_found", "dnc_other_info": {"country": null},
                }]},
                {"id": "p2", "status": "failed", "phone_numbers": []},
                {"id": 3, "phone_numbers": null},
                null,
            ],
        },
    });
    let server = Server::start(move |_, _| (200, body.to_string())).await;
    let reply = apollo(&server.url).collect(&id("-42"), TIMEOUT).await.reply;
    assert_eq!(server.asked(), [("GET /webhook_result/-42".to_owned(), Value::Null)]);
    assert_eq!(server.sent("x-api-key"), [Some("key".to_owned())]);
    let Collected::Arrived { people, reported, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(reported, Some(Milli::credits(8)));
    assert_eq!(people.keys().collect::<Vec<_>>(), ["p1"], "the others have nothing");
    let profile = &people["p1"];
    assert_eq!(profile.id(), Some("p1"));
    assert_eq!(profile.get(ProfileField::MobilePhone), Some("+447700900001"));
    assert_eq!(profile.get(ProfileField::MobilePhoneStatus), Some("valid_number"));
    assert_eq!(profile.get(ProfileField::MobilePhoneDoNotCall), Some("not_found"));
    assert_eq!(profile.get(ProfileField::Email), None);
}

#[tokio::test]
async fn a_waterfall_brings_addresses_and_numbers() {
    let vendors = json!([{"vendors": [{"id": "v", "name": "V", "status": "VERIFIED", "emails": ["x@b.example"]}]}]);
    let body = json!({
        "request_id": "-42", "request_type": "waterfall",
        "webhook_result": {
            "status": "success", "target_fields": ["emails", "phone_numbers"], "records_enriched": 1,
            "credits_consumed": "3.5", "request_id": "-42",
            "people": [{
                "id": "p1", "waterfall": {"emails": vendors, "phone_numbers": []},
                "phone_numbers": [{"sanitized_number": "+447700900001", "status_cd": "no_status", "type_cd": null}],
                "emails": [
                    {"email": "guess@b.example", "email_status_cd": "Extrapolated", "position": 0},
                    {"email": "second@b.example", "email_status_cd": "Verified", "position": 2},
                    {"email": "first@b.example", "email_status_cd": "Verified", "position": 1, "vendor_validation_statuses": []},
                    {"email": null, "email_status_cd": "Verified", "position": 0},
                    {"email": "email_not_unlocked@domain.com", "email_status_cd": "Verified", "position": 0},
                    null,
                ],
            }],
        },
    });
    let Collected::Arrived { people, reported, .. } = collected(200, &body).await else { panic!("not arrived") };
    assert_eq!(reported, Some(Milli::new(3500)));
    let profile = &people["p1"];
    assert_eq!(profile.get(ProfileField::Email), Some("first@b.example"));
    assert!(profile.has_verified_email());
    assert_eq!(profile.get(ProfileField::MobilePhone), Some("+447700900001"));
    assert_eq!(profile.get(ProfileField::MobilePhoneStatus), Some("no_status"));
    assert_eq!(profile.get(ProfileField::MobilePhoneDoNotCall), None);
    let locked =
        json!([{"id": "p1", "emails": [{"email": "email_not_unlocked@domain.com", "email_status_cd": "Verified"}]}]);
    assert!(arrived(locked).await.is_blank());
}

#[tokio::test]
async fn of_several_numbers_the_best_mobile_one_is_taken() {
    let number = |digits: u64, rest: Value| {
        let mut number = json!({"sanitized_number": format!("+4477009{digits:05}"), "type_cd": "mobile"});
        number.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        number
    };
    let valid = |confidence: &str, position: u64| json!({"status_cd": "valid_number", "confidence_cd": confidence, "position": position});
    let cases = [
        (json!([number(1, json!({"type_cd": null})), number(2, json!({"status_cd": "invalid_number"}))]), Some(2)),
        (
            json!([number(1, json!({"status_cd": "no_status", "confidence_cd": "high"})), number(2, valid("low", 9))]),
            Some(2),
        ),
        (json!([number(1, json!({"status_cd": "invalid"})), number(2, json!({}))]), Some(2)),
        (json!([number(1, valid("medium", 0)), number(2, valid("high", 5)), number(3, valid("low", 0))]), Some(2)),
        (json!([number(1, valid("high", 3)), number(2, valid("high", 1)), number(3, valid("high", 1))]), Some(2)),
        (json!([number(1, json!({"type_cd": "work_direct_phone"})), number(2, json!({"type_cd": "other"}))]), Some(2)),
        (json!([number(1, json!({"type_cd": "home"}))]), None),
        (
            json!([
                number(1, json!({"type_cd": "other", "status_cd": "valid_number"})),
                number(2, json!({"type_cd": null})),
                number(3, json!({"status_cd": "no_status"})),
            ]),
            Some(3),
        ),
        (json!([number(1, json!({"type_cd": "other"})), number(2, json!({"type_cd": null}))]), Some(2)),
        (json!([{"sanitized_number": "+447700900007", "type": "Mobile", "status": "valid_number"}]), Some(7)),
        (
            json!([{"sanitized_number": "07700900001", "type_cd": "mobile"}, {"type_cd": "mobile"}, {"sanitized_number": 7}]),
            None,
        ),
        (json!([{"sanitized_number": null, "raw_number": "+447700900008", "type_cd": "mobile"}]), Some(8)),
        (json!(null), None),
    ];
    for (numbers, best) in cases {
        let profile = arrived(json!([{"id": "p1", "phone_numbers": numbers}])).await;
        let expected = best.map(|best| format!("+4477009{best:05}"));
        assert_eq!(profile.get(ProfileField::MobilePhone).map(str::to_owned), expected, "{numbers}");
    }
}

#[tokio::test]
async fn how_sure_apollo_is_of_what_arrives_is_kept_in_our_words() {
    for (said, confidence) in [
        (json!({"status_cd": "valid_number", "confidence_cd": "high"}), Some(Confidence::High)),
        (json!({"status_cd": "no_status", "confidence_cd": "Medium"}), Some(Confidence::Medium)),
        (json!({"confidence_cd": "low"}), Some(Confidence::Low)),
        (json!({"status_cd": "invalid_number", "confidence_cd": "high"}), Some(Confidence::Low)),
        (json!({"status_cd": "valid_number", "confidence_cd": null}), Some(Confidence::Medium)),
        (json!({"status_cd": "no_status"}), None),
        (json!({"confidence_cd": 7}), None),
    ] {
        let mut number = said.clone();
        number["sanitized_number"] = json!("+447700900001");
        let profile = arrived(json!([{"id": "p1", "phone_numbers": [number]}])).await;
        assert_eq!(profile.confidence().get(&ProfileField::MobilePhone).copied(), confidence, "{said}");
    }
    for (status, confidence) in
        [("Verified", Some(Confidence::Verified)), ("extrapolated", Some(Confidence::Low)), ("new", None)]
    {
        let email = json!({"email": "ada@b.example", "email_status_cd": status});
        let profile = arrived(json!([{"id": "p1", "emails": [email]}])).await;
        assert_eq!(profile.confidence().get(&ProfileField::Email).copied(), confidence, "{status}");
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_told_for_sure_has_not_arrived() {
    let many: Vec<Value> = (0..11).map(|at| json!({"id": at})).collect();
    for unsure in [
        json!({}),
        json!([]),
        json!("done"),
        json!({"webhook_result": null}),
        json!({"webhook_result": "done"}),
        json!({"webhook_result": {}}),
        json!({"webhook_result": {"people": {"id": "p1"}}}),
        json!({"webhook_result": {"people": ["p1"]}}),
        json!({"webhook_result": {"people": [{"phone_numbers": [{"sanitized_number": "+447700900001"}]}]}}),
        json!({"webhook_result": {"people": many}}),
        json!({"webhook_result": {"people": [{"id": "p1", "phone_numbers": {"sanitized_number": "+447700900001"}}]}}),
        json!({"webhook_result": {"people": [{"id": "p1", "phone_numbers": ["+447700900001"]}]}}),
        json!({"webhook_result": {"people": [{"id": "p1", "emails": "ada@b.example"}]}}),
        json!({"request_id": "42", "webhook_result": {"people": []}}),
    ] {
        let reply = collected(200, &unsure).await;
        assert!(matches!(reply, Collected::Transient(_)), "{unsure}: {reply:?}");
    }
    for sure in [
        json!({"webhook_result": {"people": []}}),
        json!({"request_id": -42, "webhook_result": {"people": [null, {"id": null, "status": "failed"}]}}),
    ] {
        let nothing = Collected::Arrived {
            people: std::collections::BTreeMap::default(),
            unpaid: std::collections::BTreeSet::default(),
            reported: None,
        };
        assert_eq!(collected(200, &sure).await, nothing, "{sure}");
    }
}

#[tokio::test]
async fn until_it_has_arrived_it_is_awaited_unless_it_never_will() {
    let retry_after = Some(Duration::from_secs(10));
    let pending = collected(404, &json!({"error_code": "result_pending", "retry_after_seconds": 10})).await;
    assert_eq!(pending, Collected::Pending { retry_after });
    for (status, code) in [(410, "request_id_expired"), (400, "invalid_request_id")] {
        let reply = collected(status, &json!({"error_code": code})).await;
        assert!(matches!(&reply, Collected::Expired(reason) if reason.contains(code)), "{reply:?}");
    }
    let unknown = collected(404, &json!({"error_code": "request_id_unknown"})).await;
    assert!(matches!(&unknown, Collected::NotFound(reason) if reason.contains("request_id_unknown")), "{unknown:?}");
    for status in [401, 403] {
        assert!(matches!(collected(status, &Value::Null).await, Collected::Denied(_)), "{status}");
    }
    let throttled = collected(429, &json!({"message": "… 50 times per minute. …"})).await;
    assert_eq!(throttled, Collected::Throttled { retry_after: Some(Duration::from_secs(60)) });
    for status in [302, 400, 402, 404, 408, 422, 500, 503] {
        let reply = collected(status, &json!({"error_code": "WHAT"})).await;
        assert!(matches!(reply, Collected::Transient(_)), "{status}: {reply:?}");
    }
    let (silent, _) = raw(None).await;
    for url in [nobody().await, silent] {
        let reply = apollo(&url).collect(&id("1"), SILENCE).await.reply;
        assert!(matches!(reply, Collected::Transient(_)), "{reply:?}");
    }
    let server = Server::start(|_, _| (200, String::new())).await;
    for stray in ["", "../users", "1?x=1", "1%2f", &"1".repeat(65)] {
        let reply = apollo(&server.url).collect(&id(stray), TIMEOUT).await.reply;
        assert!(matches!(reply, Collected::Expired(_)), "{stray}: {reply:?}");
    }
    assert!(server.lines().is_empty(), "no stray id goes out");
}
