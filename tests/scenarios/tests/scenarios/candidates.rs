//! Candidates, whom a search has found: each is bought once by the provider's id, and becomes one record of the CRM.

mod left;

use std::time::Duration;

use leadgate_aws::table::Consistency;
use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::ids::{ProviderName, RecordKey};
use leadgate_enrichment::lead::candidate::FoundFor;
use leadgate_enrichment::lead::record::{Record, State, StateName};
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::simulators::apollo::{Asked, Person};
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Break, Leftover, Settings, World};

use crate::books::{at_rest, books_of};
use crate::new_leads::with_email;
use crate::stage::{Stage, calls_of_a_round, queued_leads, round_that_breaks, started, with_numbers};

const ADA: &str = "ada.lovelace@engine.example";
const CRMS: [&str; 6] = ["hubspot", "salesforce", "pipedrive", "attio", "close", "zoho"];

const ICP: &str = r#"
[[prices]]
version = "pages"
provider = "apollo"
action = "search-organizations"
field = "page"
from = "2020-01-01"
charge_on = "lookup"
cost = { credits = 1 }

[tenants.demo.icps.saas]
locations = ["Germany"]
titles = ["sales"]
budget = { credits = 100 }
"#;

/// A world in which a profile is searched for, with settings of its own.
async fn world_with(crm: &str, set: impl FnOnce(&mut Settings)) -> Stage {
    let settings = Settings::default();
    let mut settings = match crm {
        "salesforce" => settings.with_salesforce(),
        "pipedrive" => settings.with_pipedrive(),
        "attio" => settings.with_attio(),
        "close" => settings.with_close(),
        "zoho" => settings.with_zoho(),
        _ => settings,
    };
    settings.apollo.unknown_share = 0.0;
    set(&mut settings);
    settings.config += ICP;
    started(settings).await
}

async fn world() -> Stage {
    world_with("hubspot", |_| {}).await
}

/// Somebody whom a search has found, who has this address.
fn candidate(world: &World, email: &str) -> RecordKey {
    let person = world.apollo.whom(&Asked::email(email)).expect("somebody whom the provider knows");
    candidate_of(world, &person.id)
}

fn candidate_of(world: &World, id: &str) -> RecordKey {
    RecordKey::of_candidate(world.tenant_id(), &ProviderName::known("apollo"), id).expect("an id")
}

/// As a run asks for them.
fn request(world: &World, candidate: &RecordKey, run: &str) -> EnrichmentRequest {
    let found_for = FoundFor { icp: "saas".to_owned(), run: run.to_owned() };
    EnrichmentRequest::of_candidate(candidate.clone(), found_for, world.clock.now())
}

async fn ask_for(world: &World, candidates: &[RecordKey], run: &str) {
    let requests: Vec<EnrichmentRequest> = candidates.iter().map(|key| request(world, key, run)).collect();
    world.queue.send(&requests).await.expect("queued");
}

async fn record(world: &World, key: &RecordKey) -> Option<Record> {
    let records = world.records.unmetered();
    records.read(std::slice::from_ref(key), Consistency::Strong).await.expect("readable").remove(key)
}

async fn state(world: &World, key: &RecordKey) -> StateName {
    record(world, key).await.expect("a record").state.name()
}

/// The only record of this address, which has been enriched.
async fn only(world: &World, email: &str, place: &str) -> String {
    let ids = with_email(world, email);
    let [id] = ids.as_slice() else { panic!("{place}: there should be one record: {ids:?}") };
    assert_eq!(world.record(id).await.map(|record| record.state), Some(State::Written), "{place}");
    let card = world.crm().card(id).expect("the record");
    let person = world.apollo.whom(&Asked::email(email)).expect("a person");
    assert_eq!(card.get("jobtitle"), Some(&person.title), "{place}");
    id.clone()
}

#[tokio::test]
async fn a_candidate_is_bought_by_id_and_created_in_every_crm_once() {
    for crm in CRMS {
        let world = world_with(crm, |_| {}).await;
        let ada = candidate(&world, ADA);
        // Twice by one run, as when a worker dies before it knows that it has asked.
        for _ in 0..2 {
            ask_for(&world, std::slice::from_ref(&ada), "2026-01-15").await;
        }
        world.settle_down(2).await;
        let id = only(&world, ADA, crm).await;
        assert_eq!((at_rest(&world).await.spent, world.apollo.charges_of(ADA)), (1000, 1), "{crm}");
        let there = record(&world, &ada).await.expect("a record");
        assert!(there.state == State::Written && there.person.is_none() && there.patch.is_empty(), "{crm}: {there:?}");
        // What the CRM tells of it buys nothing, and neither does the next night.
        world.crm().deliver().await;
        world.settle_down(2).await;
        world.clock.turn(days(1));
        ask_for(&world, std::slice::from_ref(&ada), "2026-01-16").await;
        world.settle_down(2).await;
        assert_eq!(only(&world, ADA, crm).await, id);
        assert_eq!((at_rest(&world).await.spent, world.apollo.charges_of(ADA)), (1000, 1), "{crm}");
    }
}

/// The CRM says of whom it has already, by which search they were found, and nothing that a person wrote is overwritten.
#[tokio::test]
async fn one_whom_the_crm_has_is_matched_and_says_which_search_has_found_them() {
    let world = world_with("hubspot", |settings| {
        let line = "last_enriched_property = \"leadgate_last_enriched\"";
        let both = format!("{line}\ncandidate_property = \"leadgate_search\"");
        settings.config = settings.config.replacen(line, &both, 1);
    })
    .await;
    let there = world.hubspot.create_contact([("email", ADA), ("city", "London")]);
    let bob = "bob.by@engine.example";
    ask_for(&world, &[candidate(&world, ADA), candidate(&world, bob)], "2026-01-15").await;
    world.settle_down(1).await;
    assert_eq!(only(&world, ADA, "matched").await, there);
    let created = only(&world, bob, "created").await;
    for id in [&there, &created] {
        let card = world.hubspot.contact(id).expect("a contact");
        assert_eq!(card.value("leadgate_search"), Some("saas, run 2026-01-15"));
    }
    assert_eq!(world.hubspot.contact(&there).expect("a contact").value("city"), Some("London"));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!((at_rest(&world).await.spent, world.hubspot.contacts().len()), (2000, 2));
}

/// Breaks the `at`th call of the round that deals with her, and lets the CRM tell of what it has created right after.
async fn sweep_one(at: usize, operation: &str, how: &Break) {
    let world = world().await;
    let ada = candidate(&world, ADA);
    ask_for(&world, std::slice::from_ref(&ada), "2026-01-15").await;
    round_that_breaks(&world, at, how).await;
    world.hubspot.deliver().await;
    world.settle_down(2).await;
    let place = format!("call {at} ({operation}) was broken by {how:?}");
    only(&world, ADA, &place).await;
    assert_eq!(state(&world, &ada).await, StateName::Written, "{place}");
    let books = at_rest(&world).await;
    let charged = world.apollo.charges_of(ADA);
    assert!((1..=1 + usize::from(books.unknown > 0)).contains(&charged), "{place}: charged {charged} times");
    let dies = matches!(how, Break::DeathBefore | Break::DeathAfter | Break::DeathThenLands { .. });
    if !operation.starts_with("apollo") && !dies {
        assert_eq!((books.unknown, books.spent), (0, 1000), "{place}");
    }
}

#[tokio::test]
async fn whatever_call_breaks_she_is_bought_once_and_one_record() {
    let clean = world().await;
    ask_for(&clean, &[candidate(&clean, ADA)], "2026-01-15").await;
    let calls = calls_of_a_round(&clean).await;
    assert!(calls.len() >= 18, "{calls:?}");
    let mut swept = 0;
    for (at, operation) in calls.iter().enumerate() {
        let mut ways = vec![Break::Refused, Break::AnswerLost, Break::DeathBefore, Break::DeathAfter];
        if operation.starts_with("dynamodb") {
            ways.extend([Break::throttled(), Break::DeathThenLands { calls: 2 }]);
        }
        for how in ways {
            sweep_one(at, operation, &how).await;
            swept += 1;
        }
    }
    println!("swept {swept} crash points over {} calls", calls.len());
}

#[tokio::test]
async fn who_was_bought_as_a_lead_is_not_bought_as_a_candidate_and_the_other_way_round() {
    let world = world().await;
    let lead = queued_leads(&world, 1).await.remove(0);
    world.settle_down(1).await;
    let email = "first0.last0@engine.example";
    assert_eq!(only(&world, email, "a lead").await, lead);
    ask_for(&world, &[candidate(&world, email)], "2026-01-15").await;
    world.settle_down(1).await;
    assert_eq!((at_rest(&world).await.spent, world.apollo.charges_of(email)), (1000, 1), "known by the id that came");

    ask_for(&world, &[candidate(&world, ADA)], "2026-01-15").await;
    world.settle_down(1).await;
    // She fills in something that makes a stale record due.
    world.hubspot.edit(&only(&world, ADA, "a candidate").await, "website", "engine.example");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!((at_rest(&world).await.spent, world.apollo.charges_of(ADA)), (2000, 1), "fresh");
}

/// The lead is on its way when she is found, or waits for credits: what is bought for the candidate is hers.
#[tokio::test]
async fn a_lead_that_comes_while_she_is_being_created_buys_nothing() {
    let world = world().await;
    let lead = world.hubspot.create_contact([("email", ADA)]);
    ask_for(&world, &[candidate(&world, ADA)], "2026-01-15").await;
    // The worker dies when it has said that she is known, before anything of her is in the CRM.
    let calls = {
        let clean = crate::candidates::world().await;
        clean.hubspot.create_contact([("email", ADA)]);
        ask_for(&clean, &[candidate(&clean, ADA)], "2026-01-15").await;
        calls_of_a_round(&clean).await
    };
    let search = calls.iter().position(|call| call.starts_with("hubspot")).expect("she is looked for in the CRM");
    round_that_breaks(&world, search, &Break::DeathBefore).await;
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(only(&world, ADA, "both").await, lead);
    assert_eq!((at_rest(&world).await.spent, world.apollo.charges_of(ADA)), (1000, 1));
}

#[tokio::test]
async fn a_lead_that_waits_for_credits_takes_what_was_bought_for_the_candidate() {
    let world = world_with("hubspot", |settings| {
        settings.config.push_str("\n[tenants.demo.caps]\nper_source = { new-lead = { credits = 1 } }\n");
    })
    .await;
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    let stand = crate::stage::states(&world, &leads).await;
    let waiting = stand.iter().position(|state| *state == StateName::Deferred).expect("one waits");
    let email = format!("first{waiting}.last{waiting}@engine.example");
    ask_for(&world, &[candidate(&world, &email)], "2026-01-15").await;
    world.settle_down(1).await;
    assert_eq!(only(&world, &email, "in the same cycle").await, leads[waiting]);
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    assert_eq!((world.apollo.charges_of(&email), at_rest(&world).await.spent), (1, 2000));
}

#[tokio::test]
async fn a_candidate_leaves_the_floor_to_leads_and_waits_under_a_cap_of_its_own() {
    let world = world_with("hubspot", |settings| {
        settings.credits_per_cycle = Some(10);
        settings.config = settings.config.replacen("floor = { credits = 0 }", "floor = { credits = 8 }", 1);
        settings.config.push_str("\n[tenants.demo.caps]\nper_source = { tam = { credits = 1 } }\n");
    })
    .await;
    let emails = ["first0.last0@engine.example", "first1.last1@engine.example"];
    let both = emails.map(|email| candidate(&world, email));
    ask_for(&world, &both, "2026-01-15").await;
    world.settle_down(1).await;
    let stand = [state(&world, &both[0]).await, state(&world, &both[1]).await];
    let waiting = stand.iter().position(|state| *state == StateName::Deferred).expect("one waits for the cap");
    assert_eq!(stand[1 - waiting], StateName::Written);
    let there = record(&world, &both[waiting]).await.expect("a record");
    assert_eq!((there.source, there.found_for.is_some()), (Some(Source::Tam), true));
    // Once the cap has lifted, the next cycle pays for it, and it says still which search has found them.
    world.next_cycle(10_000).await;
    world.settle_down(1).await;
    let id = only(&world, emails[waiting], "released").await;
    assert!(world.record(&id).await.is_some_and(|record| record.found_for.is_some()));
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn nothing_that_arrives_later_is_bought_of_a_candidate() {
    let world = world_with("hubspot", with_numbers).await;
    ask_for(&world, &[candidate(&world, ADA)], "2026-01-15").await;
    world.settle_down(1).await;
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    only(&world, ADA, "without a number").await;
    assert_eq!((at_rest(&world).await.spent, world.apollo.mobile_charges_of(ADA)), (1000, 0));
}

#[tokio::test]
async fn no_other_provider_is_asked_about_a_candidate() {
    for order in ["order = [\"pdl\", \"apollo\"]", "order = [\"apollo\", \"pdl\"]"] {
        let world = world_with("hubspot", |settings| *settings = settings.clone().with_beside(&["pdl"], order)).await;
        let (ada, nobody) = (candidate(&world, ADA), candidate_of(&world, "5f0000000000000000000000"));
        ask_for(&world, &[ada, nobody.clone()], "2026-01-15").await;
        world.settle_down(1).await;
        only(&world, ADA, order).await;
        assert_eq!(state(&world, &nobody).await, StateName::Unmatched, "{order}");
        assert_eq!((world.providers.pdl.ledger().people_asked, world.apollo.charges_of(ADA)), (0, 1), "{order}");
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn one_without_an_address_is_not_created_and_not_bought_again() {
    let world = world().await;
    let nobody = Person { email: None, ..Person::new("Ada", "Lovelace", ADA) };
    let key = candidate_of(&world, &nobody.id);
    world.apollo.know(nobody);
    for run in ["2026-01-15", "2026-01-16"] {
        ask_for(&world, std::slice::from_ref(&key), run).await;
        world.settle_down(1).await;
        world.clock.turn(days(1));
    }
    assert_eq!((at_rest(&world).await.spent, world.hubspot.contacts().len()), (1000, 0));
    let there = record(&world, &key).await.expect("a record");
    assert!(there.state == State::Written && there.patch.is_empty(), "{there:?}");
}

#[tokio::test]
async fn one_who_asked_to_be_forgotten_is_not_created_and_not_bought_again() {
    let world = world().await;
    let key = candidate(&world, ADA);
    ask_for(&world, std::slice::from_ref(&key), "2026-01-15").await;
    world.settle_down(1).await;
    let contact = only(&world, ADA, "a candidate").await;
    world.records.note_erasure(&world.key(&contact), world.clock.now()).await.expect("noted");
    world.clock.turn(days(120));
    ask_for(&world, std::slice::from_ref(&key), "2026-06-01").await;
    world.settle_down(1).await;
    assert_eq!((at_rest(&world).await.spent, world.apollo.charges_of(ADA)), (1000, 1), "known by the provider's id");

    // Of whom only the address is known.
    let bob = "bob.by@engine.example";
    let fingerprints = world.worker.fingerprints.key_of(world.tenant_id()).await.expect("a key");
    world.records.forget(world.tenant_id(), &fingerprints.of(bob)).await.expect("noted");
    let key = candidate(&world, bob);
    for run in ["2026-06-02", "2026-06-03"] {
        ask_for(&world, std::slice::from_ref(&key), run).await;
        world.settle_down(1).await;
    }
    assert_eq!((with_email(&world, bob).len(), world.apollo.charges_of(bob)), (0, 1));
    let there = record(&world, &key).await.expect("a record");
    assert!(there.person.is_none() && there.patch.is_empty() && there.bought_for.is_none(), "{there:?}");
}

#[tokio::test]
async fn one_whom_the_crm_refuses_stays_bought_until_that_is_mended() {
    let world = world().await;
    let key = candidate(&world, ADA);
    world.hubspot.faults().decide_by(|call| {
        let creates = call.method == "POST" && call.path.ends_with("/contacts");
        let body = r#"{"status":"error","message":"a property is required","category":"VALIDATION_ERROR"}"#;
        creates.then(|| Fault::Status(400, body.to_owned()))
    });
    ask_for(&world, std::slice::from_ref(&key), "2026-01-15").await;
    world.settle_down(1).await;
    assert_eq!((world.dead_letters().await, state(&world, &key).await), (1, StateName::Bought));
    // Redriven once it is mended.
    world.hubspot.faults().decide_by(|_| None);
    world.clock.turn(Duration::from_secs(60 * 60));
    ask_for(&world, std::slice::from_ref(&key), "2026-01-15").await;
    world.settle_down(1).await;
    only(&world, ADA, "mended").await;
    assert_eq!((books_of(&world).await.spent, world.apollo.charges_of(ADA)), (1000, 1));
    world.leaves_behind(Leftover::DeadLetters);
}

#[tokio::test]
async fn ten_of_them_are_one_call_and_those_whom_the_provider_does_not_know_end() {
    let world = world().await;
    let mut all: Vec<RecordKey> =
        (0..9).map(|i| candidate(&world, &format!("first{i}.last{i}@engine.example"))).collect();
    all.push(candidate_of(&world, "5f0000000000000000000000"));
    ask_for(&world, &all, "2026-01-15").await;
    world.settle_down(1).await;
    assert_eq!(state(&world, &all[9]).await, StateName::Unmatched);
    for i in 0..9 {
        only(&world, &format!("first{i}.last{i}@engine.example"), "one of ten").await;
    }
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().calls_to("api/v1/people/bulk_match")), (9000, 1));
}
