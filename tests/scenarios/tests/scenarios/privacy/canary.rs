//! One person in every flow, and everything that is stored or logged searched for them.

use std::time::Duration;

use leadgate_sandbox::simulators::apollo::Asked;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::simulators::salesforce::Road;
use leadgate_sandbox::world::{Leftover, Settings, World};

use super::{Lines, listen};
use crate::stage::{started, with_numbers, world};

/// What names the canary, or was bought about it.
fn traces(world: &World) -> Vec<String> {
    let person = world.apollo.whom(&Asked::email(CANARY)).expect("the provider knows the canary");
    let number = person.mobile.as_ref().map(|mobile| mobile.number.clone());
    let digits = number.as_ref().map(|number| number.trim_start_matches('+').to_owned());
    let mut traces = vec![CANARY.to_owned(), "Canary".into(), "Bird".into(), person.title];
    traces.extend(number.into_iter().chain(digits));
    traces.push(person.linkedin_url);
    traces
}

const CANARY: &str = "canary.bird@secret-company.example";

/// Where the canary is found.
async fn found(world: &World, lines: &Lines, traces: &[String]) -> Vec<String> {
    let said = String::from_utf8(lines.0.lock().expect("no writer panics").clone()).expect("text");
    let stored = world.everything_stored().await.expect("everything is read");
    let all = stored.into_iter().chain(said.lines().map(|line| format!("log: {line}")));
    all.filter(|text| traces.iter().any(|trace| text.contains(trace))).collect()
}

/// A CRM of each kind: one where an address is a person's alone, and one where many records may be about one person.
fn two_crms() -> [Settings; 2] {
    let mut crms = [Settings::default(), Settings::default().with_salesforce()];
    for settings in &mut crms {
        settings.road = Road::Callouts;
        settings.apollo.unknown_share = 0.0;
        with_numbers(settings);
    }
    crms
}

/// The canary in every flow: written with a number, over what stood there; refused by the CRM; parked; and on the queue.
async fn canary_everywhere(world: &World) -> Vec<String> {
    let crm = world.crm();
    let card = |city: &str| {
        let named = [("email", CANARY), ("firstname", "Canary"), ("lastname", "Bird"), ("company", "Secret Company")];
        let named = named.into_iter().chain([("city", city), ("industry", "Birds")]);
        named.map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>()
    };
    let is_hubspot = crm.name() == "HubSpot";
    let mut people = Vec::new();
    // Two at once, where two may have the same address.
    people.push(crm.create_person(&card("London")));
    if !is_hubspot {
        people.push(crm.create_person(&card("Paris")));
    }
    crm.deliver().await;
    world.settle_down(2).await;
    world.clock.turn(Duration::from_secs(6 * 60));
    world.settle_down(2).await;
    if is_hubspot {
        return people;
    }
    let body = r#"[{"errorCode":"INVALID_FIELD","message":"no such column"}]"#;
    let refused = Fault::Status(400, body.to_owned());
    world.salesforce.faults().add(FaultRule::on("composite/sobjects", refused).times(40));
    people.push(crm.create_person(&card("Rome")));
    crm.deliver().await;
    world.settle_down(1).await;
    world.salesforce.faults().clear();
    people.push(crm.create_person(&card("Oslo")));
    crm.deliver().await;
    people
}

#[tokio::test]
async fn a_person_who_was_in_every_flow_is_nowhere_after_they_asked_to_be_forgotten() {
    for settings in two_crms() {
        let (lines, _listening) = listen();
        let world = started(settings).await;
        world.leaves_behind(Leftover::Messages);
        let people = canary_everywhere(&world).await;
        let traces = traces(&world);
        let crm = world.crm().name();
        for id in &people {
            match crm {
                "HubSpot" => assert!(world.hubspot.privacy_delete(id)),
                _ => assert!(world.salesforce.forget(id)),
            }
        }
        world.crm().deliver().await;
        world.settle_down(1).await;
        assert_eq!(found(&world, &lines, &traces).await, [""; 0], "{crm}");
        for id in &people {
            assert!(world.record(id).await.is_some_and(|record| record.erased_at.is_some()), "{crm}: it is noted");
        }
    }
}

#[tokio::test]
async fn what_is_bought_and_not_written_is_found_until_its_person_asks_to_be_forgotten() {
    let (lines, _listening) = listen();
    let world = world().await;
    world.hubspot.faults().add(FaultRule::on("batch/update", Fault::Status(503, String::new())).times(3));
    let named = [("email", CANARY), ("firstname", "Canary"), ("lastname", "Bird")];
    let lead = world.hubspot.create_contact(named);
    world.hubspot.deliver().await;
    world.pump.round().await;
    let traces = traces(&world);
    let there = found(&world, &lines, &traces).await;
    assert!(there.len() == 1 && there[0].contains("bought"), "the patch, until the CRM has it: {there:?}");
    assert!(world.hubspot.privacy_delete(&lead));
    world.hubspot.deliver().await;
    assert_eq!(found(&world, &lines, &traces).await, [""; 0], "at once");
    world.pump.show_hidden().await;
    world.settle_down(1).await;
    assert_eq!(found(&world, &lines, &traces).await, [""; 0]);
}
