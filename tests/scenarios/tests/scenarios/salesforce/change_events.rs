//! Change events, by a bus and a queue.

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::world::{Break, Caller, Leftover, Settings, World};
use serde_json::json;

use super::{ours, there};
use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, leads, queued_leads, stands, world_of};

const BUS: &str = "/simulators/eventbridge/partner";
const SOURCE: &str = "aws.partner/salesforce.com/00D000000000001EAA/0YL000000000001AAA";

async fn org_with(set: impl FnOnce(&mut Settings)) -> Stage {
    world_of(Settings::with_change_events, set).await
}

/// Puts an event of these records on the bus.
async fn put(world: &World, source: &str, change: &str, records: &[&str]) {
    let header = json!({
        "entityName": "Lead", "recordIds": records, "changeType": change, "transactionKey": "t-1", "sequenceNumber": 1,
        "commitTimestamp": 1_768_471_200_000_i64,
    });
    let event = json!({ "id": "e-1", "source": source, "detail": { "payload": { "ChangeEventHeader": header } } });
    let put = world.http().post(format!("{}{BUS}", world.url)).json(&event).send().await;
    assert_eq!(put.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_new_lead_is_enriched_once_and_our_own_write_starts_nothing() {
    let world = org_with(|settings| settings.salesforce.duplicate_share = 1.0).await;
    let leads = queued_leads(&world, 12).await;
    world.settle_down(2).await;
    all_enriched(&world, &leads);
    // Of what we wrote it is told as well.
    let report = world.salesforce.deliver().await;
    assert!(report.events >= 12, "{report:?}");
    world.settle_down(2).await;
    assert_eq!(world.salesforce.deliver().await.events, 0, "that was the last echo");
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().records_charged), (12_000, 12));
}

#[tokio::test]
async fn a_field_that_is_watched_makes_a_lead_due_and_another_does_not() {
    let world = org_with(|_| {}).await;
    let lead = world.salesforce.create_lead([("LastName", "Lovelace")]);
    world.salesforce.deliver().await;
    world.settle_down(1).await;
    assert_eq!(stands(&world, &lead).await, StateName::Refused, "nothing says who that is");
    world.salesforce.edit(&lead, "City", "London");
    world.salesforce.deliver().await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().credits_charged, 0);
    world.salesforce.edit(&lead, "Email", "ada.lovelace@engine.example");
    world.salesforce.deliver().await;
    world.settle_down(1).await;
    assert_eq!(stands(&world, &lead).await, StateName::Written);
    let written = there(&world, &lead);
    assert!(ours(&written).contains(&"Title") && written.value("City") == Some("London"), "{written:?}");
    at_rest(&world).await;
}

#[tokio::test]
async fn an_event_outlasts_trouble_of_ours_and_a_run_that_dies() {
    for breaks in [Break::Refused, Break::DeathBefore, Break::DeathAfter, Break::AnswerLost] {
        let world = org_with(|_| {}).await;
        let leads = queued_leads(&world, 3).await;
        assert_eq!(world.waiting().await, 3, "on the queue of change events");
        let broken = breaks.clone();
        world.wire.break_by(move |call| {
            let is_send = call.caller == Caller::CrmEvents && call.operation.starts_with("sqs Send");
            is_send.then(|| broken.clone())
        });
        for _ in 0..3 {
            world.pump.round().await;
            world.pump.show_hidden().await;
        }
        if matches!(breaks, Break::Refused | Break::DeathBefore) {
            assert_eq!(world.waiting().await, 3, "{breaks:?}: all of them are still there");
        }
        world.wire.mend();
        world.settle_down(2).await;
        all_enriched(&world, &leads);
        assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().records_charged), (3000, 3), "{breaks:?}");
    }
}

#[tokio::test]
async fn what_was_missed_is_read_again_and_what_was_deleted_is_forgotten() {
    let world = org_with(|_| {}).await;
    let lead = leads(&world, 1).remove(0);
    // The event itself is lost, and a gap is told instead.
    put(&world, SOURCE, "GAP_CREATE", &[&lead]).await;
    world.settle_down(1).await;
    all_enriched(&world, std::slice::from_ref(&lead));
    assert!(world.record(&lead).await.is_some_and(|record| !record.written.is_empty()));
    assert!(world.salesforce.delete(&lead));
    world.salesforce.deliver().await;
    world.settle_down(1).await;
    let record = world.record(&lead).await.expect("a record");
    assert!(record.state.name() == StateName::Refused && record.written.is_empty(), "{record:?}");
    at_rest(&world).await;
}

#[tokio::test]
async fn what_names_no_record_or_no_tenant_of_ours_stays_for_an_operator() {
    let world = org_with(|_| {}).await;
    world.leaves_behind(Leftover::DeadLetters);
    let lead = leads(&world, 1).remove(0);
    put(&world, SOURCE, "GAP_CREATE", &[&lead, "00Q*"]).await;
    put(&world, "aws.partner/salesforce.com/00D000000000002EAA/0YL000000000001AAA", "CREATE", &[&lead]).await;
    for _ in 0..3 {
        world.pump.run_dry(1).await;
        world.pump.show_hidden().await;
    }
    assert_eq!(world.waiting().await, 2, "neither is dropped");
    // Each is read for some hours.
    for _ in 0..5 {
        world.settle_down(1).await;
    }
    assert_eq!((world.waiting().await, world.dead_letters().await), (0, 2));
    all_enriched(&world, &[lead]);
    assert_eq!(world.apollo.ledger().records_charged, 1, "however often it is read");
}

#[tokio::test]
async fn nothing_that_says_whom_it_is_about_lies_on_the_queue() {
    let world = org_with(|_| {}).await;
    world.salesforce.create_lead([("Email", "canary.bird@secret-company.example"), ("LastName", "Bird")]);
    world.salesforce.deliver().await;
    let messages = world.pump.receive().await;
    assert_eq!(messages.len(), 1);
    let body = messages[0].body.clone().unwrap_or_default();
    assert!(body.contains("recordIds") && !body.to_lowercase().contains("bird"), "{body}");
    world.pump.show_hidden().await;
    world.settle_down(1).await;
    at_rest(&world).await;
}
