//! Who isn't enrolled, and why.

use leadgate_enrichment::clock::days;
use leadgate_sandbox::simulators::apollo::sequence_id;
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Leftover, SEQUENCE};
use serde_json::json;

use super::{contacts, email_of, hows, in_sequence, nothing_is_spent, tell, tell_signals, world_of_signals};

#[tokio::test]
async fn whoever_opts_out_or_replies_between_the_signal_and_the_enrolment_is_not_enrolled() {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 7);
    tell(&world, "1", &contacts).await;
    world.hubspot.edit(&contacts[0], "hs_email_optout", "true");
    // In words that nobody has said the meaning of: taken for a no.
    world.hubspot.edit(&contacts[1], "hs_email_optout", "Opted out of everything");
    world.hubspot.edit(&contacts[2], "hs_email_optout", "false");
    let stops = [("replied", 3), ("unsubscribed", 4)];
    let stops = stops.map(|(name, i)| json!({ "type": name, "email": email_of(&world, &contacts[i]).to_uppercase() }));
    assert_eq!(tell_signals(&world, "engagement", "2", &stops).await["stopped"], 2);
    world.hubspot.delete(&contacts[5]);
    world.settle_down(2).await;
    assert_eq!(in_sequence(&world), [email_of(&world, &contacts[2]), email_of(&world, &contacts[6])]);
    let hows = hows(&world).await;
    let how = |i: usize| hows[&contacts[i]].join(", ");
    let expected = ["do-not-contact", "do-not-contact", "enrolled", "stopped", "stopped", "not-in-crm", "enrolled"];
    assert_eq!([0, 1, 2, 3, 4, 5, 6].map(how), expected);
    // Whom the vendor need not know it isn't told of.
    assert_eq!(world.apollo.contacts().len(), 2);
    nothing_is_spent(&world).await;
}

#[tokio::test]
async fn a_reply_holds_for_its_time_and_an_unsubscription_for_good() {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 2);
    let stops = [("replied", 0), ("unsubscribed", 1)];
    let stops = stops.map(|(name, i)| json!({ "type": name, "email": email_of(&world, &contacts[i]) }));
    tell_signals(&world, "engagement", "1", &stops).await;
    // A shorter one that comes later takes nothing back.
    let shorter = [json!({ "type": "replied", "email": email_of(&world, &contacts[1]) })];
    tell_signals(&world, "engagement", "2", &shorter).await;
    world.clock.turn(days(31));
    tell(&world, "3", &contacts).await;
    world.settle_down(1).await;
    assert_eq!(in_sequence(&world), [email_of(&world, &contacts[0])]);
}

#[tokio::test]
async fn nobody_is_enrolled_while_the_crm_does_not_say_whether_they_may_be() {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 2);
    tell(&world, "1", &contacts).await;
    world
        .hubspot
        .faults()
        .decide_by(|call| call.path.ends_with("batch/read").then(|| Fault::Status(503, String::new())));
    for _ in 0..3 {
        world.pump.run_dry(1).await;
        world.clock.turn(std::time::Duration::from_secs(60));
    }
    assert_eq!((in_sequence(&world).len(), world.waiting().await), (0, 1));
    world.hubspot.faults().decide_by(|_| None);
    world.settle_down(1).await;
    assert_eq!(in_sequence(&world).len(), 2);
}

#[tokio::test]
async fn what_the_vendor_says_of_each_contact_is_kept() {
    let world = world_of_signals(|_| {}).await;
    let other = world.apollo.add_sequence("Another");
    let contacts = contacts(&world, 3);
    tell(&world, "1", &contacts).await;
    world.settle_down(1).await;
    // The first is active in another sequence by the time of the next signal, and the second has gone through one.
    for (contact, status) in world.apollo.contacts().iter().zip(["active", "finished", ""]) {
        world.apollo.change_contact(&contact.id, |contact| {
            contact.enrolments[0].sequence_id.clone_from(&other);
            status.clone_into(&mut contact.enrolments[0].status);
        });
    }
    world.clock.turn(days(91));
    tell(&world, "2", &contacts).await;
    world.settle_down(1).await;
    let mut last: Vec<String> = hows(&world).await.into_values().filter_map(|mut hows| hows.pop()).collect();
    last.sort();
    assert_eq!(last, ["active-elsewhere", "enrolled", "finished-elsewhere"]);
    assert_eq!(world.apollo.enrolled(&sequence_id(SEQUENCE)).len(), 1);
}

#[tokio::test]
async fn a_rule_that_is_gone_and_a_signal_that_is_old_enrol_nobody() {
    let mut world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 2);
    tell(&world, "1", &contacts[..1]).await;
    world.reconfigure(|tenant| tenant.signals.as_mut().expect("signals").rules[0].name = "other".to_owned());
    world.settle_down(1).await;
    tell(&world, "2", &contacts[1..]).await;
    world.clock.turn(days(8));
    world.settle_down(1).await;
    assert!(in_sequence(&world).is_empty());
    assert_eq!(hows(&world).await.into_values().collect::<Vec<_>>(), [["too-old"]]);
}

#[tokio::test]
async fn only_a_source_with_its_signature_is_believed() {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 1);
    let signals = [super::job_change(&contacts[0])];
    let status = async |request: reqwest::RequestBuilder| request.send().await.expect("an answer").status().as_u16();
    assert_eq!(status(world.signals("intent", "1", &signals).header("webhook-signature", "v1,AAAA")).await, 401);
    assert_eq!(status(world.signals("another", "1", &signals)).await, 404);
    assert_eq!(status(world.http().get(format!("{}/signals/{}/intent", world.url, world.tenant_id()))).await, 405);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_message_of_another_kind_is_for_an_operator() {
    let world = world_of_signals(|_| {}).await;
    world.leaves_behind(Leftover::DeadLetters);
    world.enrolment_worker.queue.send_text("{}").await.expect("sent");
    world.settle_down(1).await;
    assert_eq!((world.waiting().await, world.dead_letters().await), (0, 1));
}
