//! The main job.

use std::ops::Range;

use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{calls_of_a_round, started, world};

#[tokio::test]
async fn a_signed_lead_is_enriched_and_written_back_within_credits() {
    let world = started(Settings::default()).await;
    let contact = world.hubspot.create_contact([("email", "ada.lovelace@engine.example"), ("city", "London")]);

    let report = world.hubspot.deliver().await;
    assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{report:?}");
    world.settle_down(2).await;

    let record = world.record(&contact).await.expect("a record");
    assert_eq!(record.state, State::Written);
    let written = world.hubspot.contact(&contact).expect("the contact");
    assert!(written.value("jobtitle").is_some(), "a blank field was filled");
    assert_eq!(written.value("city"), Some("London"), "what a person wrote stays");
    assert!(written.value("leadgate_last_enriched").is_some());
    let books = at_rest(&world).await;
    assert_eq!((books.spent, world.apollo.ledger().credits_charged), (1000, 1000));
}

/// The README's figures. What opens the wallet and looks up the employer is paid for by the first.
#[tokio::test]
async fn a_lead_that_comes_alone_costs_more_writes_than_one_of_ten() {
    let world = world().await;
    let written = async |from: usize, count: usize| {
        let before: f64 = world.usage.write_units().values().sum();
        for i in from..from + count {
            world.hubspot.create_contact([("email", format!("first{i}.last{i}@engine.example"))]);
        }
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        world.usage.write_units().values().sum::<f64>() - before
    };
    written(0, 1).await;
    let (alone, of_ten) = (written(1, 1).await, written(2, 10).await);
    println!("write units of a lead alone: {alone}, of ten: {of_ten}");
    assert!(alone <= 15.0, "{alone}");
    assert!(of_ten <= 55.0, "{of_ten}");
}

async fn leads(world: &World, names: Range<usize>) -> Vec<String> {
    let lead = |i| world.hubspot.create_contact([("email", format!("first{i}.last{i}@engine.example"))]);
    let leads = names.map(lead).collect();
    world.hubspot.deliver().await;
    leads
}

#[tokio::test]
async fn a_batch_reads_its_wallets_once_unless_others_have_taken_from_them_since() {
    let world = world().await;
    leads(&world, 0..10).await;
    world.settle_down(1).await;
    leads(&world, 10..20).await;
    let calls = calls_of_a_round(&world).await;
    let queries = calls.iter().filter(|call| call.as_str() == "dynamodb Query").count();
    assert_eq!(queries, 1, "{calls:?}");

    // Two see the same twelve credits, each for ten leads.
    let mut settings = Settings { credits_per_cycle: Some(12), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    let world = started(settings).await;
    let leads = leads(&world, 0..20).await;
    let (one, other) = (world.pump.receive_at_most(10).await, world.pump.receive_at_most(10).await);
    assert_eq!((one.len(), other.len()), (10, 10));
    tokio::join!(world.pump.invoke(one), world.pump.invoke(other));
    let states = world.states(&leads).await.expect("readable");
    assert_eq!((states.count(StateName::Written), states.count(StateName::Deferred)), (12, 8));
    world.settle_down(1).await;
    assert_eq!(at_rest(&world).await.spent, 12_000);
}
