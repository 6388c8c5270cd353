//! A back-test on a terminal and for a script: what really happened beside what would have, and what can't be known.

use std::collections::BTreeSet;

use comfy_table::{CellAlignment, Table};
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::money::CurrencyAmount;
use leadgate_enrichment::ids::ProviderName;
use serde_json::{Value, json};

use super::history::{History, Request};
use super::replay::{Ended, Policy};
use crate::credits::{amounts, decimals};
use crate::terminal::{count, fitted, fitted_text};

/// What really happened, the deployed configuration replayed, and the other one.
pub(super) struct Compared {
    place: String,
    columns: Vec<Column>,
    /// Answers of the other configuration that had to be assumed.
    assumed: usize,
    cannot_be_known: Vec<String>,
}

struct Column {
    name: &'static str,
    /// For a script.
    key: &'static str,
    ended: Ended,
    worth: Option<CurrencyAmount>,
    /// Whether the figures of what was not asked about, and of the time waited, are there: the ledger doesn't have them.
    is_replayed: bool,
}

impl Compared {
    pub(super) fn of(
        history: &History,
        (deployed, as_deployed): (Policy<'_>, Ended),
        (other, [none, all]): (Policy<'_>, [Ended; 2]),
        place: String,
    ) -> Self {
        let column = |name, key, ended: Ended, tenant: &Tenant, is_replayed| Column {
            worth: worth(tenant, &ended.spent),
            name,
            key,
            ended,
            is_replayed,
        };
        let mut columns = vec![
            column("really", "really", really(history, deployed.tenant), deployed.tenant, false),
            column("deployed, replayed", "deployed", as_deployed, deployed.tenant, true),
        ];
        let assumed = none.assumed.max(all.assumed);
        if none == all {
            columns.push(column("the other", "other", none, other.tenant, true));
        } else {
            columns.push(column("the other, if they know nobody", "other_if_unknown", none, other.tenant, true));
            columns.push(column("the other, if they know all", "other_if_known", all, other.tenant, true));
        }
        Self { place, columns, assumed, cannot_be_known: unknowable(history, deployed.tenant, other.tenant) }
    }

    pub(super) fn text(&self) -> String {
        let requests = self.columns.first().map_or(0, |column| column.ended.requests);
        let mut text = format!("{} of {}, replayed.\n\n", count(requests, "request"), self.place);
        text.push_str(&fitted(self.table()));
        text.push('\n');
        if self.assumed > 0 {
            let assumed = count(self.assumed, "answer");
            text.push_str(&format!(
                "\nOf providers that were never asked about a person, {assumed} had to be assumed.\n"
            ));
        }
        text.push_str("\nWhat this can't know:\n");
        for line in &self.cannot_be_known {
            text.push_str(&fitted_text(&format!("- {line}")));
            text.push('\n');
        }
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        let mut header = vec!["what".to_owned()];
        header.extend(self.columns.iter().map(|column| column.name.to_owned()));
        table.set_header(header);
        let mut row = |what: String, figure: &dyn Fn(&Column) -> Option<String>| {
            let figures: Vec<Option<String>> = self.columns.iter().map(figure).collect();
            if figures.iter().any(|figure| figure.as_deref().is_some_and(|figure| figure != "0")) {
                let figures = figures.into_iter().map(|figure| figure.unwrap_or_else(|| "-".to_owned()));
                table.add_row(std::iter::once(what).chain(figures).collect::<Vec<_>>());
            }
        };
        for (what, of, is_in_ledger) in FIGURES {
            let figure = |column: &Column| (column.is_replayed || *is_in_ledger).then(|| of(&column.ended).to_string());
            row((*what).to_owned(), &figure);
        }
        for provider in self.providers() {
            let figure =
                |column: &Column| Some(column.ended.asked.get(provider).copied().unwrap_or_default().to_string());
            row(format!("people that {provider} was asked about"), &figure);
        }
        row("spent".to_owned(), &|column| Some(amounts(&column.ended.spent)));
        row("worth".to_owned(), &|column| column.worth.as_ref().map(ToString::to_string));
        row("worth, for each that is known".to_owned(), &|column| {
            let worth = column.worth.as_ref()?;
            let each = worth.amount.per(column.ended.known)?;
            Some(CurrencyAmount { amount: each, currency: worth.currency.clone() }.to_string())
        });
        let expired = |column: &Column| (!column.ended.expired.is_zero()).then(|| amounts(&column.ended.expired));
        row("credits gone unused".to_owned(), &expired);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn providers(&self) -> BTreeSet<&ProviderName> {
        self.columns.iter().flat_map(|column| column.ended.asked.keys()).collect()
    }

    pub(super) fn json(&self) -> Value {
        let columns = self.columns.iter().map(|column| (column.key.to_owned(), column.json()));
        let columns: serde_json::Map<String, Value> = columns.collect();
        json!({ "place": self.place, "replays": columns, "cannot_be_known": self.cannot_be_known })
    }
}

/// What each row counts, and whether the ledger tells it of what really happened.
type Figure = (&'static str, fn(&Ended) -> usize, bool);

const FIGURES: &[Figure] = &[
    ("requests", |ended| ended.requests, true),
    ("not asked about: still fresh", |ended| ended.fresh, false),
    ("not asked about: a miss that is remembered", |ended| ended.known_misses, false),
    ("known to a provider", |ended| ended.known, true),
    ("known to none", |ended| ended.unknown, true),
    ("without what arrives later, for want of credits", |ended| ended.in_part, false),
    ("waited, and taken up later", |ended| ended.waited, false),
    ("longest wait in days", |ended| usize::try_from(ended.days_waited_max).unwrap_or(usize::MAX), false),
    ("given up", |ended| ended.given_up, false),
    ("wait now", |ended| ended.waiting, true),
];

impl Column {
    fn json(&self) -> Value {
        let ended = &self.ended;
        let mut json = json!({
            "requests": ended.requests, "known": ended.known, "unknown": ended.unknown, "waiting": ended.waiting,
            "asked": ended.asked, "spent": decimals(&ended.spent), "expired": decimals(&ended.expired),
            "worth": self.worth.as_ref().map(|worth| json!({
                "currency": worth.currency, "amount": worth.amount.to_decimal(),
            })),
        });
        if self.is_replayed {
            json["fresh"] = json!(ended.fresh);
            json["remembered_misses"] = json!(ended.known_misses);
            json["in_part"] = json!(ended.in_part);
            json["waited"] = json!(ended.waited);
            json["days_waited_max"] = json!(ended.days_waited_max);
            json["given_up"] = json!(ended.given_up);
            json["assumed_answers"] = json!(ended.assumed);
        }
        json
    }
}

/// What credits are worth, where all of them have a value.
fn worth(tenant: &Tenant, spent: &Amounts) -> Option<CurrencyAmount> {
    let values = tenant.values.as_ref().filter(|values| values.lacks(spent).is_empty())?;
    Some(values.worth_in_currency(spent))
}

/// The same figures of what really happened, as far as the ledger has them.
fn really(history: &History, tenant: &Tenant) -> Ended {
    let mut ended =
        Ended { spent: history.really.spent.clone(), expired: history.really.expired.clone(), ..Ended::default() };
    let is_known = |request: &Request| request.told.values().any(|told| told.is_known == Some(true));
    for request in history.replayed() {
        ended.requests += 1;
        match (request.is_parked, is_known(request)) {
            (true, _) => ended.waiting += 1,
            (false, true) => ended.known += 1,
            (false, false) => ended.unknown += 1,
        }
        for provider in request.told.keys().filter(|provider| tenant.provider_named(provider.as_str()).is_some()) {
            *ended.asked.entry(provider.clone()).or_default() += 1;
        }
    }
    ended
}

/// What the ledger doesn't tell, of what matters between these two.
fn unknowable(history: &History, deployed: &Tenant, other: &Tenant) -> Vec<String> {
    let mut lines = vec![
        "The time of a request is that of its first purchase: how long it had waited before that isn't in the ledger, so \
         credits that had run out then had come by that time."
            .to_owned(),
    ];
    if other.windows.freshness < deployed.windows.freshness || other.windows.miss < deployed.windows.miss {
        let line = "Events that the deployed windows turned away are kept nowhere: shorter windows would have bought for \
                    some of them as well.";
        lines.push(line.to_owned());
    }
    let has_several = history.replayed().any(|request| request.told.len() > 1);
    if has_several || other.waterfall != deployed.waterfall {
        let line = "Which fields a provider had isn't in the ledger, only whether it knew the person and what it charged: \
                    a step for a field that was missing is taken to be needed where it was made.";
        lines.push(line.to_owned());
    }
    let of_some =
        |tenant: &Tenant| tenant.caps.is_per_owner() || has_caps_per_source(tenant) || !tenant.floor.is_zero();
    if of_some(deployed) || of_some(other) {
        let line = "Whose leads they were, and where they came from, isn't in the ledger: caps per owner and per source, and \
                    the floor for new leads, are left out.";
        lines.push(line.to_owned());
    }
    if !other.routes.is_empty() {
        let line = "What the CRM says of a record isn't in the ledger: everyone is asked about by the waterfall of all, and by \
                    no route.";
        lines.push(line.to_owned());
    }
    if other.looks_employers_up(&other.provider) && !deployed.looks_employers_up(&deployed.provider) {
        lines.push("What employers cost that were never looked up is left out.".to_owned());
    }
    if other.waterfall.verifier.is_some() || deployed.waterfall.verifier.is_some() {
        lines.push("Checking addresses is not replayed, nor is what it costs.".to_owned());
    }
    if history.really.has_adjustments {
        lines.push("Balances that were put right by hand are not replayed.".to_owned());
    }
    lines.push(
        "Prices that differ from those that were paid are reckoned in full for everyone who was charged for, and requests \
         are replayed one after another: caps and wallets are never short because of what others hold."
            .to_owned(),
    );
    lines
}

fn has_caps_per_source(tenant: &Tenant) -> bool {
    !tenant.caps.per_source.is_empty() || !tenant.caps.money.per_source.is_empty()
}
