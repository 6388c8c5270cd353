//! What the books say, for a story to be made of.

use jiff::Timestamp;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::{PurchaseId, RecordKey};
use leadgate_enrichment::ledger::{Entry, EntryLine, Evidence, Hold, LineResult, Slice};
use leadgate_enrichment::wallet::{Wallet, WalletId};

use super::Step;
use crate::credits::attribution::{Part, parts};
use crate::credits::origin;
use crate::credits::words::amounts;

/// The books of a tenant.
pub(super) struct Facts<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) config: &'a Config,
    pub(super) wallets: &'a [Wallet],
    pub(super) entries: &'a [Entry],
    pub(super) holds: &'a [Hold],
    pub(super) now: Timestamp,
}

/// What was bought for one record in one purchase.
pub(super) struct Bought<'a> {
    pub(super) purchase: &'a PurchaseId,
    pub(super) held_at: Timestamp,
    pub(super) settled_at: Timestamp,
    pub(super) evidence: Evidence,
    pub(super) price_version: &'a str,
    pub(super) line: &'a EntryLine,
    pub(super) parts: Vec<Part<'a>>,
    /// How many records it was for.
    pub(super) leads: usize,
}

impl<'a> Facts<'a> {
    /// Everything that was bought for a record, by age.
    pub(super) fn bought(&self, key: &RecordKey) -> impl Iterator<Item = Bought<'a>> {
        self.entries.iter().filter_map(move |entry| {
            let Entry::Purchase { purchase, at, slices, evidence, price_version, lines, .. } = entry else {
                return None;
            };
            let place = lines.iter().position(|line| line.record == *key)?;
            Some(Bought {
                purchase,
                held_at: self.held_at(purchase, slices, *at),
                settled_at: *at,
                evidence: *evidence,
                price_version,
                line: &lines[place],
                parts: parts(slices, lines).swap_remove(place),
                leads: lines.len(),
            })
        })
    }

    /// The open hold that a record is part of.
    pub(super) fn hold(&self, key: &RecordKey) -> Option<&'a Hold> {
        self.holds.iter().find(|hold| hold.lines.iter().any(|line| line.record == *key))
    }

    pub(super) fn wallet(&self, wallet: &WalletId) -> Option<&'a Wallet> {
        self.wallets.iter().find(|there| there.wallet == *wallet)
    }

    /// When credits were held for what was begun then and settled later: not before the wallets that it came from were
    /// opened, which whoever needs them does on the way.
    pub(super) fn held_at(&self, purchase: &PurchaseId, slices: &[Slice], settled_at: Timestamp) -> Timestamp {
        let opened = self.grants(slices.iter().map(|slice| &slice.wallet)).into_iter().map(|grant| grant.at);
        let begun = begun_at(purchase).unwrap_or(settled_at);
        opened.filter(|at| *at <= settled_at).fold(begun, Timestamp::max)
    }

    /// When and why each of these wallets was filled.
    pub(super) fn grants<'w>(&self, wallets: impl Iterator<Item = &'w WalletId>) -> Vec<Step> {
        let mut names: Vec<&WalletId> = wallets.collect();
        names.sort();
        names.dedup();
        let entry = |name: &WalletId| {
            self.entries.iter().find_map(|entry| match entry {
                Entry::Grant { wallet, amounts: filled, at, reference } if wallet == name => {
                    let zone = &self.tenant.time_zone;
                    let why = origin::of_grant(self.wallet(wallet), reference.as_deref(), zone);
                    Some(Step { at: *at, what: format!("{} opened with {}: {why}.", wallet.0, amounts(filled)) })
                }
                _ => None,
            })
        };
        names.into_iter().filter_map(entry).collect()
    }

    /// The most that one lead can have been held for at these prices, if it was bought before or not. `None` when they
    /// are no longer configured.
    pub(super) fn worst(&self, held_at: Timestamp, price_version: &str, repeated: bool) -> Option<Amounts> {
        let tariff = self.config.person_tariff(self.tenant, held_at)?;
        (tariff.version() == price_version).then(|| tariff.worst_of(repeated))
    }

    /// What was held for this part of a purchase at most.
    pub(super) fn held_for(&self, bought: &Bought<'_>) -> Option<Amounts> {
        let is_before = |other: &Bought<'_>| other.settled_at < bought.held_at && other.line.result == LineResult::Hit;
        let repeated = self.bought(&bought.line.record).any(|other| is_before(&other));
        self.worst(bought.held_at, bought.price_version, repeated)
    }
}

/// A purchase's id begins with the time at which it was begun.
fn begun_at(purchase: &PurchaseId) -> Option<Timestamp> {
    let (time, _) = purchase.as_str().split_once('-')?;
    Timestamp::from_millisecond(time.parse().ok()?).ok()
}
