//! `leadgate credits show`: what there is, what waits for it, and how long it will last.

mod account;
mod text;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Entry, Hold};
use leadgate_enrichment::credits::price::Action;
use leadgate_enrichment::credits::wallet::{Wallet, burn_order, unopened};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::purchase::cost::Cost;
use serde_json::{Value, json};

use self::account::{Account, Told};
use super::words::{Noun, arrives, cost_json, decimals, kind, noun};
use super::{Answer, Failure};
use crate::books::Books;

/// More leads than this are not counted one by one.
const WAITING_MAX: usize = 10_000;
/// So many of them are read, to tell what they wait for.
const READ_MAX: usize = 1_000;

/// Where the credits of a tenant stand.
pub(super) struct Standing {
    tenant: String,
    place: String,
    zone: TimeZone,
    now: Timestamp,
    /// Open or due, in burn order.
    pub(super) wallets: Vec<Open>,
    /// Whose time is over, with something left that has not been entered as gone.
    over: Vec<Wallet>,
    pub(super) waiting: Waiting,
    /// For what is bought at the moment.
    holds: Vec<Hold>,
    /// For what is on its way, oldest first.
    on_its_way: Vec<Hold>,
    noun: Noun,
    /// What the leads of the first provider's billing cycle have cost since it opened, where credits have values.
    cost: Option<(Timestamp, Cost)>,
    /// Provider by provider: who is asked first, first.
    accounts: Vec<Account>,
}

/// A wallet that may be spent from now.
pub(super) struct Open {
    pub(super) wallet: Wallet,
    /// Whether it is there. If not, whoever first needs it opens it; looking doesn't.
    pub(super) is_open: bool,
}

/// Parked leads.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) leads: usize,
    /// Whether there are more than were counted.
    more: bool,
    /// How many of those that were read wait for what.
    reasons: Vec<(DeferReason, usize)>,
    /// The most that all of them can cost.
    pub(super) needs: Amounts,
}

impl Standing {
    /// Reads it. Nothing is written, and no wallet is opened.
    pub(super) async fn read(books: &Books) -> Result<Self, Failure> {
        let (tenant, now) = (books.tenant(), books.now);
        let there = books.credits.wallets(&tenant.id).await?;
        let entries = books.credits.entries(&tenant.id).await?;
        let waiting = waiting(books).await?;
        let wallets = open_or_due(tenant, &there, now);
        let marks = account::compared(books, &entries).await?;
        let told = Told { books, entries: &entries, wallets: &wallets, needs: &waiting.needs };
        let accounts = tenant.paid_providers().zip(marks).map(|(provider, compared)| told.account(provider, compared));
        let accounts = accounts.collect();
        let mut holds = books.credits.open_holds(&tenant.id).await?;
        holds.sort_by(|a, b| a.purchase.cmp(&b.purchase));
        let (on_its_way, holds) = holds.into_iter().partition(|hold| hold.kind.is_asynchronous());
        let left_over = |wallet: &&Wallet| wallet.expires <= now && !wallet.available.is_zero();
        Ok(Self {
            tenant: tenant.id.to_string(),
            place: books.place.clone(),
            zone: tenant.time_zone.clone(),
            now,
            over: there.iter().filter(left_over).cloned().collect(),
            wallets,
            waiting,
            holds,
            on_its_way,
            noun: noun(&tenant.asynchronous_fields(&tenant.provider)),
            cost: cost(books, &entries).await?,
            accounts,
        })
    }

    /// Each figure over all wallets.
    fn total(&self, of: fn(&Wallet) -> &Amounts) -> Amounts {
        self.wallets.iter().map(|open| of(&open.wallet)).sum()
    }
}

/// What these holds have reserved.
fn held<'h>(holds: impl IntoIterator<Item = &'h Hold>) -> Amounts {
    holds.into_iter().flat_map(|hold| &hold.lines).map(|line| &line.worst).sum()
}

/// In burn order. Those that pay for one action only come where they would, if it were asked for.
fn open_or_due(tenant: &Tenant, there: &[Wallet], now: Timestamp) -> Vec<Open> {
    let (due, in_place) = tenant.in_place(there, now);
    let missing = unopened(&due, &in_place, now);
    let all: Vec<Wallet> = there.iter().chain(&missing).cloned().collect();
    let any_action = all.iter().map(|wallet| Wallet { only: None, ..wallet.clone() }).collect();
    let order = burn_order(any_action, Action::Match, now).into_iter();
    let original = |sorted: Wallet| all.iter().find(|wallet| wallet.wallet == sorted.wallet).cloned();
    order
        .filter_map(original)
        .map(|wallet| Open { is_open: !missing.iter().any(|due| due.wallet == wallet.wallet), wallet })
        .collect()
}

/// Of the purchases since the first provider's billing cycle opened: if there are too many leads, of the latest.
async fn cost(books: &Books, entries: &[Entry]) -> Result<Option<(Timestamp, Cost)>, Failure> {
    let tenant = books.tenant();
    let Some(values) = &tenant.values else { return Ok(None) };
    let opened = tenant.provider.plan.calendar.cycle_at(books.now).opens;
    let (mut leads, mut from) = (BTreeSet::new(), entries.len());
    for (at, entry) in entries.iter().enumerate().rev().take_while(|(_, entry)| entry.at() >= opened) {
        if let Entry::Purchase { lines, .. } = entry {
            leads.extend(lines.iter().map(|line| line.subject.clone()));
        }
        if leads.len() > READ_MAX {
            break;
        }
        from = at;
    }
    let entries = &entries[from..];
    let since = match from {
        _ if leads.len() <= READ_MAX => opened,
        _ => entries.first().map_or(opened, Entry::at),
    };
    let leads: Vec<RecordKey> = leads.into_iter().collect();
    let records = books.records.read(&leads, Consistency::Eventual).await?;
    Ok(Some((since, Cost::of(tenant, values, entries, &records))))
}

async fn waiting(books: &Books) -> Result<Waiting, Failure> {
    let keys = books.records.deferred(&books.tenant, WAITING_MAX + 1).await?;
    let more = keys.len() > WAITING_MAX;
    let read = &keys[..keys.len().min(READ_MAX)];
    let records = books.records.read(read, Consistency::Eventual).await?;
    let worst: Amounts = books.worst(&books.tenant().provider).iter().sum();
    let mut waiting = Waiting { leads: keys.len().min(WAITING_MAX) - read.len(), more, ..Waiting::default() };
    for _ in 0..waiting.leads {
        waiting.needs += &worst;
    }
    for deferral in records.into_values().filter_map(|record| record.state.deferral().cloned()) {
        waiting.leads += 1;
        waiting.needs += &deferral.worst;
        match waiting.reasons.iter_mut().find(|(reason, _)| *reason == deferral.reason) {
            Some((_, count)) => *count += 1,
            None => waiting.reasons.push((deferral.reason, 1)),
        }
    }
    waiting.reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(waiting)
}

impl Answer for Standing {
    fn json(&self) -> Value {
        let wallets = self.wallets.iter().map(|open| wallet_json(&open.wallet, open.is_open));
        let reasons = self.waiting.reasons.iter().map(|(reason, count)| json!({ "reason": reason, "leads": count }));
        let holds = self.holds.iter().chain(&self.on_its_way).map(|hold| {
            let (purchase, leads) = (&hold.purchase, hold.lines.len());
            json!({
                "purchase": purchase, "provider": hold.provider.as_ref().unwrap_or(&self.accounts[0].provider), "arrives": arrives(hold.kind), "since": hold.held_at, "leads": leads,
                "amounts": decimals(&held([hold])),
            })
        });
        let outlooks = self.accounts.iter().flat_map(|account| &account.outlooks);
        let next = self.accounts.iter().map(|account| account.next.at).min();
        let first = self.accounts.iter().filter(|account| Some(account.next.at) == next);
        let coming: Amounts = first.flat_map(|account| &account.next.wallets).map(|wallet| &wallet.granted).sum();
        json!({
            "tenant": self.tenant,
            "place": self.place,
            "now": self.now,
            "wallets": wallets.collect::<Vec<_>>(),
            "available": decimals(&self.total(|wallet| &wallet.available)),
            "held": decimals(&self.total(|wallet| &wallet.held)),
            "held_for_later": decimals(&held(&self.on_its_way)),
            "over": self.over.iter().map(|wallet| wallet_json(wallet, true)).collect::<Vec<_>>(),
            "waiting": {
                "leads": self.waiting.leads,
                "more": self.waiting.more,
                "reasons": reasons.collect::<Vec<_>>(),
                "needs": decimals(&self.waiting.needs),
            },
            "holds": holds.collect::<Vec<_>>(),
            "next_grant": { "at": next, "amounts": decimals(&coming) },
            "forecast": outlooks.map(account::Outlook::json).collect::<Vec<_>>(),
            "cost": self.cost.as_ref().map(|(since, cost)| cost_json(*since, cost)),
            "providers": self.accounts.iter().map(Account::json).collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        self.told()
    }
}

fn wallet_json(wallet: &Wallet, is_open: bool) -> Value {
    json!({
        "wallet": wallet.wallet,
        "kind": kind(wallet.kind),
        "only": wallet.only,
        "open": is_open,
        "opens": wallet.opens,
        "expires": wallet.expires,
        "granted": decimals(&wallet.granted),
        "available": decimals(&wallet.available),
        "held": decimals(&wallet.held),
        "spent": decimals(&wallet.spent),
        "expired": decimals(&wallet.expired),
    })
}
