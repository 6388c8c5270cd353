//! `leadgate credits export`: the ledger as rows.

use std::collections::BTreeMap;

use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::ledger::{Entry, EntryLine, Evidence, LineResult, Slice};
use leadgate_enrichment::credits::money::{Money, Values};
use leadgate_enrichment::credits::wallet::WalletId;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::{ProviderName, PurchaseId};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::attribution::{Part, parts};
use super::origin::without_reason;
use super::words::{arrives, plan_change, resolution};
use super::{Answer, Failure};

/// One part of one line of an entry. Rows with an amount add up to what all wallets hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Row {
    /// In UTC.
    time: String,
    kind: &'static str,
    wallet: String,
    bucket: String,
    /// Credits: what went in, or less than nothing for what went out. Absent where no balance was moved.
    #[serde(serialize_with = "credits")]
    amount: Option<Milli>,
    purchase: String,
    record: String,
    result: &'static str,
    evidence: &'static str,
    price_version: String,
    reference: String,
    reason: String,
    /// Of a purchase: whether it is of what comes at once or of what arrives later, mobile numbers as a rule.
    arrives: &'static str,
    /// Of a purchase, and of what its outcome was resolved as: whom it was bought of.
    provider: String,
    /// What the amount is worth, where its kind of credit has a value, and in which currency.
    #[serde(serialize_with = "decimal")]
    money: Option<Money>,
    currency: String,
}

fn credits<S: Serializer>(amount: &Option<Milli>, serializer: S) -> Result<S::Ok, S::Error> {
    amount.map(Milli::to_decimal).serialize(serializer)
}

fn decimal<S: Serializer>(money: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    money.map(Money::to_decimal).serialize(serializer)
}

const COLUMNS: [&str; 16] = [
    "time",
    "kind",
    "wallet",
    "bucket",
    "amount",
    "purchase",
    "record",
    "result",
    "evidence",
    "price_version",
    "reference",
    "reason",
    "arrives",
    "provider",
    "money",
    "currency",
];

/// The ledger as rows.
pub(super) struct Sheet {
    rows: Vec<Row>,
    csv: String,
}

impl Sheet {
    /// Of these entries of a tenant's.
    pub(super) fn of(entries: &[Entry], tenant: &Tenant) -> Result<Self, Failure> {
        let mut rows = rows(entries, &tenant.provider.name());
        if let Some(values) = &tenant.values {
            rows.iter_mut().for_each(|row| row.value(values));
        }
        let csv = csv(&rows)?;
        Ok(Self { rows, csv })
    }
}

impl Row {
    /// Says what its amount is worth.
    fn value(&mut self, values: &Values) {
        let moved = self.amount.map(|amount| Amounts::one(Bucket::new(&self.bucket), amount));
        let Some(moved) = moved.filter(|moved| values.lacks(moved).is_empty()) else { return };
        (self.money, self.currency) = (Some(values.worth(&moved)), values.currency.to_string());
    }
}

impl Answer for Sheet {
    fn text(&self) -> String {
        self.csv.clone()
    }

    fn json(&self) -> Value {
        json!({ "rows": self.rows })
    }
}

fn rows(entries: &[Entry], first: &ProviderName) -> Vec<Row> {
    let purchases = entries.iter().filter_map(|entry| match entry {
        Entry::Purchase { purchase, provider, .. } => Some((purchase, provider.as_ref().unwrap_or(first))),
        _ => None,
    });
    let sellers: BTreeMap<&PurchaseId, &ProviderName> = purchases.collect();
    entries.iter().flat_map(|entry| rows_of(entry, &sellers)).collect()
}

/// `sellers` says of each purchase whom it was of.
fn rows_of(entry: &Entry, sellers: &BTreeMap<&PurchaseId, &ProviderName>) -> Vec<Row> {
    let row = || Row { time: entry.at().to_string(), kind: kind_of(entry), ..Row::default() };
    let seller = |purchase| sellers.get(purchase).map(|provider| provider.to_string()).unwrap_or_default();
    match entry {
        Entry::Grant { wallet, amounts, reference, .. } => {
            let (reference, reason) = reference.as_deref().map(without_reason).unwrap_or_default();
            let (reference, reason) = (reference.to_owned(), reason.unwrap_or_default().to_owned());
            by_bucket(&Row { reference, reason, ..row() }, wallet, amounts)
        }
        Entry::Adjust { wallet, amounts, reference, reason, .. } => {
            let (reference, reason) = (reference.clone(), reason.clone());
            by_bucket(&Row { reference, reason, ..row() }, wallet, amounts)
        }
        Entry::Expire { wallet, amounts, .. } => by_bucket(&row(), wallet, &Amounts::default().minus(amounts)),
        Entry::PlanChange { wallet, amounts, reason, .. } => {
            by_bucket(&Row { reason: plan_change(*reason).to_owned(), ..row() }, wallet, amounts)
        }
        Entry::Resolution { purchase, kind, slices, outcome, .. } => {
            let reason = resolution(*outcome).to_owned();
            let (arrives, provider) = (arrives(*kind), seller(purchase));
            let row = Row { purchase: purchase.to_string(), arrives, reason, provider, ..row() };
            let of = |slice: &Slice| Row {
                wallet: slice.wallet.0.clone(),
                bucket: slice.bucket.to_string(),
                amount: Some(slice.amount),
                ..row.clone()
            };
            match slices.is_empty() {
                true => vec![row],
                false => slices.iter().map(of).collect(),
            }
        }
        Entry::Drift { amounts, .. } => {
            let drift = |(bucket, by): (&Bucket, Milli)| Row {
                bucket: bucket.to_string(),
                reason: format!("{by} more by the provider's count than by ours; moves no balance"),
                ..row()
            };
            amounts.iter().map(drift).collect()
        }
        Entry::Purchase { purchase, kind, slices, evidence, price_version, lines, .. } => {
            let row = Row {
                purchase: purchase.to_string(),
                arrives: arrives(*kind),
                provider: seller(purchase),
                evidence: word_of(*evidence),
                price_version: price_version.clone(),
                ..row()
            };
            let all = lines.iter().zip(parts(slices, lines));
            all.flat_map(|(line, parts)| of_line(&row, line, &parts)).collect()
        }
    }
}

fn by_bucket(row: &Row, wallet: &WalletId, amounts: &Amounts) -> Vec<Row> {
    let of = |(bucket, amount): (&Bucket, Milli)| Row {
        wallet: wallet.0.clone(),
        bucket: bucket.to_string(),
        amount: Some(amount),
        ..row.clone()
    };
    amounts.iter().map(of).collect()
}

/// A line that cost nothing has a row, too: somebody was asked about.
fn of_line(row: &Row, line: &EntryLine, parts: &[Part<'_>]) -> Vec<Row> {
    let row = Row { record: line.subject.to_string(), result: word_for(line.result), ..row.clone() };
    if parts.is_empty() {
        return vec![Row { amount: Some(Milli::ZERO), ..row }];
    }
    let of = |part: &Part<'_>| Row {
        wallet: part.wallet.map(|wallet| wallet.0.clone()).unwrap_or_default(),
        bucket: part.bucket.to_string(),
        amount: Some(Milli::ZERO - part.amount),
        ..row.clone()
    };
    parts.iter().map(of).collect()
}

/// What an entry is called wherever entries are listed.
pub(super) fn kind_of(entry: &Entry) -> &'static str {
    match entry {
        Entry::Grant { .. } => "grant",
        Entry::Adjust { .. } => "adjust",
        Entry::Expire { .. } => "expire",
        Entry::PlanChange { .. } => "plan-change",
        Entry::Resolution { .. } => "resolution",
        Entry::Drift { .. } => "drift",
        Entry::Purchase { .. } => "purchase",
    }
}

/// What a line's end is called there.
pub(super) fn word_for(result: LineResult) -> &'static str {
    match result {
        LineResult::Hit => "hit",
        LineResult::Miss => "miss",
        LineResult::Pending => "pending",
        LineResult::Unknown => "unknown",
    }
}

pub(super) fn word_of(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Reported => "reported",
        Evidence::Inferred => "inferred",
        Evidence::Assumed => "assumed",
    }
}

/// As RFC 4180 has it, with a header.
pub(super) fn csv(rows: &[Row]) -> Result<String, Failure> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows {
        let amount = row.amount.map(|amount| amount.to_string()).unwrap_or_default();
        let text = |text: &str| harmless(text);
        writer.write_record([
            text(&row.time),
            text(row.kind),
            text(&row.wallet),
            text(&row.bucket),
            amount,
            text(&row.purchase),
            text(&row.record),
            text(row.result),
            text(row.evidence),
            text(&row.price_version),
            text(&row.reference),
            text(&row.reason),
            text(row.arrives),
            text(&row.provider),
            row.money.map(|money| money.to_string()).unwrap_or_default(),
            text(&row.currency),
        ])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A spreadsheet takes text that begins like this for a formula, and runs it. An apostrophe says that it is text.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(reason: &str, amount: i64) -> String {
        let row = Row { kind: "adjust", amount: Some(Milli::new(amount)), reason: reason.to_owned(), ..Row::default() };
        let text = csv(&[row]).expect("a table");
        text.lines().nth(1).expect("a row").to_owned()
    }

    #[test]
    fn text_is_quoted_where_it_must_be_and_never_a_formula() {
        assert_eq!(one("plain", -5000), ",adjust,,,-5,,,,,,,plain,,,,");
        assert_eq!(one("say \"no\", please", 500), ",adjust,,,0.5,,,,,,,\"say \"\"no\"\", please\",,,,");
        assert_eq!(one("=1+2", 1000), ",adjust,,,1,,,,,,,'=1+2,,,,");
        for formula in ["+1", "-1", "@SUM(A1)", "\tx"] {
            assert!(one(formula, 1000).ends_with(&format!("'{formula},,,,")), "{formula:?} is a formula");
        }
        assert!(csv(&[]).expect("a header").ends_with("reference,reason,arrives,provider,money,currency\r\n"));
    }
}
