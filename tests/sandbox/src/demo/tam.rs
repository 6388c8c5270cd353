//! A list of accounts, shown: pages of accounts are bought at night, those that fit are looked into, and the people there are
//! bought and created in the CRM, under a budget for each night.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use leadgate_enrichment::clock::days;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::credits::ledger::{Entry, LineResult, PurchaseKind};
use leadgate_enrichment::icp::list::{List, Stopped};
use serde::Serialize;

use super::{Credits, WORKERS};
use crate::simulators::apollo::{ApolloSetup, Item};
use crate::world::{Settings, StartError, World};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// How many accounts the search finds.
    pub accounts: u32,
    /// Where chance starts from.
    pub seed: u64,
}

/// What `leadgate demo --pattern tam --json` prints.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Accounts that the search has found, and on how many pages.
    pub accounts: u64,
    /// See `accounts`.
    pub pages: u64,
    /// Accounts that fit, and at which people were looked for.
    pub fitting: u64,
    /// People who were found there, as many as may be bought of an account.
    pub people: u64,
    /// People who were asked for: each once, across all nights.
    pub requested: u64,
    /// Of these, those who were bought, by our own ledger.
    pub bought: u64,
    /// Of these, those whom the provider didn't know after all: no credit was spent.
    pub unmatched: u64,
    /// People in the CRM at the end.
    pub in_crm: u64,
    /// People who were asked for and have no end; messages in the dead-letter queue are counted as well.
    pub lost: u64,
    /// People, by the provider's books, who were charged for more than once.
    pub charged_twice: u64,
    /// People who are in the CRM more than once.
    pub in_crm_twice: u64,
    /// The nights, in their order.
    pub nights: Vec<Night>,
    /// What a night may cost at most.
    pub budget: f64,
    /// Our books.
    pub credits: Credits,
    /// What we spent on pages and on people, by our own ledger.
    pub spent_on_pages: f64,
    /// See `spent_on_pages`.
    pub spent_on_people: f64,
    /// What the provider charged for pages and for people, by its own books.
    pub charged_for_pages: f64,
    /// See `charged_for_pages`.
    pub charged_for_people: f64,
    /// Calls that the provider received, and those that it turned away for its rate limits.
    pub calls: u64,
    /// See `calls`.
    pub throttled: u64,
    /// From the first page to the last write, by the machine's clock.
    pub seconds: f64,
}

/// One night.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Night {
    /// The run: a day.
    pub run: String,
    /// Why it ended.
    pub stopped: String,
    /// Pages that were bought in it.
    pub pages: u64,
    /// Accounts at which people were looked for.
    pub searched: u64,
    /// People who were asked for.
    pub requested: u64,
    /// What it used of the budget, at worst.
    pub used: f64,
}

impl Report {
    /// What must not be: it is empty when all is well.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut unless = |right: bool, complaint: String| complaints.extend((!right).then_some(complaint));
        let Self { requested, bought, unmatched, in_crm, .. } = self;
        let [(pages, charged), (people, charged_people)] =
            [(self.spent_on_pages, self.charged_for_pages), (self.spent_on_people, self.charged_for_people)];
        unless(pages == charged, format!("we spent {pages} on pages, and the provider charged {charged}"));
        unless(
            people == charged_people,
            format!("we spent {people} on people, and the provider charged {charged_people}"),
        );
        unless(self.credits.held == 0.0, format!("{} credits are still held", self.credits.held));
        unless(bought == in_crm, format!("{bought} were bought, and {in_crm} are in the CRM"));
        unless(bought + unmatched == *requested, format!("{requested} were asked for, and {bought} were bought"));
        unless(self.lost == 0, format!("{} have no end", self.lost));
        unless(self.charged_twice == 0, format!("{} were charged for twice", self.charged_twice));
        unless(self.in_crm_twice == 0, format!("{} are in the CRM twice", self.in_crm_twice));
        unless(self.people == *requested, format!("{} were found, and {requested} asked for", self.people));
        let over = self.nights.iter().filter(|night| night.used > self.budget).count();
        unless(over == 0, format!("{over} nights used more than their budget"));
        let ended = self.nights.last().is_some_and(|night| night.stopped == <&str>::from(Stopped::AtTheEnd));
        unless(ended, format!("the list is not at its end after {} nights", self.nights.len()));
        complaints
    }
}

/// How long the provider takes for an answer.
const ANSWER: Duration = Duration::from_millis(20);
/// More nights than any list takes here.
const NIGHTS_MAX: usize = 40;
/// A page has so many accounts; about one in eight fits, and two people are bought there.
const PER_PAGE: u32 = 100;
const FITTING_OF: u32 = 8;
const PER_ACCOUNT: u32 = 2;
/// So many nights it takes, about.
const NIGHTS: u32 = 3;
/// The profile.
const NAME: &str = "saas";

/// Runs it.
pub async fn run(request: Request) -> Result<Report, StartError> {
    let expected = request.accounts.div_ceil(PER_PAGE) + request.accounts.div_ceil(FITTING_OF) * PER_ACCOUNT;
    let budget = expected.div_ceil(NIGHTS).max(2);
    let world = World::start(settings(request, expected, budget)).await?;
    let started = Instant::now();
    let mut demo = Demo { world, report: Report { budget: f64::from(budget), ..Report::default() } };
    demo.nights().await?;
    demo.report.seconds = started.elapsed().as_secs_f64();
    demo.account().await?;
    Ok(demo.report)
}

fn settings(request: Request, expected: u32, budget: u32) -> Settings {
    let credits = i64::from(expected) * 3;
    let apollo = ApolloSetup {
        seed: request.seed,
        latency: ANSWER,
        organizations: request.accounts,
        pool_milli: credits * 1000,
        ..ApolloSetup::default()
    };
    let settings = Settings { credits_per_cycle: Some(credits), seed: request.seed, apollo, ..Settings::default() };
    let icp = format!(
        "\n[[prices]]\nversion = \"pages\"\nprovider = \"apollo\"\naction = \"search-organizations\"\nfield = \"page\"\n\
         from = \"2020-01-01\"\ncharge_on = \"match\"\ncost = {{ credits = 1 }}\n\n\
         [tenants.demo.icps.{NAME}]\nemployees = [\"1-1000000\"]\n\
         fit = [{{ field = \"company_employees\", at_least = 18000 }}]\ntitles = [\"e\"]\n\
         people_per_account = {PER_ACCOUNT}\nbudget = {{ credits = {budget} }}\n"
    );
    Settings { config: settings.config + &icp, ..settings }
}

struct Demo {
    world: World,
    report: Report,
}

impl Demo {
    /// Each begins a day after the one before, and goes on where that one stopped.
    async fn nights(&mut self) -> Result<(), StartError> {
        for _ in 0..NIGHTS_MAX {
            self.world.tam_build.begin().await?;
            self.world.settle_down(WORKERS).await;
            let Some(list) = self.world.lists.read(self.world.tenant_id(), NAME).await? else { continue };
            self.report.nights.push(night(&list));
            let sums = &list.sums;
            (self.report.accounts, self.report.pages, self.report.fitting) = (sums.accounts, sums.pages, sums.fitting);
            (self.report.people, self.report.requested) = (sums.people, sums.requested);
            if list.night.stopped == Some(Stopped::AtTheEnd) {
                break;
            }
            self.world.clock.turn(days(1));
        }
        Ok(())
    }

    /// Our books beside everybody else's.
    async fn account(&mut self) -> Result<(), StartError> {
        let (world, report) = (&self.world, &mut self.report);
        let (credits, tenant) = (world.credits.unmetered(), world.tenant_id());
        report.credits = Credits::of(&credits.wallets(tenant).await?);
        let mut people: BTreeMap<String, LineResult> = BTreeMap::new();
        let (mut on_pages, mut on_people) = (Milli::ZERO, Milli::ZERO);
        for entry in credits.entries(tenant).await? {
            let Entry::Purchase { kind, lines, .. } = entry else { continue };
            for line in lines {
                let cost = line.cost.total();
                match kind {
                    PurchaseKind::Search => on_pages += cost,
                    _ => {
                        on_people += cost;
                        people.insert(line.subject.to_string(), line.result);
                    }
                }
            }
        }
        (report.spent_on_pages, report.spent_on_people) = (on_pages.to_decimal(), on_people.to_decimal());
        let ended = |result: LineResult| people.values().filter(|it| **it == result).count() as u64;
        (report.bought, report.unmatched) = (ended(LineResult::Hit), ended(LineResult::Miss));
        let dead = world.dead_letters().await + world.waiting().await;
        report.lost = report.requested.saturating_sub(report.bought + report.unmatched) + dead as u64;
        let ledger = world.apollo.ledger();
        let charged = |item: Item| Milli::new(ledger.milli_for(item)).to_decimal();
        (report.charged_for_pages, report.charged_for_people) = (charged(Item::Page), charged(Item::Person));
        let charges = ledger.charges.iter().filter(|charge| charge.item == Item::Person && charge.milli > 0);
        report.charged_twice = repeated(charges.map(|charge| charge.id.clone()));
        let contacts = world.hubspot.contacts();
        report.in_crm = contacts.len() as u64;
        report.in_crm_twice = repeated(contacts.iter().filter_map(|it| it.value("email").map(str::to_owned)));
        (report.calls, report.throttled) = (ledger.received, ledger.throttled);
        Ok(())
    }
}

fn night(list: &List) -> Night {
    let (night, sums) = (&list.night, list.night.sums);
    Night {
        run: night.run.clone(),
        stopped: night.stopped.map(|why| <&str>::from(why).to_owned()).unwrap_or_default(),
        pages: sums.pages,
        searched: sums.searched,
        requested: sums.requested,
        used: night.used.total().to_decimal(),
    }
}

/// How many of them come more than once.
fn repeated(all: impl Iterator<Item = String>) -> u64 {
    let mut times: BTreeMap<String, u64> = BTreeMap::new();
    all.for_each(|one| *times.entry(one).or_default() += 1);
    times.values().filter(|times| **times > 1).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_runs_to_a_right_account_over_some_nights() {
        let report = run(Request { accounts: 120, seed: 2 }).await.expect("a demo");
        assert_eq!(report.complaints(), Vec::<String>::new(), "{report:?}");
        assert!(report.nights.len() > 1 && report.bought > 0 && report.accounts > 100, "{report:?}");
    }
}
