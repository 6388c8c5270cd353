//! The command as people give it, on a running world.

use clap::Parser;
use leadgate_sandbox::world::{Settings, World};
use serde_json::{Value, json};

use super::plan::plan;
use super::status::statuses;
use super::{Arguments, Command};
use crate::Failure;
use crate::books::Books;

const ICP: &str = r#"
[tenants.demo.icps.saas]
employees = ["51-200"]
locations = ["Germany"]
titles = ["sales"]
fit = [{ field = "company_employees", at_least = 51 }]
budget = { credits = 100 }
"#;

/// A world with a profile, in which a page of accounts costs so many credits.
async fn world(page: i64) -> World {
    let mut settings = Settings { credits_per_cycle: Some(100), ..Settings::default() };
    let price = format!(
        "[[prices]]\nversion = \"pages\"\nprovider = \"apollo\"\naction = \"search-organizations\"\nfield = \"page\"\n\
         from = \"2020-01-01\"\ncharge_on = \"lookup\"\ncost = {{ credits = {page} }}\n"
    );
    settings.config = format!("{}\n{price}{ICP}", settings.config);
    World::start(settings).await.expect("a world starts")
}

fn typed(world: &World, words: &[&str]) -> Arguments {
    let local = format!("--local={}", world.url);
    let all = ["leadgate", "tam", &local].into_iter().chain(words.iter().copied());
    match crate::Arguments::try_parse_from(all).expect("a command").command {
        crate::Command::Tam(arguments) => arguments,
        _ => unreachable!("that is the command"),
    }
}

async fn planned(world: &World, words: &[&str]) -> Result<(Value, String), Failure> {
    let arguments = typed(world, words);
    let books = Books::find(&arguments.place).await.expect("books");
    let Command::Plan(what) = &arguments.command else { panic!("a plan is asked for") };
    let plan = plan(&books, what).await?;
    Ok((plan.json(), plan.lines().join("\n")))
}

#[tokio::test]
async fn where_a_page_costs_something_nothing_is_asked_and_what_is_assumed_is_said() {
    let world = world(1).await;
    let (json, text) = planned(&world, &["plan", "saas"]).await.expect("a plan");
    let expected = [("accounts", json!(50_000)), ("accounts_are", json!("assumed")), ("fit_percent", json!(50))];
    for (key, value) in expected {
        assert_eq!(json[key], value, "{key}");
    }
    assert!(text.contains("Assumed: 50000 accounts are found") && text.contains("--fit-percent"), "{text}");
    assert_eq!(world.apollo.ledger().calls_to("api/v1/mixed_companies/search"), 0);

    let (json, text) =
        planned(&world, &["plan", "saas", "--accounts", "1000", "--fit-percent", "10"]).await.expect("a plan");
    let expected = [
        ("pages", json!(10)),
        ("searches_of_people", json!(100)),
        ("people", json!(300)),
        ("total", json!({ "credits": 310.0 })),
        ("nights", json!(4)),
        ("money", json!(null)),
    ];
    for (key, value) in expected {
        assert_eq!(json[key], value, "{key}");
    }
    assert!(text.ends_with("With 100 credits a night, that is 4 nights at most."), "{text}");
    assert_eq!(world.apollo.ledger().calls_to("api/v1/mixed_companies/search"), 0);
}

#[tokio::test]
async fn where_a_page_is_free_the_provider_says_how_many_there_are() {
    let world = world(0).await;
    let (json, text) = planned(&world, &["plan", "saas"]).await.expect("a plan");
    assert_eq!((&json["accounts_are"], json["accounts"].is_u64()), (&json!("asked"), true), "{text}");
    assert_eq!(world.apollo.ledger().calls_to("api/v1/mixed_companies/search"), 1);
    let unknown = planned(&world, &["plan", "retail"]).await.expect_err("another name").to_string();
    assert_eq!(unknown, "found no profile \"retail\" of demo, expected one of saas");
}

async fn shown(world: &World, words: &[&str]) -> Result<(Vec<Value>, String), Failure> {
    let arguments = typed(world, words);
    let books = Books::find(&arguments.place).await.expect("books");
    let Command::Status(what) = &arguments.command else { panic!("the status is asked for") };
    let lists = statuses(&books, &arguments, what).await?;
    let lines: Vec<String> = lists.iter().flat_map(super::status::Status::lines).collect();
    Ok((lists.iter().map(super::status::Status::json).collect(), lines.join("\n")))
}

#[tokio::test]
async fn the_status_says_how_far_a_list_is_and_why_a_night_ended() {
    let settings = Settings { credits_per_cycle: Some(100), ..Settings::default() };
    let page = "\n[[prices]]\nversion = \"pages\"\nprovider = \"apollo\"\naction = \"search-organizations\"\nfield = \"page\"\n\
                from = \"2020-01-01\"\ncharge_on = \"match\"\ncost = { credits = 1 }\n";
    let icp = "\n[tenants.demo.icps.saas]\nemployees = [\"1-1000000\"]\ntitles = [\"e\"]\nbudget = { credits = 3 }\n";
    let config = format!("{}{page}{icp}", settings.config);
    let world = World::start(Settings { config, ..settings }).await.expect("a world starts");
    let (json, text) = shown(&world, &["status"]).await.expect("a status");
    assert_eq!((&json[0]["run"], text.as_str()), (&json!(null), "saas: its first night is still to come."));

    world.tam_build.begin().await.expect("begun");
    world.settle_down(2).await;
    let (json, text) = shown(&world, &["status", "saas"]).await.expect("a status");
    let said = &json[0];
    assert_eq!((&said["stopped"], &said["used"]), (&json!("budget"), &json!({ "credits": 3.0 })), "{said}");
    assert_eq!((&said["night"]["pages"], &said["all_nights"]["requested"]), (&json!(1), &json!(2)), "{said}");
    assert!(said["accounts_left"].as_u64().is_some_and(|left| left > 0), "{said}");
    assert!(text.contains("goes on next night. The budget of the night was used up."), "{text}");
    assert!(text.contains("2 people asked for; 3 credits used of 3 credits"), "{text}");
    let became = json!({ "requested": 2, "in_crm": 2, "waiting": 0, "unmatched": 0, "failed": 0 });
    assert_eq!(said["became"], became, "{said}");
    assert!(text.contains("Of 2 people asked for: 2 in the CRM, 0 waiting for credits"), "{text}");
    let unknown = shown(&world, &["status", "retail"]).await.expect_err("another name").to_string();
    assert_eq!(unknown, "found no profile \"retail\" of demo, expected one of saas");
}
