//! `leadgate bakeoff`: the same people asked of several providers, to see which of them is worth its price.

mod buy;
mod compare;
mod hold;
mod journal;
mod orders;
mod page;
mod results;
mod sample;
mod text;

#[cfg(all(test, feature = "sandbox"))]
mod tests;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::ProviderConnection;
use leadgate_enrichment::credits::money::Values;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::person::ProfileField;
use leadgate_lambda::clock::SystemClock;
use serde_json::{Value, json};
use strum::VariantNames;

use self::buy::{Buyer, Offer, Why};
use self::compare::Comparison;
use self::journal::{Journal, Plan};
use self::orders::{Order, PROVIDERS_MAX, Worth, orders};
use self::results::{Asked, Results};
use self::sample::{Chosen, PEOPLE_MAX, Person};
use crate::books::{Books, Place};
use crate::credits::asked;
use crate::terminal::{confirmed, object, say};
use crate::{Failure, Outcome};

/// Ask several providers about the same people, and compare what they know, how often they agree, and what it costs.
///
/// The people are leads that a provider was asked about before, or those of a CSV file. What it can cost at most is said
/// first, and nothing is bought before that is confirmed. It is bought under the ledger like everything else: within the
/// wallets and the provider's rate limits, with the floor left for new leads. Nothing is written to the CRM.
///
/// A provider to compare has to be in the configuration, with its key, its plan and its prices. One that is to be tried
/// first stands among the fallbacks, and is left out of `waterfall.order`.
///
/// What is found goes into NAME.jsonl, without names or values of anyone, and onto NAME.html, a page to look at and pass on. One
/// that was interrupted goes on where it stopped when it is run again under the same name; nobody is asked about twice.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What it is called, and what its files are called.
    #[arg(long, value_name = "NAME", default_value = "bakeoff", value_parser = asked::file_name)]
    name: String,
    /// How many leads to ask about, of those that a provider was asked about before.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=PEOPLE_MAX as i64))]
    records: u32,
    /// Ask about the people of this file instead. Columns: email, first_name, last_name, company, website, linkedin_url.
    #[arg(long, value_name = "FILE", conflicts_with = "records")]
    csv: Option<PathBuf>,
    /// Whom to ask [default: everyone the tenant buys from].
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    providers: Vec<String>,
    /// What to compare [default: every field that is mapped and comes at once].
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',', value_parser = field)]
    fields: Vec<ProfileField>,
    /// A column of the file, or a property in the CRM, to compare groups of people by.
    #[arg(long, value_name = "NAME")]
    segment: Option<String>,
    /// The most to spend in all, of which kind of credit [default: what it costs at most].
    #[arg(long, value_name = "KIND=NUMBER,…", value_parser = asked::amounts)]
    budget: Option<Amounts>,
    /// What one credit of each kind is worth, to compare costs [default: what the plans say]: credits=0.02,lookups=0.1.
    #[arg(long, value_name = "KIND=MONEY,…", value_parser = values)]
    value: Option<Worths>,
    /// Buy without being asked.
    #[arg(long)]
    yes: bool,
    /// Where its two files go.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// In AWS: the name of the table with the rate limits.
    #[arg(long, value_name = "TABLE", env = "LEADGATE_LIMITS_TABLE", help_heading = "Where")]
    limits_table: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// What one provider is asked, and what that costs at most.
struct Quote {
    provider: &'static str,
    /// About how many it is asked yet.
    people: usize,
    worst: Amounts,
    worst_micro: Option<i64>,
}

/// What one credit of each kind is worth, in millionths of the currency.
type Worths = BTreeMap<Bucket, i64>;

/// How it ended.
struct Ended {
    worths: Option<Worths>,
    comparison: Comparison,
    orders: Option<Vec<Order>>,
    /// Why some were not asked about.
    stopped: Vec<Why>,
    page: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    // A line for each tenth of the way.
    let said = Cell::new(None);
    let progress = |provider: &str, done: usize, of: usize| {
        let tenth = Some((provider.to_owned(), done * 10 / of.max(1)));
        if said.replace(tenth.clone()) != tenth {
            eprintln!("leadgate: {provider}: {done} of {of}");
        }
    };
    let Some(ended) = bakeoff(&books, arguments, Arc::new(SystemClock::new()), &goes_on, &progress).await? else {
        return Ok(ExitCode::FAILURE);
    };
    if arguments.json {
        println!("{}", object(ended.json(&arguments.name)));
    } else {
        text::lines(&ended).iter().for_each(|part| say(part));
    }
    Ok(if ended.stopped.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether to go on with what is quoted. Called with the arguments and the quotes, it has the last word.
type Confirm<'a> = &'a dyn Fn(&Arguments, &[Quote], usize) -> bool;

fn goes_on(arguments: &Arguments, quotes: &[Quote], people: usize) -> bool {
    if arguments.yes {
        return true;
    }
    for part in text::quote(quotes, people) {
        eprintln!("{part}");
    }
    confirmed("Buy?", "nothing was bought. Add --yes to buy without being asked.")
}

/// Asks, or goes on asking, and compares. `None` when it was not confirmed.
async fn bakeoff(
    books: &Books,
    arguments: &Arguments,
    clock: Arc<dyn Clock>,
    confirm: Confirm<'_>,
    progress: &dyn Fn(&str, usize, usize),
) -> Result<Option<Ended>, Failure> {
    let key = books.fingerprints.key_of(&books.tenant).await;
    let key = key.map_err(|error| format!("{error}: name the secret of fingerprints with --fingerprints"))?;
    let limits = books.limits(arguments.limits_table.as_deref(), clock.clone())?;
    let mut journal = Journal::open(&arguments.out.join(format!("{}.jsonl", arguments.name)))?;
    let people = people(books, arguments, &key, &mut journal).await?;
    let plan = journal.plan().ok_or("the file of the bake-off has no beginning: take another --name")?.clone();
    let (connections, fields) = (connections(books, &plan.providers)?, plan.fields.iter().copied().collect());
    let mut buyer = Buyer {
        books,
        limits: &limits,
        clock: &*clock,
        key: &key,
        name: &plan.name,
        budget: Amounts::default(),
        fields: &fields,
    };
    let offers = connections.into_iter().map(|it| buyer.offer(it)).collect::<Result<Vec<Offer<'_>>, Failure>>()?;
    let worths = arguments.value.clone().or_else(|| books.tenant().values.as_ref().map(of_plans));
    let worth = |amounts: &Amounts| worth(worths.as_ref(), amounts);
    let quotes: Vec<Quote> = offers.iter().map(|offer| quote(offer, &journal, &people, &worth)).collect();
    let is_done = quotes.iter().all(|quote| quote.people == 0);
    if !is_done && !confirm(arguments, &quotes, people.len()) {
        return Ok(None);
    }
    buyer.budget = budget(arguments, &offers, people.len());
    buyer.recover(&mut journal).await?;
    let mut stopped = Vec::new();
    for offer in &offers {
        stopped.extend(buyer.buy(offer, &mut journal, &people, progress).await?);
    }
    let results = results(&plan, &journal, &offers);
    let comparison = Comparison::of(&results);
    let page = arguments.out.join(format!("{}.html", arguments.name));
    let orders = orders(&results, &worth);
    let ended = Ended { worths: worths.clone(), comparison, orders, stopped, page };
    std::fs::write(&ended.page, page::html(&ended, &plan, clock.now(), &worth))?;
    Ok(Some(ended))
}

/// The people to ask about, by their places. Who they are is written down first, so that it stays the same people.
async fn people(
    books: &Books,
    arguments: &Arguments,
    key: &FingerprintKey,
    journal: &mut Journal,
) -> Result<BTreeMap<usize, Person>, Failure> {
    let segment = arguments.segment.as_deref();
    let of_file = match &arguments.csv {
        Some(path) => Some(sample::of_file(books, key, path, segment).await?),
        None => None,
    };
    if let Some(plan) = journal.plan() {
        let people = match of_file {
            Some(people) => people.into_iter().map(Some).collect(),
            None => sample::again(books, key, &plan.sample).await?,
        };
        check_is_same(plan, arguments, &people)?;
        return Ok(people.into_iter().enumerate().filter_map(|(i, person)| Some((i, person?))).collect());
    }
    let people = match of_file {
        Some(people) => people,
        None => {
            let count = usize::try_from(arguments.records).unwrap_or(PEOPLE_MAX);
            sample::of_leads(books, key, (&arguments.name, count), segment).await?
        }
    };
    let providers = match arguments.providers.is_empty() {
        true => books.tenant().paid_providers().map(|it| it.vendor.name.to_owned()).collect(),
        false => arguments.providers.clone(),
    };
    let connections = connections(books, &providers)?;
    journal.begin(Plan {
        name: arguments.name.clone(),
        tenant: books.tenant.clone(),
        fields: compared(books, arguments, &connections)?.into_iter().collect(),
        providers,
        sample: people.iter().map(|person| person.chosen.clone()).collect(),
    })?;
    Ok(people.into_iter().enumerate().collect())
}

/// One that was begun is gone on with, and doesn't become another.
fn check_is_same(plan: &Plan, arguments: &Arguments, people: &[Option<Person>]) -> Result<(), Failure> {
    let other = |what: &str| {
        let name = &plan.name;
        Err(format!("the bake-off {name:?} was begun with other {what}: give the same, or another --name").into())
    };
    let is_one_of = |chosen: &Chosen, person: &Option<Person>| {
        person.as_ref().is_none_or(|person| chosen.record.is_some() || person.chosen == *chosen)
    };
    let is_file = plan.sample.iter().any(|chosen| chosen.record.is_none());
    if people.len() != plan.sample.len()
        || is_file != arguments.csv.is_some()
        || !plan.sample.iter().zip(people).all(|(chosen, person)| is_one_of(chosen, person))
    {
        return other("people");
    }
    if !arguments.providers.is_empty() && arguments.providers != plan.providers {
        return other("providers");
    }
    let (asked, there): (BTreeSet<_>, BTreeSet<_>) = (arguments.fields.iter().collect(), plan.fields.iter().collect());
    if !asked.is_empty() && asked != there {
        return other("fields");
    }
    Ok(())
}

fn connections<'b>(books: &'b Books, names: &[String]) -> Result<Vec<&'b ProviderConnection>, Failure> {
    let tenant = books.tenant();
    let known = || tenant.paid_providers().map(|it| it.vendor.name).collect::<Vec<_>>().join(", ");
    if names.len() > PROVIDERS_MAX {
        return Err(format!("found {} providers, expected at most {PROVIDERS_MAX}", names.len()).into());
    }
    let find = |name: &String| {
        let found = tenant.paid_providers().find(|provider| provider.vendor.name == name);
        let expected =
            || format!("found provider {name:?}, expected some that tenant {} buys from: {}", tenant.id, known());
        found.ok_or_else(|| Failure::from(expected()))
    };
    names.iter().map(find).collect()
}

/// What is compared: what is mapped, or asked for, and comes at once from at least one of them.
fn compared(
    books: &Books,
    arguments: &Arguments,
    connections: &[&ProviderConnection],
) -> Result<BTreeSet<ProfileField>, Failure> {
    let is_told = |field: &ProfileField| {
        connections.iter().any(|it| (it.vendor.tells)(*field) && !it.asynchronous.contains_key(field))
    };
    if let Some(field) = arguments.fields.iter().find(|field| !is_told(field)) {
        return Err(format!("found field {field:?}, which none of the providers tells at once").into());
    }
    let wanted: BTreeSet<ProfileField> = match arguments.fields.is_empty() {
        true => books.tenant().mapped().filter(is_told).collect(),
        false => arguments.fields.iter().copied().collect(),
    };
    if wanted.is_empty() {
        return Err("nothing that is mapped comes at once from these providers: name --fields".into());
    }
    Ok(wanted)
}

fn quote(offer: &Offer<'_>, journal: &Journal, people: &BTreeMap<usize, Person>, worth: Worth<'_>) -> Quote {
    let provider = offer.connection.vendor.name;
    let left = buy::left(journal, provider, people);
    let askable = left.iter().filter(|place| (offer.connection.vendor.can_be_asked)(&people[place].identity)).count();
    let worst: Amounts = std::iter::repeat_n(&offer.tariff.worst(), askable).sum();
    Quote { provider, people: askable, worst_micro: worth(&worst), worst }
}

/// What may be spent in all, however often it is gone on with: what was asked for, else what it costs at most.
fn budget(arguments: &Arguments, offers: &[Offer<'_>], people: usize) -> Amounts {
    let worst: Vec<Amounts> = offers.iter().map(|offer| offer.tariff.worst()).collect();
    arguments.budget.clone().unwrap_or_else(|| worst.iter().flat_map(|it| std::iter::repeat_n(it, people)).sum())
}

fn results(plan: &Plan, journal: &Journal, offers: &[Offer<'_>]) -> Results {
    let asked = |offer: &Offer<'_>| {
        let provider = offer.connection.vendor.name;
        let mut asked = Asked {
            provider: provider.to_owned(),
            tells: offer.fields.clone(),
            answers: BTreeMap::new(),
            latencies: vec![],
        };
        for (asking, told) in journal.calls().filter(|(asking, _)| asking.provider == provider) {
            let Some(told) = told else { continue };
            let answers = asking.people.iter().zip(&told.answers);
            let given: Vec<_> = answers.filter_map(|(place, answer)| Some((*place, answer.clone()?))).collect();
            asked.latencies.extend(told.latency_ms.filter(|_| !given.is_empty()));
            asked.answers.extend(given);
        }
        asked
    };
    Results {
        segments: plan.sample.iter().map(|chosen| chosen.segment.clone()).collect(),
        fields: plan.fields.iter().copied().collect(),
        providers: offers.iter().map(asked).collect(),
    }
}

/// What these credits are worth, in millionths of the currency. `None` when that isn't said of one of their kinds.
fn worth(worths: Option<&Worths>, amounts: &Amounts) -> Option<i64> {
    let worths = worths?;
    let one = |(bucket, amount): (&Bucket, Milli)| Some(worths.get(bucket)?.saturating_mul(amount.get()) / 1000);
    amounts.iter().filter(|(_, amount)| amount.get() != 0).map(one).sum()
}

/// What the plans say that credits are worth.
fn of_plans(values: &Values) -> Worths {
    values.each.iter().map(|(bucket, value)| (bucket.clone(), value.get() / 1000)).collect()
}

impl Ended {
    fn worth(&self, amounts: &Amounts) -> Option<i64> {
        worth(self.worths.as_ref(), amounts)
    }

    fn json(&self, name: &str) -> Value {
        let providers = self.comparison.providers.iter();
        let cost: BTreeMap<&str, Option<i64>> =
            providers.map(|it| (it.provider.as_str(), self.worth(&it.spent))).collect();
        json!({
            "name": name, "comparison": self.comparison, "cost_micro": cost,
            "orders": self.orders, "stopped": self.stopped, "page": self.page,
        })
    }
}

fn field(text: &str) -> Result<ProfileField, String> {
    text.parse().map_err(|_| format!("found {text:?}, expected one of: {}", ProfileField::VARIANTS.join(", ")))
}

/// `credits=0.02,lookups=0.1`, in millionths.
fn values(text: &str) -> Result<Worths, String> {
    let one = |part: &str| {
        let wrong = || format!("found {part:?}, expected KIND=MONEY, such as credits=0.02");
        let (bucket, value) = part.trim().split_once('=').ok_or_else(wrong)?;
        let value: f64 = value.trim().parse().map_err(|_| wrong())?;
        if bucket.is_empty() || !(0.0..=VALUE_MAX).contains(&value) {
            return Err(wrong());
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is at most a million")]
        Ok((Bucket::new(bucket.trim()), (value * 1e6).round() as i64))
    };
    text.split(',').map(one).collect()
}

/// No credit is worth more.
const VALUE_MAX: f64 = 1e6;

/// Where a page or a journal is.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
