//! A provider that doesn't answer as it should.

use std::time::Duration;

use leadgate_connectors::provider::apollo::client::Apollo;
use leadgate_connectors::provider::apollo::search::Page;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::clock::days;
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::{DeferReason, FailReason};
use leadgate_sandbox::simulators::apollo::{Limits, Miss, Windows};
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};

use crate::books::{at_rest, books_of};
use crate::stage::{all_enriched, queued_leads, states, world, world_with};

#[tokio::test]
async fn a_call_whose_answer_is_lost_counts_as_spent_and_is_tried_once_more() {
    let world = world().await;
    let leads = queued_leads(&world, 2).await;
    world.apollo.faults().add(FaultRule::next(Fault::DropAfterWork));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (4000, 2000), "what we don't know of is counted as spent");
    assert_eq!(world.apollo.ledger().credits_charged, 4000, "and here it was");
}

#[tokio::test]
async fn outcomes_that_stay_unknown_end_failed_instead_of_going_on_for_ever() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    world.apollo.faults().add(FaultRule::next(Fault::StatusAfterWork(500, String::new())).times(50));
    world.settle_down(1).await;
    let record = world.record(&leads[0]).await.expect("a record");
    assert_eq!(record.state, State::Failed { reason: FailReason::OutcomeUnknown });
    assert_eq!(world.apollo.ledger().records_charged, 2, "the first try and one more");
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn throttling_is_waited_out_and_charges_nothing() {
    let world = world().await;
    let leads = queued_leads(&world, 5).await;
    let soon = Fault::Throttle { retry_after: Some(Duration::from_secs(7)) };
    let late = Fault::Throttle { retry_after: Some(Duration::from_secs(600)) };
    world.apollo.faults().add(FaultRule::next(soon));
    world.apollo.faults().add(FaultRule::next(late));
    world.apollo.faults().add(FaultRule::next(Fault::Status(503, String::new())).times(2));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (5000, 0));
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_and_its_leads_wait() {
    let world = world().await;
    let leads = queued_leads(&world, 100).await;
    world.apollo.faults().add(FaultRule::next(Fault::Status(503, String::new())).times(12));
    world.pump.run_dry(4).await;
    let received = world.apollo.ledger().received;
    assert!((5..=12).contains(&received), "asked {received} times for 100 leads");
    assert_eq!(world.waiting().await, 100, "they wait, and their attempts aren't counted");
    world.settle_down(4).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (100_000, 0));
}

#[tokio::test]
async fn what_a_day_has_no_room_for_is_parked_until_the_next() {
    let limit = Windows { day: Some(3), ..Windows::per_minute(100) };
    let limits = Limits { single: limit, bulk: limit, ..Limits::unlimited() };
    let world = world_with(|settings| settings.apollo.limits = limits).await;
    let leads = queued_leads(&world, 50).await;
    world.settle_down(1).await;
    let reason = async |lead: &String| {
        world.record(lead).await.and_then(|record| record.state.deferral().cloned()).map(|it| it.reason)
    };
    let mut parked = 0;
    for lead in &leads {
        parked += usize::from(reason(lead).await == Some(DeferReason::ProviderLimit));
    }
    assert_eq!((parked, world.apollo.ledger().throttled, world.dead_letters().await), (20, 0, 0));
    world.clock.turn(days(1));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().throttled), (50_000, 0));
}

#[tokio::test]
async fn a_real_rate_limit_lets_everybody_through_in_the_end() {
    let limit = Windows::per_minute(2);
    let limits = Limits { single: limit, bulk: limit, ..Limits::unlimited() };
    let world = world_with(|settings| settings.apollo.limits = limits).await;
    let leads = queued_leads(&world, 60).await;
    world.settle_down(3).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 60_000);
}

#[tokio::test]
async fn when_the_provider_says_that_credits_are_used_up_leads_wait_for_an_hour_and_are_finished_then() {
    let world = world_with(|settings| settings.apollo.pool_milli = 0).await;
    let leads = queued_leads(&world, 3).await;
    world.settle_down(1).await;
    let record = world.record(&leads[0]).await.expect("a record");
    assert_eq!(record.state.deferral().map(|deferral| deferral.reason), Some(DeferReason::ProviderOutOfCredits));
    assert_eq!((at_rest(&world).await.spent, world.run_release().await.released), (0, 0), "not before an hour");
    world.apollo.top_up(1_000_000);
    world.clock.turn(Duration::from_secs(3601));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 3000);
}

#[tokio::test]
async fn a_key_that_is_refused_parks_leads_until_somebody_mends_it() {
    let world = world().await;
    let leads = queued_leads(&world, 2).await;
    world.apollo.faults().add(FaultRule::next(Fault::Status(401, "Invalid API key.".into())).times(1));
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Deferred; 2]);
    world.clock.turn(Duration::from_secs(3601));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    at_rest(&world).await;
}

#[tokio::test]
async fn one_person_that_the_provider_calls_invalid_does_not_spoil_it_for_the_others() {
    let world = world().await;
    let leads = queued_leads(&world, 3).await;
    let invalid = || Fault::Status(422, r#"{"error":"Invalid parameters"}"#.into());
    world.apollo.faults().decide_by(move |call| {
        let bulk = call.path.contains("bulk_match");
        let alone = String::from_utf8_lossy(&call.body).contains("first1.last1@");
        (bulk || alone).then(invalid)
    });
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written, StateName::Refused, StateName::Written]);
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn blank_people_and_fractions_of_credits_are_accounted_for() {
    let world = world_with(|settings| {
        settings.apollo.miss = Miss::Alternate;
        settings.apollo.price_milli = 333;
    })
    .await;
    world.apollo.forget("first1.last1@engine.example");
    world.apollo.forget("first2.last2@engine.example");
    let leads = queued_leads(&world, 5).await;
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads[1..3]).await, [StateName::Unmatched; 2]);
    let books = books_of(&world).await;
    assert_eq!((books.spent, world.apollo.ledger().credits_charged), (999, 999), "what it reports is what we settle");
}

#[tokio::test]
async fn a_simulated_team_has_a_sequence_and_a_mailbox() {
    let world = world().await;
    let url = format!("{}/simulators/apollo/api/v1", world.url);
    let team = Apollo::new(world.http().clone(), url, Secret::new("simulated-api-key".to_owned()));
    let timeout = Duration::from_secs(10);
    let found = team.search_sequences(None, Page::default(), timeout).await.reply.expect("an answer");
    let mailboxes = team.mailboxes(timeout).await.reply.expect("an answer");
    assert_eq!(found.sequences.len(), 1);
    assert_eq!(mailboxes.iter().map(|mailbox| mailbox.active).collect::<Vec<_>>(), [Some(true)]);
}
