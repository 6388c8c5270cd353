//! What is said of mobile numbers: bought with the call, and settled when they arrive.

use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_sandbox::world::{Break, CALLBACK_SECRET};

use super::*;

async fn world_with_phones(credits: i64, change: impl FnOnce(&mut Settings)) -> World {
    world(credits, |settings| {
        *settings = settings.clone().with_phones();
        settings.apollo.mobile_share = 1.0;
        settings.apollo.do_not_call_share = 0.0;
        change(settings);
    })
    .await
}

/// Leads whose call is over.
async fn called(world: &World, names: std::ops::Range<usize>) -> Vec<String> {
    let lead = |i| world.hubspot.create_contact([("email", format!("first{i}.last{i}@engine.example"))]);
    let leads = names.map(lead).collect();
    world.hubspot.deliver().await;
    world.pump.run_dry(1).await;
    leads
}

async fn pass(world: &World, time: Duration) {
    world.clock.turn(time);
    world.settle_down(1).await;
}

const MINUTES: Duration = Duration::from_secs(6 * 60);

/// The purchase of what came at once.
async fn purchase(world: &World, lead: &str) -> String {
    let told = json(world, &["explain", lead]).await;
    told["purchases"][0]["purchase"].as_str().expect("a purchase").to_owned()
}

fn says(told: &[String], parts: &[&str]) {
    let found = told.iter().any(|step| parts.iter().all(|part| step.contains(part)));
    assert!(found, "{parts:?} is not said in {told:#?}");
}

#[tokio::test]
async fn a_number_is_told_of_on_its_way_and_when_it_has_arrived() {
    let world = world_with_phones(100, |_| {}).await;
    world.apollo.set_mobile("first1.last1@engine.example", None);
    let leads = called(&world, 0..2).await;
    let id = purchase(&world, &leads[0]).await;
    let waits = story(&world, &leads[0]).await;
    let held = format!(
        "Taken up in purchase {id} of apollo, with 1 other lead: 1 credit held for the person and 8 credits for the number, the \
         most that each can cost (prices apollo-2026-08)."
    );
    assert!(waits.contains(&held), "{waits:#?}");
    says(&waits, &["Written back: the CRM has what came at once. From us it has city, "]);
    let last = waits.last().expect("a step");
    assert!(last.starts_with("The number is on its way since 2026-01-15 10:0"), "{last}");
    let rest = format!("8 credits held for it (purchase {id}-later), until the provider's last answer.");
    assert!(last.ends_with(&rest), "{last}");
    let told = json(&world, &["explain", &leads[0]]).await;
    assert_eq!((&told["awaited"]["held"]["credits"], &told["owed"]), (&8.0.into(), &Value::Null));
    assert!(told["head"].as_str().expect("a head").ends_with("; the number is on its way."), "{told}");
    let half = format!("The numbers asked for with it are a purchase of their own, {id}-later: ");
    says(&story(&world, &id).await, &[&half, "on their way, 16 credits held."]);
    says(&story(&world, &format!("{id}-later")).await, &["Held: 16 credits for 2 leads"]);
    let shown = text(&world, &["show"]).await;
    assert!(shown.contains("16 credits, of which 16 credits for what is on its way"), "{shown}");
    assert!(shown.contains("numbers for up to 2 leads, in 1 purchase since 2026-01-15 10:0"), "{shown}");
    assert_eq!(json(&world, &["show"]).await["held_for_later"]["credits"], 16.0);

    pass(&world, MINUTES).await;
    let arrived = format!(
        "The number arrived (purchase {id}-later). It cost 8 credits out of plan-2026-01-01-2026-02-01, as the provider \
         reported. Nothing was left to free. From us the CRM has mobile_do_not_call and mobilephone."
    );
    assert_eq!(story(&world, &leads[0]).await.last(), Some(&arrived));
    let missing = format!(
        "No number was found (purchase {id}-later). It cost nothing, as the provider reported. What else was held was \
         freed: 8 credits."
    );
    assert_eq!(story(&world, &leads[1]).await.last(), Some(&missing));
    let told = json(&world, &["explain", &leads[0]]).await;
    let arrives: Vec<&Value> = told["purchases"].as_array().expect("two").iter().map(|it| &it["arrives"]).collect();
    assert!(arrives == ["at-once", "later"] && told["awaited"].is_null(), "{told}");
    assert_eq!(told["purchases"][1]["held"]["credits"], 8.0);
}

#[tokio::test]
async fn purchases_of_numbers_are_told_apart_wherever_the_ledger_is_shown() {
    let world = world_with_phones(100, |_| {}).await;
    world.apollo.set_mobile("first1.last1@engine.example", None);
    let leads = called(&world, 0..2).await;
    let id = purchase(&world, &leads[0]).await;
    pass(&world, MINUTES).await;
    let asynchronous = text(&world, &["explain", &format!("{id}-later")]).await;
    assert!(
        asynchronous.contains(&format!("{id}-later of apollo, the numbers asked for with {id}: settled")),
        "{asynchronous}"
    );
    let steps = story(&world, &format!("{id}-later")).await;
    says(&steps, &["8 credits held for each number, the most it can cost"]);
    says(&steps, &["Settled for 2 leads: 1 whose number arrived, 1 for whom no number came. It cost 8 credits, as"]);
    assert!(
        asynchronous.contains("  the number arrived") && asynchronous.contains("  no number came"),
        "{asynchronous}"
    );
    says(&story(&world, &id).await, &["a purchase of their own", "-later: settled."]);
    let history = text(&world, &["history"]).await;
    assert!(history.contains("number of "), "{history}");
    let details = json(&world, &["history"]).await["entries"][2]["details"].clone();
    assert_eq!(details, "number of 2 leads: 1 hit, 1 miss (reported)");
    let rows = json(&world, &["export", "--json"]).await["rows"].clone();
    let arrives: Vec<&Value> = rows.as_array().expect("rows").iter().map(|row| &row["arrives"]).collect();
    assert_eq!(arrives, ["", "at-once", "at-once", "later", "later"]);
}

#[tokio::test]
async fn a_result_that_can_not_be_had_any_more_counts_as_spent() {
    let world = world_with_phones(100, |settings| settings.apollo.asynchronous.stuck_share = 1.0).await;
    let lead = called(&world, 0..1).await.remove(0);
    world.clock.turn(days(31));
    pass(&world, MINUTES).await;
    let told = story(&world, &lead).await;
    says(&told, &["Whether the provider found the number and charged for it can't be known. It cost 8 credits"]);
    says(&told, &["and counts as spent"]);
}

#[tokio::test]
async fn whoever_has_no_number_coming_is_told_why_credits_are_held() {
    let world = world_with_phones(100, |_| {}).await;
    world.apollo.forget("first1.last1@engine.example");
    let leads = called(&world, 0..2).await;
    let told = story(&world, &leads[1]).await;
    let last = told.last().expect("a step");
    assert!(last.starts_with("No number is on its way for this lead: 8 credits still held (purchase "), "{last}");
    pass(&world, MINUTES).await;
    let told = story(&world, &leads[1]).await;
    says(&told, &["No number is looked for where nobody is known (purchase ", "It cost nothing, as the provider"]);
}

#[tokio::test]
async fn a_call_of_which_nobody_knows_is_unknown_in_both_halves() {
    let world = world_with_phones(100, |_| {}).await;
    world.apollo.faults().add(FaultRule::on("match", Fault::DropAfterWork));
    let lead = leads(&world, 0..1).await.remove(0);
    pass(&world, MINUTES).await;
    world.clock.turn(days(1));
    pass(&world, MINUTES).await;
    let told = story(&world, &lead).await;
    says(&told, &["Settled without an answer: nobody knows whether the provider charged for it. It cost 1 credit"]);
    says(
        &told,
        &[
            "Whether the provider found the number and charged for it can't be known",
            "It cost 8 credits",
            "assumed to be the most it can cost",
        ],
    );
    says(&told, &["The number arrived"]);
}

#[tokio::test]
async fn a_person_bought_now_and_a_number_deferred_are_told_of_together() {
    let world = world_with_phones(7, |settings| {
        settings.config = settings.config.replace("on_exhausted = \"defer\"", "on_exhausted = \"degrade\"");
    })
    .await;
    let lead = leads(&world, 0..1).await.remove(0);
    let told = story(&world, &lead).await;
    says(&told, &["1 credit held for it, the most it can cost"]);
    let last = told.last().expect("a step");
    let deferred = "The person was bought now, and the number deferred: the wallets could not pay for it. It takes 9 \
                    credits at most, since the person has to be looked up again, and is released as soon as there are \
                    credits, expected by 2026-02-01. From us the CRM has city, ";
    assert!(last.starts_with(deferred), "{last}");
    let json = json(&world, &["explain", &lead]).await;
    assert_eq!(json["owed"], "balance");
    assert!(json["head"].as_str().expect("a head").ends_with("; the number has yet to be bought."), "{json}");

    text(&world, &["top-up", "--amounts", "credits=20", "--reference", "inv-1"]).await;
    world.settle_down(1).await;
    pass(&world, MINUTES).await;
    let told = story(&world, &lead).await;
    says(&told, &["The person was bought, and the rest deferred: the wallets could not pay for it."]);
    says(&told, &["Released, and taken up in purchase", "1 credit held for the person and 8 credits for the number"]);
    assert!(told.last().expect("a step").starts_with("The number arrived"), "{told:#?}");
    assert!(!told.join("\n").contains(CALLBACK_SECRET));
}

#[tokio::test]
async fn a_number_that_is_not_written_is_told_of_with_the_reason() {
    let world = world_with_phones(100, |_| {}).await;
    let leads = called(&world, 0..2).await;
    world.hubspot.edit(&leads[0], "mobilephone", "+1 555 0100");
    world.hubspot.privacy_delete(&leads[1]);
    world.hubspot.deliver().await;
    // What has arrived is settled, and the CRM can't be told yet.
    world.wire.break_by(|call| call.operation.starts_with("hubspot").then_some(Break::Refused));
    world.clock.turn(MINUTES);
    world.apollo.deliver_callbacks(world.http()).await;
    world.pump.run_dry(1).await;
    world.wire.mend();
    let told = story(&world, &leads[0]).await;
    says(&told, &["The number arrived (purchase ", "It is on its way to the CRM."]);
    assert!(json(&world, &["explain", &leads[0]]).await["awaited"]["held"].is_null(), "it is settled");

    pass(&world, MINUTES).await;
    says(&story(&world, &leads[0]).await, &["The CRM has none of it from us: it was filled in meanwhile"]);
    says(&story(&world, &leads[1]).await, &["Nothing of it is kept: the person asked to be forgotten."]);
}

#[tokio::test]
async fn the_purchase_of_a_number_is_found_by_its_own_id_however_it_ended() {
    let world = world_with_phones(100, |_| {}).await;
    world.apollo.faults().add(FaultRule::on("match", Fault::DropAfterWork));
    let lead = called(&world, 0..1).await.remove(0);
    let id = purchase(&world, &lead).await;
    says(&story(&world, &lead).await, &["Nobody knows whether the number was looked for: 8 credits held for it"]);
    pass(&world, days(2)).await;
    world.run_release().await;
    world.settle_down(1).await;
    let settled = story(&world, &format!("{id}-later")).await;
    says(&settled, &["Settled for 1 lead, of which nobody knows how it ended. It cost 8 credits, assumed to be"]);
    let refused = refusal(&world, &["explain", "1768471200006-000000000000-later"]).await;
    assert!(refused.contains("has no purchase 1768471200006-000000000000-later"), "{refused}");
}

#[tokio::test]
async fn a_number_that_arrives_in_the_next_cycle_is_told_with_where_its_credits_moved() {
    let start = |settings: &mut Settings| settings.start = "2026-01-31T23:50:00Z".parse().expect("an instant");
    let world = world_with_phones(100, start).await;
    let lead = called(&world, 0..1).await.remove(0);
    let id = purchase(&world, &lead).await;
    world.next_cycle(1_000_000).await;
    world.run_release().await;
    let moved = "What was held for the number moved into plan-2026-02-01-2026-03-01: what it was held in had closed, and \
                 the provider charges for it when it arrives.";
    says(&story(&world, &format!("{id}-later")).await, &[moved]);
    pass(&world, MINUTES).await;
    let told = story(&world, &lead).await;
    let place = |text: &str| told.iter().position(|step| step.contains(text)).unwrap_or_else(|| panic!("{told:#?}"));
    assert!(place("Taken up in purchase") < place(moved), "{told:#?}");
    says(&told, &["It cost 1 credit out of plan-2026-01-01-2026-02-01"]);
    says(&told, &["The number arrived", "It cost 8 credits out of plan-2026-02-01-2026-03-01"]);
}
