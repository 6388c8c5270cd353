//! `leadgate local --data DIR`, killed in the middle of its work, loses nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use leadgate_sandbox::simulators::apollo::{ApolloSetup, Asked, Generator};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// However slow the machine is, what is waited for comes sooner.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often it is asked whether something has come.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// Leads that come before each kill.
const LEADS: usize = 120;
/// More than a claim or a hidden message lasts.
const CLAIM_SECONDS: u64 = 20 * 60;
/// A part of the time for which the provider keeps a result.
const KEPT_SECONDS: u64 = 11 * 24 * 60 * 60;
/// More turns than it takes to come to rest.
const TURNS_MAX: usize = 20;
/// How often in a row the same has to be seen.
const QUIET: u32 = 5;

/// A `leadgate local` that runs. It is killed when it is dropped.
struct Local {
    child: Child,
    url: String,
    http: reqwest::Client,
    said: String,
}

impl Local {
    /// Starts in this folder, at a port that is free.
    async fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
        command.args(["local", "--port", "0", "--phones", "--credits", "20000", "--data"]).arg(data);
        for variable in
            ["LEADGATE_DYNAMODB_ENDPOINT", "LEADGATE_SQS_ENDPOINT", "APOLLO_API_KEY", "HUBSPOT_ACCESS_TOKEN"]
        {
            command.env_remove(variable);
        }
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("leadgate starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut said = String::new();
        while !said.contains("ready") {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("text");
            said.push_str(&line.expect("it says that it is ready"));
            said.push('\n');
        }
        // What it says from now on is read, so that it never waits for a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let webhooks = said.lines().find_map(|line| line.strip_prefix("webhooks:")).expect("its address");
        let url = webhooks.trim().strip_suffix("/hubspot/demo").expect("an address").to_owned();
        Self { child, url, http: leadgate_connectors::http::client(), said }
    }

    /// SIGKILL.
    async fn kill(mut self) {
        self.child.kill().await.expect("it was running");
    }

    async fn hubspot(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}/simulators/hubspot/crm/v3/objects/contacts{path}", self.url));
        let request = request.bearer_auth("simulated-access-token").json(body);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    async fn create(&self, emails: &[String]) -> Vec<String> {
        let mut ids = Vec::new();
        for email in emails {
            let created = self.hubspot("", &json!({ "properties": { "email": email } })).await;
            ids.push(created["id"].as_str().expect("an id").to_owned());
        }
        ids
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}/simulators/{path}", self.url));
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    async fn ledger(&self) -> Value {
        self.get("apollo/ledger").await
    }

    async fn turn_clock(&self, seconds: u64) {
        let request = self.http.post(format!("{}/simulators/clock", self.url));
        let turn = request.json(&json!({ "advance_seconds": seconds })).send().await.expect("an answer");
        assert!(turn.status().is_success());
    }

    /// `leadgate credits …`, as one JSON object.
    async fn credits(&self, words: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
        command.arg("credits").args(words).arg("--json").arg(format!("--local={}", self.url));
        let output = command.output().await.expect("leadgate runs");
        let text = String::from_utf8(output.stdout).expect("text");
        serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// What became of these contacts: those that lack a job title, and those that lack a number.
    async fn unfinished(&self, leads: &[String]) -> [usize; 2] {
        let mut lacking = [0, 0];
        for some in leads.chunks(100) {
            let inputs: Vec<Value> = some.iter().map(|id| json!({ "id": id })).collect();
            let properties = ["jobtitle", "mobilephone"];
            let read = json!({ "inputs": inputs, "properties": properties, "propertiesWithHistory": [] });
            let read = self.hubspot("/batch/read", &read).await;
            for (lacking, property) in lacking.iter_mut().zip(properties) {
                let results = read["results"].as_array().expect("contacts");
                assert_eq!(results.len(), some.len(), "a contact is gone");
                *lacking += results.iter().filter(|contact| contact["properties"][property].is_null()).count();
            }
        }
        lacking
    }
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what}: not so after {PATIENCE:?}");
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn charges(ledger: &Value) -> usize {
    ledger["charges"].as_array().map_or(0, Vec::len)
}

/// Addresses of people whom the simulated provider knows, with a number.
fn known_people(count: usize) -> Vec<String> {
    let generator = Generator::of(&ApolloSetup::default());
    let is_known =
        |email: &String| generator.person(&Asked::email(email)).is_some_and(|person| person.mobile.is_some());
    (0..).map(|i| format!("first{i}.last{i}@engine{}.example", i % 40)).filter(is_known).take(count).collect()
}

/// Kills it at different moments: while it is told of leads, after some charges, after some were written, and after
/// numbers were asked for.
async fn kill_again_and_again(data: &Path, people: &[String]) -> Vec<String> {
    let mut leads = Vec::new();
    for (round, some) in people.chunks(LEADS).enumerate() {
        let local = Local::start(data).await;
        let charged = charges(&local.ledger().await);
        let new = local.create(some).await;
        match round {
            0 => {}
            1 => until("a charge", async || charges(&local.ledger().await) > charged).await,
            2 => until("half of the charges", async || charges(&local.ledger().await) > charged + LEADS / 2).await,
            _ => until("a lead that was written", async || local.unfinished(&new).await[0] < LEADS).await,
        }
        local.kill().await;
        leads.extend(new);
    }
    leads
}

/// Turns the clock until everything has an end. What a kill left of a number, of which the world doesn't know under which
/// name it was promised, has its end when the provider keeps no result of that time any more.
async fn come_to_rest(local: &Local, leads: &[String]) {
    for _ in 0..TURNS_MAX {
        local.turn_clock(CLAIM_SECONDS).await;
        quiet(local, leads).await;
        if local.unfinished(leads).await == [0, 0] {
            break;
        }
    }
    for _ in 0..TURNS_MAX {
        let shown = local.credits(&["show"]).await;
        if shown["holds"].as_array().is_some_and(Vec::is_empty) && local.unfinished(leads).await == [0, 0] {
            return;
        }
        local.turn_clock(KEPT_SECONDS).await;
        quiet(local, leads).await;
    }
    panic!("unfinished {:?}, {}", local.unfinished(leads).await, local.credits(&["show"]).await);
}

/// Waits until nothing moves any more. A turn of the clock ends what is at work, and that may end so only once.
async fn quiet(local: &Local, leads: &[String]) {
    let (mut before, mut same) = (Value::Null, 0);
    until("quiet", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let wallets = local.credits(&["show"]).await["wallets"].take();
        let now = json!([local.unfinished(leads).await, local.ledger().await["received"], wallets]);
        same = if now == before { same + 1 } else { 0 };
        before = now;
        same == QUIET
    })
    .await;
}

#[tokio::test]
async fn every_lead_has_its_end_and_the_books_agree_however_often_it_is_killed() {
    let scratch = TempDir::new().expect("a folder");
    let data = scratch.path().join("data");
    let people = known_people(4 * LEADS);
    let leads = kill_again_and_again(&data, &people).await;

    let local = Local::start(&data).await;
    assert!(local.said.contains(&format!("data:       {}", data.display())), "{}", local.said);
    come_to_rest(&local, &leads).await;
    local.kill().await;

    // Once more, with nothing to do: it is all there, and nothing is done twice.
    let local = Local::start(&data).await;
    assert_eq!(local.unfinished(&leads).await, [0, 0]);
    let ledger = local.ledger().await;
    let charged: i64 =
        ledger["charges"].as_array().expect("charges").iter().filter_map(|it| it["milli"].as_i64()).sum();
    assert_eq!(Some(charged), ledger["credits_charged"].as_i64());
    let [spent, unknown] = spent(&local.credits(&["history", "--limit", "100000"]).await);
    assert!((charged..=charged + unknown).contains(&spent), "charged {charged}, spent {spent}, unknown {unknown}");
    let again = paid_again(&ledger);
    assert!(again <= unknown, "{again} paid again, and only {unknown} unknown");
    assert!(unknown < charged / 2, "{unknown} of {charged} unknown: a kill stops a few calls, not half of them");
}

/// What the ledger says was spent, and what of it was for purchases of which it isn't known whether they were charged. All
/// in thousandths.
fn spent(history: &Value) -> [i64; 2] {
    let (mut spent, mut unknown) = (0, 0);
    for entry in history["entries"].as_array().expect("entries") {
        let amount = -milli(&entry["amounts"]["credits"]);
        match (entry["kind"].as_str(), entry["details"].as_str()) {
            (Some("purchase"), Some(details)) => {
                spent += amount;
                unknown += if details.contains("unknown") { amount } else { 0 };
            }
            // What was given back is negative.
            (Some("resolution"), _) => (spent, unknown) = (spent + amount, unknown + amount),
            _ => {}
        }
    }
    [spent, unknown]
}

/// What was charged for the same thing more than once, in thousandths.
fn paid_again(ledger: &Value) -> i64 {
    let mut paid = BTreeMap::<(String, String), Vec<i64>>::new();
    for charge in ledger["charges"].as_array().expect("charges") {
        let key = (charge["item"].to_string(), charge["id"].to_string());
        paid.entry(key).or_default().extend(charge["milli"].as_i64());
    }
    paid.values().flat_map(|charges| charges.iter().skip(1)).sum()
}

#[expect(clippy::cast_possible_truncation, reason = "an amount of credits, with three decimals")]
fn milli(credits: &Value) -> i64 {
    (credits.as_f64().unwrap_or_default() * 1000.0).round() as i64
}

#[tokio::test]
async fn a_folder_in_use_is_refused_with_what_to_do() {
    let scratch = TempDir::new().expect("a folder");
    let data = scratch.path().join("data");
    let _local = Local::start(&data).await;
    let mut second = Command::new(env!("CARGO_BIN_EXE_leadgate"));
    let output = second.args(["local", "--port", "0", "--data"]).arg(&data).output().await.expect("leadgate runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success());
    assert!(said.contains("is in use by another `leadgate local`: stop that one, or name another folder"), "{said}");
}

#[tokio::test]
async fn a_server_of_others_is_refused_beside_a_folder() {
    let scratch = TempDir::new().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
    command.args(["local", "--port", "0", "--data"]).arg(scratch.path());
    let output = command.env("LEADGATE_SQS_ENDPOINT", "http://127.0.0.1:9").output().await.expect("leadgate runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success());
    assert!(
        said.contains("LEADGATE_SQS_ENDPOINT names a server whose state isn't kept in the folder: unset it"),
        "{said}"
    );
}
