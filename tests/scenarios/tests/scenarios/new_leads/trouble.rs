//! New leads when something breaks: one record, nothing lost, nothing personal in the clear.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::Call;
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Break, Call as WireCall, Leftover, Settings, Site, World};
use serde_json::json;

use super::{ADA, CRMS, ada, fill_in, only_ada, settings_of, with_email};
use crate::books::at_rest;
use crate::privacy::listen;
use crate::stage::{Stage, started};

/// How long the searches of some CRMs don't see what was created: for longer than the claim of a worker that died stands.
const SEARCH_LAG: Duration = Duration::from_secs(90);

fn settings(crm: &str) -> Settings {
    let mut settings = settings_of(crm);
    settings.pipedrive.search_lag = SEARCH_LAG;
    settings.attio.search_lag = SEARCH_LAG;
    settings.close.search_lag = SEARCH_LAG;
    settings.zoho.search_lag = SEARCH_LAG;
    settings
}

/// One lead of a form, on the queue.
async fn told_of_ada(crm: &str) -> Stage {
    let world = started(settings(crm)).await;
    fill_in(&world, "1", ada()).await;
    world
}

fn creates(call: &Call) -> bool {
    let path = call.path.trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let created = ["contacts", "Lead", "persons", "records", "lead", "Leads"];
    call.method == "POST" && created.contains(&last) && !path.contains("composite")
}

/// This many creations fail so.
fn break_creations(world: &World, times: u32, fault: &Fault) {
    let (left, fault) = (AtomicU32::new(times), fault.clone());
    world.crm().faults().decide_by(move |call| {
        let is_next =
            creates(call) && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        is_next.then(|| fault.clone())
    });
}

/// Worlds with a lead on the queue, each where the last one stood: starting servers takes longer than the whole of it.
#[derive(Default)]
struct Worlds(Option<Site>);

impl Worlds {
    async fn told_of_ada(&mut self, crm: &str) -> World {
        let settings = settings(crm);
        let world = match self.0.take() {
            Some(site) => World::start_at(site, settings).await,
            None => World::start(settings).await,
        };
        let world = world.expect("a world starts");
        fill_in(&world, "1", ada()).await;
        world
    }

    /// Every call of the worker that takes her in, broken in every way, one at a time.
    async fn sweep(&mut self, crm: &str) {
        let clean = self.told_of_ada(crm).await;
        clean.wire.break_by(|_| None);
        clean.pump.round().await;
        let calls = clean.wire.mend();
        clean.settle_down(1).await;
        self.0 = Some(clean.leave());
        assert!((6..=10).contains(&calls.len()), "{crm}: {calls:?}");
        let is_creation = |call: &&WireCall| call.operation.starts_with(crm) && call.operation.contains("POST");
        assert!(calls.iter().any(|call| is_creation(&call)), "{calls:?}");
        for call in calls {
            let mut ways = vec![Break::Refused, Break::AnswerLost, Break::DeathBefore, Break::DeathAfter];
            if call.operation.starts_with("dynamodb") {
                ways.push(Break::DeathThenLands { calls: 2 });
            }
            for how in ways {
                let place = format!("{crm}: call {} ({}) broken by {how:?}", call.index, call.operation);
                let world = self.told_of_ada(crm).await;
                let (at, broken) = (call.index, how.clone());
                world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
                world.pump.round().await;
                world.wire.mend();
                world.settle_down(2).await;
                assert_eq!(with_email(&world, ADA).len(), 1, "{place}");
                only_ada(&world).await;
                assert_eq!(at_rest(&world).await.spent, 1000, "{place}");
                self.0 = Some(world.leave());
            }
        }
    }
}

#[tokio::test]
async fn whatever_breaks_while_she_is_taken_in_she_is_one_contact_and_enriched() {
    Worlds::default().sweep("hubspot").await;
}

#[tokio::test]
async fn whatever_breaks_while_she_is_taken_in_she_is_one_lead_and_enriched() {
    Worlds::default().sweep("salesforce").await;
}

#[tokio::test]
async fn whatever_breaks_while_she_is_taken_in_she_is_one_person_and_enriched() {
    Worlds::default().sweep("pipedrive").await;
}

#[tokio::test]
async fn whatever_breaks_while_she_is_taken_in_she_is_one_record_of_people_and_enriched() {
    Worlds::default().sweep("attio").await;
}

#[tokio::test]
async fn whatever_breaks_while_she_is_taken_in_she_is_one_contact_of_a_lead_and_enriched() {
    Worlds::default().sweep("close").await;
}

#[tokio::test]
async fn whatever_breaks_while_she_is_taken_in_she_is_one_lead_of_a_module_and_enriched() {
    Worlds::default().sweep("zoho").await;
}

/// The answer of a creation is lost, and the message comes again at once, or an hour later, or with a twin beside it.
#[tokio::test]
async fn a_creation_of_which_the_outcome_is_unknown_is_not_made_twice() {
    let faults = [Fault::DropAfterWork, Fault::StatusAfterWork(504, String::new())];
    for crm in CRMS {
        for fault in &faults {
            for (later, twin) in [(0, false), (0, true), (60 * 60, false), (60 * 60, true)] {
                let world = told_of_ada(crm).await;
                break_creations(&world, 1, fault);
                world.pump.round().await;
                let place = format!("{crm}, {fault:?}, {later} s later, twin: {twin}");
                assert_eq!(with_email(&world, ADA).len(), 1, "{place}: it was carried out");
                if twin {
                    fill_in(&world, "2", ada()).await;
                }
                world.clock.turn(Duration::from_secs(later));
                world.pump.show_hidden().await;
                // As soon as it can be taken up again, and no later.
                assert!(world.pump.until_dry_turning(2, &world.clock).await, "{place}");
                world.settle_down(2).await;
                only_ada(&world).await;
                assert_eq!(at_rest(&world).await.spent, 1000, "{place}");
            }
        }
    }
}

/// A worker dies after the creation, and so does the next one, which has found her.
#[tokio::test]
async fn two_deaths_in_a_row_leave_one_record() {
    for crm in CRMS {
        let world = told_of_ada(crm).await;
        world.wire.break_by(|call| call.operation.contains("SendMessage").then_some(Break::DeathBefore));
        for _ in 0..2 {
            world.pump.round().await;
            world.clock.turn(world.worker_timeout() * 3);
            world.pump.show_hidden().await;
        }
        world.wire.mend();
        assert_eq!(world.deaths(), 2, "{crm}");
        world.settle_down(2).await;
        only_ada(&world).await;
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}");
    }
}

/// For longer than a message may be received.
#[tokio::test]
async fn while_the_crm_is_down_she_waits_and_then_is_created() {
    for crm in CRMS {
        let world = told_of_ada(crm).await;
        world.crm().faults().decide_by(|_| Some(Fault::Status(503, String::new())));
        for _ in 0..20 {
            world.pump.run_dry(1).await;
            world.clock.turn(Duration::from_secs(20 * 60));
            world.pump.show_hidden().await;
        }
        assert_eq!((world.dead_letters().await, world.waiting().await), (0, 1), "{crm}");
        world.crm().faults().decide_by(|_| None);
        world.settle_down(1).await;
        only_ada(&world).await;
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}");
    }
}

#[tokio::test]
async fn when_the_crm_throttles_she_waits_for_as_long_as_it_says() {
    for crm in CRMS {
        let world = told_of_ada(crm).await;
        break_creations(&world, 2, &Fault::Throttle { retry_after: Some(Duration::from_secs(20 * 60)) });
        world.settle_down(1).await;
        only_ada(&world).await;
        assert_eq!((at_rest(&world).await.spent, world.dead_letters().await), (1000, 0), "{crm}");
    }
}

#[tokio::test]
async fn one_whom_the_crm_refuses_is_left_to_an_operator_with_nothing_in_the_clear() {
    let refusal = |crm: &str| match crm {
        "salesforce" => r#"[{"errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION"}]"#,
        "attio" => r#"{"status_code":400,"code":"validation_type","message":"a rule of the workspace"}"#,
        "close" => r#"{"errors":["a rule of the organization"],"field-errors":{}}"#,
        "zoho" => r#"{"data":[{"code":"INVALID_DATA","details":{},"message":"a rule of the org","status":"error"}]}"#,
        _ => r#"{"status":"error","success":false,"message":"a rule of the company","category":"VALIDATION_ERROR"}"#,
    };
    for crm in CRMS {
        let world = told_of_ada(crm).await;
        world.leaves_behind(Leftover::DeadLetters);
        break_creations(&world, u32::MAX, &Fault::Status(400, refusal(crm).to_owned()));
        world.settle_down(1).await;
        assert_eq!((world.dead_letters().await, with_email(&world, ADA).len()), (1, 0), "{crm}");
    }
}

/// Whatever the functions send to tables and queues, and whatever they log, while everything goes wrong once. The provider
/// knows none of them: what is bought stands in a record until it is written.
#[tokio::test]
async fn nothing_personal_is_in_the_clear_on_a_queue_in_a_table_or_in_a_log() {
    let (lines, _listening) = listen();
    let sent = Arc::new(Mutex::new(String::new()));
    for crm in CRMS {
        for trouble in 0..4 {
            let mut settings = settings(crm);
            settings.apollo.unknown_share = 1.0;
            let world = started(settings).await;
            world.leaves_behind(Leftover::DeadLetters);
            let seen = sent.clone();
            world.wire.rewrite_by(move |call, body| {
                if ["dynamodb", "sqs"].iter().any(|store| call.operation.starts_with(store)) {
                    seen.lock().expect("no thread panics").push_str(&body.to_string());
                }
                None
            });
            let words = r#"{"message":"canary.bird@secret-company.example is bad","success":false}"#.to_owned();
            match trouble {
                0 => {}
                1 => break_creations(&world, 1, &Fault::DropAfterWork),
                2 => break_creations(&world, u32::MAX, &Fault::Status(400, words)),
                _ => world.crm().faults().decide_by(|call| (call.index < 3).then(|| Fault::Status(500, String::new()))),
            }
            let canary = json!({ "email": "canary.bird@secret-company.example", "first": "Canary", "last": "Bird",
                                 "company": "Secret Company", "site": "secret-company.example" });
            // Even the sender's own id may say who it is.
            fill_in(&world, "canary.bird@secret-company.example", canary).await;
            world.settle_down(1).await;
            let expected = usize::from(trouble != 2);
            assert_eq!(with_email(&world, "canary.bird@secret-company.example").len(), expected, "{crm}, {trouble}");
        }
    }
    let logged = String::from_utf8(lines.0.lock().expect("no writer panics").clone()).expect("text");
    let sent = sent.lock().expect("no thread panics").clone();
    assert!(logged.len() > 2000, "the functions did log: {logged}");
    assert!(sent.contains("new_lead"), "{} bytes were sent", sent.len());
    for word in ["canary", "Canary", "Bird", "secret-company", "Secret Company"] {
        assert_eq!(logged.lines().find(|line| line.contains(word)), None, "{word:?} was logged");
        let at = sent.find(word).map(|at| &sent[at.saturating_sub(200)..(at + 100).min(sent.len())]);
        assert_eq!(at, None, "{word:?} was stored or queued");
    }
}

/// A claim of a worker that hangs isn't taken over while it may still create her.
#[tokio::test]
async fn a_twin_waits_while_another_is_at_it() {
    for crm in CRMS {
        let world = told_of_ada(crm).await;
        fill_in(&world, "2", ada()).await;
        let (one, two) = (world.pump.receive_at_most(1).await, world.pump.receive_at_most(1).await);
        world.wire.break_by({
            let crm = crm.to_owned();
            let mut left = 1;
            move |call| {
                let first = call.operation.starts_with(&crm) && left > 0;
                left -= i32::from(first);
                first.then_some(Break::DeathBefore)
            }
        });
        world.pump.invoke(one).await;
        world.pump.invoke(two).await;
        world.wire.mend();
        assert_eq!(with_email(&world, ADA).len(), 0, "{crm}: the claim of the dead one still stands");
        world.settle_down(2).await;
        let id = only_ada(&world).await;
        assert_eq!(world.record(&id).await.map(|record| record.state.name()), Some(StateName::Written), "{crm}");
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}");
    }
}
