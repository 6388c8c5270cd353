//! `leadgate preview`: what would happen to a record, without doing it.

#[cfg(all(test, feature = "sandbox"))]
mod tests;

use std::process::ExitCode;

use comfy_table::Table;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::config::{RecordKind, Tenant};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::price::Tariff;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::gate::{Standing, at_worker};
use leadgate_enrichment::lead::patch::{FieldMapping, FieldPolicy};
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::related;
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_enrichment::outcome::Outcome;
use leadgate_enrichment::person::{Properties, value_of};
use leadgate_enrichment::purchase::want::{Verdict, judge};
use serde_json::{Value, json};

use crate::books::{Books, Place};
use crate::credits::{amounts, deferral, failure, moment, refusal};
use crate::terminal::{fitted, object, say};
use crate::{Failure, Outcome as Ended};

/// Show what would become of a record: whether it would be bought, for how much at most, and which of its properties would
/// be written.
///
/// The record is read in the CRM and judged as the worker would judge it, if something in it changed now. Nothing is
/// bought and nothing is written.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The record's id in the CRM, or its whole name (TENANT#CRM#OBJECT#ID).
    record: String,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    place: Place,
}

/// What would become of it.
struct Preview {
    record: String,
    /// What comes next, in a word for scripts and in words for people.
    verdict: (&'static str, String),
    /// The most that it would cost: what comes at once, and what arrives later.
    price: Option<[Amounts; 2]>,
    rows: Vec<Row>,
}

/// One mapped property.
struct Row {
    property: String,
    from: &'static str,
    now: Option<String>,
    /// What would be done with it, in a word for scripts and in words for people.
    action: (&'static str, String),
}

pub(crate) async fn run(arguments: &Arguments) -> Ended {
    let books = Books::find(&arguments.place).await?;
    let preview = preview(&books, &arguments.record).await?;
    if arguments.json {
        println!("{}", object(preview.json()));
    } else {
        say(&preview.head());
        println!("{}", fitted(preview.table()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn preview(books: &Books, asked: &str) -> Result<Preview, Failure> {
    let (tenant, now) = (books.tenant(), books.now);
    let record = books.record_key(asked.trim())?;
    let tenant = tenant.of_object(&record.object).ok_or_else(|| {
        format!("{record} is a company: tenants.{}.companies would have such records enriched", tenant.id)
    })?;
    let key = books.fingerprints.key_of(&tenant.id).await;
    let key = key.map_err(|error| format!("{error}: name the secret of fingerprints with --fingerprints"))?;
    let there = books.records.read(std::slice::from_ref(&record), Consistency::Strong).await?.remove(&record);
    let crm = books.connections.crm(tenant).await?;
    let mut read = crm.read(&record.object, std::slice::from_ref(&record.id), &tenant.properties()).await?;
    let current = read.remove(&record.id);
    let current = current.ok_or_else(|| format!("the CRM has no record {asked:?}: it may be deleted, or merged"))?;

    // As if something in it had changed now.
    let request = EnrichmentRequest {
        request: RequestId::derive(&record, "preview"),
        record: record.clone(),
        source: there.as_ref().map_or(Source::NewLead, |_| Source::Change),
        occurred_at: now,
        not_before: None,
        queued_at: None,
        parked_since: None,
        bulk: false,
        found_for: None,
    };
    let standing = at_worker(there.as_ref(), &request, tenant.windows, now);
    let known = there.unwrap_or_else(|| Record::new(record.clone(), now));
    let (verdict, price) = match standing {
        Standing::Due => due(books, tenant, &known, &current, &key),
        Standing::InFlight(until) => {
            (("in-flight", format!("is being worked on, until {} at the latest", moment(until, books.zone()))), None)
        }
        Standing::Abandoned(_) => (("in-flight", "was being worked on, and is taken up again soon".to_owned()), None),
        Standing::Parked(parked) => {
            let until = moment(parked.until, books.zone());
            (("deferred", format!("waits: {}; until {until} at the latest", deferral(parked.reason))), None)
        }
        Standing::Ended(outcome) => (ended(books, &known, &outcome), None),
    };
    let row = |field: &FieldMapping| Row {
        property: field.property.clone(),
        from: field.from.word(),
        now: value_of(&current, &field.property).map(str::to_owned),
        action: action(field, &known, &current, &key),
    };
    let rows = tenant.fields.iter().map(row).collect();
    Ok(Preview { record: record.to_string(), verdict, price, rows })
}

/// A record that may be taken up: what the worker would make of it.
fn due(
    books: &Books,
    tenant: &Tenant,
    record: &Record,
    current: &Properties,
    key: &FingerprintKey,
) -> ((&'static str, String), Option<[Amounts; 2]>) {
    let now = books.now;
    match judge(record, Some(current), (tenant, key), None, now) {
        Verdict::Buy(want) => {
            let worst = |tariff: Option<Tariff>, repeated| tariff.map(|it| it.worst_of(repeated)).unwrap_or_default();
            let Some(provider) = tenant.provider_named(want.ask.provider.as_str()) else {
                return (("buy", format!("would be asked of {}, which isn't configured", want.ask.provider)), None);
            };
            let repeated = tenant.is_first(provider) && record.was_bought_for(&want.identity, key);
            if want.ask.checks.is_some() {
                let most = worst(books.config.verification_tariff(provider, now), false);
                let said =
                    format!("has an address that {} would check, for {} at most", provider.name(), amounts(&most));
                return (("check", said), Some([most, Amounts::default()]));
            }
            if provider.vendor.delivers_in_batches() {
                let said = format!("would be looked up in what {} has delivered, which costs nothing", provider.name());
                return (("look-up", said), None);
            }
            let tariff = match tenant.kind {
                RecordKind::Person => books.config.at_once_tariff(provider, &want.ask.fields, now),
                RecordKind::Company => books.config.organization_tariff(provider, now),
            };
            let person = worst(tariff, repeated);
            let fields = provider.asynchronous_of(&want.ask.fields);
            let asynchronous = worst(books.config.asynchronous_tariff(provider, &fields, now), false);
            let route = want.route.and_then(|route| tenant.routes.get(route));
            let by = route.map(|route| format!(" by the route {:?}", route.name)).unwrap_or_default();
            let of = if tenant.is_waterfall() {
                format!(" of {provider} first", provider = provider.name())
            } else {
                String::new()
            };
            let said = match asynchronous.is_zero() {
                true => format!("would be bought{of}{by}, for {} at most", amounts(&person)),
                false => {
                    let (person, more) = (amounts(&person), amounts(&asynchronous));
                    format!("would be bought{of}{by}, for {person} at most, and {more} more for what arrives later")
                }
            };
            (("buy", said), Some([person, asynchronous]))
        }
        Verdict::Close(_, outcome) => (ended(books, record, &outcome), None),
    }
}

/// Why nothing would be bought.
fn ended(books: &Books, record: &Record, outcome: &Outcome) -> (&'static str, String) {
    let enriched = record.last_enriched.map(|at| moment(at, books.zone()));
    let enriched = enriched.map(|at| format!(", on {at}")).unwrap_or_default();
    let said = match outcome {
        Outcome::Fresh => format!("was enriched lately{enriched}: nothing would be bought"),
        Outcome::NothingWanted => "has a value in every mapped property: nothing would be bought".to_owned(),
        Outcome::Unmatched => {
            "is about someone whom the provider didn't know when asked: not asked again yet".to_owned()
        }
        Outcome::Pending => "is about someone whom a provider is finding out about: nothing would be bought".to_owned(),
        Outcome::Refused(reason) => format!("would be refused: {}", refusal(*reason)),
        Outcome::Failed(reason) => format!("was given up: {}", failure(*reason)),
        Outcome::Deferred { reason, until } => {
            let until = moment(*until, books.zone());
            format!("waits: {}; until {until} at the latest", deferral(*reason))
        }
        other => other.to_string(),
    };
    (outcome.word(), said)
}

/// What would be done with one property, if the provider has a value for it.
fn action(field: &FieldMapping, record: &Record, current: &Properties, key: &FingerprintKey) -> (&'static str, String) {
    let blank = value_of(current, &field.property).is_none();
    let bought = record.patch.get(&field.property).filter(|_| record.is_paid_for());
    if related::record_of(current, &field.property) == Some(None) {
        return ("nowhere", "stays: the record is with none that has it".to_owned());
    }
    match (field.may_write(current, record.ours(key)), field.policy) {
        (true, _) if bought.is_some() => ("write", format!("gets {:?}, bought already", bought.map_or("", |it| it))),
        (true, _) if blank => ("fill", "would be filled".to_owned()),
        (true, FieldPolicy::OverwriteOurs) => ("overwrite", "would be written over: Leadgate wrote it".to_owned()),
        (true, _) => ("overwrite", "would be written over".to_owned()),
        (false, FieldPolicy::Never) => ("never", "stays: switched off".to_owned()),
        (false, FieldPolicy::OverwriteOurs) => ("keep", "stays: changed since, or a person's".to_owned()),
        (false, _) => ("keep", "stays: it has a value".to_owned()),
    }
}

impl Preview {
    fn head(&self) -> String {
        format!("{} {}.", self.record, self.verdict.1)
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.set_header(["property", "from", "now", "what would become of it"]);
        for row in &self.rows {
            table.add_row([row.property.as_str(), row.from, row.now.as_deref().unwrap_or("-"), &row.action.1]);
        }
        table
    }

    fn json(&self) -> Value {
        let row =
            |row: &Row| json!({ "property": row.property, "from": row.from, "now": row.now, "action": row.action.0 });
        json!({
            "record": self.record, "verdict": self.verdict.0, "because": self.verdict.1,
            "price_max": self.price.as_ref().map(|[person, asynchronous]| {
                json!({ "at_once": person, "asynchronous": asynchronous })
            }),
            "properties": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }
}
