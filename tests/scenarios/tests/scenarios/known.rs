//! What need not be bought, because it is known already: employers, strangers, and people whom two ask about at once.

use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_sandbox::simulators::apollo::Organization;
use leadgate_sandbox::world::World;

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, slow_provider, states, world_with, world_with_numbers};

/// A world that looks employers up as well.
async fn world_with_employers() -> Stage {
    world_with(|settings| *settings = settings.clone().with_employers()).await
}

fn contact(world: &World, email: &str) -> String {
    world.hubspot.create_contact([("email", email)])
}

/// HubSpot has each address once. Whoever filled in a form without one may be there twice.
fn namesake(world: &World) -> String {
    world.hubspot.create_contact([("firstname", "Ada"), ("lastname", "Lovelace"), ("company", "Engine")])
}

fn have_titles(world: &World, leads: &[String]) -> bool {
    leads.iter().all(|lead| value(world, lead, "jobtitle").is_some())
}

async fn told(world: &World) {
    let delivered = world.hubspot.deliver().await;
    assert_eq!((delivered.rejected.len(), delivered.unanswered), (0, 0), "{delivered:?}");
}

fn value(world: &World, lead: &str, property: &str) -> Option<String> {
    world.hubspot.contact(lead).expect("the contact").value(property).map(str::to_owned)
}

#[tokio::test]
async fn ten_leads_of_one_company_cost_one_organization_whoever_asks_and_whenever() {
    let world = world_with_employers().await;
    let leads: Vec<String> = (0..25).map(|i| contact(&world, &format!("first{i}.last{i}@engine.example"))).collect();
    told(&world).await;
    world.settle_down(4).await;
    all_enriched(&world, &leads);
    let late = contact(&world, "late.comer@engine.example");
    told(&world).await;
    world.settle_down(1).await;
    all_enriched(&world, &[late]);
    assert_eq!(world.apollo.organization_charges_of("engine.example"), 1);
    assert_eq!(at_rest(&world).await.spent, 26_000 + 1000);

    world.clock.turn(days(91));
    world.apollo.begin_cycle(1_000_000);
    contact(&world, "much.later@engine.example");
    told(&world).await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.organization_charges_of("engine.example"), 2, "what is known grows old");
}

#[tokio::test]
async fn somebody_unknown_at_a_known_company_gets_what_is_known_of_it() {
    let world = world_with_employers().await;
    let engine = world.apollo.organization("engine.example").expect("generated");
    world.apollo.know_nobody_by_default();
    world.apollo.know_organization(Organization { industry: "steam engines".into(), ..engine });
    let (stranger, nowhere) = (contact(&world, "no.body@engine.example"), contact(&world, "some.one@gmail.com"));
    told(&world).await;
    world.settle_down(1).await;
    assert_eq!(value(&world, &stranger, "industry").as_deref(), Some("steam engines"));
    assert_eq!(value(&world, &stranger, "jobtitle"), None);
    assert_eq!(states(&world, &[stranger, nowhere]).await, [StateName::Written, StateName::Unmatched]);
    assert_eq!(at_rest(&world).await.spent, 1000, "the company, and nobody in it");
}

#[tokio::test]
async fn an_employer_takes_neither_the_credit_nor_the_room_under_a_cap_that_its_people_need() {
    for capped in [false, true] {
        let world = world_with(|settings| {
            *settings = settings.clone().with_employers();
            if capped {
                settings.config.push_str("\n[tenants.demo.caps]\nper_day = { credits = 1 }\n");
            } else {
                settings.credits_per_cycle = Some(1);
            }
        })
        .await;
        let lead = contact(&world, "first1.last1@engine.example");
        told(&world).await;
        world.settle_down(1).await;
        assert_eq!(states(&world, &[lead]).await, [StateName::Written], "capped: {capped}");
        assert_eq!(at_rest(&world).await.spent, 1000, "capped: {capped}");
    }
}

#[tokio::test]
async fn a_stranger_at_a_known_company_is_asked_about_when_the_record_tells_who_it_is() {
    let world = world_with(|settings| *settings = settings.clone().with_employers()).await;
    let engine = world.apollo.organization("engine.example").expect("generated");
    world.apollo.forget("no.body@engine.example");
    world.apollo.know_organization(Organization { industry: "steam engines".into(), ..engine });
    let lead = contact(&world, "no.body@engine.example");
    told(&world).await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().people_asked, 1);
    world.clock.turn(days(1));
    world.hubspot.edit(&lead, "email", "first2.last2@engine.example");
    told(&world).await;
    world.settle_down(1).await;
    assert!(value(&world, &lead, "jobtitle").is_some(), "what was written of the company is not what was asked for");
    at_rest(&world).await;
}

#[tokio::test]
async fn what_we_wrote_of_an_employer_makes_nobody_else_of_an_unknown_person() {
    let world = world_with(|settings| *settings = settings.clone().with_employers()).await;
    world.apollo.forget("no.body@engine.example");
    let lead = contact(&world, "no.body@engine.example");
    told(&world).await;
    world.settle_down(1).await;
    assert!(value(&world, &lead, "company").is_some(), "where they work is known");
    // A later change, of something that says nothing of who it is.
    world.clock.turn(days(1));
    let before = world.record(&lead).await.expect("a record");
    let mut again = before.to_request().expect("it was asked for");
    again.occurred_at = world.clock.now();
    again.source = Source::Change;
    again.request = RequestId::derive(&before.key, "a change that was dropped at the door before");
    world.queue.send(&[again]).await.expect("sent");
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().people_asked, 1, "the same unknown person");
    let after = world.record(&lead).await.expect("a record");
    assert_eq!((after.state.name(), after.last_enriched), (before.state.name(), before.last_enriched));
    at_rest(&world).await;
}

#[tokio::test]
async fn somebody_unknown_is_asked_about_once_whichever_record_asks() {
    let world = world_with(|_| {}).await;
    world.apollo.know_nobody_by_default();
    let first = namesake(&world);
    told(&world).await;
    world.settle_down(1).await;
    let second = namesake(&world);
    told(&world).await;
    world.settle_down(1).await;
    assert_eq!(states(&world, &[first, second]).await, [StateName::Unmatched; 2]);
    assert_eq!(world.apollo.ledger().people_asked, 1);
    world.clock.turn(days(31));
    namesake(&world);
    told(&world).await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().people_asked, 2, "a miss is remembered for a month");
    at_rest(&world).await;
}

#[tokio::test]
async fn two_records_of_one_person_in_one_batch_are_bought_once_and_both_written() {
    let world = world_with(|_| {}).await;
    let leads = [namesake(&world), namesake(&world)];
    told(&world).await;
    world.settle_down(1).await;
    assert!(have_titles(&world, &leads));
    assert_eq!(world.apollo.ledger().records_charged, 1);
    assert_eq!(at_rest(&world).await.spent, 1000);
}

/// The second worker begins while the first waits for its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_records_of_one_person_at_the_same_time_are_bought_once_and_both_written() {
    let world = Arc::new(world_with(|_| {}).await);
    let leads = [namesake(&world), namesake(&world)];
    let other = contact(&world, "first9.last9@engine.example");
    told(&world).await;
    let (first, rest) = (world.pump.receive_at_most(1).await, world.pump.receive().await);
    assert_eq!((first.len(), rest.len()), (1, 2));

    // The provider takes its time over the first call, until it is told to go on.
    let (asked, go_on) = slow_provider(&world);
    let worker = world.clone();
    let first = tokio::spawn(async move { worker.pump.invoke(first).await });
    asked.notified().await;
    world.pump.invoke(rest).await;
    go_on.send(()).expect("the provider waits");
    first.await.expect("no panic");
    world.settle_down(1).await;
    assert!(have_titles(&world, &leads));
    all_enriched(&world, &[other]);
    assert_eq!(world.apollo.ledger().records_charged, 2);
    assert_eq!(at_rest(&world).await.spent, 2000);
}

/// The number arrives minutes after the person. Whoever asks for it meanwhile, under another id, waits for the same one.
#[tokio::test]
async fn two_records_of_one_person_are_bought_one_number_also_while_it_is_on_its_way() {
    for (share, milli) in [(1.0, 9000), (0.0, 1000)] {
        let world = world_with_numbers(|settings| {
            settings.apollo.mobile_share = share;
            settings.credits_per_cycle = Some(18);
        })
        .await;
        let first = namesake(&world);
        told(&world).await;
        world.pump.run_dry(1).await;
        let second = namesake(&world);
        told(&world).await;
        world.pump.run_dry(1).await;
        let reason = world.record(&second).await.and_then(|record| record.state.deferral().map(|it| it.reason));
        assert_eq!(reason, Some(DeferReason::AskedForAnother));
        // Somebody else takes what is left of the credits: what is paid for already is waited for all the same.
        let other = contact(&world, "first9.last9@engine.example");
        told(&world).await;
        world.pump.run_dry(1).await;
        for _ in 0..4 {
            world.clock.turn(Duration::from_secs(6 * 60));
            world.settle_down(1).await;
        }
        let leads = [first, second, other];
        assert!(have_titles(&world, &leads));
        assert_eq!(leads.each_ref().map(|lead| value(&world, lead, "mobilephone").is_some()), [share > 0.0; 3]);
        assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().credits_charged), (2 * milli, 2 * milli));
    }
}
