//! Salesforce for a CRM: the main job by each of its two roads, and what is its own.

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::salesforce::Road;
use leadgate_sandbox::world::Settings;

use crate::books::at_rest;
use crate::stage::{Stage, started};

/// A world with an org, and settings of its own.
async fn org_with(set: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = Settings::default().with_salesforce();
    settings.apollo.unknown_share = 0.0;
    set(&mut settings);
    started(settings).await
}

#[tokio::test]
async fn by_each_road_a_lead_is_enriched_and_written_back_within_credits() {
    for road in [Road::OutboundMessages, Road::Callouts] {
        let world = org_with(|settings| settings.road = road).await;
        let lead = world.salesforce.create_lead([
            ("Email", "ada.lovelace@engine.example"),
            ("City", "London"),
            ("Company", "?"),
        ]);
        let report = world.salesforce.deliver().await;
        assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{road:?}: {report:?}");
        world.settle_down(2).await;
        let record = world.record(&lead).await.expect("a record");
        assert_eq!(record.state.name(), StateName::Written, "{road:?}");
        let written = world.salesforce.record(&lead).expect("the lead");
        assert!(written.value("Title").is_some(), "a blank field was filled");
        assert_eq!(written.value("City"), Some("London"), "what a person wrote stays");
        assert!(written.value("Last_Enriched_At__c").is_some());
        let books = at_rest(&world).await;
        assert_eq!((books.spent, world.apollo.ledger().credits_charged), (1000, 1000));
    }
}
