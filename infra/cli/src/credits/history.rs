//! `leadgate credits history`: the ledger in words, newest last.

use comfy_table::{CellAlignment, Table};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Entry, EntryLine, LineResult, PurchaseKind};
use leadgate_enrichment::credits::money::{CurrencyAmount, Values};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId};
use leadgate_enrichment::ids::{ProviderName, PurchaseId};
use serde_json::{Value, json};

use super::export::{kind_of, word_for, word_of};
use super::words::{
    amounts, arrives, decimals, first_instant, in_currency, leads, negative, noun, plan_change, resolution, signed,
    time,
};
use super::{Answer, Failure, asked, origin};
use crate::books::Books;
use crate::terminal::{count, fitted};

/// Which entries.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only from this day on.
    #[arg(long, value_name = "DAY", value_parser = asked::day)]
    pub(super) since: Option<Date>,
    /// Only the newest N.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) limit: usize,
}

/// A part of the ledger.
pub(super) struct History {
    zone: TimeZone,
    since: Option<Date>,
    /// When the last entry was made, shown or not.
    latest: Option<Timestamp>,
    /// How many there are, shown or not.
    all: usize,
    pub(super) lines: Vec<Line>,
    /// What credits are worth, where that is configured.
    values: Option<Values>,
}

/// An entry, in words.
pub(super) struct Line {
    at: Timestamp,
    kind: &'static str,
    wallets: Vec<String>,
    /// What it did to the balance.
    amounts: Amounts,
    pub(super) details: String,
    purchase: Option<(PurchaseId, PurchaseKind)>,
    /// Whom it was bought of.
    provider: Option<ProviderName>,
    reference: Option<String>,
}

impl History {
    pub(super) async fn read(books: &Books, which: &Arguments) -> Result<Self, Failure> {
        let wallets = books.credits.wallets(&books.tenant).await?;
        let mut entries = books.credits.entries(&books.tenant).await?;
        let latest = entries.iter().map(Entry::at).max();
        if let Some(since) = which.since.map(|day| first_instant(day, books.zone())) {
            entries.retain(|entry| entry.at() >= since);
        }
        let shown = &entries[entries.len().saturating_sub(which.limit)..];
        let noun = noun(&books.tenant().asynchronous_fields(&books.tenant().provider)).one;
        let first = books.tenant().provider.name();
        let lines = shown.iter().map(|entry| line(entry, &first, &wallets, noun, books.zone())).collect();
        let (zone, since) = (books.zone().clone(), which.since);
        Ok(Self { zone, since, latest, all: entries.len(), lines, values: books.tenant().values.clone() })
    }
}

impl History {
    /// What a line moved, in money, if all of it has a value.
    fn money(&self, line: &Line) -> Option<CurrencyAmount> {
        let values = self.values.as_ref().filter(|values| values.lacks(&line.amounts).is_empty());
        values.map(|values| values.worth_in_currency(&line.amounts))
    }

    /// An empty ledger is something else than a selection without entries.
    fn told_of_none(&self) -> String {
        match (self.latest, self.since, self.all) {
            (None, ..) => "The ledger has no entries yet.".to_owned(),
            (Some(latest), Some(since), 0) => {
                format!("The ledger has no entries since {since}: the latest is of {}.", time(latest, &self.zone))
            }
            (_, _, all) => left_out_of_it(all),
        }
    }
}

fn left_out_of_it(entries: usize) -> String {
    let are = if entries == 1 { "is" } else { "are" };
    format!("{} {are} left out: see --limit", count(entries, "older entry"))
}

fn line(entry: &Entry, first: &ProviderName, wallets: &[Wallet], noun: &str, zone: &TimeZone) -> Line {
    let at = entry.at();
    let kind = kind_of(entry);
    let line = |wallet: &WalletId, amounts: Amounts, details| Line {
        at,
        kind,
        wallets: vec![wallet.0.clone()],
        amounts,
        details,
        purchase: None,
        provider: None,
        reference: None,
    };
    match entry {
        Entry::Grant { wallet, amounts, reference, .. } => {
            let there = wallets.iter().find(|there| there.wallet == *wallet);
            let details = origin::of_grant(there, reference.as_deref(), zone);
            let reference = reference.as_deref().map(|entered| origin::without_reason(entered).0.to_owned());
            Line { reference, ..line(wallet, amounts.clone(), details) }
        }
        Entry::Adjust { wallet, amounts, reference, reason, .. } => {
            let reference = Some(reference.clone());
            Line { reference, ..line(wallet, amounts.clone(), reason.clone()) }
        }
        Entry::Expire { wallet, amounts, .. } => {
            let details = "unused when its time was over".to_owned();
            line(wallet, negative(amounts), details)
        }
        Entry::PlanChange { wallet, amounts, reason, .. } => {
            line(wallet, amounts.clone(), plan_change(*reason).to_owned())
        }
        Entry::Resolution { purchase, kind: buys, slices, outcome, .. } => {
            let mut wallets: Vec<String> = slices.iter().map(|slice| slice.wallet.0.clone()).collect();
            wallets.dedup();
            let amounts = slices.iter().map(|slice| (slice.bucket.clone(), slice.amount)).collect();
            let (details, purchase) = (resolution(*outcome).to_owned(), Some((purchase.clone(), *buys)));
            Line { at, kind, wallets, amounts, details, purchase, provider: None, reference: None }
        }
        Entry::Drift { amounts: drift, .. } => {
            let details = format!("{} by the provider's count beyond ours; no balance was moved", signed(drift));
            let (wallets, amounts, purchase, reference) = (Vec::new(), Amounts::default(), None, None);
            Line { at, kind, wallets, amounts, details, purchase, provider: None, reference }
        }
        Entry::Purchase { purchase, kind: buys, provider, slices, lines, .. } => {
            let provider = Some(provider.as_ref().unwrap_or(first).clone());
            let mut wallets: Vec<String> = slices.iter().map(|slice| slice.wallet.0.clone()).collect();
            wallets.dedup();
            let cost: Amounts = lines.iter().map(|line| &line.cost).sum();
            let (amounts, details, purchase) = (negative(&cost), told(entry, noun), Some((purchase.clone(), *buys)));
            Line { at, kind, wallets, amounts, details, purchase, provider, reference: None }
        }
    }
}

/// `10 leads: 7 hit, 3 miss (reported)`, or `number of 7 leads: 5 hit, 2 miss (reported)`.
fn told(entry: &Entry, noun: &str) -> String {
    let Entry::Purchase { kind, excess, evidence, lines, .. } = entry else { return String::new() };
    let excess = match excess.is_zero() {
        true => String::new(),
        false => format!("; {} beyond what was held", amounts(excess)),
    };
    let of = if kind.is_asynchronous() { format!("{noun} of ") } else { String::new() };
    let ends = ends(lines, ENDS.map(word_for));
    format!("{of}{ends} ({}){excess}", word_of(*evidence))
}

/// How a line may end, in the order in which it is said.
const ENDS: [LineResult; 4] = [LineResult::Hit, LineResult::Miss, LineResult::Pending, LineResult::Unknown];

/// How many of these leads were hits, misses, pending and unknown, in these words.
pub(super) fn ends(lines: &[EntryLine], words: [&str; 4]) -> String {
    let count = |result| lines.iter().filter(|line| line.result == result).count();
    let counts = ENDS.map(count);
    let some: Vec<(usize, &str)> = counts.into_iter().zip(words).filter(|(count, _)| *count > 0).collect();
    if let [(all, word)] = some[..] {
        return format!("{}, {word}", leads(all));
    }
    let said: Vec<String> = some.iter().map(|(count, word)| format!("{count} {word}")).collect();
    format!("{}: {}", leads(lines.len()), said.join(", "))
}

/// The place of the column.
const CREDITS: usize = 2;

impl Answer for History {
    fn text(&self) -> String {
        if self.lines.is_empty() {
            return self.told_of_none();
        }
        let mut table = Table::new();
        let money = self.values.as_ref().map(|_| "money");
        let header = ["time", "kind", "credits"].into_iter().chain(money).chain(["wallet", "reference", "details"]);
        table.set_header(header);
        for line in &self.lines {
            let money = self.values.as_ref().map(|_| self.money(line).map(|it| it.to_string()).unwrap_or_default());
            let first = [time(line.at, &self.zone), line.kind.to_owned(), signed(&line.amounts)];
            table.add_row(
                first.into_iter().chain(money).chain([
                    line.wallets.join("\n"),
                    line.purchase
                        .as_ref()
                        .map(|(purchase, _)| purchase.to_string())
                        .or(line.reference.clone())
                        .unwrap_or_default(),
                    line.details.clone(),
                ]),
            );
        }
        for column in table.column_iter_mut().skip(CREDITS).take(1 + usize::from(self.values.is_some())) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let left_out = self.all - self.lines.len();
        let more = if left_out > 0 { format!("\n{}", left_out_of_it(left_out)) } else { String::new() };
        format!("{}{more}", fitted(table))
    }

    fn json(&self) -> Value {
        let line = |line: &Line| {
            json!({
                "time": line.at, "kind": line.kind, "wallets": line.wallets, "amounts": decimals(&line.amounts),
                "money": self.money(line).as_ref().map(in_currency),
                "details": line.details, "purchase": line.purchase.as_ref().map(|(purchase, _)| purchase), "reference": line.reference,
                "provider": line.provider, "arrives": line.purchase.as_ref().map(|(_, kind)| arrives(*kind)),
            })
        };
        json!({ "entries": self.lines.iter().map(line).collect::<Vec<_>>(), "left_out": self.all - self.lines.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_selection_is_no_empty_ledger() {
        let history = |since: Option<Date>, latest: Option<Timestamp>, all| {
            History { zone: TimeZone::UTC, since, latest, all, lines: Vec::new(), values: None }.text()
        };
        let (since, latest) = (Some(jiff::civil::date(2026, 2, 1)), Some(Timestamp::UNIX_EPOCH));
        assert_eq!(history(None, None, 0), "The ledger has no entries yet.");
        assert_eq!(
            history(since, latest, 0),
            "The ledger has no entries since 2026-02-01: the latest is of 1970-01-01 00:00:00."
        );
        assert_eq!(history(None, latest, 1), "1 older entry is left out: see --limit");
        assert_eq!(history(None, latest, 3), "3 older entries are left out: see --limit");
    }
}
