//! What is said where a tenant buys from two providers.

use super::*;

/// Ten leads: the first provider knows all but three, whom the second is asked about.
async fn two_providers() -> (World, Vec<String>) {
    let mut settings = Settings { credits_per_cycle: Some(60), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    settings.accounts.pdl.unknown_share = 0.0;
    let world = World::start(settings.with_beside(&["pdl"], "order = [\"apollo\", \"pdl\"]")).await;
    let world = world.expect("a world starts");
    (0..3).for_each(|i| world.apollo.forget(&format!("first{i}.last{i}@engine.example")));
    // What each says of its usage is compared from before the first purchase on.
    world.run_release().await;
    let leads = leads(&world, 0..10).await;
    (world, leads)
}

#[tokio::test]
async fn each_provider_has_a_row_with_its_plan_its_credits_and_the_last_comparison() {
    let (world, _) = two_providers().await;
    world.clock.turn(std::time::Duration::from_secs(2 * 60 * 60));
    world.run_release().await;
    let shown = json(&world, &["show"]).await;
    let [apollo, pdl] = &shown["providers"].as_array().expect("a list")[..] else { panic!("two: {shown}") };
    let facts = |one: &Value, bucket: &str| {
        let of = |what: &str| one[what][bucket].as_f64();
        (one["provider"].clone(), of("available"), of("held"), of("spent"), one["compared"]["used"].as_f64())
    };
    assert_eq!(facts(apollo, "credits"), ("apollo".into(), Some(53.0), Some(0.0), Some(7.0), Some(7.0)));
    assert_eq!(facts(pdl, "pdl_credits"), ("pdl".into(), Some(2497.0), Some(0.0), Some(3.0), Some(3.0)));
    for (one, other) in [(apollo, "pdl_credits"), (pdl, "credits")] {
        assert!(one["available"][other].is_null() && one["plan"]["grant"][other].is_null(), "{one}");
        assert_eq!(one["cycle"]["closes"], "2026-02-01T00:00:00Z");
        assert_eq!(one["compared"]["drift"], serde_json::json!({}), "{one}");
        assert_eq!(one["forecast"].as_array().map(Vec::len), Some(1), "{one}");
    }
    let told = text(&world, &["show"]).await;
    for said in ["apollo", "pdl", "next grant, apollo", "next grant, pdl", ": 7 used in its cycle, no drift"] {
        assert!(told.contains(said), "{said:?} is not said in: {told}");
    }
    assert!(told.contains("2500 pdl_credits, monthly") && told.contains("monthly, 2026-01-01 to 2026-02-01"));

    // Another program buys with the same key.
    let url = format!("{}/simulators/apollo/api/v1/people/match", world.url);
    let request = world.http().post(url).header("x-api-key", "simulated-api-key");
    let asked = serde_json::json!({ "email": "past.us@engine.example" });
    assert_eq!(request.json(&asked).send().await.expect("an answer").status(), 200);
    world.clock.turn(std::time::Duration::from_secs(2 * 60 * 60));
    world.run_release().await;
    let told = text(&world, &["show"]).await;
    assert!(told.contains(": 8 used in its cycle, +1 credit beyond ours"), "{told}");
}

#[tokio::test]
async fn whom_a_purchase_was_of_is_exported_and_explained() {
    let (world, leads) = two_providers().await;
    let rows = json(&world, &["export", "--json"]).await["rows"].as_array().expect("rows").clone();
    let of = |provider: &str| {
        let own = rows.iter().filter(|row| row["provider"] == provider);
        own.filter_map(|row| row["amount"].as_f64()).sum::<f64>()
    };
    assert_eq!((of("apollo"), of("pdl")), (-7.0, -3.0), "{rows:?}");
    assert!(rows.iter().all(|row| (row["kind"] == "purchase") == (row["provider"] != "")), "{rows:?}");
    let csv = text(&world, &["export", "--csv"]).await;
    assert!(csv.lines().any(|line| line.ends_with(",at-once,pdl,,")), "{csv}");

    let told = json(&world, &["explain", &leads[0]]).await;
    let purchases = told["purchases"].as_array().expect("a list");
    let sellers: Vec<&str> = purchases.iter().filter_map(|one| one["provider"].as_str()).collect();
    assert_eq!(sellers, ["apollo", "pdl"]);
    let steps = story(&world, &leads[0]).await;
    for provider in sellers {
        assert!(steps.iter().any(|step| step.contains(&format!(" of {provider}, with "))), "{steps:#?}");
    }
    let purchase = purchases[1]["purchase"].as_str().expect("an id");
    let bought = text(&world, &["explain", purchase]).await;
    assert!(bought.starts_with(&format!("Purchase {purchase} of pdl: settled ")), "{bought}");
    let entries = json(&world, &["history"]).await["entries"].clone();
    assert!(entries.as_array().expect("entries").iter().any(|entry| entry["provider"] == "pdl"), "{entries}");
}

#[tokio::test]
async fn an_address_that_was_not_written_is_told_of_with_who_told_it_and_who_checked_it() {
    let mut settings = Settings { credits_per_cycle: Some(60), ..Settings::default() };
    settings.accounts.pdl.unknown_share = 0.0;
    settings.config.push_str("\nwork_email = { from = \"email\" }\n");
    let waterfall = "order = [\"pdl\"]\nverify = { email = \"hunter\" }";
    let world = World::start(settings.with_beside(&["pdl", "hunter"], waterfall)).await.expect("a world starts");
    world.hubspot.define_property("work_email");
    let email = "first0.last0@engine.example";
    world.providers.hunter.judge(email, "invalid");
    let leads = leads(&world, 0..1).await;
    let steps = story(&world, &leads[0]).await;
    let said = format!("pdl told the email {email}, which hunter checked (invalid): it was not written.");
    assert!(steps.contains(&said), "{steps:#?}");
    assert!(
        steps.iter().any(|step| step.starts_with("Settled: the address was checked. It cost 1 hunter_verifications"))
    );
    let told = json(&world, &["explain", &leads[0]]).await;
    let rejected = &told["rejected"][0];
    assert_eq!((&rejected["told_by"], &rejected["checked_by"]), (&"pdl".into(), &"hunter".into()));
    assert_eq!((&rejected["value"], &rejected["status"]), (&email.into(), &"invalid".into()));
    let shown = json(&world, &["show"]).await;
    let drifts: Vec<&Value> = shown["providers"].as_array().expect("a list").iter().map(|one| &one["spent"]).collect();
    assert!(drifts.iter().any(|spent| spent["hunter_verifications"] == 1.0), "{drifts:?}");
}

#[tokio::test]
async fn where_credits_have_values_what_leads_have_cost_is_told_in_money() {
    let mut settings = Settings { credits_per_cycle: Some(60), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    let world = World::start(settings.with_values()).await.expect("a world starts");
    world.apollo.forget("first0.last0@engine.example");
    leads(&world, 0..5).await;

    let shown = json(&world, &["show"]).await;
    let cost = &shown["cost"];
    assert_eq!((&cost["spent"], &cost["currency"]), (&0.1.into(), &"USD".into()), "{cost}");
    assert_eq!((&cost["leads"], &cost["written"], &cost["per_written_lead"]), (&5.into(), &4.into(), &0.025.into()));
    let fields = cost["fields"].as_u64().expect("a count");
    assert!(fields > 4 && cost["per_field"].as_f64().expect("money") < 0.025, "{cost}");
    assert_eq!(shown["providers"][0]["spent_worth"]["USD"], 0.1);
    let told = text(&world, &["show"]).await;
    let said = "0.10 USD for 5 leads asked about: 0.025 USD for each of 4 written, ";
    assert!(told.contains("cost since 2026-01-01") && told.contains(said), "{told}");
    assert!(told.contains("4 credits, 0.10 USD"), "{told}");

    let rows = json(&world, &["export", "--json"]).await["rows"].as_array().expect("rows").clone();
    let paid: f64 = rows.iter().filter(|row| row["kind"] == "purchase").filter_map(|row| row["money"].as_f64()).sum();
    assert!((paid + 0.1).abs() < 1e-9 && rows.iter().all(|row| row["currency"] == "USD"), "{rows:?}");
    let csv = text(&world, &["export", "--csv"]).await;
    assert!(csv.lines().any(|line| line.ends_with(",at-once,apollo,-0.025,USD")), "{csv}");
    let history = text(&world, &["history"]).await;
    assert!(history.contains("money") && history.contains("-0.10 USD"), "{history}");
    // Where no value is configured, nothing is said of money.
    let world = super::world(5, |_| {}).await;
    leads(&world, 0..1).await;
    let told = text(&world, &["show"]).await + &text(&world, &["history"]).await;
    assert!(!told.contains("money") && !told.contains("USD"), "{told}");
}
