//! What was paid for is kept, what was asked for is obeyed, and a twin is seen.

use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::ids::{ObjectType, Origin, RecordKey, RequestId};
use leadgate_enrichment::lead::event::{Cause, DueEvent};
use leadgate_enrichment::lead::record::State;
use leadgate_enrichment::lead::request::EnrichmentRequest;
use leadgate_enrichment::outcome::FailReason;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{
    Stage, all_enriched, queued_leads, refuse_writes, slow_provider, world, world_with, world_with_numbers,
};

const MINUTE: Duration = Duration::from_secs(60);

fn number(world: &World, lead: &str) -> Option<String> {
    world.hubspot.contact(lead).expect("the contact").value("mobilephone").map(str::to_owned)
}

#[tokio::test]
async fn a_lead_that_waits_for_its_number_too_long_stays_as_fresh_as_it_was() {
    let world = world_with_numbers(|settings| {
        *settings = Settings { credits_per_cycle: Some(1), ..settings.clone() }.degrading();
        settings.config = settings.config.replace("give_up_days = 180", "give_up_days = 10");
    })
    .await;
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    let record = world.record(&leads[0]).await.expect("a record");
    assert!(record.state.is_deferred() && record.owed.is_some(), "{record:?}");
    assert_eq!(world.apollo.charges_of("first0.last0@engine.example"), 1);

    world.clock.turn(days(11));
    assert_eq!(world.run_release().await.closed, 1);
    let record = world.record(&leads[0]).await.expect("a record");
    assert_eq!((record.state, record.owed), (State::Written, None));
    // A change while it is fresh buys nothing, in this cycle and in the next.
    for website in ["https://engine.example", "https://other.example"] {
        world.hubspot.edit(&leads[0], "website", website);
        world.hubspot.edit(&leads[0], "jobtitle", "");
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        world.next_cycle(1_000_000).await;
    }
    assert_eq!(world.apollo.charges_of("first0.last0@engine.example"), 1, "the person was bought again");
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn a_number_that_the_crm_refuses_is_kept_and_written_once_it_is_taken() {
    let world = world_with_numbers(|_| {}).await;
    let leads = queued_leads(&world, 2).await;
    world.pump.run_dry(1).await;
    all_enriched(&world, &leads);
    refuse_writes(&world);
    world.clock.turn(MINUTE * 6);
    world.settle_down(1).await;
    for lead in &leads {
        let record = world.record(lead).await.expect("a record");
        assert_eq!(record.state, State::Failed { reason: FailReason::WriteRejected });
        assert!(record.awaited.is_none() && record.patch.contains_key("mobilephone"), "{record:?}");
        assert_eq!(number(&world, lead), None);
    }
    assert_eq!(at_rest(&world).await.spent, 18_000);

    world.hubspot.faults().clear();
    world.clock.turn(days(1));
    for lead in &leads {
        world.hubspot.edit(lead, "website", "https://engine.example");
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    for lead in &leads {
        assert!(number(&world, lead).is_some(), "{lead} has its number");
        assert_eq!(world.record(lead).await.map(|record| record.state), Some(State::Written));
    }
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().mobiles_charged), (18_000, 2));
}

/// Lets time go by in steps of five minutes, with a worker at work all the while.
async fn time_passes(world: &World, minutes: u32) {
    for _ in 0..minutes / 5 {
        world.pump.run_dry(1).await;
        world.clock.turn(MINUTE * 5);
    }
}

/// Calls to the stores that the worker makes its decisions by, and to vendors.
fn calls(world: &World) -> u64 {
    let counts = world.wire.counts();
    counts.iter().filter(|(operation, _)| !operation.starts_with("sqs")).map(|(_, count)| count).sum()
}

#[tokio::test]
async fn a_crm_that_asks_for_two_hours_gets_them_for_leads_and_for_numbers() {
    let two_hours = || FaultRule::next(Fault::Throttle { retry_after: Some(MINUTE * 120) });
    let world = world_with_numbers(|_| {}).await;
    let leads = queued_leads(&world, 2).await;
    world.hubspot.faults().add(two_hours());
    world.pump.run_dry(1).await;
    let before = calls(&world);
    time_passes(&world, 110).await;
    assert_eq!(calls(&world), before, "the worker came back too early for the leads");
    time_passes(&world, 20).await;
    all_enriched(&world, &leads);

    world.hubspot.faults().add(two_hours());
    world.clock.turn(MINUTE * 6);
    world.apollo.deliver_callbacks(world.http()).await;
    world.pump.run_dry(1).await;
    let before = calls(&world);
    time_passes(&world, 110).await;
    assert_eq!(calls(&world), before, "the worker came back too early for the numbers");
    time_passes(&world, 20).await;
    for lead in &leads {
        assert!(number(&world, lead).is_some(), "{lead} has its number");
    }
    world.settle_down(1).await;
    assert_eq!((at_rest(&world).await.spent, world.dead_letters().await), (18_000, 0));
}

#[tokio::test]
async fn a_message_that_is_not_due_yet_dies_and_comes_twice_without_harm() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    world.hubspot.faults().add(FaultRule::next(Fault::Throttle { retry_after: Some(MINUTE * 60) }));
    world.pump.run_dry(1).await;
    // It is sent anew, and the worker dies before the first one is deleted.
    world.clock.turn(MINUTE * 16);
    world
        .wire
        .break_by(|call| call.operation.starts_with("sqs Send").then_some(leadgate_sandbox::world::Break::DeathAfter));
    world.pump.round().await;
    world.wire.mend();
    world.clock.turn(MINUTE * 8);
    time_passes(&world, 90).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().records_charged), (1000, 1));
}

/// A world with a second tenant, another HubSpot account of another name.
async fn two_tenants() -> Stage {
    world_with(|settings| {
        let start = settings.config.find("[tenants.demo]").expect("a tenant");
        let other = settings.config[start..].replace("demo", "other").replace("62515", "777");
        settings.config.push_str(&other);
    })
    .await
}

/// A request of the second tenant, for a contact of this id.
fn of_the_other(world: &World, contact: &str) -> EnrichmentRequest {
    let tenant = "other".parse().expect("a name");
    let record =
        RecordKey { tenant, origin: Origin::known("hubspot"), object: ObjectType::CONTACT, id: contact.to_owned() };
    let request = RequestId::derive(&record, "new");
    DueEvent { record, request, occurred_at: world.clock.now(), cause: Cause::Created }.into()
}

/// The first worker asks for a long time. The second begins half a minute later, with another tenant's lead to see to
/// before it comes to the twin.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_second_tenant_of_a_batch_sees_a_twin_that_began_before_it() {
    let world = Arc::new(two_tenants().await);
    let ada = || [("firstname", "Ada"), ("lastname", "Lovelace"), ("company", "Engine")];
    let twins = [world.hubspot.create_contact(ada()), world.hubspot.create_contact(ada())];
    let before = world.hubspot.create_contact([("email", "first1.last1@engine.example")]);
    world.queue.send(&[of_the_other(&world, &twins[0])]).await.expect("queued");
    let first = world.pump.receive().await;

    let (asked, go_on) = slow_provider(&world);
    let worker = world.clone();
    let first = tokio::spawn(async move { worker.pump.invoke(first).await });
    asked.notified().await;
    world.clock.turn(Duration::from_secs(30));
    let record = world.key(&before);
    let request = RequestId::derive(&record, "new");
    let event = DueEvent { record, request, occurred_at: world.clock.now(), cause: Cause::Created };
    world.queue.send(&[event.into(), of_the_other(&world, &twins[1])]).await.expect("queued");
    let second = world.pump.receive().await;
    assert_eq!(second.len(), 2);
    // The first tenant's lead takes its time.
    let clock = world.clock.clone();
    let turned = std::sync::atomic::AtomicBool::new(false);
    world.apollo.on_call(move |_| {
        if !turned.swap(true, std::sync::atomic::Ordering::SeqCst) {
            clock.turn(Duration::from_secs(25));
        }
    });
    world.pump.invoke(second).await;
    go_on.send(()).expect("the provider waits");
    first.await.expect("no panic");
    world.settle_down(1).await;
    for twin in &twins {
        let contact = world.hubspot.contact(twin).expect("the contact");
        assert!(contact.value("jobtitle").is_some(), "{twin} is written");
    }
    assert_eq!(world.apollo.ledger().records_charged, 2, "the twin was bought twice");
}
