//! Salesforce for a CRM: the main job by each of its roads, and what is its own.

mod change_events;
pub(crate) mod door;
mod limits;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::simulators::salesforce::{Kind, Record, Road};
use leadgate_sandbox::world::{Break, Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, leads, queued_leads, stands, world_of};

const USER: &str = "005000000000001AAA";
/// Those that come to an address of ours.
const BOTH: [Road; 2] = [Road::OutboundMessages, Road::Callouts];

/// A world with an org, and settings of its own.
async fn org_with(set: impl FnOnce(&mut Settings)) -> Stage {
    world_of(Settings::with_salesforce, set).await
}

async fn org() -> Stage {
    org_with(|_| {}).await
}

fn there(world: &World, id: &str) -> Record {
    world.salesforce.record(id).expect("the record")
}

/// What we wrote, by field.
fn ours(record: &Record) -> Vec<&str> {
    record.changes().iter().filter(|change| change.by == USER).map(|change| change.field.as_str()).collect()
}

#[tokio::test]
async fn by_each_road_a_lead_is_enriched_and_written_back_within_credits() {
    for road in BOTH {
        let world = org_with(|settings| settings.road = road).await;
        let fields = [("Email", "ada.lovelace@engine.example"), ("City", "London")];
        let lead = world.salesforce.create_lead(fields);
        let report = world.salesforce.deliver().await;
        assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{road:?}: {report:?}");
        world.settle_down(2).await;
        assert_eq!(stands(&world, &lead).await, StateName::Written, "{road:?}");
        let written = there(&world, &lead);
        assert!(written.value("Title").is_some(), "a blank field was filled");
        assert_eq!(written.value("City"), Some("London"), "what a person wrote stays");
        assert!(written.value("Last_Enriched_At__c").is_some());
        let books = at_rest(&world).await;
        assert_eq!((books.spent, world.apollo.ledger().credits_charged), (1000, 1000));
    }
}

#[tokio::test]
async fn a_jwt_signs_in_as_well_and_one_token_serves_all() {
    let world = org_with(|settings| {
        settings.config =
            settings.config.replace("# username = \"leadgate@acme.example\"", "username = \"leadgate@acme.example\"");
    })
    .await;
    let leads = queued_leads(&world, 25).await;
    world.settle_down(4).await;
    all_enriched(&world, &leads);
    assert_eq!(world.salesforce.counters().tokens, 1, "all wait for the one that signs in");
    at_rest(&world).await;
}

#[tokio::test]
async fn our_own_write_comes_back_once_and_starts_nothing() {
    for road in BOTH {
        for knows_its_user in [true, false] {
            let world = org_with(|settings| {
                settings.road = road;
                if !knows_its_user {
                    settings.config = settings.config.replace("integration_user_id =", "# integration_user_id =");
                }
            })
            .await;
            let leads = queued_leads(&world, 3).await;
            world.settle_down(2).await;
            let calls = world.apollo.ledger().people_asked;
            let (echoes, reads) = (world.salesforce.pending_events().len(), world.salesforce.counters().records_read);
            assert_eq!(echoes, 3, "each write starts the flow");
            assert_eq!(world.salesforce.deliver().await.rejected, [0_u16; 0]);
            assert_eq!(world.waiting().await, 0, "the door knows them: {road:?}, {knows_its_user}");
            world.settle_down(2).await;
            assert_eq!(world.salesforce.pending_events(), [], "it has an end");
            assert_eq!((world.apollo.ledger().people_asked, world.salesforce.counters().records_read), (calls, reads));
            all_enriched(&world, &leads);
            assert_eq!(at_rest(&world).await.spent, 3000);
        }
    }
}

#[tokio::test]
async fn a_lead_that_is_converted_meanwhile_is_written_as_its_contact() {
    // Before it is read at all; while the provider is asked; right before it is written.
    for moment in ["", "/v1/people", "PATCH"] {
        let world = org().await;
        let lead = queued_leads(&world, 2).await.remove(0);
        let (org, done) = (Arc::downgrade(&world.salesforce), Arc::new(AtomicBool::new(false)));
        let id = lead.clone();
        let convert = move || {
            if let Some(org) = org.upgrade().filter(|_| !done.swap(true, Ordering::SeqCst)) {
                let contact = org.convert(&id);
                org.edit(&contact, "MailingCity", "Typed by hand");
            }
        };
        match moment {
            "" => convert(),
            "PATCH" => world.salesforce.on_call(move |call| {
                if call.method == "PATCH" {
                    convert()
                }
            }),
            _ => world.apollo.on_call(move |_| convert()),
        }
        world.settle_down(1).await;
        let contact = there(&world, &lead).converted_to.expect("it was converted");
        let (contact, lead_now) = (there(&world, &contact), there(&world, &lead));
        assert!(contact.value("Title").is_some() && ours(&contact).contains(&"Title"), "{moment}: {contact:?}");
        assert_eq!(contact.value("MailingCity"), Some("Typed by hand"), "{moment}");
        assert_eq!(ours(&lead_now), [""; 0], "{moment}: a converted lead can't be written");
        assert_eq!(stands(&world, &lead).await, StateName::Written, "{moment}");
        assert_eq!(at_rest(&world).await.spent, 2000, "{moment}: bought once");
    }
}

#[tokio::test]
async fn a_contact_is_told_by_its_account_which_is_never_written() {
    let world = org().await;
    let contact = world.salesforce.create_contact("Navy", [("Email", "grace.hopper@navy.example")]);
    world.salesforce.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, std::slice::from_ref(&contact));
    let contact = there(&world, &contact);
    assert!(contact.value("MailingCity").is_some(), "a contact's city has another name");
    let account = there(&world, contact.value("AccountId").expect("an account"));
    assert_eq!((account.value("Name"), ours(&account).len()), (Some("Navy"), 0));
    at_rest(&world).await;
}

#[tokio::test]
async fn a_bad_field_is_dropped_and_the_rest_is_written() {
    let world = org().await;
    // One that the org doesn't have, one with a picklist, one that is too short.
    world.salesforce.remove_field("Website");
    world.salesforce.define_field("Industry", Kind::Picklist(vec!["Nothing that the provider says".to_owned()]));
    world.salesforce.define_field("City", Kind::Text(1));
    let leads = queued_leads(&world, 3).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    for lead in &leads {
        let lead_now = there(&world, lead);
        assert_eq!([lead_now.value("Industry"), lead_now.value("City"), lead_now.value("Website")], [None; 3]);
        assert!(lead_now.value("Company").is_some() && lead_now.value("Last_Enriched_At__c").is_some());
        assert_eq!(stands(&world, lead).await, StateName::Written);
    }
    assert_eq!(at_rest(&world).await.spent, 3000);
}

#[tokio::test]
async fn an_org_that_is_locked_or_busy_gets_what_was_bought_later_and_nothing_is_bought_twice() {
    let world = org().await;
    let leads = queued_leads(&world, 4).await;
    let locked = r#"[{"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"","fields":[]}]}]"#;
    // Before it is read, and once it is written.
    world.salesforce.faults().add(FaultRule::on("composite/sobjects", Fault::Throttle { retry_after: None }));
    let (answer, first) = (locked.replace("}]}]", "}]},{},{},{}]"), AtomicBool::new(true));
    world.wire.break_by(move |call| {
        let is_write = call.operation.starts_with("salesforce PATCH") && first.swap(false, Ordering::SeqCst);
        is_write.then(|| Break::Answered(200, answer.clone()))
    });
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 4000);
    assert_eq!(world.apollo.ledger().records_charged, 4);
}

#[tokio::test]
async fn a_deleted_record_ends_and_a_forgotten_person_is_not_bought() {
    let world = org().await;
    let gone = leads(&world, 1).remove(0);
    world.salesforce.delete(&gone);
    // The notification comes without fields: that the record is gone is seen when it is read.
    assert_eq!(world.salesforce.deliver().await.accepted, 1);
    world.settle_down(1).await;
    assert_eq!(stands(&world, &gone).await, StateName::Refused);
    assert_eq!(at_rest(&world).await.spent, 0);

    let world = org_with(|settings| settings.road = Road::Callouts).await;
    let leads = leads(&world, 2);
    world.salesforce.forget(&leads[0]);
    world.salesforce.deliver().await;
    world.settle_down(1).await;
    let record = world.record(&leads[0]).await.expect("a record");
    assert!(record.erased_at.is_some(), "the person is not to be bought again");
    all_enriched(&world, &leads[1..]);
    assert_eq!(at_rest(&world).await.spent, 1000);
}
