//! The commands as people give them, on a running world: over its own address, by its own clock.

mod asynchronous;
mod providers;

use clap::Parser;
use leadgate_enrichment::clock::days;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::lead::record::State;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Settings, World};
use serde_json::Value;

use super::{Answer, Failure, answer};

async fn world(credits: i64, change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings { credits_per_cycle: Some(credits), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    change(&mut settings);
    World::start(settings).await.expect("a world starts")
}

/// Leads appear in the CRM and are dealt with.
pub(crate) async fn leads(world: &World, names: std::ops::Range<usize>) -> Vec<String> {
    let lead = |i| world.hubspot.create_contact([("email", format!("first{i}.last{i}@engine.example"))]);
    let leads = names.map(lead).collect();
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    leads
}

/// What is typed after `leadgate credits`.
async fn typed(world: &World, words: &[&str]) -> Result<Box<dyn Answer>, Failure> {
    let local = format!("--local={}", world.url);
    let all = ["leadgate", "credits", local.as_str()].into_iter().chain(words.iter().copied());
    let crate::Command::Credits(arguments) = crate::Arguments::try_parse_from(all)?.command else {
        unreachable!("that is the command")
    };
    answer(&arguments).await
}

async fn text(world: &World, words: &[&str]) -> String {
    typed(world, words).await.expect("an answer").text()
}

async fn json(world: &World, words: &[&str]) -> Value {
    typed(world, words).await.expect("an answer").json()
}

async fn refusal(world: &World, words: &[&str]) -> String {
    typed(world, words).await.err().expect("a refusal").to_string()
}

async fn available(world: &World) -> Amounts {
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    wallets.iter().map(|wallet| &wallet.available).sum()
}

/// The texts of a story, line breaks of the table apart.
async fn story(world: &World, what: &str) -> Vec<String> {
    let told = json(world, &["explain", what]).await;
    let steps = told["story"].as_array().expect("a story").clone();
    steps.iter().map(|step| step["what"].as_str().expect("words").to_owned()).collect()
}

#[tokio::test]
async fn a_lead_that_waited_for_the_next_cycle_is_told_from_the_wish_to_the_crm() {
    let world = world(2, |_| {}).await;
    let mut parked = None;
    for lead in leads(&world, 0..3).await {
        if world.record(&lead).await.expect("a record").state.is_deferred() {
            parked = Some(lead);
        }
    }
    let lead = parked.expect("two credits don't do for three");

    let waits = story(&world, &lead).await;
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert!(waits[0].starts_with("The CRM told of a new contact (request "));
    let parked = "Deferred: the wallets could not pay for it (1 credit at most). It is released as soon as there are \
                  credits, expected by 2026-02-01.";
    assert_eq!(waits[1], parked);

    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    let told = json(&world, &["explain", &lead]).await;
    let purchase = told["purchases"][0]["purchase"].as_str().expect("a purchase");
    let expected = [
        waits[0].clone(),
        "Deferred: the wallets could not pay for it. It was to be taken up again by 2026-02-01 at the latest."
            .to_owned(),
        "plan-2026-02-01-2026-03-01 opened with 2 credits: the plan's grant, until 2026-03-01.".to_owned(),
        format!(
            "Released, and taken up in purchase {purchase} of apollo: 1 credit held for it, the most it can cost \
             (prices apollo-2026-08)."
        ),
    ];
    let steps = story(&world, &lead).await;
    assert_eq!(steps[..4], expected);
    let settled = "Settled: the provider knew the person. It cost 1 credit out of plan-2026-02-01-2026-03-01, ";
    assert!(steps[4].starts_with(settled) && steps[4].ends_with("Nothing was left to free."), "{}", steps[4]);
    assert!(steps[5].starts_with("Written back: the CRM has what was bought. From us it has city, "), "{}", steps[5]);

    let request = told["request"].as_str().expect("a request");
    let key = world.key(&lead).to_string();
    assert_eq!((story(&world, request).await, story(&world, &key).await), (steps.clone(), steps));
    let bought = text(&world, &["explain", purchase]).await;
    assert!(bought.contains("Settled for 1 lead, known to the provider. It cost 1 credit") && bought.contains(&key));
    assert!(refusal(&world, &["explain", "1"]).await.contains("has never worked on demo#hubspot#contact#1"));
    assert!(refusal(&world, &["explain", "0123456789abcdef0123"]).await.starts_with("no request 0123456789abcdef0123"));
}

#[tokio::test]
async fn a_top_up_is_entered_once_and_pays_for_who_waits() {
    let world = world(1, |_| {}).await;
    let lead = leads(&world, 0..2).await.into_iter().next_back().expect("two");
    let topped_up = text(&world, &["top-up", "--amounts", "credits=50", "--reference", "inv-7"]).await;
    assert!(topped_up.starts_with(
        "Granted 50 credits into pack-inv-7, which can be spent from now and never expires.\n1 lead wait"
    ));
    world.settle_down(1).await;
    assert_eq!(world.record(&lead).await.expect("a record").state, State::Written);
    let told = story(&world, &lead).await;
    assert!(told.contains(&"pack-inv-7 opened with 50 credits: topped up, payment inv-7, never expires.".to_owned()));

    let again = text(&world, &["top-up", "--amounts", "credits=50", "--reference", "inv-7"]).await;
    assert!(again.starts_with("Already granted: pack-inv-7 got 50 credits 2026-01-15 10:0"), "{again}");
    let other = refusal(&world, &["top-up", "--amounts", "credits=60", "--reference", "inv-7"]).await;
    assert!(
        other.starts_with("reference inv-7 stands for 50 credits already") && other.contains("found 60 credits now")
    );
    for wrong in ["gold=5", "credits=-5"] {
        refusal(&world, &["grant", "--amounts", wrong, "--reference", "r"]).await;
    }
    refusal(&world, &["grant", "--amounts", "credits=5", "--reference", "r", "--expires", "2026-01-15"]).await;
    assert_eq!(available(&world).await.total().get(), 49_000);
}

#[tokio::test]
async fn a_reference_cant_take_the_name_of_a_pack_that_comes_by_itself() {
    let packs =
        "grant = { credits = 2500 }\npacks = [{ name = \"extra\", from = \"2026-01-20\", grant = { credits = 9 } }]";
    let world = world(1, |settings| {
        settings.config = settings.config.replace("grant = { credits = 2500 }", packs);
    })
    .await;
    let top_up = ["top-up", "--amounts", "credits=9", "--reference", "extra-2026-02-01"];
    assert!(refusal(&world, &top_up).await.contains("the name of a wallet of the plan's own"));
    world.clock.turn(days(20));
    leads(&world, 0..1).await;
    let names = text(&world, &["show"]).await;
    assert!(names.contains("pack-extra-2026-02-01"), "{names}");
}

#[tokio::test]
async fn an_adjustment_is_made_once_and_takes_no_more_than_there_is() {
    let world = world(10, |_| {}).await;
    let adjust = |by: &'static str, reference: &'static str| {
        [
            "adjust",
            "--wallet",
            "plan-2026-01-01-2026-02-01",
            "--amounts",
            by,
            "--reason",
            "counted twice",
            "--reference",
            reference,
        ]
    };
    assert!(refusal(&world, &adjust("credits=-4", "a")).await.contains("no wallet has been opened yet"));
    leads(&world, 0..1).await;
    let made = text(&world, &adjust("credits=-4", "a")).await;
    assert!(
        made.starts_with("Adjusted plan-2026-01-01-2026-02-01 by -4 credits; 5 credits available in it now."),
        "{made}"
    );
    assert!(text(&world, &adjust("credits=-4", "a")).await.starts_with("Already made: plan-2026-01-01-2026-02-01"));
    let other = refusal(&world, &adjust("credits=-3", "a")).await;
    assert!(other.contains("stands for -4 credits in") && other.contains("found -3 credits in"), "{other}");
    let short = refusal(&world, &adjust("credits=-6", "b")).await;
    assert!(short.starts_with("plan-2026-01-01-2026-02-01 has 5 credits available, expected at least"), "{short}");
    world.next_cycle(1_000_000).await;
    assert!(refusal(&world, &adjust("credits=6", "c")).await.contains("nothing in it can be spent any more"));
    assert_eq!(available(&world).await.total().get(), 5000);
    let history = text(&world, &["history"]).await;
    assert!(history.contains("counted twice"), "{history}");
}

#[tokio::test]
async fn looking_opens_nothing_and_tells_when_credits_run_out() {
    let world = world(60, |_| {}).await;
    let first = text(&world, &["show"]).await;
    assert!(first.contains("plan-2026-01-01-2026-02-01 (due)") && first.contains("too little history"), "{first}");
    assert!(world.credits.wallets(world.tenant_id()).await.expect("readable").is_empty());
    for day in 0..4 {
        leads(&world, day * 10..day * 10 + 10).await;
        world.clock.turn(std::time::Duration::from_secs(if day < 3 { 24 } else { 23 } * 60 * 60));
    }
    let shown = json(&world, &["show"]).await;
    let forecast = &shown["forecast"][0];
    assert_eq!(
        (&forecast["forecast"], &forecast["per_day"], &forecast["days"]),
        (&"runs-out".into(), &10.0.into(), &3.into())
    );
    assert!(forecast["at"].as_str().expect("a date").starts_with("2026-01-21T"), "{forecast}");
    assert_eq!(shown["next_grant"]["at"], "2026-02-01T00:00:00Z");
    let told = text(&world, &["show"]).await;
    assert!(told.contains("at the burn of the last 3 days (10 credits a day) they run out on 2026-01-21"), "{told}");
    leads(&world, 40..70).await;
    let told = text(&world, &["show"]).await;
    assert!(
        told.contains("10 leads, for want of credits; up to 10 credits for all") && told.contains("used up"),
        "{told}"
    );
}

#[tokio::test]
async fn the_rows_of_an_export_add_up_to_what_the_wallets_hold() {
    let world = world(5, |settings| settings.apollo.unknown_share = 0.3).await;
    leads(&world, 0..4).await;
    // The provider charges, and its answer is lost: counted as spent.
    world.apollo.faults().add(FaultRule::on("match", Fault::DropAfterWork));
    let lost = leads(&world, 4..5).await.remove(0);
    text(&world, &["top-up", "--amounts", "credits=20", "--reference", "inv-1"]).await;
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    leads(&world, 5..8).await;
    let adjust = ["--wallet", "pack-inv-1", "--amounts", "credits=-0.5", "--reason", "=1+1, \"x\"", "--reference", "f"];
    text(&world, &[&["adjust"], &adjust[..]].concat()).await;

    let rows = json(&world, &["export", "--json"]).await["rows"].as_array().expect("rows").clone();
    let sum: f64 = rows.iter().filter_map(|row| row["amount"].as_f64()).sum();
    assert!((sum - available(&world).await.total().to_decimal()).abs() < 1e-6, "{sum}");
    let kinds = ["grant", "purchase", "adjust", "expire"];
    assert!(kinds.iter().all(|kind| rows.iter().any(|row| row["kind"] == **kind)), "{rows:?}");
    let csv = text(&world, &["export", "--csv"]).await;
    assert_eq!(csv.lines().count(), rows.len() + 1);
    assert!(csv.contains(",f,\"'=1+1, \"\"x\"\"\",,,,\r\n"), "{csv}");
    let told = story(&world, &lost).await;
    assert!(told.iter().any(|step| step.contains("nobody knows whether the provider charged for it")), "{told:?}");
}

#[tokio::test]
async fn where_no_world_is_it_says_what_to_start() {
    let all = ["leadgate", "credits", "--local=http://127.0.0.1:1", "show"];
    let crate::Command::Credits(arguments) = crate::Arguments::try_parse_from(all).expect("good").command else {
        unreachable!("that is the command")
    };
    let refused = answer(&arguments).await.err().expect("nothing is there").to_string();
    assert!(refused.contains("cargo run -- local") && refused.contains("--credits-table"), "{refused}");
}

#[tokio::test]
async fn a_change_of_the_plan_is_told_in_plain_words() {
    let mut world = world(10, |_| {}).await;
    leads(&world, 0..3).await;
    world.reconfigure(|tenant| {
        let first_day = "2026-01-10".parse().expect("a day");
        let monthly = leadgate_enrichment::credits::cycle::Cadence::Monthly;
        tenant.provider.plan.calendar =
            leadgate_enrichment::credits::cycle::Calendar::new(first_day, monthly, tenant.time_zone.clone());
        tenant.provider.plan.grants = tenant.provider.plan.calendar.clone();
    });
    world.run_release().await;
    let history = json(&world, &["history"]).await;
    let told: Vec<String> = history["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| {
            let (kind, credits) = (entry["kind"].as_str().expect("a word"), &entry["amounts"]["credits"]);
            format!("{kind} {credits}: {}", entry["details"].as_str().expect("words"))
        })
        .filter(|entry| entry.starts_with("plan-change"))
        .collect();
    assert_eq!(
        told,
        [
            "plan-change -7.0: another period is configured: what was left was taken back",
            "plan-change -3.0: what the wallets before it have given in the same period",
        ]
    );
    let rows = json(&world, &["export", "--csv"]).await;
    let sum: f64 = rows["rows"].as_array().expect("rows").iter().filter_map(|row| row["amount"].as_f64()).sum();
    assert_eq!(sum, 7.0, "the rows add up to what there is");
}

#[tokio::test]
async fn an_employer_that_was_looked_up_is_told_as_one() {
    let world = world(50, |settings| *settings = settings.clone().with_employers()).await;
    let lead = leads(&world, 0..1).await.remove(0);
    let told: Vec<String> = story(&world, &lead).await.into_iter().filter(|step| step.starts_with("Settled")).collect();
    let [first, second] = &told[..] else { panic!("a person and an employer: {told:?}") };
    let both = [first, second].map(|step| step.split(". ").next().unwrap_or_default());
    assert!(both.contains(&"Settled: the provider knew the person"), "{told:?}");
    assert!(both.contains(&"Settled: the provider knew the employer"), "{told:?}");
}
