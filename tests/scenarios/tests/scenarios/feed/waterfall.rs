//! What came in batches answers as a step of the waterfall: it costs nothing, and is known by where it comes from.

use std::time::Duration;

use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_sandbox::world::{Break, Caller, Settings, World};

use super::{Scene, ended, sample};
use crate::books::at_rest;
use crate::stage::{Stage, WAYS_TO_BREAK, stands, started, states};

/// The feed first, then the other for those whom it doesn't know.
const FIRST: &str = "order = [\"datalane\", \"apollo\"]";
const LAST: &str = "order = [\"apollo\", \"datalane\"]";
/// Local businesses by the feed first, and all others by Apollo alone.
const BY_ROUTE: &str = r#"order = ["apollo"]
[[tenants.demo.waterfall.routes]]
name = "local businesses"
when = [{ lacks = "domain" }, { lacks = "linkedin_url" }]
order = ["datalane", "apollo"]
"#;

const JOE: &str =
    "1,Joe's Plumbing LLC,503-555-0142,,Plumbing,12,Portland,97201,,,Joe,Abbott,Owner,joe@joes.example,503-555-0177\n";
const ANN: &str = "2,Ann's Bakery,503-555-0143,https://anns.example/,Bakery,3,Salem,97301,,,Ann,Brooks,Owner,,\n";

async fn world(waterfall: &str, of_feed: &str) -> Stage {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    let asked_by = format!("[tenants.demo.feed]\nasked_by = {{ phone = \"phone\" }}\n{of_feed}");
    settings.config = settings.config.replacen("# source_property", "source_property", 1);
    settings.config = settings.config.replacen("[tenants.demo.feed]\n", &asked_by, 1);
    let changes = "enrich_on_change = [\"email\"";
    settings.config = settings.config.replacen(changes, &format!("{changes}, \"state\""), 1);
    started(settings.with_beside(&["datalane"], waterfall)).await
}

async fn deliver(stage: &Stage, name: &str, rows: &[&str]) {
    let scene = Scene::new(stage, stage.tenant_id().as_str());
    let text = sample(0, 1).0 + &rows.concat();
    ended(scene.import(name, name, &text, stage.clock.now()).await);
}

async fn with_both(waterfall: &str) -> Stage {
    let stage = world(waterfall, "").await;
    deliver(&stage, "may.csv", &[JOE, ANN]).await;
    stage
}

async fn settled(world: &World, properties: &[(&str, &str)]) -> String {
    let lead = world.hubspot.create_contact(properties.iter().copied());
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    lead
}

fn value(world: &World, lead: &str, property: &str) -> Option<String> {
    world.hubspot.contact(lead).expect("the contact").value(property).map(str::to_owned)
}

fn asked_of_apollo(world: &World) -> u64 {
    world.apollo.ledger().people_asked
}

/// A lead whose employer the feed knows by the telephone alone: the address is one that all the world can have.
fn joe(email: &str) -> [(&'static str, String); 4] {
    let (first, last, phone) = ("Joe".to_owned(), "ABBOTT".to_owned(), "(503) 555-0142".to_owned());
    [("email", email.to_owned()), ("firstname", first), ("lastname", last), ("phone", phone)]
}

fn texts<'t>(properties: &'t [(&'static str, String); 4]) -> Vec<(&'static str, &'t str)> {
    properties.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test]
async fn whom_the_feed_knows_costs_nothing_and_nobody_else_is_asked() {
    let world = with_both(FIRST).await;
    let lead = settled(&world, &texts(&joe("joe.abbott@gmail.com"))).await;
    assert_eq!(value(&world, &lead, "company").as_deref(), Some("Joe's Plumbing LLC"));
    assert_eq!(value(&world, &lead, "jobtitle").as_deref(), Some("Owner"));
    assert_eq!(value(&world, &lead, "industry").as_deref(), Some("Plumbing"));
    let source = value(&world, &lead, "leadgate_source");
    assert!(source.as_deref().is_some_and(|text| text.starts_with("datalane, 2026-01-15: ")), "{source:?}");
    assert_eq!((asked_of_apollo(&world), world.apollo.ledger().credits_charged), (0, 0));
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (0, 0));
    let entries = world.credits.entries(world.tenant_id()).await.expect("entries");
    assert!(!entries.iter().any(|entry| matches!(entry, Entry::Purchase { .. })), "nothing was bought");
}

#[tokio::test]
async fn a_business_without_a_person_is_found_and_who_runs_it_is_told() {
    let world = with_both(FIRST).await;
    let lead = settled(&world, &[("company", "Joe's Plumbing"), ("phone", "503.555.0142")]).await;
    assert_eq!(value(&world, &lead, "firstname").as_deref(), Some("Joe"));
    assert_eq!(states(&world, std::slice::from_ref(&lead)).await, [StateName::Written]);
    // One that it doesn't know is told by too little for anyone else.
    let unknown = settled(&world, &[("company", "Bob's Bikes"), ("phone", "503.555.0199")]).await;
    assert_eq!(states(&world, &[unknown]).await, [StateName::Unmatched]);
    assert_eq!(asked_of_apollo(&world), 0);
    at_rest(&world).await;
}

#[tokio::test]
async fn whom_the_feed_does_not_know_is_bought_and_an_employee_is_not_taken_for_the_owner() {
    let world = with_both(FIRST).await;
    let unknown = settled(&world, &[("email", "first0.last0@engine.example")]).await;
    assert_eq!(asked_of_apollo(&world), 1);
    let employee = [("email", "first1.last1@anns.example"), ("firstname", "First1"), ("lastname", "Last1")];
    let employee = settled(&world, &employee).await;
    assert_eq!(asked_of_apollo(&world), 2, "the feed knows the business by another");
    assert_ne!(value(&world, &employee, "jobtitle").as_deref(), Some("Owner"));
    assert_eq!(states(&world, &[unknown, employee]).await, [StateName::Written, StateName::Written]);
    at_rest(&world).await;
}

#[tokio::test]
async fn of_somebody_without_a_name_the_business_alone_is_told() {
    let world = with_both(FIRST).await;
    let lead = settled(&world, &[("email", "info@anns.example")]).await;
    assert_eq!(value(&world, &lead, "company").as_deref(), Some("Ann's Bakery"));
    assert_eq!((value(&world, &lead, "firstname"), value(&world, &lead, "jobtitle")), (None, None));
    assert_eq!(asked_of_apollo(&world), 0);
    at_rest(&world).await;
}

#[tokio::test]
async fn the_last_step_finds_whom_the_paid_one_does_not_know() {
    let world = with_both(LAST).await;
    world.apollo.forget("joe.abbott@gmail.com");
    let lead = settled(&world, &texts(&joe("joe.abbott@gmail.com"))).await;
    assert_eq!(value(&world, &lead, "company").as_deref(), Some("Joe's Plumbing LLC"));
    assert_eq!((asked_of_apollo(&world), world.apollo.ledger().credits_charged), (1, 0));
    let bought = settled(&world, &[("email", "first0.last0@engine.example")]).await;
    assert_eq!(states(&world, &[lead, bought]).await, [StateName::Written, StateName::Written]);
    at_rest(&world).await;
}

#[tokio::test]
async fn a_route_sends_local_businesses_to_the_feed_and_nobody_else() {
    let world = with_both(BY_ROUTE).await;
    let local = settled(&world, &texts(&joe("joe.abbott@gmail.com"))).await;
    assert_eq!(asked_of_apollo(&world), 0);
    // The feed would know her, but her address is one of a company's own.
    let other = [("email", "ann@anns.example"), ("firstname", "Ann"), ("lastname", "Brooks")];
    let other = settled(&world, &other).await;
    assert_eq!(asked_of_apollo(&world), 1);
    assert_ne!(value(&world, &other, "company").as_deref(), Some("Ann's Bakery"));
    assert_eq!(value(&world, &local, "company").as_deref(), Some("Joe's Plumbing LLC"));
    at_rest(&world).await;
}

#[tokio::test]
async fn a_feed_that_cannot_be_read_is_asked_again_and_is_no_miss() {
    let world = with_both(FIRST).await;
    world.wire.break_by(|call| {
        let is_feed = call.caller == Caller::Worker && call.operation == "dynamodb Query";
        is_feed.then(Break::throttled)
    });
    let lead = world.hubspot.create_contact(texts(&joe("joe.abbott@gmail.com")));
    world.hubspot.deliver().await;
    world.pump.round().await;
    world.wire.mend();
    world.settle_down(2).await;
    assert_eq!(value(&world, &lead, "company").as_deref(), Some("Joe's Plumbing LLC"));
    assert_eq!(asked_of_apollo(&world), 0, "the next is dearer");
    at_rest(&world).await;
}

const WAIT: &str = "on_miss = \"wait\"\nevery_days = 3\n";

/// Why a lead waits.
async fn waits_for(world: &World, lead: &str) -> Option<DeferReason> {
    let record = world.record(lead).await.expect("the record");
    record.state.deferral().map(|deferral| deferral.reason)
}

#[tokio::test]
async fn whom_the_feed_does_not_know_yet_waits_for_the_next_batch_and_no_credit_is_spent() {
    let world = world(FIRST, WAIT).await;
    deliver(&world, "may.csv", &[ANN]).await;
    let lead = settled(&world, &texts(&joe("joe.abbott@gmail.com"))).await;
    assert_eq!(waits_for(&world, &lead).await, Some(DeferReason::NextBatch));
    // Neither the release nor an edit sends it on before.
    world.clock.turn(Duration::from_secs(3600));
    world.run_release().await;
    world.hubspot.edit(&lead, "firstname", "Joseph");
    world.hubspot.edit(&lead, "firstname", "Joe");
    world.hubspot.deliver().await;
    world.settle_down(2).await;
    assert_eq!((waits_for(&world, &lead).await, asked_of_apollo(&world)), (Some(DeferReason::NextBatch), 0));
    deliver(&world, "june.csv", &[ANN, JOE]).await;
    world.run_release().await;
    world.settle_down(2).await;
    assert_eq!(value(&world, &lead, "company").as_deref(), Some("Joe's Plumbing LLC"));
    assert_eq!(asked_of_apollo(&world), 0);
    at_rest(&world).await;
}

#[tokio::test]
async fn whom_the_next_batch_does_not_know_either_goes_on() {
    let world = world(FIRST, WAIT).await;
    let lead = settled(&world, &[("email", "first0.last0@engine.example")]).await;
    assert_eq!(waits_for(&world, &lead).await, Some(DeferReason::NextBatch));
    world.clock.turn(Duration::from_secs(3600));
    deliver(&world, "may.csv", &[ANN]).await;
    world.run_release().await;
    world.settle_down(2).await;
    assert_eq!((states(&world, &[lead]).await, asked_of_apollo(&world)), (vec![StateName::Written], 1));
    // One for whom no batch comes goes on when it is overdue.
    let other = settled(&world, &[("email", "first1.last1@engine.example")]).await;
    assert_eq!(waits_for(&world, &other).await, Some(DeferReason::NextBatch));
    world.clock.turn(days(3));
    world.run_release().await;
    world.settle_down(2).await;
    assert_eq!((states(&world, &[other]).await, asked_of_apollo(&world)), (vec![StateName::Written], 2));
    at_rest(&world).await;
}

#[tokio::test]
async fn that_the_feed_does_not_know_somebody_is_remembered_until_the_next_batch() {
    let world = with_both(FIRST).await;
    world.apollo.forget("zoe@gmail.com");
    let zoe = [("email", "zoe@gmail.com"), ("firstname", "Zoe"), ("lastname", "Abbott"), ("phone", "503-555-0150")];
    let lead = settled(&world, &zoe).await;
    // An edit that tells nothing of who it is.
    let edited = async |state: &str, after: Duration| {
        world.clock.turn(after);
        world.hubspot.edit(&lead, "state", state);
        world.hubspot.deliver().await;
        world.settle_down(2).await;
        (stands(&world, &lead).await, asked_of_apollo(&world))
    };
    assert_eq!(edited("OR", Duration::from_secs(3600)).await, (StateName::Unmatched, 1));
    assert_eq!(edited("WA", days(8)).await, (StateName::Unmatched, 1), "no batch has come");
    let zoes = "3,Zoe's Zoo,503-555-0150,,Zoos,2,Salem,97301,,,Zoe,Abbott,Owner,,\n";
    deliver(&world, "june.csv", &[JOE, ANN, zoes]).await;
    assert_eq!(edited("OR", days(8)).await, (StateName::Written, 1));
    assert_eq!(value(&world, &lead, "company").as_deref(), Some("Zoe's Zoo"));
    at_rest(&world).await;
}

#[tokio::test]
async fn whatever_call_of_the_worker_breaks_the_lead_has_what_the_feed_tells() {
    for (waterfall, is_known_to_apollo) in [(FIRST, true), (LAST, false)] {
        let world = with_both(waterfall).await;
        for (round, how) in WAYS_TO_BREAK.iter().enumerate() {
            for index in 0..60 {
                let email = format!("joe{round}.{index}@gmail.com");
                if !is_known_to_apollo {
                    world.apollo.forget(&email);
                }
                let how = how.clone();
                world.wire.break_by(move |call| (call.index == index).then(|| how.clone()));
                let lead = world.hubspot.create_contact(texts(&joe(&email)));
                world.hubspot.deliver().await;
                world.settle_down(1).await;
                let calls = world.wire.mend().len();
                world.hubspot.deliver().await;
                world.settle_down(1).await;
                assert_eq!(value(&world, &lead, "company").as_deref(), Some("Joe's Plumbing LLC"), "call {index}");
                if calls <= index {
                    break;
                }
            }
        }
        assert_eq!(world.apollo.ledger().credits_charged, 0);
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn whatever_call_breaks_none_goes_on_who_is_to_wait() {
    let world = world(FIRST, WAIT).await;
    deliver(&world, "may.csv", &[ANN]).await;
    for (round, how) in WAYS_TO_BREAK.iter().enumerate() {
        for index in 0..40 {
            let (how, email) = (how.clone(), format!("joe{round}.{index}@gmail.com"));
            world.wire.break_by(move |call| (call.index == index).then(|| how.clone()));
            let lead = world.hubspot.create_contact(texts(&joe(&email)));
            world.hubspot.deliver().await;
            world.settle_down(1).await;
            let calls = world.wire.mend().len();
            world.hubspot.deliver().await;
            world.settle_down(1).await;
            assert_eq!(waits_for(&world, &lead).await, Some(DeferReason::NextBatch), "call {index}");
            if calls <= index {
                break;
            }
        }
    }
    assert_eq!(asked_of_apollo(&world), 0);
}
