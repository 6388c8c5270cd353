//! The main job.

use leadgate_enrichment::lead::record::State;
use leadgate_sandbox::world::Settings;

use crate::books::at_rest;
use crate::stage::{started, world};

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
