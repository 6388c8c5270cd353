//! The main job.

use leadgate_enrichment::lead::record::State;
use leadgate_sandbox::world::Settings;

use crate::books::at_rest;
use crate::stage::started;

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
