//! Workers share a provider's limits: real tables, the provider's own windows, and a clock that is turned.
//! And the queue goes by that clock.

mod queue;
mod rig;
mod run;

use std::sync::atomic::Ordering;
use std::time::Duration;

use leadgate_aws::limits::Permit;
use leadgate_enrichment::clock::{Clock, until};
use leadgate_enrichment::provider::limits::{CallLimits, Ending, Rates, Share};
use leadgate_sandbox::simulators::apollo::Windows;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::Break;

use rig::{PATIENCE, Rig};

const WORKERS: usize = 20;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_workers_use_nearly_all_of_a_minutes_limit_and_never_more() {
    let rig = Rig::new(Windows::per_minute(50)).await;
    rig.work(WORKERS, Share::Full, minutes(6)).await;
    used_up(&rig, 6 * 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_with_a_limit_for_the_hour_beside_it() {
    let rig = Rig::new(Windows { minute: Some(50), hour: Some(120), day: None }).await;
    rig.work(WORKERS, Share::Full, minutes(3 * 60)).await;
    used_up(&rig, 3 * 120);
}

fn used_up(rig: &Rig, possible: u64) {
    let ((counted, throttled), (written, read)) = (rig.counted(), rig.cost());
    println!("{counted} of {possible} calls, {throttled} turned away; {written} write units, {read} read units");
    assert_eq!(throttled, 0);
    assert!(counted * 100 >= possible * 90 && counted <= possible, "{counted} of {possible} calls");
    #[expect(clippy::cast_precision_loss, reason = "some hundred")]
    let per_call = written / counted as f64;
    assert!(per_call < 1.5, "{per_call} write units a call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_with_the_same_key_is_seen() {
    let rig = Rig::new(Windows::per_minute(60)).await;
    let intruder = {
        let (rig, companion) = (rig.clone(), rig.clock.companion());
        tokio::spawn(async move {
            rig.intrude(Duration::from_millis(1550), minutes(6)).await;
            drop(companion);
        })
    };
    rig.work(WORKERS, Share::Full, minutes(6)).await;
    intruder.await.expect("it intruded");
    let ((counted, _), turned_away) = (rig.counted(), rig.turned_away.load(Ordering::Relaxed));
    println!("{counted} of {} calls, {turned_away} of ours turned away", 6 * 60);
    assert!(counted * 100 >= 6 * 60 * 90, "{counted} calls");
    assert!(turned_away <= 3 * 6, "{turned_away} turned away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_priority_keeps_to_its_share() {
    let rig = Rig::new(Windows::per_minute(40)).await;
    rig.work(4, Share::Low, minutes(3)).await;
    let (low, throttled) = rig.counted();
    println!("{low} of {} calls of low priority", 3 * 40);
    assert!((3 * 18..=3 * 20).contains(&low), "{low} calls");
    rig.work(4, Share::Full, minutes(2)).await;
    let (all, _) = rig.counted();
    assert!(all - low >= 2 * 40 - 20, "{} calls", all - low);
    assert_eq!(throttled, 0);
}

#[tokio::test]
async fn whoever_dies_while_the_others_wait_keeps_them_for_seconds_only() {
    let rig = Rig::new(Windows::per_minute(50)).await;
    let _awake = rig.clock.companion();
    let Permit::Granted(died) = rig.permit(Share::Full, Duration::ZERO).await else { panic!("no permit") };
    drop(died);
    let began = rig.clock.now();
    let Permit::NotBefore(soon) = rig.permit(Share::Full, Duration::ZERO).await else { panic!("two openings") };
    assert!(until(began, soon) < Duration::from_secs(1));
    let Permit::Granted(ticket) = rig.permit(Share::Full, PATIENCE).await else { panic!("no permit") };
    let waited = until(began, rig.clock.now());
    assert!((10..12).contains(&waited.as_secs()), "{waited:?}");
    let (rates, ending) = rig.call().await;
    rig.limits.ended(ticket, &rates, ending).await.expect("noted");
    for _ in 0..48 {
        let Permit::Granted(_) = rig.permit(Share::Full, Duration::ZERO).await else { panic!("no room") };
    }
    // Whether the one who died made a call is not known: one of fifty is left to it.
    let Permit::NotBefore(_) = rig.permit(Share::Full, Duration::ZERO).await else { panic!("one too many") };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_acknowledgement_is_lost_wastes_a_call_at_most() {
    let rig = Rig::new(Windows::per_minute(20)).await;
    let mut writes = 0;
    rig.wire.break_by(move |call| {
        let is_write = call.operation.ends_with("PutItem") || call.operation.ends_with("UpdateItem");
        writes += u32::from(is_write);
        (is_write && writes % 2 == 1).then_some(Break::AnswerLost)
    });
    rig.work(1, Share::Full, minutes(3)).await;
    let (counted, throttled) = rig.counted();
    println!("{counted} of {} calls with every acknowledgement lost at first", 3 * 20);
    assert_eq!(throttled, 0);
    assert!(counted >= 3 * 10, "{counted} calls");
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_but_for_one_probe() {
    let rig = Rig::new(Windows::per_minute(50)).await;
    let _awake = rig.clock.companion();
    rig.apollo.faults().add(FaultRule::next(Fault::Status(500, String::new())).times(5));
    for _ in 0..5 {
        let Permit::Granted(ticket) = rig.permit(Share::Full, PATIENCE).await else { panic!("no permit") };
        let (rates, ending) = rig.call().await;
        assert_eq!(ending, Ending::Failed);
        rig.limits.ended(ticket, &rates, ending).await.expect("noted");
    }
    let Permit::NotBefore(at) = rig.permit(Share::Full, Duration::ZERO).await else { panic!("still open") };
    assert_eq!(rig.limits.peek(&rig.key, &rig.configured, Share::Full).await.expect("an answer"), Some(at));
    assert!(until(rig.clock.now(), at) <= Duration::from_secs(30));
    rig.clock.turn(until(rig.clock.now(), at));
    let mut probes = Vec::new();
    for _ in 0..WORKERS {
        if let Permit::Granted(ticket) = rig.permit(Share::Full, Duration::ZERO).await {
            probes.push(ticket);
        }
    }
    assert_eq!(probes.len(), 1);
    let (rates, ending) = rig.call().await;
    rig.limits.ended(probes.remove(0), &rates, ending).await.expect("noted");
    let Permit::Granted(_) = rig.permit(Share::Full, Duration::ZERO).await else { panic!("still half open") };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_probe_passes() {
    let rig = Rig::new(Windows::UNLIMITED).await;
    let companion = rig.clock.companion();
    for _ in 0..5 {
        let Permit::Granted(ticket) = rig.permit(Share::Full, PATIENCE).await else { panic!("no permit") };
        rig.limits.ended(ticket, &Rates::default(), Ending::Failed).await.expect("noted");
    }
    rig.clock.turn(Duration::from_secs(31));
    drop(companion);
    let asking = (0..WORKERS).map(|_| {
        let (rig, companion) = (rig.clone(), rig.clock.companion());
        tokio::spawn(async move {
            let permit = rig.permit(Share::Full, Duration::from_secs(5)).await;
            drop(companion);
            matches!(permit, Permit::Granted(_))
        })
    });
    let mut passed = 0;
    for asked in asking.collect::<Vec<_>>() {
        passed += usize::from(asked.await.expect("it asked"));
    }
    assert_eq!(passed, 1);
}

#[tokio::test]
async fn without_limits_a_call_costs_no_write() {
    let rig = Rig::new(Windows::UNLIMITED).await;
    let _awake = rig.clock.companion();
    for _ in 0..10 {
        let asked = rig.limits.permit(&rig.key, &CallLimits::UNLIMITED, Share::Low, Duration::ZERO).await;
        let Permit::Granted(ticket) = asked.expect("an answer") else { panic!("no permit") };
        let (rates, ending) = rig.call().await;
        rig.limits.ended(ticket, &rates, ending).await.expect("noted");
    }
    let (written, read) = rig.cost();
    assert!(written == 0.0 && read <= 20.0, "{written} and {read} units");
}
