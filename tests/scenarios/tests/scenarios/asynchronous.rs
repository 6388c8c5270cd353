//! Mobile numbers: paid for by a hold of their own, delivered minutes later to an address that anybody could call.

use std::time::Duration;

use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::PurchaseId;
use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::provider::callback;
use leadgate_sandbox::simulators::apollo::{Callback, Mobile};
use leadgate_sandbox::world::{Break, CALLBACK_SECRET, Leftover, World};
use serde_json::json;

use crate::books::{at_rest, books_of};
use crate::stage::{Stage, all_enriched, queued_leads, states, world_with_numbers};

/// A person and a number.
const BOTH: i64 = 9000;

async fn world() -> Stage {
    world_with_numbers(|_| {}).await
}

/// Leads whose people are written and whose numbers are on their way.
async fn awaiting(world: &World, count: usize) -> Vec<String> {
    let leads = queued_leads(world, count).await;
    world.pump.run_dry(1).await;
    all_enriched(world, &leads);
    assert_eq!(open_holds(world).await, 1, "what arrives later is held");
    leads
}

async fn open_holds(world: &World) -> usize {
    world.credits.open_holds(world.tenant_id()).await.expect("readable").len()
}

/// Lets the provider find what it looks for.
async fn minutes_pass(world: &World) {
    world.clock.turn(Duration::from_secs(6 * 60));
    world.settle_down(1).await;
}

fn number(world: &World, lead: &str) -> Option<String> {
    world.hubspot.contact(lead).expect("the contact").value("mobilephone").map(str::to_owned)
}

fn numbers(world: &World, leads: &[String]) -> usize {
    leads.iter().filter(|lead| number(world, lead).is_some()).count()
}

async fn post(world: &World, url: &str, body: &str) -> (u16, String) {
    let response = world.http().post(url).body(body.to_owned()).send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.unwrap_or_default())
}

#[tokio::test]
async fn a_number_is_written_when_it_arrives_and_settled_once() {
    let world = world_with_numbers(|settings| settings.apollo.do_not_call_share = 1.0).await;
    world.apollo.set_mobile("first2.last2@engine.example", None);
    let leads = awaiting(&world, 3).await;
    let before = books_of(&world).await;
    assert_eq!((before.spent, before.held), (3000, 24_000), "the people are paid for, the numbers are held");
    assert_eq!(numbers(&world, &leads), 0);

    minutes_pass(&world).await;
    assert_eq!(numbers(&world, &leads), 2);
    let contact = world.hubspot.contact(&leads[0]).expect("the contact");
    assert!(contact.value("mobile_do_not_call").is_some_and(|status| status != "not_found"), "said with the number");
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (3000 + 16_000, 0), "a number that isn't found costs nothing");
    assert_eq!(world.apollo.ledger().mobiles_charged, 2);

    let again = world.record(&leads[0]).await.expect("a record");
    assert_eq!((again.state.name(), again.awaited), (StateName::Written, None));
    world.clock.turn(days(2));
    world.settle_down(1).await;
    assert_eq!(at_rest(&world).await.spent, 19_000, "and it stays at that");
}

#[tokio::test]
async fn a_delivery_that_is_lost_is_asked_after() {
    let world = world_with_numbers(|settings| settings.apollo.asynchronous.lost_share = 1.0).await;
    let leads = awaiting(&world, 2).await;
    minutes_pass(&world).await;
    assert_eq!(numbers(&world, &leads), 0, "nobody has said anything, and it isn't time to ask");
    minutes_pass(&world).await;
    assert_eq!(numbers(&world, &leads), 2);
    assert_eq!(at_rest(&world).await.spent, 2 * BOTH);
}

#[tokio::test]
async fn a_delivery_that_is_doubled_late_or_early_is_only_a_hint() {
    let world = world().await;
    let leads = awaiting(&world, 2).await;
    let [callback] = &world.apollo.take_callbacks()[..] else { panic!("one call, one callback") };
    let send = async |callback: &Callback| callback.post(world.http()).await;

    assert_eq!(send(callback).await, Some(200), "before the provider has it");
    world.pump.run_dry(1).await;
    assert_eq!((numbers(&world, &leads), open_holds(&world).await), (0, 1), "the provider says that it isn't there");

    world.clock.turn(Duration::from_secs(6 * 60));
    let (first, second) = tokio::join!(send(callback), send(callback));
    assert_eq!((first, second), (Some(200), Some(200)));
    world.pump.run_dry(2).await;
    assert_eq!(numbers(&world, &leads), 2);
    assert_eq!(at_rest(&world).await.spent, 2 * BOTH);

    let (status, said) = post(&world, &callback.url, &callback.body.to_string()).await;
    assert_eq!(status, 200);
    assert!(said.contains("nothing-awaited"), "{said}");
    assert_eq!(at_rest(&world).await.entries, 3, "a grant, the people, the numbers: nothing came of the third");
}

#[tokio::test]
async fn a_delivery_that_is_faster_than_the_call_itself_waits_for_it() {
    let world = world_with_numbers(|settings| settings.apollo.asynchronous.delay = Duration::ZERO).await;
    let leads = queued_leads(&world, 2).await;
    // The worker dies before it can keep what came back.
    let mut asked = false;
    world.wire.break_by(move |call| {
        asked |= call.operation.starts_with("apollo");
        (asked && call.operation == "dynamodb PutItem").then_some(Break::DeathBefore)
    });
    world.pump.round().await;
    world.wire.mend();
    assert_eq!(open_holds(&world).await, 2, "both are held");
    let [callback] = &world.apollo.take_callbacks()[..] else { panic!("one call, one callback") };
    assert_eq!(callback.post(world.http()).await, Some(200));
    world.pump.run_dry(1).await;
    assert_eq!(numbers(&world, &leads), 0, "nobody knows yet what was asked for");

    for _ in 0..4 {
        world.clock.turn(Duration::from_secs(20 * 60));
        world.settle_down(1).await;
    }
    assert_eq!(open_holds(&world).await, 1, "what the provider may still find is held for");
    world.clock.turn(days(1));
    world.settle_down(1).await;
    assert_eq!(numbers(&world, &leads), 2, "bought once more, as policy allows");
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (4 * BOTH, 2 * BOTH), "the first is counted as spent, in both halves");
    assert_eq!(world.apollo.ledger().credits_charged, 4 * BOTH, "and so they were");
}

#[tokio::test]
async fn a_token_that_is_forged_expired_used_or_somebody_elses_is_not_taken() {
    let world = world().await;
    world.leaves_behind(Leftover::OpenHolds);
    let leads = awaiting(&world, 1).await;
    let [callback] = &world.apollo.take_callbacks()[..] else { panic!("one call, one callback") };
    let body = callback.body.to_string();
    let (base, token) = callback.url.rsplit_once('/').expect("a token at the end");
    let [purchase, expires, code] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let purchase = PurchaseId::read(purchase).expect("an id");

    let mut forged = vec![
        format!("{base}/{purchase}.{expires}.{}", "0".repeat(64)),
        format!("{base}/{}.{expires}.{code}", purchase.at_once()),
        format!("{base}/{purchase}.9{expires}.{code}"),
        format!("{base}/{}", &token[1..]),
        format!("{base}/x"),
    ];
    let elsewhere = "other".parse().expect("a tenant");
    let tomorrow = later(world.clock.now(), days(1));
    let other = callback::token(CALLBACK_SECRET.as_bytes(), &elsewhere, &purchase, tomorrow);
    forged.push(format!("{base}/{other}"));
    for url in forged {
        assert_eq!(post(&world, &url, &body).await, (401, r#"{"error":"unauthorized"}"#.to_owned()), "{url}");
    }
    assert_eq!(post(&world, &callback.url.replace("/apollo/", "/apollo/not-"), &body).await.0, 404);
    let get = world.http().get(&callback.url).send().await.expect("an answer");
    assert_eq!(get.status().as_u16(), 405);
    assert_eq!(world.waiting().await, 0, "nothing was queued");

    world.clock.turn(days(31));
    assert_eq!(post(&world, &callback.url, &body).await.0, 410);
    assert_eq!((numbers(&world, &leads), open_holds(&world).await), (0, 1), "nothing written, nothing settled");
}

#[tokio::test]
async fn what_is_not_a_delivery_is_told_so_and_does_nothing() {
    let world = world().await;
    world.leaves_behind(Leftover::OpenHolds);
    let leads = awaiting(&world, 1).await;
    let [callback] = &world.apollo.take_callbacks()[..] else { panic!("one call, one callback") };
    let huge = format!(r#"{{"people":[],"filler":"{}"}}"#, "x".repeat(9 << 20));
    let more_than_a_gateway_takes = "x".repeat(11 << 20);
    let stranger = json!({ "status": "success", "people": [{ "id": "5f2a3c4d5e6f708192a3b4c5" }] }).to_string();
    let cases: [(&str, u16, &str); 6] = [
        ("not json", 400, "expected a JSON object"),
        (r#"{"status":"success"}"#, 400, "people"),
        (r#"{"people":{"id":"x"}}"#, 400, "people"),
        (&stranger, 422, "none of whom is waited for"),
        (&huge, 413, "expected at most"),
        (&more_than_a_gateway_takes, 413, ""),
    ];
    for (body, status, said) in cases {
        let (found, answer) = post(&world, &callback.url, body).await;
        assert_eq!(found, status, "{answer}");
        assert!(answer.contains(said) && !answer.contains("5f2a3c4d"), "{answer}");
    }
    assert_eq!(world.waiting().await, 0, "nothing was queued");
    assert_eq!((numbers(&world, &leads), open_holds(&world).await), (0, 1), "nothing written, nothing settled");
}

#[tokio::test]
async fn what_does_not_come_is_asked_after_ever_more_seldom() {
    let world = world_with_numbers(|settings| settings.apollo.asynchronous.delay = days(3)).await;
    world.leaves_behind(Leftover::OpenHolds);
    awaiting(&world, 2).await;
    let polls = || {
        let counts = world.wire.counts();
        counts.iter().filter(|(name, _)| name.contains("webhook_result")).map(|(_, count)| count).sum::<u64>()
    };
    for _ in 0..23 {
        world.clock.turn(Duration::from_secs(60 * 60));
        world.settle_down(1).await;
    }
    assert!((4..=8).contains(&polls()), "asked after {} times in 23 hours", polls());
    let first = polls();
    for _ in 0..24 {
        world.clock.turn(Duration::from_secs(60 * 60));
        world.settle_down(1).await;
    }
    assert!((1..=2).contains(&(polls() - first)), "and once a day from then on");
    assert_eq!(open_holds(&world).await, 1, "it may still come");
}

#[tokio::test]
async fn what_somebody_typed_in_or_who_asked_to_be_forgotten_is_left_alone() {
    let world = world().await;
    let leads = awaiting(&world, 3).await;
    world.hubspot.edit(&leads[0], "mobilephone", "+1 555 0100 (mine)");
    world.hubspot.privacy_delete(&leads[1]);
    world.hubspot.deliver().await;
    minutes_pass(&world).await;
    assert_eq!(number(&world, &leads[0]).as_deref(), Some("+1 555 0100 (mine)"));
    assert!(number(&world, &leads[2]).is_some());
    let erased = world.record(&leads[1]).await.expect("a record");
    assert!(erased.erased_at.is_some() && erased.awaited.is_none() && erased.written.is_empty(), "{erased:?}");
    assert_eq!(at_rest(&world).await.spent, 3 * BOTH, "they were bought all the same");
}

#[tokio::test]
async fn who_can_be_paid_for_in_part_waits_for_both_or_takes_the_person_now() {
    for (policy, first, reason) in [("defer", 0, true), ("degrade", 2000, false)] {
        let world = world_with_numbers(|settings| {
            settings.config =
                settings.config.replace("on_exhausted = \"defer\"", &format!("on_exhausted = \"{policy}\""));
            settings.credits_per_cycle = Some(7);
        })
        .await;
        let leads = queued_leads(&world, 2).await;
        world.settle_down(1).await;
        assert_eq!(at_rest(&world).await.spent, first, "{policy}");
        assert_eq!(states(&world, &leads).await, [StateName::Deferred; 2], "{policy}: the number waits in any case");
        for lead in &leads {
            let record = world.record(lead).await.expect("a record");
            let deferral = record.state.deferral().cloned().expect("parked");
            assert_eq!((deferral.reason, deferral.worst.total().get()), (DeferReason::Balance, BOTH), "{policy}");
            assert_eq!(record.owed.is_none(), reason, "{policy}");
            let title = world.hubspot.contact(lead).expect("the contact").value("jobtitle").is_some();
            assert_eq!(title, policy == "degrade", "{policy}");
        }

        let grant = world.credits.wallets(world.tenant_id()).await.expect("readable").remove(0);
        let top_up = Entry::Adjust {
            wallet: grant.wallet,
            amounts: Amounts::one(Bucket::new("credits"), Milli::credits(20)),
            at: world.clock.now(),
            reference: "top-up".into(),
            reason: "a test".into(),
        };
        world.credits.adjust(world.tenant_id(), &top_up).await.expect("adjusted");
        world.settle_down(1).await;
        minutes_pass(&world).await;
        assert_eq!(
            (numbers(&world, &leads), states(&world, &leads).await),
            (2, vec![StateName::Written; 2]),
            "{policy}"
        );
        all_enriched(&world, &leads);
        let books = at_rest(&world).await;
        assert_eq!(books.spent, first + 2 * BOTH, "{policy}: the second call is charged for the person again");
        assert_eq!(world.apollo.ledger().mobiles_charged, 2, "{policy}");
    }
}

/// A row of the price list.
fn price(field: &str, credits: u8) -> String {
    format!(
        "\n[[prices]]\nversion = \"apollo-2026-08\"\nprovider = \"apollo\"\naction = \"match\"\nfield = \"{field}\"\n\
         from = \"2026-01-01\"\ncharge_on = \"match\"\ncost = {{ credits = {credits} }}\n"
    )
}

#[tokio::test]
async fn what_other_sources_have_arrives_with_its_own_price() {
    let world = world_with_numbers(|settings| {
        let rows = format!("{}{}\n[[prices]]", price("waterfall-email", 4), price("waterfall-mobile", 25));
        let config = settings.config.replacen("\n[[prices]]", &rows, 1);
        let provider = "waterfall = [\"email\", \"mobile\"]\ncallback_url =";
        settings.config = format!("{}email = {{ from = \"email\" }}\n", config.replacen("callback_url =", provider, 1));
    })
    .await;
    let ada = [("firstname", "Ada"), ("lastname", "Lovelace"), ("company", "Engine")];
    let lead = world.hubspot.create_contact(ada);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let contact = world.hubspot.contact(&lead).expect("the contact");
    assert!(contact.value("jobtitle").is_some(), "the person came at once");
    assert_eq!((contact.value("email"), contact.value("mobilephone")), (None, None));
    assert_eq!(books_of(&world).await.held, 29_000, "the worst that other sources can cost");

    minutes_pass(&world).await;
    let contact = world.hubspot.contact(&lead).expect("the contact");
    assert!(contact.value("email").is_some() && contact.value("mobilephone").is_some());
    let (books, charged) = (at_rest(&world).await, world.apollo.ledger().credits_charged);
    assert_eq!((books.spent, books.unknown), (charged, 0), "what the result says of the whole call, less the person");
}

/// Breaks each call that the worker makes while it collects, in every way.
#[tokio::test]
async fn whatever_call_breaks_while_collecting_numbers_are_written_and_settled_once() {
    let arrived = async || {
        let world = world().await;
        let leads = awaiting(&world, 3).await;
        world.clock.turn(Duration::from_secs(6 * 60));
        (world, leads)
    };
    let (world, _) = arrived().await;
    world.wire.break_by(|_| None);
    world.apollo.deliver_callbacks(world.http()).await;
    world.pump.run_dry(1).await;
    let calls = world.wire.mend();
    assert!(calls.len() >= 9, "{calls:?}");
    let mut swept = 0;
    for call in &calls {
        let mut ways = vec![Break::Refused, Break::AnswerLost, Break::DeathBefore, Break::DeathAfter];
        if call.operation.starts_with("dynamodb") {
            ways.push(Break::throttled());
        }
        if call.operation.ends_with("TransactWriteItems") {
            ways.push(Break::transaction_conflict());
        }
        for how in ways {
            let (world, leads) = arrived().await;
            let (at, broken) = (call.index, how.clone());
            world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
            world.apollo.deliver_callbacks(world.http()).await;
            world.pump.run_dry(1).await;
            world.wire.mend();
            for _ in 0..3 {
                world.settle_down(2).await;
                world.clock.turn(Duration::from_secs(20 * 60));
            }
            world.settle_down(2).await;
            let place = format!("call {at} ({}) was broken by {how:?}", call.operation);
            assert_eq!(numbers(&world, &leads), 3, "{place}");
            let books = at_rest(&world).await;
            assert_eq!((books.spent, books.unknown), (3 * BOTH, 0), "{place}");
            assert_eq!(world.apollo.ledger().credits_charged, 3 * BOTH, "{place}");
            swept += 1;
        }
    }
    println!("swept {swept} crash points over {} calls", calls.len());
}

#[tokio::test]
async fn a_number_that_the_provider_has_already_is_bought_for_none_who_has_one() {
    let world = world().await;
    let lead = world.hubspot.create_contact([("email", "ada.l@engine.example"), ("mobilephone", "+44 20 7946 0000")]);
    world.apollo.set_mobile("ada.l@engine.example", Some(Mobile::new("+15550100")));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    minutes_pass(&world).await;
    assert_eq!(number(&world, &lead).as_deref(), Some("+44 20 7946 0000"));
    assert_eq!(at_rest(&world).await.spent, 1000, "a person, and no number");
}
