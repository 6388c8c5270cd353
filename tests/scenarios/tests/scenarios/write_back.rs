//! What reaches the CRM, and what doesn't.

use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::FailReason;
use leadgate_sandbox::simulators::fault::{AnswerEdit, Fault, FaultRule};
use leadgate_sandbox::world::{Break, Rewrite};
use serde_json::{Value, json};

use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, refuse_writes, states, world, world_with, world_with_numbers};

#[tokio::test]
async fn each_policy_is_kept() {
    let world = world_with(|settings| {
        settings.config = settings
            .config
            .replace(r#"jobtitle = { from = "title" }"#, r#"jobtitle = { from = "title", policy = "overwrite" }"#);
        settings.config =
            settings.config.replace(r#"city = { from = "city" }"#, r#"city = { from = "city", policy = "never" }"#);
    })
    .await;
    let lead = world.hubspot.create_contact([
        ("email", "ada.lovelace@engine.example"),
        ("jobtitle", "Wrong"),
        ("company", "Their own"),
        ("industry", "Their own"),
    ]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let contact = world.hubspot.contact(&lead).expect("the contact");
    all_enriched(&world, std::slice::from_ref(&lead));
    assert_eq!(contact.value("company"), Some("Their own"), "fill_blank");
    assert_eq!(contact.value("industry"), Some("Their own"), "overwrite_ours, and it is not ours");
    assert_eq!(contact.value("city"), None, "never");
}

#[tokio::test]
async fn an_address_that_the_provider_only_guesses_is_written_where_that_will_do() {
    for (floor, is_written) in [("verified", false), ("low", true)] {
        let world = world_with(|settings| {
            settings.apollo.extrapolated_share = 1.0;
            settings.config.push_str(&format!(
                "\nemail = {{ from = \"email\", min_confidence = \"{floor}\" }}\nemail_is = {{ from = \"email_status\" }}\n"
            ));
        })
        .await;
        world.hubspot.define_property("email_is");
        let ada =
            [("firstname", "Ada"), ("lastname", "Lovelace"), ("company", "Engine"), ("website", "engine.example")];
        let lead = world.hubspot.create_contact(ada);
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        let contact = world.hubspot.contact(&lead).expect("the contact");
        assert!(contact.value("jobtitle").is_some(), "the rest is written");
        assert_eq!(contact.value("email").is_some(), is_written, "{floor}");
        assert_eq!(contact.value("email_is").is_some(), is_written, "{floor}: nothing is said of what isn't there");
        let rejected = world.record(&lead).await.expect("a record").rejected;
        let said: Vec<_> = rejected.iter().map(|it| (it.told_by.as_str(), it.status.as_deref())).collect();
        let expected = if is_written { vec![] } else { vec![("apollo", Some("extrapolated"))] };
        assert_eq!(said, expected, "{floor}: what wasn't good enough is remembered");
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn a_crm_that_is_down_gets_what_was_bought_later_and_nothing_is_bought_twice() {
    let world = world().await;
    let leads = queued_leads(&world, 4).await;
    world.hubspot.faults().add(FaultRule::on("batch/update", Fault::Status(503, String::new())).times(3));
    world.hubspot.faults().add(FaultRule::on("batch/update", Fault::Throttle { retry_after: None }).times(2));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 4000);
    assert_eq!(world.apollo.ledger().records_charged, 4);
}

#[tokio::test]
async fn a_property_that_the_crm_does_not_have_is_dropped_and_the_rest_written() {
    let world = world().await;
    world.hubspot.remove_property("city");
    let leads = queued_leads(&world, 3).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(states(&world, &leads).await, [StateName::Written; 3]);
    at_rest(&world).await;
}

#[tokio::test]
async fn a_contact_that_is_deleted_meanwhile_ends_refused_and_the_others_are_written() {
    let world = world().await;
    let leads = queued_leads(&world, 3).await;
    let (hubspot, lead) = (Arc::downgrade(&world.hubspot), leads[1].clone());
    world.apollo.on_call(move |_| {
        if let Some(hubspot) = hubspot.upgrade() {
            hubspot.delete(&lead);
        }
    });
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written, StateName::Refused, StateName::Written]);
    at_rest(&world).await;
}

#[tokio::test]
async fn what_the_crm_refuses_is_kept_and_written_once_it_is_taken_rather_than_bought_again() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    refuse_writes(&world);
    world.settle_down(1).await;
    let record = world.record(&leads[0]).await.expect("a record");
    assert_eq!(record.state, State::Failed { reason: FailReason::WriteRejected });

    world.hubspot.faults().clear();
    world.clock.turn(Duration::from_secs(3600));
    world.hubspot.edit(&leads[0], "website", "https://engine.example");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(world.apollo.ledger().records_charged, 1);
}

#[tokio::test]
async fn who_a_stranger_is_may_be_told_before_the_crm_takes_what_there_is_of_the_employer() {
    let world = world_with(|settings| *settings = settings.clone().with_employers()).await;
    world.apollo.forget("no.body@engine.example");
    let lead = world.hubspot.create_contact([("email", "no.body@engine.example")]);
    refuse_writes(&world);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let record = world.record(&lead).await.expect("a record");
    assert_eq!((record.state.name(), record.is_miss()), (StateName::Failed, true));

    world.hubspot.faults().clear();
    world.clock.turn(Duration::from_secs(3600));
    world.hubspot.edit(&lead, "email", "first0.last0@engine.example");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &[lead]);
}

#[tokio::test]
async fn what_was_written_and_never_acknowledged_is_ours_all_the_same() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    // The worker dies when the CRM has taken what was bought.
    world.wire.break_by(|call| call.operation.ends_with("batch/update").then_some(Break::DeathAfter));
    world.pump.round().await;
    world.wire.mend();
    world.clock.turn(Duration::from_secs(10 * 60));
    world.pump.show_hidden().await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let record = world.record(&leads[0]).await.expect("a record");
    assert!(record.written.contains_key("jobtitle"), "its echo is known, and it may be refreshed: {record:?}");
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn what_the_crm_says_it_left_out_of_a_write_is_not_ours() {
    let world = world().await;
    let leads = queued_leads(&world, 2).await;
    world.wire.rewrite_by(|call, _| {
        let warn = |mut answer: Value| {
            for result in answer["results"].as_array_mut().expect("results") {
                result["warnings"] = json!([{ "category": "LEFT_OUT", "context": { "propertyName": ["jobtitle"] } }]);
            }
            answer
        };
        call.operation.ends_with("batch/update").then(|| Rewrite::Received(AnswerEdit::new(warn)))
    });
    world.settle_down(1).await;
    for lead in &leads {
        let record = world.record(lead).await.expect("a record");
        assert_eq!(record.state.name(), StateName::Written);
        assert!(record.written.contains_key("company") && !record.written.contains_key("jobtitle"), "{record:?}");
    }
    at_rest(&world).await;
}

/// What is settled is not asked after any more, so that the message must not be taken for dealt with.
#[tokio::test]
async fn a_number_that_is_settled_outlasts_the_crm_and_then_the_provider_being_down() {
    let world = world_with_numbers(|_| {}).await;
    let leads = queued_leads(&world, 2).await;
    world.pump.run_dry(1).await;
    world.clock.turn(Duration::from_secs(6 * 60));
    world.apollo.deliver_callbacks(world.http()).await;
    for down in ["hubspot", "apollo"] {
        world.wire.break_by(move |call| call.operation.starts_with(down).then_some(Break::Refused));
        world.pump.show_hidden().await;
        world.pump.round().await;
        world.wire.mend();
        assert_eq!(world.credits.open_holds(world.tenant_id()).await.expect("readable"), [], "settled at first");
        world.clock.turn(Duration::from_secs(3 * 60));
    }
    world.settle_down(1).await;
    for lead in &leads {
        let contact = world.hubspot.contact(lead).expect("the contact");
        assert!(contact.value("mobilephone").is_some(), "{lead} has its number");
    }
    at_rest(&world).await;
}
