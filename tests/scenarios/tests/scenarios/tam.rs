//! Lists of accounts that are built at night: from pages of accounts to people in the CRM, whatever breaks.

use std::collections::BTreeSet;

use leadgate_aws::table::Consistency;
use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::icp::list::{List, Stopped};
use leadgate_enrichment::ids::{ProviderName, RecordKey};
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::apollo::Item;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, started, states};

const SEARCH: &str = "api/v1/mixed_companies/search";
const NAME: &str = "saas";

/// A profile that finds 250 accounts on three pages, of which a few fit.
fn settings(budget: u32) -> Settings {
    let mut settings = Settings { credits_per_cycle: Some(1000), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    settings.apollo.organizations = 250;
    settings.config += &format!(
        r#"
[[prices]]
version = "pages"
provider = "apollo"
action = "search-organizations"
field = "page"
from = "2020-01-01"
charge_on = "match"
cost = {{ credits = 1 }}

[tenants.demo.icps.saas]
employees = ["1-1000000"]
fit = [{{ field = "company_employees", at_least = 18000 }}]
titles = ["e"]
people_per_account = 2
budget = {{ credits = {budget} }}
"#
    );
    settings
}

pub(crate) async fn world(budget: u32) -> Stage {
    started(settings(budget)).await
}

/// The same, with half as many people: for scenarios that are played often.
async fn small_world() -> Stage {
    let mut settings = settings(1000);
    settings.config = settings.config.replacen("people_per_account = 2", "people_per_account = 1", 1);
    started(settings).await
}

/// A night, and the day after it. How the list stands then.
async fn night(world: &World) -> List {
    world.tam_build.begin().await.expect("begun");
    world.settle_down(2).await;
    let list = list(world).await;
    world.clock.turn(days(1));
    list
}

async fn list(world: &World) -> List {
    world.lists.read(world.tenant_id(), NAME).await.expect("readable").expect("a list")
}

/// Nights, until the list is at its end.
async fn nights(world: &World) -> Vec<List> {
    let mut nights = Vec::new();
    while nights.last().is_none_or(|list: &List| list.night.stopped != Some(Stopped::AtTheEnd)) {
        nights.push(night(world).await);
        assert!(nights.len() < 40, "it ends: {:?}", nights.last());
    }
    nights
}

/// The addresses of all who are in the CRM, which all of them are once, with what was bought.
async fn in_the_crm(world: &World) -> BTreeSet<String> {
    let contacts = world.hubspot.contacts();
    let emails: Vec<String> = contacts.iter().filter_map(|it| it.value("email").map(str::to_owned)).collect();
    let all: BTreeSet<String> = emails.iter().cloned().collect();
    assert_eq!(all.len(), emails.len(), "each is there once");
    let ids: Vec<String> = contacts.iter().map(|contact| contact.id.clone()).collect();
    assert!(states(world, &ids).await.iter().all(|state| *state == StateName::Written));
    crate::stage::all_enriched(world, &ids);
    all
}

/// How many pages were charged for.
fn pages(world: &World) -> i64 {
    world.apollo.ledger().milli_for(Item::Page) / 1000
}

#[tokio::test]
async fn accounts_that_fit_become_people_in_the_crm_and_each_is_paid_for_once() {
    let world = world(1000).await;
    let list = night(&world).await;
    let sums = list.night.sums;
    assert_eq!((list.night.stopped, sums.pages, sums.accounts), (Some(Stopped::AtTheEnd), 3, 250));
    assert!((5..100).contains(&sums.fitting) && sums.searched == sums.fitting, "{sums:?}");
    let people = in_the_crm(&world).await;
    assert_eq!((people.len() as u64, sums.requested), (sums.requested, sums.people));
    assert!(people.iter().all(|email| world.apollo.charges_of(email) == 1));
    let books = at_rest(&world).await;
    let bought = i64::try_from(people.len()).expect("few");
    assert_eq!((pages(&world), books.spent), (3, 3000 + 1000 * bought));
    assert_eq!(list.night.used.total(), Milli::new(books.spent), "what it may cost at worst is what it costs here");

    // What is at its end buys nothing more, until it is no longer fresh; and then nobody who is known.
    night(&world).await;
    assert_eq!(at_rest(&world).await.spent, books.spent);
    world.clock.turn(days(91));
    world.next_cycle(1_000_000).await;
    let again = night(&world).await;
    assert_eq!((again.night.sums.pages, again.night.sums.requested, pages(&world)), (3, 0, 6));
    assert_eq!(in_the_crm(&world).await, people);
}

#[tokio::test]
async fn a_run_that_is_cut_by_its_budget_goes_on_the_next_night_and_ends_with_the_same_people() {
    let uncut = world(1000).await;
    let whole = nights(&uncut).await;
    let (people, spent) = (in_the_crm(&uncut).await, at_rest(&uncut).await.spent);
    let half = u32::try_from(spent / 2000).expect("few");
    for budget in [half, 7] {
        let cut = world(budget).await;
        let nights = nights(&cut).await;
        assert!(nights.len() > 1 && whole.len() == 1, "{budget}: {}", nights.len());
        let most = Milli::credits(i64::from(budget));
        assert!(nights.iter().all(|list| list.night.used.total() <= most), "{budget}: {nights:?}");
        assert!(nights[..nights.len() - 1].iter().all(|list| list.night.stopped == Some(Stopped::Budget)));
        assert_eq!(in_the_crm(&cut).await, people, "{budget}");
        assert_eq!((at_rest(&cut).await.spent, pages(&cut)), (spent, 3), "{budget}");
    }
}

#[tokio::test]
async fn what_is_kept_for_new_leads_is_not_spent_on_pages_and_a_lead_goes_first() {
    let mut settings = settings(1000);
    settings.credits_per_cycle = Some(10);
    settings.config = settings.config.replacen("floor = { credits = 0 }", "floor = { credits = 8 }", 1);
    let world = started(settings).await;
    let first = night(&world).await;
    assert_eq!(first.night.stopped, Some(Stopped::Credits));
    let bought = i64::try_from(world.apollo.ledger().records_charged).expect("few");
    assert!(pages(&world) >= 1, "what is above the floor is there for pages and for people");
    assert_eq!(pages(&world) + bought, 2, "two credits are above the floor");
    let leads = crate::stage::queued_leads(&world, 8).await;
    world.settle_down(1).await;
    assert!(states(&world, &leads).await.iter().all(|state| *state == StateName::Written), "the floor is theirs");
    world.next_cycle(10_000).await;
    world.settle_down(2).await;
    at_rest(&world).await;
}

/// The candidate of the same person waits for credits meanwhile, and need not be paid for any more.
#[tokio::test]
async fn whoever_comes_as_a_lead_while_their_candidate_is_parked_is_paid_for_once() {
    let mut settings = settings(1000);
    settings.credits_per_cycle = Some(10);
    settings.config = settings.config.replacen("floor = { credits = 0 }", "floor = { credits = 8 }", 1);
    let mut world = started(settings.clone()).await;
    night(&world).await;
    let mut waiting = Vec::new();
    for person in world.apollo.at_organizations(18_000) {
        let provider = ProviderName::read("apollo").expect("a name");
        let key = RecordKey::of_candidate(world.tenant_id(), &provider, &person.id).expect("a key");
        let there = world.records.read(&[key], Consistency::Strong).await.expect("readable");
        let is_parked = there.values().any(|record| record.state.is_deferred());
        waiting.extend(person.email.filter(|_| is_parked));
    }
    waiting.truncate(2);
    assert_eq!(waiting.len(), 2);
    for email in &waiting {
        world.hubspot.create_contact([("email", email.as_str())]);
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert!(waiting.iter().all(|email| world.apollo.charges_of(email) == 1), "the floor is for leads");
    settings.config = settings.config.replacen("floor = { credits = 8 }", "floor = { credits = 0 }", 1);
    world.deploy_file(&settings).expect("deployed");
    for _ in 0..5 {
        world.next_cycle(10_000).await;
        night(&world).await;
    }
    assert!(world.apollo.ledger().records_charged > 20, "the others are bought by and by");
    assert!(waiting.iter().all(|email| world.apollo.charges_of(email) == 1), "once");
    in_the_crm(&world).await;
    at_rest(&world).await;
}

#[tokio::test]
async fn a_page_whose_answer_is_lost_counts_as_spent_and_is_asked_for_once_more() {
    let world = world(1000).await;
    world.apollo.faults().add(FaultRule::on("mixed_companies", Fault::DropAfterWork));
    let list = night(&world).await;
    assert_eq!((list.night.sums.pages, list.night.sums.unknown_pages, pages(&world)), (3, 1, 4));
    let books = at_rest(&world).await;
    assert_eq!(books.unknown, 1000);

    let world = crate::tam::world(1000).await;
    world.apollo.faults().add(FaultRule::on("mixed_companies", Fault::DropAfterWork).times(5));
    let list = night(&world).await;
    assert_eq!((list.night.stopped, pages(&world)), (Some(Stopped::Unknown), 2), "not for ever");
    at_rest(&world).await;
}

#[tokio::test]
async fn a_refusal_ends_the_night_and_a_lack_of_room_puts_it_off() {
    let world = world(1000).await;
    world.apollo.gate(SEARCH, true);
    let list = night(&world).await;
    assert_eq!((list.night.stopped, list.night.sums.pages), (Some(Stopped::Refused), 0));
    assert_eq!(at_rest(&world).await.spent, 0);
    world.apollo.gate(SEARCH, false);
    let throttled = Fault::Status(429, String::new());
    world.apollo.faults().add(FaultRule::on("mixed_companies", throttled).times(2));
    let list = night(&world).await;
    assert_eq!((list.night.stopped, pages(&world)), (Some(Stopped::AtTheEnd), 3));
    at_rest(&world).await;
}

/// A search that was changed begins at its beginning, and one that is no longer configured ends.
#[tokio::test]
async fn a_profile_may_be_changed_or_taken_out_between_nights() {
    let mut world = world(1).await;
    night(&world).await;
    assert_eq!(pages(&world), 1);
    world.deploy_file(&settings(1000)).expect("deployed");
    let list = night(&world).await;
    assert_eq!((list.night.stopped, pages(&world)), (Some(Stopped::AtTheEnd), 3), "another budget is no other search");
    let mut other = settings(1000);
    other.config = other.config.replacen("[\"1-1000000\"]", "[\"1-999999\"]", 1);
    world.deploy_file(&other).expect("deployed");
    let list = night(&world).await;
    assert_eq!((list.sums.pages, list.sums.requested, pages(&world)), (3, 0, 6), "and nobody is bought again");

    world.tam_build.begin().await.expect("begun");
    let mut none = settings(1000);
    none.config = none.config.replacen("\n[tenants.demo.icps.saas]", "\n[tenants.demo.icps.other]", 1);
    world.deploy_file(&none).expect("deployed");
    world.settle_down(1).await;
    assert_eq!(pages(&world), 6);
    at_rest(&world).await;
}

/// Breaks the `at`th call of the first night's first message, and lets nights come until the list is at its end.
async fn sweep_one(at: usize, operation: &str, how: &Break, people: &BTreeSet<String>) {
    let world = small_world().await;
    let broken = how.clone();
    world.tam_build.begin().await.expect("begun");
    world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
    world.pump.round().await;
    world.wire.mend();
    world.settle_down(2).await;
    nights(&world).await;
    let place = format!("call {at} ({operation}) was broken by {how:?}");
    assert_eq!(&in_the_crm(&world).await, people, "{place}: nobody is lost");
    let books = at_rest(&world).await;
    let again = i64::from(books.unknown > 0);
    assert!((3..=3 + again).contains(&pages(&world)), "{place}: {} pages", pages(&world));
    let twice: Vec<_> = people.iter().filter(|email| world.apollo.charges_of(email) != 1).collect();
    assert!(twice.is_empty(), "{place}: {twice:?}");
    let is_a_page = operation.starts_with("apollo");
    let dies = matches!(how, Break::DeathBefore | Break::DeathAfter | Break::DeathThenLands { .. });
    if !is_a_page && !dies {
        assert_eq!(books.unknown, 0, "{place}");
    }
}

#[tokio::test]
async fn whatever_call_breaks_no_page_is_bought_twice_and_nobody_is_lost() {
    let clean = small_world().await;
    clean.tam_build.begin().await.expect("begun");
    clean.wire.break_by(|_| None);
    clean.pump.round().await;
    let calls: Vec<String> = clean.wire.mend().into_iter().map(|call| call.operation).collect();
    clean.settle_down(2).await;
    let people = in_the_crm(&clean).await;
    assert!(calls.len() > 40, "{calls:?}");
    // The first page and the first accounts, and what is between two pages: the rest is the same again.
    let second = calls.iter().enumerate().filter(|(_, call)| call.contains("mixed_companies")).nth(1).map(|(i, _)| i);
    let second = second.expect("a second page");
    let places: Vec<usize> = (0..26).chain(second - 6..second + 6).chain(calls.len() - 3..calls.len()).collect();
    for at in places.into_iter().collect::<BTreeSet<_>>() {
        let operation = &calls[at];
        let mut ways = vec![Break::Refused, Break::AnswerLost, Break::DeathBefore, Break::DeathAfter];
        if operation.starts_with("dynamodb") {
            ways.push(Break::DeathThenLands { calls: 2 });
        }
        for how in ways {
            sweep_one(at, operation, &how, &people).await;
        }
    }
}

#[tokio::test]
async fn two_messages_about_a_list_take_it_on_one_after_the_other() {
    let world = world(1000).await;
    for _ in 0..3 {
        world.tam_build.begin().await.expect("begun");
    }
    world.settle_down(4).await;
    assert_eq!((list(&world).await.night.stopped, pages(&world)), (Some(Stopped::AtTheEnd), 3));
    let people = in_the_crm(&world).await;
    assert!(people.iter().all(|email| world.apollo.charges_of(email) == 1));
    assert!(world.clock.now() > list(&world).await.night.begun_at);
    at_rest(&world).await;
}
