//! What a newer event does for a lead that waits for credits.

use std::time::Duration;

use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::lead::record::{Record, StateName};
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_sandbox::world::{Break, World};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, queued_leads, states, world_with};

/// A world with one credit, in which a lead waits for at most so many days.
async fn world_giving_up_after(give_up_days: u32) -> Stage {
    world_with(|settings| {
        settings.credits_per_cycle = Some(1);
        let give_up = format!("give_up_days = {give_up_days}");
        settings.config = settings.config.replace("give_up_days = 180", &give_up);
    })
    .await
}

/// Two leads, of which the credits pay for one: the contact of the other.
async fn one_waits(world: &World) -> String {
    let leads = queued_leads(world, 2).await;
    world.settle_down(1).await;
    let stand = states(world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == StateName::Deferred).count(), 1);
    leads.into_iter().zip(stand).find(|(_, state)| *state == StateName::Deferred).expect("one waits").0
}

async fn record(world: &World, lead: &str) -> Record {
    world.record(lead).await.expect("a record")
}

fn request_of(record: &Record) -> EnrichmentRequest {
    record.to_request().expect("a request")
}

#[tokio::test]
async fn a_lead_that_waits_is_not_closed_as_too_old_when_a_newer_event_asks_for_it() {
    let world = world_giving_up_after(10).await;
    let lead = one_waits(&world).await;
    world.clock.turn(days(9));
    world.hubspot.edit(&lead, "website", "https://engine.example");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    // Seventeen days after it was created, eight after it was asked for again.
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    all_enriched(&world, &[lead]);
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn a_renewal_keeps_the_date_and_the_better_source_and_asks_for_nothing() {
    let world = world_with(|settings| {
        settings.config = settings.config.replace("give_up_days = 180", "give_up_days = 20");
        settings.config.push_str("\n[tenants.demo.caps]\nper_source = { new-lead = { credits = 1 } }\n");
    })
    .await;
    // The cap lifts with the next cycle.
    let lead = one_waits(&world).await;
    let before = record(&world, &lead).await;
    let deferral = before.state.deferral().cloned().expect("it waits");
    assert!(deferral.not_before > world.clock.now(), "{deferral:?}");

    world.clock.turn(days(3));
    world.hubspot.edit(&lead, "website", "https://engine.example");
    world.hubspot.deliver().await;
    let (asked, written) = (world.apollo.ledger().people_asked, total(&world.usage.write_units()));
    let read = crm_reads(&world);
    world.settle_down(1).await;
    let after = record(&world, &lead).await;
    assert_eq!((after.state.name(), after.source), (StateName::Deferred, Some(Source::NewLead)));
    assert_eq!(after.state.deferral(), Some(&deferral), "it waits for what it waited for");
    assert!(after.occurred_at > before.occurred_at, "{:?} is not newer", after.occurred_at);
    assert_eq!((world.apollo.ledger().people_asked, crm_reads(&world)), (asked, read), "no one was asked");
    let written = total(&world.usage.write_units()) - written;
    assert!(written <= 4.0, "{written} units: one write, and its index");

    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    all_enriched(&world, &[lead]);
}

fn total(units: &std::collections::BTreeMap<&'static str, f64>) -> f64 {
    units.values().sum()
}

fn crm_reads(world: &World) -> u64 {
    let counts = world.wire.counts();
    counts.iter().filter(|(operation, _)| operation.ends_with("batch/read")).map(|(_, count)| count).sum()
}

#[tokio::test]
async fn a_storm_of_edits_on_leads_that_wait_costs_one_renewal_a_day() {
    let world = world_giving_up_after(180).await;
    let leads = queued_leads(&world, 21).await;
    world.settle_down(2).await;
    let stand = states(&world, &leads).await;
    let waiting = leads.iter().zip(stand).filter(|(_, state)| *state == StateName::Deferred);
    let waiting: Vec<String> = waiting.map(|(lead, _)| lead.clone()).collect();
    assert_eq!(waiting.len(), 20);
    let storm = async || {
        for round in 0..50 {
            for lead in &waiting {
                world.hubspot.edit(lead, "company", &format!("Company {round}"));
            }
            world.clock.turn(Duration::from_secs(1));
        }
        let report = world.hubspot.deliver().await;
        assert!(report.events >= 1000 && report.rejected.is_empty(), "{report:?}");
        world.waiting().await
    };
    assert_eq!(storm().await, 0, "within a day, the door drops them all");
    world.clock.turn(Duration::from_secs(25 * 60 * 60));
    let queued = storm().await;
    assert!((20..=200).contains(&queued), "{queued} requests for 20 leads");
    let before = total(&world.usage.write_units());
    world.settle_down(1).await;
    let written = total(&world.usage.write_units()) - before;
    assert!(written <= 4.0 * 20.0 + 5.0, "{written} units for 20 leads: a write each, with its index, and a wallet");
    assert_eq!(storm().await, 0, "and the day after that has begun");
    assert_eq!(states(&world, &waiting).await, [StateName::Deferred; 20]);
}

#[tokio::test]
async fn of_several_requests_the_newest_counts_and_an_older_one_sets_nothing_back() {
    let world = world_giving_up_after(10).await;
    let lead = one_waits(&world).await;
    let first = request_of(&record(&world, &lead).await);
    world.clock.turn(days(2));
    let second = EnrichmentRequest { occurred_at: world.clock.now(), source: Source::Change, ..first.clone() };
    let older = EnrichmentRequest { occurred_at: first.occurred_at, source: Source::NewLead, ..first.clone() };
    // In one batch, the older first.
    world.queue.send(&[older.clone(), second.clone()]).await.expect("queued");
    world.pump.round().await;
    let renewed = request_of(&record(&world, &lead).await);
    assert_eq!((renewed.occurred_at, renewed.source), (second.occurred_at, Source::NewLead));
    // A redelivery, and the same request once more.
    for late in [older, second] {
        world.queue.send(&[late]).await.expect("queued");
        world.pump.round().await;
        let now = request_of(&record(&world, &lead).await);
        assert_eq!((now.occurred_at, now.source), (renewed.occurred_at, Source::NewLead));
    }
    assert_eq!(world.waiting().await, 0);
}

/// The worker dies around its one write, and the message comes again.
#[tokio::test]
async fn a_renewal_that_dies_half_way_is_made_by_the_next_delivery() {
    for how in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, Break::Refused] {
        let world = world_giving_up_after(10).await;
        let lead = one_waits(&world).await;
        world.clock.turn(days(9));
        world.hubspot.edit(&lead, "website", "https://engine.example");
        world.hubspot.deliver().await;
        let (broken, mut first) = (how.clone(), true);
        world.wire.break_by(move |call| {
            let is_it = call.operation == "dynamodb PutItem" && std::mem::take(&mut first);
            is_it.then(|| broken.clone())
        });
        world.pump.round().await;
        world.wire.mend();
        world.clock.turn(Duration::from_secs(10 * 60));
        world.pump.show_hidden().await;
        world.settle_down(1).await;
        world.next_cycle(1_000_000).await;
        world.settle_down(1).await;
        all_enriched(&world, &[lead]);
        assert_eq!(at_rest(&world).await.spent, 2000, "{how:?}");
    }
}
