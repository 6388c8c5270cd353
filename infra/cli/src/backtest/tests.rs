//! Back-tests of running worlds.

use clap::Parser;
use leadgate_enrichment::clock::days;
use leadgate_sandbox::simulators::apollo::Item;
use leadgate_sandbox::world::{Settings, World};
use serde_json::Value;

use super::compared;
use crate::Failure;
use crate::credits::tests::leads;

const GRANT: &str = "grant = { credits = 2500 }";

async fn world(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    settings.accounts.pdl.unknown_share = 0.0;
    change(&mut settings);
    World::start(settings).await.expect("a world starts")
}

/// What `leadgate backtest` says, with this configuration as the other one.
async fn replayed(world: &World, other: &str) -> Result<(Value, String), Failure> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("other.toml");
    std::fs::write(&file, other).expect("writable");
    let local = format!("--local={}", world.url);
    let all = ["leadgate", "backtest", file.to_str().expect("a path"), local.as_str()];
    let crate::Command::Backtest(arguments) = crate::Arguments::try_parse_from(all)?.command else {
        unreachable!("that is the command")
    };
    let compared = compared(&arguments).await?;
    Ok((compared.json(), compared.text()))
}

/// Figures of one replay: requests, known, unknown, waiting, credits of this kind.
fn figures(said: &Value, replay: &str, bucket: &str) -> [f64; 5] {
    let of = &said["replays"][replay];
    assert!(of.is_object(), "{replay} in {said}");
    let [requests, known, unknown, waiting] =
        ["requests", "known", "unknown", "waiting"].map(|what| of[what].as_f64().expect("a figure"));
    [requests, known, unknown, waiting, of["spent"][bucket].as_f64().unwrap_or_default()]
}

#[tokio::test]
async fn the_deployed_configuration_replayed_comes_to_what_really_happened_and_a_smaller_plan_to_less() {
    let mut config = String::new();
    let world = world(|settings| {
        settings.config = settings.config.replacen(GRANT, "grant = { credits = 6 }", 1);
        config = settings.config.clone();
    })
    .await;
    world.apollo.forget("first0.last0@engine.example");
    leads(&world, 0..10).await;
    let (said, _) = replayed(&world, &config).await.expect("a back-test");
    assert_eq!(figures(&said, "really", "credits"), figures(&said, "deployed", "credits"), "three wait: {said}");
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;

    let (said, text) = replayed(&world, &config).await.expect("a back-test");
    let really = figures(&said, "really", "credits");
    assert_eq!(really, [10.0, 9.0, 1.0, 0.0, 9.0]);
    assert_eq!(figures(&said, "deployed", "credits"), really, "{text}");
    assert_eq!(figures(&said, "other", "credits"), really, "{text}");

    let smaller = config.replacen("grant = { credits = 6 }", "grant = { credits = 3 }", 1);
    let (said, text) = replayed(&world, &smaller).await.expect("a back-test");
    let [requests, known, unknown, waiting, spent] = figures(&said, "other", "credits");
    assert_eq!((requests, spent, known + unknown + waiting), (10.0, 6.0, 10.0), "three in each of two cycles: {text}");
    assert!(said["replays"]["other"]["waited"].as_f64() >= Some(3.0), "{text}");
    assert!(text.contains("wait now") && text.contains("What this can't know:"), "{text}");
}

#[tokio::test]
async fn a_longer_window_buys_once_what_was_bought_twice() {
    let mut config = String::new();
    let world = world(|settings| config = settings.config.clone()).await;
    let leads = leads(&world, 0..4).await;
    world.clock.turn(days(100));
    for lead in &leads {
        world.hubspot.edit(lead, "company", "Another");
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let longer = config.replacen("freshness_days = 90", "freshness_days = 365", 1);
    let (said, text) = replayed(&world, &longer).await.expect("a back-test");
    assert_eq!(figures(&said, "really", "credits"), [8.0, 8.0, 0.0, 0.0, 8.0], "{text}");
    assert_eq!(figures(&said, "deployed", "credits"), [8.0, 8.0, 0.0, 0.0, 8.0], "{text}");
    assert_eq!(figures(&said, "other", "credits"), [8.0, 4.0, 0.0, 0.0, 4.0], "{text}");
    assert_eq!(said["replays"]["other"]["fresh"], 4);

    let dearer = config.replacen("cost = { credits = 1 }", "cost = { credits = 2 }", 1);
    let (said, text) = replayed(&world, &dearer).await.expect("a back-test");
    assert_eq!(figures(&said, "other", "credits"), [8.0, 8.0, 0.0, 0.0, 16.0], "{text}");
    assert_eq!(figures(&said, "deployed", "credits"), [8.0, 8.0, 0.0, 0.0, 8.0], "{text}");
}

#[tokio::test]
async fn another_order_is_replayed_as_if_who_was_never_asked_knew_nobody_and_as_if_they_knew_all() {
    let mut config = String::new();
    let world = world(|settings| {
        *settings = settings.clone().with_beside(&["pdl"], "order = [\"apollo\", \"pdl\"]");
        config = settings.config.clone();
    })
    .await;
    (0..3).for_each(|i| world.apollo.forget(&format!("first{i}.last{i}@engine.example")));
    leads(&world, 0..10).await;
    let turned = config.replace("\norder = [\"apollo\", \"pdl\"]", "\norder = [\"pdl\", \"apollo\"]");
    assert_ne!(turned, config);
    let (said, text) = replayed(&world, &turned).await.expect("a back-test");
    assert_eq!(figures(&said, "deployed", "credits"), figures(&said, "really", "credits"), "{text}");
    // PDL was asked about three and knew them: it is not known what it would have said of the others.
    assert_eq!(figures(&said, "other_if_unknown", "pdl_credits")[4], 3.0, "{text}");
    assert_eq!(figures(&said, "other_if_unknown", "credits"), [10.0, 10.0, 0.0, 0.0, 7.0], "{text}");
    assert_eq!(figures(&said, "other_if_known", "pdl_credits"), [10.0, 10.0, 0.0, 0.0, 10.0], "{text}");
    assert_eq!(figures(&said, "other_if_known", "credits")[4], 0.0, "{text}");
    assert!(text.contains("7 answers had to be assumed"), "{text}");
}

#[tokio::test]
async fn employers_are_replayed_where_they_are_looked_up_and_dearer_leads_take_what_there_is() {
    let mut config = String::new();
    let world = world(|settings| {
        *settings = settings.clone().with_employers();
        config = settings.config.clone();
    })
    .await;
    leads(&world, 0..6).await;
    let without = config.replacen("organizations = true\n", "", 1);
    let (said, text) = replayed(&world, &without).await.expect("a back-test");
    let really = figures(&said, "really", "credits");
    assert_eq!(figures(&said, "deployed", "credits"), really, "{text}");
    let alone = figures(&said, "other", "credits");
    assert!((6.0..really[4]).contains(&alone[4]), "people alone, in whole or in part: {text}");
    let charged = world.apollo.ledger();
    let people = charged.charges.iter().filter(|charge| charge.item == Item::Person).map(|charge| charge.milli);
    #[expect(clippy::cast_precision_loss, reason = "a few credits")]
    let people = people.sum::<i64>() as f64 / 1000.0;
    assert_eq!(alone, [6.0, 6.0, 0.0, 0.0, people], "{text}");

    // All that there is, is taken by the first: the others wait.
    let smaller = config.replacen(GRANT, "grant = { credits = 1 }", 1);
    let (said, text) = replayed(&world, &smaller).await.expect("a back-test");
    let [requests, known, _, waiting, _] = figures(&said, "other", "credits");
    assert_eq!((requests, known, waiting), (6.0, 1.0, 5.0), "{text}");
}

#[tokio::test]
async fn a_file_that_is_wrong_or_of_others_is_refused() {
    let mut config = String::new();
    let world = world(|settings| config = settings.config.clone()).await;
    let of_another = config.replace("tenants.demo", "tenants.other").replace("/demo\"", "/other\"");
    let refusal = replayed(&world, &of_another).await.expect_err("of another").to_string();
    assert!(refusal.ends_with("has tenants other, expected one named demo"), "{refusal}");
    let refusal = replayed(&world, &config.replacen("\"UTC\"", "\"Nowhere\"", 1)).await.expect_err("wrong").to_string();
    assert!(refusal.contains("time_zone") && refusal.contains("Nowhere"), "{refusal}");
}
