//! Signals put people into sequences: once, only those who may be written to at that moment, and at no credit's cost.

mod absent;
mod crash;
mod refused;
mod vendor;

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::timestamped;
use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::enrolment::line::{ENROLLED, Ended, State, TaskState};
use leadgate_sandbox::simulators::apollo::sequence_id;
use leadgate_sandbox::world::{MAILBOXES, SEQUENCE, SIGNING_SECRET, Settings, World, job_change};
use serde_json::{Value, json};

use crate::books::at_rest;
use crate::stage::{Stage, world_with};

/// A world with rules for signals, in which everybody's address is vouched for.
pub(crate) async fn world_of_signals(set: impl FnOnce(&mut Settings)) -> Stage {
    let world = world_with(|settings| {
        *settings = settings.clone().with_signals();
        settings.apollo.extrapolated_share = 0.0;
        set(settings);
    })
    .await;
    world.prepare_for_signals();
    world
}

/// So many contacts, each of an employer of their own.
fn contacts(world: &World, count: usize) -> Vec<String> {
    let contact = |i: usize| {
        let (email, company) = (format!("first{i}.last{i}@engine{i}.example"), format!("Engine {i}"));
        world.hubspot.create_contact([("email", email.as_str()), ("company", company.as_str())])
    };
    (0..count).map(contact).collect()
}

/// A delivery of changes of jobs, which has to be taken.
async fn tell(world: &World, id: &str, contacts: &[String]) -> Value {
    let signals: Vec<Value> = contacts.iter().map(|contact| job_change(contact)).collect();
    tell_signals(world, "intent", id, &signals).await
}

async fn tell_signals(world: &World, source: &str, id: &str, signals: &[Value]) -> Value {
    let response = world.signals(source, id, signals).send().await.expect("an answer");
    let (status, body) = (response.status(), response.text().await.expect("a body"));
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// What is remembered of each contact: how its signals ended, in their order. Nothing is under way.
async fn ends(world: &World) -> BTreeMap<String, Vec<Ended>> {
    let lines = world.enrolments.all(world.tenant_id()).await.expect("the lines can be read");
    let end = |(key, line): (leadgate_aws::enrolments::LineKey, leadgate_enrichment::enrolment::line::Line)| {
        assert_eq!(line.state, State::Idle, "{}", key.record);
        (key.record.id, line.ended)
    };
    lines.into_iter().map(end).collect()
}

async fn hows(world: &World) -> BTreeMap<String, Vec<String>> {
    let ends = ends(world).await;
    ends.into_iter().map(|(id, ended)| (id, ended.into_iter().map(|ended| ended.how).collect())).collect()
}

/// Addresses of those who are in the sequence, each as often as they are.
fn in_sequence(world: &World) -> Vec<String> {
    let sequence = sequence_id(SEQUENCE);
    let mut all: Vec<String> = Vec::new();
    for contact in world.apollo.contacts() {
        let email = contact.text("email").expect("an address").to_owned();
        let places = contact.enrolments.iter().filter(|it| it.sequence_id == sequence).count();
        all.extend(std::iter::repeat_n(email, places));
    }
    all.sort();
    all
}

fn email_of(world: &World, contact: &str) -> String {
    world.hubspot.contact(contact).expect("the contact").value("email").expect("an address").to_owned()
}

/// None of this costs a credit.
async fn nothing_is_spent(world: &World) {
    assert_eq!((at_rest(world).await.spent, world.apollo.ledger().records_charged), (0, 0));
}

#[tokio::test]
async fn whom_a_rule_is_for_is_enrolled_with_a_task_a_stage_and_a_word_in_the_crm() {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 4);
    let signals = [
        job_change(&contacts[0]),
        job_change(&contacts[1]),
        job_change(&contacts[1]),
        json!({ "type": "job-change", "contact": contacts[2], "seniority": "intern", "employees": 250 }),
        json!({ "type": "job-change", "contact": contacts[3], "seniority": "VP", "employees": 49 }),
        json!({ "type": "funding", "contact": contacts[3] }),
        json!({ "type": "job-change" }),
    ];
    let answer = tell_signals(&world, "intent", "1", &signals).await;
    let expected = json!({ "signals": 7, "queued": 2, "repeated": 1, "stopped": 0, "unmatched": 3, "unreadable": 1 });
    assert_eq!(answer, expected);
    world.settle_down(2).await;

    let enrolled: Vec<String> = contacts[..2].iter().map(|contact| email_of(&world, contact)).collect();
    assert_eq!(in_sequence(&world), enrolled);
    let tasks = world.apollo.tasks();
    assert_eq!(tasks.len(), 2);
    assert!(tasks.iter().all(|task| task["type"] == "call" && task["priority"] == "high"), "{tasks:?}");
    for contact in world.apollo.contacts() {
        assert_eq!(contact.text("contact_stage_id"), Some("6095a710bd01d100a506d4ae"));
    }
    for contact in &contacts[..2] {
        let told = world.hubspot.contact(contact).expect("the contact");
        assert_eq!(told.value("leadgate_sequence"), Some("new-job, 2026-01-15"));
    }
    for ended in ends(&world).await.values().flatten() {
        assert_eq!((ended.how.as_str(), ended.task), (ENROLLED, Some(TaskState::Created)));
        assert!(ended.at.duration_since(ended.arrived_at).as_secs() < 10, "{ended:?}");
    }
    nothing_is_spent(&world).await;
}

#[tokio::test]
async fn a_signal_that_is_delivered_again_enrols_nobody_a_second_time() {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 3);
    for _ in 0..2 {
        tell(&world, "1", &contacts).await;
    }
    world.settle_down(3).await;
    let enrolled = in_sequence(&world);
    assert_eq!((enrolled.len(), world.apollo.tasks().len()), (3, 3));
    // The vendor forgets that they were in it, and the cool-down is over: the signal is known all the same.
    for contact in world.apollo.contacts() {
        world.apollo.change_contact(&contact.id, |contact| contact.enrolments.clear());
    }
    world.clock.turn(days(100));
    tell(&world, "1", &contacts).await;
    world.settle_down(3).await;
    assert_eq!((in_sequence(&world).len(), world.apollo.tasks().len()), (0, 3));
    assert!(hows(&world).await.values().all(|hows| *hows == [ENROLLED]));
}

#[tokio::test]
async fn another_signal_enrols_nobody_within_the_cool_down_nor_whom_the_sequence_has() {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 2);
    tell(&world, "1", &contacts).await;
    world.settle_down(1).await;
    world.clock.turn(days(89));
    tell(&world, "2", &contacts).await;
    world.settle_down(1).await;
    world.clock.turn(days(2));
    let gone = world.apollo.contacts()[0].id.clone();
    world.apollo.change_contact(&gone, |contact| contact.enrolments.clear());
    tell(&world, "3", &contacts).await;
    world.settle_down(1).await;
    let mut hows: Vec<Vec<String>> = hows(&world).await.into_values().collect();
    hows.sort();
    assert_eq!(hows, [[ENROLLED, "cooling-down", "already-in-sequence"], [ENROLLED, "cooling-down", ENROLLED]]);
    assert_eq!((in_sequence(&world).len(), world.apollo.tasks().len()), (2, 3));
}

#[tokio::test]
async fn five_hundred_contacts_in_one_signal_take_a_handful_of_calls() {
    let world = world_of_signals(|settings| {
        settings.config = settings.config.replace("mailbox_per_day = 40", "mailbox_per_day = 300");
    })
    .await;
    let contacts = contacts(&world, 500);
    assert_eq!(tell(&world, "1", &contacts).await["queued"], 500);
    world.settle_down(4).await;
    assert_eq!((in_sequence(&world).len(), world.apollo.tasks().len()), (500, 500));
    let ledger = world.apollo.ledger();
    assert_eq!(ledger.throttled, 0);
    let calls = world.wire.counts();
    let adds: u64 = calls.iter().filter(|(call, _)| call.ends_with("add_contact_ids")).map(|(_, count)| count).sum();
    assert!(adds <= 20, "{adds} calls enrol 500 contacts");
    for mailbox in MAILBOXES {
        let mailbox = leadgate_sandbox::simulators::apollo::mailbox_id(mailbox);
        let of = |contact: &leadgate_sandbox::simulators::apollo::Contact| {
            contact.enrolments.iter().filter(|it| it.mailbox_id == mailbox).count()
        };
        let used: usize = world.apollo.contacts().iter().map(of).sum();
        assert!((200..=300).contains(&used), "{used} of one mailbox");
    }
    nothing_is_spent(&world).await;
}

#[tokio::test]
async fn a_mailbox_writes_to_no_more_people_a_day_than_it_may() {
    let world = world_of_signals(|settings| {
        settings.config = settings.config.replace("mailbox_per_day = 40", "mailbox_per_day = 3");
    })
    .await;
    let contacts = contacts(&world, 10);
    tell(&world, "1", &contacts).await;
    let mut by_day = Vec::new();
    for _ in 0..2 {
        world.pump.run_dry(2).await;
        by_day.push(in_sequence(&world).len());
        for _ in 0..100 {
            world.clock.turn(Duration::from_secs(15 * 60));
            world.pump.run_dry(1).await;
        }
    }
    assert_eq!(by_day, [6, 10]);
    assert_eq!((in_sequence(&world).len(), world.apollo.tasks().len()), (10, 10));
    world.settle_down(1).await;
}

#[tokio::test]
async fn a_sequence_that_is_at_work_is_waited_for() {
    let world = world_of_signals(|settings| settings.apollo.sequence_busy = Duration::from_secs(30)).await;
    let contacts = contacts(&world, 5);
    world.apollo.lock_sequence(&sequence_id(SEQUENCE), Duration::from_secs(5));
    for (i, contact) in contacts.iter().enumerate() {
        tell(&world, &i.to_string(), std::slice::from_ref(contact)).await;
        world.pump.run_dry(2).await;
    }
    world.settle_down(2).await;
    assert_eq!((in_sequence(&world).len(), world.apollo.tasks().len()), (5, 5));
    assert!(hows(&world).await.values().all(|hows| *hows == [ENROLLED]));
}

/// Lusha's webhooks say whom they are about by Lusha's own ids alone: each contact is subscribed with an address of its own.
#[tokio::test]
async fn a_system_that_knows_nothing_of_the_crm_is_given_an_address_for_each_record() {
    let source = "\n[tenants.demo.signals.sources.lusha]\nsignature = \"timestamped\"\nheader = \"X-Lusha-Signature\"\n\
                  time_header = \"X-Lusha-Timestamp\"\nsecrets = [\"leadgate/demo/lusha/crm-signing\"]\n\
                  record = \"address\"\nid = \"/id\"\nsignal = \"/type\"\n";
    let world = world_of_signals(|settings| settings.config += source).await;
    let contacts = contacts(&world, 2);
    let body = json!({
        "id": "f3b87e05", "type": "job-change", "entityType": "contact", "entityId": "4158887495",
        "seniority": "VP", "employees": 250, "billing": { "creditsCharged": 1 }
    });
    let send = async |address: &str, secret: &str| {
        let (body, time) = (body.to_string(), world.clock.now().as_millisecond().to_string());
        let signature = timestamped::sign(&Secret::new(secret.to_owned()), &time, body.as_bytes());
        let request = world.http().post(format!("{}/signals/{}/{address}", world.url, world.tenant_id()));
        let request = request.header("X-Lusha-Signature", signature).header("X-Lusha-Timestamp", time);
        request.body(body).send().await.expect("an answer").status().as_u16()
    };
    let own = format!("lusha/{}", contacts[0]);
    assert_eq!(send(&own, "not the secret, and as long as it").await, 401);
    assert_eq!(send("lusha", SIGNING_SECRET).await, 400, "the address doesn't say who it is about");
    assert_eq!(send("lusha/nobody", SIGNING_SECRET).await, 400);
    assert_eq!(
        send(&format!("intent/{}", contacts[0]), SIGNING_SECRET).await,
        404,
        "its deliveries say that themselves"
    );
    for _ in 0..2 {
        assert_eq!(send(&own, SIGNING_SECRET).await, 200);
        world.settle_down(1).await;
    }
    assert_eq!(in_sequence(&world), [email_of(&world, &contacts[0])], "once, however often it is told");
    nothing_is_spent(&world).await;
}
