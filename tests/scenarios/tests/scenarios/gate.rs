//! What isn't due costs nothing.

use std::time::Duration;

use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::event::{Cause, DueEvent};
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_sandbox::world::World;

use crate::alerts::top_up;
use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, states, world, world_with};

/// A request for this contact, as if a delivery of its own had brought it.
fn request(world: &World, contact: &str, number: usize) -> EnrichmentRequest {
    let record = world.key(contact);
    let request = RequestId::derive(&record, &number.to_string());
    DueEvent { record, request, occurred_at: world.clock.now(), cause: Cause::Created }.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_workers_with_the_same_lead_at_the_same_moment_buy_it_once() {
    let world = world().await;
    let lead = world.hubspot.create_contact([("email", "ada.lovelace@engine.example")]);
    // One message in each batch, so that each worker has its own.
    let mut batches = Vec::new();
    for number in 0..16 {
        world.queue.send(&[request(&world, &lead, number)]).await.expect("queued");
        batches.push(world.pump.receive().await);
    }
    let pump = world.pump.clone();
    let workers: Vec<_> = batches
        .into_iter()
        .map(|batch| {
            let pump = pump.clone();
            tokio::spawn(async move { pump.invoke(batch).await })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no worker panics");
    }
    world.settle_down(4).await;
    assert_eq!(world.apollo.charges_of("ada.lovelace@engine.example"), 1);
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn two_messages_for_one_record_in_one_batch_and_in_two_are_one_purchase() {
    let world = world().await;
    let lead = world.hubspot.create_contact([("email", "ada.lovelace@engine.example")]);
    world.queue.send(&[request(&world, &lead, 1), request(&world, &lead, 2)]).await.expect("queued");
    let together = world.pump.receive().await;
    assert_eq!(together.len(), 2);
    world.queue.send(&[request(&world, &lead, 3)]).await.expect("queued");
    let apart = world.pump.receive().await;
    tokio::join!(world.pump.invoke(together), world.pump.invoke(apart));
    world.settle_down(2).await;
    assert_eq!(world.apollo.charges_of("ada.lovelace@engine.example"), 1);
    at_rest(&world).await;
}

#[tokio::test]
async fn a_message_that_was_dealt_with_does_not_speak_for_one_that_was_not() {
    let world = world().await;
    let lead = world.hubspot.create_contact([("firstname", "Ada")]);
    let creation = request(&world, &lead, 1);
    world.queue.send(std::slice::from_ref(&creation)).await.expect("queued");
    world.settle_down(1).await;
    // Refused: nobody to ask about. The same message comes again, together with one that tells of an address.
    world.hubspot.edit(&lead, "email", "ada.lovelace@engine.example");
    let change = EnrichmentRequest { source: Source::Change, ..request(&world, &lead, 2) };
    world.queue.send(&[creation, change]).await.expect("queued");
    let together = world.pump.receive().await;
    assert_eq!(together.len(), 2);
    world.pump.invoke(together).await;
    world.settle_down(1).await;
    all_enriched(&world, &[lead]);
}

#[tokio::test]
async fn a_storm_of_changes_to_fresh_leads_makes_no_provider_call_and_queues_nothing() {
    let world = world().await;
    let leads = queued_leads(&world, 50).await;
    world.settle_down(4).await;
    world.hubspot.deliver().await;
    let (calls, written) = (world.apollo.ledger().people_asked, world.usage.write_units());
    for round in 0..200 {
        for lead in &leads {
            world.hubspot.edit(lead, "company", &format!("Company {round}"));
        }
    }
    let report = world.hubspot.deliver().await;
    assert_eq!((report.events, report.rejected.len()), (10_000, 0));
    assert_eq!(world.waiting().await, 0, "the door drops them all");
    world.settle_down(4).await;
    assert_eq!(world.apollo.ledger().people_asked, calls);
    assert_eq!(world.usage.write_units(), written, "nothing was written either");
}

#[tokio::test]
async fn the_echo_of_our_own_write_starts_nothing_even_when_nothing_stays_fresh() {
    let mut world = world_with(|settings| {
        settings.config = settings.config.replace(
            r#"enrich_on_change = ["email", "company", "website"]"#,
            r#"enrich_on_change = ["email", "company", "jobtitle", "city", "industry"]"#,
        );
    })
    .await;
    world.reconfigure(|tenant| tenant.windows.freshness = std::time::Duration::ZERO);
    let leads = queued_leads(&world, 3).await;
    world.settle_down(2).await;
    assert_eq!(world.apollo.ledger().records_charged, 3);
    let echoes = world.hubspot.deliver().await;
    assert!(echoes.events >= 9, "HubSpot tells us what we wrote: {echoes:?}");
    world.settle_down(2).await;
    assert_eq!(world.apollo.ledger().records_charged, 3, "an echo is not a reason to buy");
    all_enriched(&world, &leads);
}

#[tokio::test]
async fn a_change_by_a_person_makes_a_stale_lead_due_again_and_a_fresh_one_not() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    world.hubspot.edit(&leads[0], "jobtitle", "");
    world.hubspot.edit(&leads[0], "company", "A new one");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().records_charged, 1, "it is fresh");

    world.clock.turn(days(91));
    world.hubspot.edit(&leads[0], "company", "Another one");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().records_charged, 2, "it is stale");
    let contact = world.hubspot.contact(&leads[0]).expect("the contact");
    assert_eq!(contact.value("company"), Some("Another one"), "and what the person wrote stays");
}

#[tokio::test]
async fn a_miss_is_remembered_until_the_record_tells_who_it_is() {
    let world = world().await;
    world.apollo.forget("nobody@engine.example");
    let lead = world.hubspot.create_contact([("email", "nobody@engine.example")]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(states(&world, std::slice::from_ref(&lead)).await, [StateName::Unmatched]);
    let calls = world.apollo.ledger().people_asked;

    world.hubspot.edit(&lead, "website", "https://elsewhere.example");
    world.hubspot.edit(&lead, "website", "");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().people_asked, calls, "it is the same unknown person");

    world.hubspot.edit(&lead, "email", "ada.lovelace@engine.example");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &[lead]);
    at_rest(&world).await;
}

#[tokio::test]
async fn a_lead_without_an_identity_is_refused_for_nothing_and_taken_up_when_it_has_one() {
    let world = world().await;
    let lead = world.hubspot.create_contact([("firstname", "Ada")]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let record = world.record(&lead).await.expect("a record");
    assert_eq!(record.state, State::Refused { reason: RefuseReason::NoIdentity });
    assert_eq!(world.apollo.ledger().people_asked, 0);

    world.hubspot.edit(&lead, "email", "ada.lovelace@engine.example");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &[lead]);
}

#[tokio::test]
async fn an_address_typed_in_while_the_worker_is_looking_is_not_lost() {
    let world = world().await;
    let lead = world.hubspot.create_contact([("firstname", "Ada")]);
    world.hubspot.deliver().await;
    // The worker dies just after it has claimed; the address comes in while the claim lives.
    world.wire.break_by(|call| {
        (call.operation.ends_with("batch/read")).then_some(leadgate_sandbox::world::Break::DeathBefore)
    });
    world.pump.round().await;
    world.wire.mend();
    world.clock.turn(Duration::from_secs(40));
    world.hubspot.edit(&lead, "email", "ada.lovelace@engine.example");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &[lead]);
    at_rest(&world).await;
}

#[tokio::test]
async fn the_crms_own_last_enriched_field_counts() {
    let world = world().await;
    let at = later(world.clock.now(), Duration::ZERO).as_millisecond().to_string();
    let lead = world
        .hubspot
        .create_contact([("email", "ada.lovelace@engine.example"), ("leadgate_last_enriched", at.as_str())]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(states(&world, std::slice::from_ref(&lead)).await, [StateName::Written]);
    assert_eq!((world.apollo.ledger().people_asked, at_rest(&world).await.spent), (0, 0));
}

#[tokio::test]
async fn a_lead_with_nothing_to_fill_is_not_bought() {
    let world = world().await;
    let filled =
        ["firstname", "lastname", "jobtitle", "company", "city", "country", "industry"].map(|name| (name, "x"));
    let rest = [
        ("email", "a.b@engine.example"),
        ("website", "https://x.example"),
        ("hs_linkedin_url", "https://l.example/in/x"),
    ];
    let lead = world.hubspot.create_contact(filled.into_iter().chain(rest));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(states(&world, &[lead]).await, [StateName::Written]);
    assert_eq!(world.apollo.ledger().people_asked, 0);
}

#[tokio::test]
async fn who_asked_to_be_forgotten_is_neither_bought_nor_written() {
    let world = world().await;
    let leads = queued_leads(&world, 2).await;
    assert!(world.hubspot.privacy_delete(&leads[0]));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let record = world.record(&leads[0]).await.expect("a record");
    assert!(record.erased_at.is_some() && record.patch.is_empty() && record.written.is_empty());
    assert_eq!(world.apollo.charges_of("first0.last0@engine.example"), 0);
    all_enriched(&world, &leads[1..]);
    at_rest(&world).await;
}

/// SQS may give a message to two workers. One parks the lead and deletes the message; what the other does with the lead
/// after that has no message to come back by.
#[tokio::test]
async fn a_message_that_was_received_twice_leaves_a_parked_lead_in_the_line() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(1)).await;
    // One credit for two leads.
    queued_leads(&world, 1).await;
    world.pump.run_dry(1).await;
    let lead = world.hubspot.create_contact([("email", "ada.lovelace@engine.example")]);
    let twice = request(&world, &lead, 1);
    world.queue.send(std::slice::from_ref(&twice)).await.expect("queued");
    world.pump.run_dry(1).await;
    assert_eq!(states(&world, std::slice::from_ref(&lead)).await, [StateName::Deferred]);
    top_up(&world, "paid-1", 5).await;
    world.queue.send(&[twice]).await.expect("queued");
    world.pump.run_dry(1).await;
    assert_eq!(states(&world, std::slice::from_ref(&lead)).await, [StateName::Deferred], "it is the release's");
    world.settle_down(1).await;
    assert_eq!(states(&world, &[lead]).await, [StateName::Written]);
}
