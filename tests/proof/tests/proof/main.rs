//! The proof in its short form. `leadgate prove` is the long one; `LEADGATE_PROVE_HISTORIES` makes this one longer.

use leadgate_proof::model::{self, World};
use leadgate_proof::race::{Race, Size};
use leadgate_proof::{ABREAST, Effort, Violation, crash, history, mutant, race};

/// Enough to meet each operation with each other one several times.
const HISTORIES: u64 = 60;
/// Each ninth crash point: `leadgate prove` breaks all of them. A call is broken in five, seven or eight ways, so that
/// each way comes round.
const EACH: usize = 9;

fn none(violations: &[Violation]) {
    let shown: Vec<String> = violations.iter().take(5).map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} violations, such as:\n{}", violations.len(), shown.join("\n\n"));
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the tests chooses how long they take")]
fn histories() -> u64 {
    std::env::var("LEADGATE_PROVE_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(HISTORIES)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_call_breaks_in_whatever_way_money_leads_and_crm_come_out_right() {
    let mut points = Vec::new();
    for flow in crash::Flow::all() {
        points.extend(crash::points(flow).await.expect("a flow runs"));
    }
    let points: Vec<_> = points.into_iter().step_by(EACH).collect();
    assert!(points.len() >= 200, "{} points", points.len());
    let (swept, violations) = crash::sweep(points, Effort::all(ABREAST), &|| {}).await.expect("the sweep runs");
    println!("swept {swept} crash points");
    none(&violations);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_in_whatever_order_the_books_agree_and_nobody_is_lost() {
    let (counts, violations) =
        history::play_all(0..histories(), Effort::all(ABREAST), &|| {}).await.expect("histories run");
    println!("{counts:?}");
    none(&violations);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_workers_on_one_wallet_spend_what_there_is_and_no_more() {
    let races = Race::all(Size::WHOLE);
    let (requests, violations) = race::run(races, 1, Effort::all(1), &|| {}).await.expect("the races run");
    println!("{requests} requests");
    none(&violations);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_purchase_protocol_is_right_in_every_state_of_small_worlds() {
    // `leadgate prove` searches larger ones, too.
    let proved = model::prove(&World::SMALL, &|| {}).await;
    println!("{} states, with the ends {:?}", proved.states, proved.ends);
    none(&proved.violations);
    // A world in which nothing happens would break no rule.
    for number in ["Written", "NotFound", "Assumed", "Lost"] {
        assert!(proved.ends.contains(&format!("Written, number {number}")), "no number ends as {number}");
    }
    assert!(proved.ends.contains("Deferred"), "no lead is deferred");
    for noticed in &proved.mistakes {
        let trace = noticed.by.as_ref().unwrap_or_else(|| panic!("not caught: {}", noticed.mistake));
        println!("{}: {trace}", noticed.mistake);
    }
    assert_eq!(proved.mistakes.len(), model::Mistake::ALL.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_bugs_are_caught() {
    // Those that crashes show; `leadgate prove` plants the others, too.
    let bugs: Vec<_> = mutant::bugs().into_iter().filter(|bug| bug.shows_in_crashes()).collect();
    assert!(bugs.len() >= 8, "{} bugs", bugs.len());
    for caught in mutant::hunt_all(bugs, 1, 0, &|| {}).await.expect("the hunt runs") {
        println!("{}: {:?}", caught.bug, caught.by.as_ref().map(|by| by.of));
        assert!(caught.by.is_some(), "not caught: {}", caught.bug);
    }
}
