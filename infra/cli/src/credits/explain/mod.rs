//! `leadgate credits explain`: the whole story of a lead or a purchase.

mod asynchronous;
mod facts;
mod lead;
mod purchase;
mod sentences;

use std::collections::BTreeSet;

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::Record;
#[cfg(feature = "sandbox")]
use leadgate_sandbox::demo::Waited;
use serde_json::{Value, json};

use self::facts::Facts;
use super::words::{WIDTH, time};
use super::{Answer, Failure};
use crate::books::Books;
use crate::terminal::{fitted, fitted_text, width};

/// What to explain.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A contact's id in the CRM, or the record's whole name (TENANT#CRM#contact#ID); the id of a purchase,
    /// as `history` shows it; or the id of a request, as the log shows it. Requests are looked for among the first
    /// 1,000 leads that wait and the latest 1,000 that something was bought for.
    #[arg(value_name = "RECORD|REQUEST|PURCHASE")]
    pub(super) what: String,
}

/// How many parked leads, and how many bought ones, a request is looked for among.
const LOOKED_AT_MAX: usize = 1_000;

/// What happened, in the order in which it happened.
pub(crate) struct Story {
    /// What it is about, and where that stands.
    pub(super) head: String,
    pub(super) steps: Vec<Step>,
    /// The lines of a purchase.
    lines: Vec<[String; 4]>,
    /// The same for a script.
    json: Value,
    zone: TimeZone,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Timestamp,
    pub(super) what: String,
}

pub(super) async fn explain(books: &Books, arguments: &Arguments) -> Result<Story, Failure> {
    let tenant = books.tenant();
    // Without it, the story is told without values.
    let key = books.fingerprints.key_of(&tenant.id).await.ok();
    let facts = Facts {
        tenant,
        first: &tenant.provider.name(),
        config: &books.config,
        wallets: &books.credits.wallets(&tenant.id).await?,
        entries: &books.credits.entries(&tenant.id).await?,
        holds: &books.credits.open_holds(&tenant.id).await?,
        now: books.now,
        key: key.as_ref(),
    };
    let asked = arguments.what.trim();
    if let Some(story) = purchase::story(asked, &facts) {
        return Ok(story);
    }
    let key = match kind_of(asked) {
        Kind::Purchase => {
            return Err(format!(
                "the ledger of tenant {} has no purchase {asked}: either nothing was spent on it, or it is another \
                 tenant's. Expected a purchase that `history` shows, or the contact's id",
                tenant.id
            )
            .into());
        }
        Kind::Request => find_request(books, &facts, asked).await?,
        Kind::Record => books.record_key(asked)?,
    };
    let record = books.records.read(std::slice::from_ref(&key), Consistency::Strong).await?.remove(&key);
    let met = record.is_some() || facts.bought(&key).next().is_some();
    if !met {
        return Err(format!(
            "Leadgate has never worked on {key}: no delivery about it was accepted, or its message still waits. \
             Expected a contact's id in the CRM, a request's or a purchase's"
        )
        .into());
    }
    Ok(lead::story(&key, record.as_ref(), &facts))
}

/// The story of the demo's lead: its world is gone when it is told.
#[cfg(feature = "sandbox")]
pub(crate) fn explain_waited(waited: &Waited) -> Option<String> {
    let Waited { record, wallets, entries, config, now } = waited;
    let tenant = config.tenant(&record.key.tenant)?;
    let first = &tenant.provider.name();
    let facts = Facts { tenant, first, config, wallets, entries, holds: &[], now: *now, key: None };
    Some(lead::story(&record.key, Some(record), &facts).told())
}

/// What an id looks like.
enum Kind {
    Purchase,
    Request,
    Record,
}

fn kind_of(asked: &str) -> Kind {
    let is_hex = |text: &str| text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    // What else is bought with the same call has the purchase's id, and a word behind it.
    let mut parts = asked.splitn(3, '-');
    match parts.next().zip(parts.next()) {
        Some((time, tail)) if time.len() == 13 && tail.len() == 12 && is_hex(time) && is_hex(tail) => Kind::Purchase,
        None if asked.len() == 20 && is_hex(asked) => Kind::Request,
        _ => Kind::Record,
    }
}

/// The record that remembers a request. A request's id can't be taken apart, so records are looked through: those that
/// wait, then those that something was bought for, latest first.
async fn find_request(books: &Books, facts: &Facts<'_>, asked: &str) -> Result<RecordKey, Failure> {
    let parked = books.records.deferred(&books.tenant, LOOKED_AT_MAX).await?;
    let mut bought = BTreeSet::new();
    for entry in facts.entries.iter().rev() {
        let Entry::Purchase { lines, .. } = entry else { continue };
        bought.extend(lines.iter().map(|line| line.subject.clone()));
        if bought.len() >= LOOKED_AT_MAX {
            break;
        }
    }
    let keys: BTreeSet<RecordKey> = parked.into_iter().chain(bought).collect();
    let keys: Vec<RecordKey> = keys.into_iter().collect();
    let records = books.records.read(&keys, Consistency::Eventual).await?;
    let remembers = |record: &Record| record.request.as_ref().is_some_and(|request| request.as_str() == asked);
    let found = records.into_values().find(remembers).map(|record| record.key);
    found.ok_or_else(|| {
        format!(
            "no request {asked} among the {} leads that wait or that something was bought for lately; a record \
             remembers its latest request only. Give the contact's id instead: the log line of the request names it",
            keys.len()
        )
        .into()
    })
}

impl Story {
    /// In words.
    pub(crate) fn told(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width().map_or(WIDTH, |width| width.min(WIDTH)));
        for step in &self.steps {
            table.add_row([time(step.at, &self.zone), step.what.clone()]);
        }
        let mut told = format!("{}\n\n{}", fitted_text(&self.head), table.trim_fmt());
        if !self.lines.is_empty() {
            let mut table = Table::new();
            table.set_header(["record", "how it ended", "credits", "out of"]);
            table.add_rows(&self.lines);
            told.push_str(&format!("\n\n{}", fitted(table)));
        }
        told
    }
}

impl Answer for Story {
    fn text(&self) -> String {
        self.told()
    }

    fn json(&self) -> Value {
        let step = |step: &Step| json!({ "at": step.at, "what": step.what });
        let mut whole = self.json.clone();
        if let Value::Object(fields) = &mut whole {
            fields.insert("head".to_owned(), json!(self.head));
            fields.insert("story".to_owned(), self.steps.iter().map(step).collect());
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purchase_is_told_by_its_id_whichever_part_of_a_call_it_is_of() {
        for id in ["", "-1", "-later", "-1-later", "-organizations", "-search"] {
            let id = format!("1768824000714-66acb4feef0b{id}");
            assert!(matches!(kind_of(&id), Kind::Purchase), "{id}");
        }
        assert!(matches!(kind_of("66acb4feef0b66acb4fe"), Kind::Request));
        for record in ["30000000004", "demo#hubspot#contact#30000000004", "1768824000714-66acb4feef0z", "00Q-1"] {
            assert!(matches!(kind_of(record), Kind::Record), "{record}");
        }
    }
}
