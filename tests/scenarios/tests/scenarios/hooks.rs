//! Any other system with a signature tells of leads: `/hooks/{tenant}/{source}`.

use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::{basic, github, standard_webhooks, stripe};
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::world::{APEX_SECRET, Break, Leftover, SIGNING_SECRET, Settings, WEBHOOK_USER, World};
use serde_json::{Value, json};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, leads, started, states, world_with};

/// A source of each form of signature. They are told apart by their names.
const FORMS: [(&str, &str); 6] = [
    ("standard", "signature = \"standard-webhooks\""),
    ("github", "signature = \"github\""),
    ("stripe", "signature = \"stripe\""),
    ("basic", "signature = \"basic\""),
    ("header", "signature = \"token\"\nheader = \"X-Api-Token\""),
    ("body", "signature = \"token\"\npointer = \"/token\""),
];
const OLD_SECRET: &str = "an-old-signing-secret";
const OLD_STANDARD_SECRET: &str = "whsec_YW4tb2xkLXNpZ25pbmctc2VjcmV0OmFwZXg=";

/// A table for each form, with this at the end of each.
pub(crate) fn sources(more: &str, rotating: bool) -> String {
    let table = |(name, form): &(&str, &str)| {
        let secret = format!("leadgate/demo/{name}/crm-signing");
        let next = if rotating { format!(", \"{secret}-next\"") } else { String::new() };
        format!(
            "\n[tenants.demo.sources.{name}]\n{form}\nsecrets = [\"{secret}\"{next}]\nrecord = \"/contact/id\"\n{more}\n"
        )
    };
    FORMS.iter().map(table).collect()
}

pub(crate) async fn world_of(more: &str) -> Stage {
    let more = more.to_owned();
    world_with(move |settings| settings.config += &sources(&more, false)).await
}

/// One delivery, signed as its source does.
pub(crate) struct Post<'a> {
    world: &'a World,
    source: &'a str,
    /// What the source is sent to.
    to: &'a str,
    body: Value,
    secret: &'a str,
    signed_ago: i64,
    id: &'a str,
}

impl<'a> Post<'a> {
    pub(crate) fn of(world: &'a World, source: &'a str, body: Value) -> Self {
        let secret = if source == "standard" { APEX_SECRET } else { SIGNING_SECRET };
        Self { world, source, to: source, body, secret, signed_ago: 0, id: "msg_1" }
    }

    fn signed_by(self, secret: &'a str) -> Self {
        Self { secret, ..self }
    }

    fn request(self) -> reqwest::RequestBuilder {
        let (secret, at) = (Secret::new(self.secret.to_owned()), self.world.clock.now().as_second() - self.signed_ago);
        let mut body = self.body;
        if self.source == "body" {
            body["token"] = self.secret.into();
        }
        let body = body.to_string();
        let url = format!("{}/hooks/{}/{}", self.world.url, self.world.tenant_id(), self.to);
        let request = self.world.http().post(url);
        let request = match self.source {
            "standard" => request.header("webhook-id", self.id).header("webhook-timestamp", at.to_string()).header(
                "webhook-signature",
                standard_webhooks::sign(&secret, self.id, at, body.as_bytes()).unwrap_or_default(),
            ),
            "github" => request
                .header("X-Hub-Signature-256", github::sign(&secret, body.as_bytes()))
                .header("X-GitHub-Delivery", self.id),
            "stripe" => request.header("Stripe-Signature", stripe::sign(&secret, at, body.as_bytes())),
            "basic" => {
                let user = Secret::new(format!("{WEBHOOK_USER}:{}", self.secret));
                request.header("Authorization", basic::header(&user))
            }
            "header" => request.header("X-Api-Token", self.secret),
            _ => request,
        };
        request.body(body)
    }

    pub(crate) async fn send(self) -> (u16, String) {
        let secret = self.secret;
        let response = self.request().send().await.expect("an answer");
        let (status, body) = (response.status().as_u16(), response.text().await.expect("a body"));
        assert!(secret.is_empty() || !body.contains(secret), "{body}");
        (status, body)
    }
}

pub(crate) fn about(lead: &str) -> Value {
    json!({ "contact": { "id": lead } })
}

#[tokio::test]
async fn a_lead_is_enriched_whatever_its_source_signs_with() {
    let world = world_of("cause = \"created\"").await;
    let leads = leads(&world, FORMS.len());
    for ((source, _), lead) in FORMS.iter().zip(&leads) {
        let (status, answer) = Post::of(&world, source, about(lead)).send().await;
        assert_eq!(status, 200, "{source}: {answer}");
        assert_eq!(serde_json::from_str::<Value>(&answer).expect("JSON")["queued"], 1, "{source}: {answer}");
    }
    assert_eq!(world.waiting().await, FORMS.len());
    world.settle_down(2).await;
    all_enriched(&world, &leads);
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().records_charged), (6000, 6));
}

#[tokio::test]
async fn what_a_person_filled_in_stays_and_a_fresh_lead_is_dropped_at_the_door() {
    let world = world_of("").await;
    let values = [("email", "ada.lovelace@engine.example"), ("city", "London")];
    let lead = world.hubspot.create_contact(values);
    assert_eq!(Post::of(&world, "github", about(&lead)).send().await.0, 200);
    world.settle_down(1).await;
    assert_eq!(world.hubspot.contact(&lead).expect("the contact").value("city"), Some("London"));
    let again = Post { id: "msg_2", ..Post::of(&world, "github", about(&lead)) };
    let (status, answer) = again.send().await;
    assert_eq!((status, world.waiting().await), (200, 0), "{answer}");
    assert!(answer.contains("\"fresh\":1"), "{answer}");
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn nothing_gets_in_that_is_forged_or_meant_for_another_and_nothing_is_queued() {
    let world = world_of("").await;
    let lead = leads(&world, 1).remove(0);
    for (source, _) in FORMS {
        let post = || Post::of(&world, source, about(&lead));
        let guessed = if source == "standard" { OLD_STANDARD_SECRET } else { "guessed-guessed-guessed" };
        assert_eq!(post().signed_by(guessed).send().await.0, 401, "{source}: another secret");
        let changed = post().request().body(about("1").to_string()).send().await.expect("an answer").status();
        let expected = if ["basic", "header"].contains(&source) { 200 } else { 401 };
        assert_eq!(changed.as_u16(), expected, "{source}: another body");
        let bare = world.http().post(format!("{}/hooks/{}/{source}", world.url, world.tenant_id()));
        let bare = bare.body(about(&lead).to_string()).send().await.expect("an answer").status();
        assert_eq!(bare.as_u16(), 401, "{source}: not signed at all");
        if ["standard", "stripe"].contains(&source) {
            for signed_ago in [301, -301] {
                assert_eq!(Post { signed_ago, ..post() }.send().await.0, 401, "{source}: {signed_ago} s ago");
            }
        }
        // Signed by one source, sent to another: each has a form and a secret of its own.
        for (to, _) in FORMS.iter().filter(|(to, _)| *to != source) {
            assert_eq!(Post { to, ..post() }.send().await.0, 401, "{source} to {to}");
        }
    }
    // Those that can't sign what they send have only opened the door.
    assert_eq!(world.waiting().await, 2);
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().people_asked, 0, "there is no contact 1");
}

#[tokio::test]
async fn an_unknown_source_looks_like_an_unknown_tenant() {
    let world = world_of("").await;
    let mut answers = Vec::new();
    let tenant = world.tenant_id().to_string();
    for path in
        [format!("{tenant}/lakehouse"), "nobody/github".to_owned(), format!("{tenant}/github/more"), tenant.clone()]
    {
        let url = format!("{}/hooks/{path}", world.url);
        let request = Post::of(&world, "github", about("1")).request().build().expect("a request");
        let response = world.http().post(url).headers(request.headers().clone()).body(about("1").to_string());
        let response = response.send().await.expect("an answer");
        answers.push((response.status().as_u16(), response.text().await.expect("a body")));
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, 404);
    // Another CRM's address doesn't lead here, and this one doesn't lead to a CRM.
    let hubspot = format!("{}/hooks/{tenant}/hubspot", world.url);
    assert_eq!(world.http().post(hubspot).body("[]").send().await.expect("an answer").status().as_u16(), 404);
}

#[tokio::test]
async fn either_of_two_secrets_opens_while_one_replaces_the_other() {
    let world = world_with(|settings| settings.config += &sources("", true)).await;
    world.leaves_behind(Leftover::Messages);
    for (source, _) in FORMS {
        let (old, new) =
            if source == "standard" { (OLD_STANDARD_SECRET, APEX_SECRET) } else { (OLD_SECRET, SIGNING_SECRET) };
        for (secret, expected) in [(old, 200), (new, 200), ("neither-of-the-secrets", 401)] {
            let (status, answer) = Post::of(&world, source, about("1")).signed_by(secret).send().await;
            assert_eq!(status, expected, "{source}, {secret}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_blank_or_short_secret_lets_nothing_in_and_is_our_own_trouble() {
    for secret in ["", "short"] {
        let world = world_with(|settings| {
            settings.config += &sources("", false);
            settings.signing_secret = secret.to_owned();
            settings.apex_secret = secret.to_owned();
        })
        .await;
        for (source, _) in FORMS {
            let (status, answer) = Post::of(&world, source, about("1")).signed_by(secret).send().await;
            assert_eq!(status, 503, "{source}, {secret:?}: {answer}");
        }
        assert_eq!(world.waiting().await, 0);
    }
}

#[tokio::test]
async fn what_is_delivered_again_is_bought_once() {
    let world = world_of("").await;
    let leads = leads(&world, FORMS.len());
    for round in 0..3 {
        for ((source, _), lead) in FORMS.iter().zip(&leads) {
            for _ in 0..2 {
                assert_eq!(Post::of(&world, source, about(lead)).send().await.0, 200, "{source}, round {round}");
            }
        }
        world.settle_down(2).await;
    }
    all_enriched(&world, &leads);
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().records_charged), (6000, 6));
}

/// A record that could not be enriched is not tried again because its delivery comes again.
#[tokio::test]
async fn a_delivery_that_comes_again_is_not_another_try() {
    let world = world_of("").await;
    let lead = world.hubspot.create_contact([("city", "London")]);
    for (source, _) in FORMS {
        assert_eq!(Post::of(&world, source, about(&lead)).send().await.0, 200, "{source}");
        world.settle_down(1).await;
        let reads = world.hubspot.counters().calls;
        assert_eq!(Post::of(&world, source, about(&lead)).send().await.0, 200, "{source}");
        world.settle_down(1).await;
        assert_eq!(world.hubspot.counters().calls, reads, "{source}: it is answered from the record");
    }
    assert_eq!(states(&world, &[lead]).await, [StateName::Refused]);
}

#[tokio::test]
async fn the_rows_that_can_be_read_are_taken_and_the_others_counted() {
    let world = world_of("items = \"/rows\"\nid = \"/run\"").await;
    let leads = leads(&world, 3);
    let rows =
        json!([about(&leads[0]), about(&leads[1]), { "contact": {} }, about("x"), about(&leads[2]), about(&leads[0])]);
    let (status, answer) = Post::of(&world, "stripe", json!({ "run": 7, "rows": rows })).send().await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let counts = ["events", "queued", "repeated", "unreadable"].map(|name| answer[name].as_u64());
    assert_eq!((status, counts), (200, [Some(6), Some(3), Some(1), Some(2)]), "{answer}");
    world.settle_down(2).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 3000);
}

#[tokio::test]
async fn a_body_that_is_none_gets_a_clear_status_and_queues_nothing() {
    let world = world_of("items = \"/rows\"\nid = \"/run\"").await;
    let rows = |count: usize| json!({ "run": 7, "rows": vec![about("1"); count] });
    let cases = [
        ("no list", json!({ "run": 7 }), 400, "/rows: found nothing, expected a list"),
        ("no id", json!({ "rows": [] }), 400, "/run: found nothing, expected an id: text or a whole number"),
        (
            "no record",
            json!({ "run": 7, "rows": [{ "email": "ada@engine.example" }] }),
            400,
            "/rows/0/contact/id: found nothing",
        ),
        ("too many rows", rows(1001), 413, "found 1001 events, expected at most 1000"),
        ("2 MB", json!({ "run": 7, "rows": [], "more": " ".repeat(2 * 1024 * 1024) }), 413, ""),
    ];
    for (what, body, expected, said) in cases {
        let (status, answer) = Post::of(&world, "github", body).send().await;
        assert_eq!(status, expected, "{what}: {answer}");
        assert!(answer.contains(said) && !answer.contains("engine"), "{what}: {answer}");
    }
    let secret = Secret::new(SIGNING_SECRET.to_owned());
    for text in ["", "hello", "{\"rows\": [", "\u{feff}{}"] {
        let url = format!("{}/hooks/{}/github", world.url, world.tenant_id());
        let request = world.http().post(url).header("X-Hub-Signature-256", github::sign(&secret, text.as_bytes()));
        let status = request.body(text).send().await.expect("an answer").status().as_u16();
        assert_eq!(status, 400, "{text:?}");
    }
    let get = world.http().get(format!("{}/hooks/{}/github", world.url, world.tenant_id()));
    assert_eq!(get.send().await.expect("an answer").status().as_u16(), 405);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn what_cannot_be_queued_is_not_accepted_and_comes_again() {
    let world = world_of("").await;
    let leads = leads(&world, 1);
    world.wire.break_by(|call| (call.operation == "sqs SendMessageBatch").then_some(Break::Refused));
    assert_eq!(Post::of(&world, "standard", about(&leads[0])).send().await.0, 503);
    world.wire.mend();
    assert_eq!(world.waiting().await, 0);
    assert_eq!(Post::of(&world, "standard", about(&leads[0])).send().await.0, 200);
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    at_rest(&world).await;
}

#[tokio::test]
async fn the_records_of_an_org_and_of_a_company_are_told_of_in_the_same_way() {
    let tables = |config: &str| format!("{config}{}", sources("", false));
    let mut settings = Settings::default().with_salesforce();
    (settings.config, settings.apollo.unknown_share) = (tables(&settings.config), 0.0);
    let world = started(settings).await;
    let lead = world.salesforce.create_lead([("Email", "first0.last0@engine.example"), ("LastName", "Last")]);
    assert_eq!(Post::of(&world, "github", about(&lead[..15])).send().await.0, 200, "the short form of its id");
    world.settle_down(1).await;
    assert!(world.salesforce.record(&lead).expect("the lead").value("Title").is_some());

    let mut settings = Settings::default().with_pipedrive();
    (settings.config, settings.apollo.unknown_share) = (tables(&settings.config), 0.0);
    let world = started(settings).await;
    let person = world.pipedrive.create_person([("email", "first0.last0@engine.example")]);
    let id: u64 = person.parse().expect("a number");
    assert_eq!(Post::of(&world, "github", json!({ "contact": { "id": id } })).send().await.0, 200);
    world.settle_down(1).await;
    assert!(world.pipedrive.person(&person).expect("the person").value("job_title").is_some());
}
