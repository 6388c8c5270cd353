//! What the books say, for a story to be made of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{
    Entry, EntryLine, Evidence, Hold, HoldLine, LineResult, PurchaseKind, Slice,
};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{ProviderName, PurchaseId, RecordKey};
use leadgate_enrichment::person::ProfileField;

use super::Step;
use crate::credits::attribution::{Part, parts};
use crate::credits::origin;
use crate::credits::words::{Noun, amounts, noun, plan_change, resolution, signed};

/// The books of a tenant.
pub(super) struct Facts<'a> {
    pub(super) tenant: &'a Tenant,
    /// The name of the tenant's first provider: whom everything was bought of when there was no other.
    pub(super) first: &'a ProviderName,
    pub(super) config: &'a Config,
    pub(super) wallets: &'a [Wallet],
    pub(super) entries: &'a [Entry],
    pub(super) holds: &'a [Hold],
    pub(super) now: Timestamp,
    /// What values are sealed with, where it can be read.
    pub(super) key: Option<&'a FingerprintKey>,
}

/// A purchase, and what it buys.
pub(super) type Which<'a> = (&'a PurchaseId, PurchaseKind);

/// What was bought for one record in one purchase.
pub(super) struct Bought<'a> {
    pub(super) purchase: &'a PurchaseId,
    pub(super) kind: PurchaseKind,
    /// Whom it was bought of.
    pub(super) provider: &'a ProviderName,
    pub(super) held_at: Timestamp,
    pub(super) settled_at: Timestamp,
    pub(super) evidence: Evidence,
    pub(super) price_version: &'a str,
    pub(super) line: &'a EntryLine,
    pub(super) parts: Vec<Part<'a>>,
    /// How many records it was for.
    pub(super) leads: usize,
}

/// A purchase of what comes at once, or of what arrives later, for one record.
pub(super) enum Half<'a> {
    /// Held, and not settled.
    Open(&'a Hold, &'a HoldLine),
    Settled(Bought<'a>),
}

/// One call, for one record: what came at once with it, and what arrives later.
#[derive(Default)]
pub(super) struct Taken<'a> {
    pub(super) at_once: Option<Half<'a>>,
    pub(super) asynchronous: Option<Half<'a>>,
}

impl<'a> Facts<'a> {
    /// Every call that something was held for on a record, by age.
    pub(super) fn taken(&self, key: &RecordKey) -> Vec<Taken<'a>> {
        let line = |hold: &'a Hold| Some(Half::Open(hold, hold.lines.iter().find(|line| line.subject == *key)?));
        let mut calls: BTreeMap<PurchaseId, Taken<'a>> = BTreeMap::new();
        for half in self.bought(key).map(Half::Settled).chain(self.holds.iter().filter_map(line)) {
            let taken = calls.entry(half.purchase().at_once()).or_default();
            if half.kind().is_asynchronous() {
                taken.asynchronous = Some(half);
            } else {
                taken.at_once = Some(half);
            }
        }
        calls.into_values().collect()
    }

    /// Everything that was bought for a record, by age.
    pub(super) fn bought(&self, key: &RecordKey) -> impl Iterator<Item = Bought<'a>> {
        self.entries.iter().filter_map(move |entry| {
            let Entry::Purchase { purchase, kind, provider, at, slices, evidence, price_version, lines, .. } = entry
            else {
                return None;
            };
            let place = lines.iter().position(|line| line.subject == *key)?;
            Some(Bought {
                purchase,
                kind: *kind,
                provider: provider.as_ref().unwrap_or(self.first),
                held_at: self.held_at((purchase, *kind), slices, *at),
                settled_at: *at,
                evidence: *evidence,
                price_version,
                line: &lines[place],
                parts: parts(slices, lines).swap_remove(place),
                leads: lines.len(),
            })
        })
    }

    pub(super) fn wallet(&self, wallet: &WalletId) -> Option<&'a Wallet> {
        self.wallets.iter().find(|there| there.wallet == *wallet)
    }

    /// What the tenant has arriving later, as people call it.
    pub(super) fn noun(&self) -> Noun {
        let fields = self.tenant.providers().flat_map(|provider| self.tenant.asynchronous_fields(provider));
        noun(&fields.collect::<Vec<_>>())
    }

    /// Whether a property of the CRM is filled with what arrives later.
    pub(super) fn is_asynchronous(&self, property: &str) -> bool {
        self.is_filled(property, |from| self.tenant.is_asynchronous(from))
    }

    /// The same, or with what is said of that.
    pub(super) fn is_filled_asynchronously(&self, property: &str) -> bool {
        let said_of_it = |from| matches!(from, ProfileField::MobilePhoneStatus | ProfileField::MobilePhoneDoNotCall);
        self.is_asynchronous(property) || self.is_filled(property, said_of_it)
    }

    fn is_filled(&self, property: &str, with: impl Fn(ProfileField) -> bool) -> bool {
        self.tenant.fields.iter().any(|field| field.property == property && with(field.from))
    }

    /// When credits were held for what was begun then and settled later: not before the wallets that it came from were
    /// opened, which whoever needs them does on the way.
    pub(super) fn held_at(&self, purchase: Which<'_>, slices: &[Slice], settled_at: Timestamp) -> Timestamp {
        let is_of = |wallet: &WalletId| {
            slices.iter().any(|slice| slice.wallet == *wallet) && !self.moved_into(purchase, wallet)
        };
        let opened = self.entries.iter().filter_map(|entry| match entry {
            Entry::Grant { wallet, at, .. } if is_of(wallet) => Some(*at),
            _ => None,
        });
        opened.filter(|at| *at <= settled_at).fold(purchase.0.made_at(), Timestamp::max)
    }

    /// Whether a purchase was begun before this wallet opened: its hold has moved there from a wallet that closed.
    fn moved_into(&self, (purchase, kind): Which<'_>, wallet: &WalletId) -> bool {
        kind.is_asynchronous() && self.wallet(wallet).is_some_and(|wallet| wallet.opens > purchase.made_at())
    }

    /// When the hold of a purchase moved to the wallets of a new cycle, if it did.
    pub(super) fn moves<'w>(&self, purchase: Which<'_>, wallets: impl Iterator<Item = &'w WalletId>) -> Vec<Step> {
        let mut names: Vec<&WalletId> = wallets.filter(|wallet| self.moved_into(purchase, wallet)).collect();
        names.sort();
        names.dedup();
        let (noun, mut steps) = (self.noun().one, Vec::new());
        for entry in self.entries {
            if let Entry::Grant { wallet, at, .. } = entry
                && names.contains(&wallet)
            {
                let what = format!(
                    "What was held for the {noun} moved into {}: what it was held in had closed, and the provider charges \
                     for it when it arrives.",
                    wallet.0
                );
                steps.push(Step { at: *at, what });
            }
        }
        steps
    }

    /// What the provider's figures said of a purchase whose outcome was unknown, if they could tell.
    pub(super) fn resolution(&self, purchase: &PurchaseId) -> Option<Step> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Resolution { purchase: of, slices, outcome, at, .. } if of == purchase => {
                let returned: Amounts = slices.iter().map(|slice| (slice.bucket.clone(), slice.amount)).collect();
                let back = if returned.is_zero() { String::new() } else { format!(": {}", amounts(&returned)) };
                Some(Step { at: *at, what: format!("Resolved {}{back} (purchase {of}).", resolution(*outcome)) })
            }
            _ => None,
        })
    }

    /// When and why each of these wallets was filled.
    pub(super) fn grants<'w>(&self, wallets: impl Iterator<Item = &'w WalletId>) -> Vec<Step> {
        let mut names: Vec<&WalletId> = wallets.collect();
        names.sort();
        names.dedup();
        let zone = &self.tenant.time_zone;
        let of_one = |name: &WalletId| {
            let entries = self.entries.iter().filter_map(|entry| match entry {
                Entry::Grant { wallet, amounts: filled, at, reference } if wallet == name => {
                    let why = origin::of_grant(self.wallet(wallet), reference.as_deref(), zone);
                    Some(Step { at: *at, what: format!("{} opened with {}: {why}.", wallet.0, amounts(filled)) })
                }
                Entry::PlanChange { wallet, amounts: by, reason, at } if wallet == name => {
                    let why = plan_change(*reason);
                    Some(Step { at: *at, what: format!("The plan changed {} by {}: {why}.", wallet.0, signed(by)) })
                }
                _ => None,
            });
            entries.collect::<Vec<_>>()
        };
        names.into_iter().flat_map(of_one).collect()
    }

    /// The most that one lead can have been held for in this purchase, if it was bought before or not. `None` when its
    /// prices are no longer configured.
    pub(super) fn worst(
        &self,
        (purchase, kind): Which<'_>,
        provider: &ProviderName,
        price_version: &str,
        repeated: bool,
    ) -> Option<Amounts> {
        let made_at = purchase.made_at();
        let provider = self.tenant.provider_named(provider.as_str())?;
        let person = self.config.person_tariff(provider, made_at);
        if !kind.is_asynchronous() {
            // Where a number at once costs more than the person alone, nobody knows any more whether it was wanted.
            let most = self.config.at_once_tariff(provider, &self.tenant.asked_of(provider), made_at)?;
            let person = person.filter(|tariff| tariff.version() == price_version && *tariff == most);
            return person.map(|tariff| tariff.worst_of(repeated));
        }
        // Where several things arrive later, nobody knows any more which of them were wanted.
        let fields = self.tenant.asynchronous_fields(provider);
        let tariff = self.config.asynchronous_tariff(provider, &fields, made_at).filter(|_| fields.len() == 1)?;
        // Both holds of a call name the prices that the call was reckoned with.
        let versions = [person.map(|tariff| tariff.version()), Some(tariff.version())];
        versions.into_iter().flatten().any(|version| version == price_version).then(|| tariff.worst())
    }

    /// What was held for this part of a purchase at most.
    pub(super) fn held_for(&self, bought: &Bought<'_>) -> Option<Amounts> {
        let is_before = |other: &Bought<'_>| {
            // Only the first provider charges less for who was bought before.
            let is_first = bought.provider == self.first && other.provider == self.first;
            let person = !other.kind.is_asynchronous() && other.line.result == LineResult::Hit;
            is_first && person && other.settled_at < bought.held_at
        };
        let repeated = self.bought(&bought.line.subject).any(|other| is_before(&other));
        self.worst((bought.purchase, bought.kind), bought.provider, bought.price_version, repeated)
    }
}

impl<'a> Half<'a> {
    pub(super) fn purchase(&self) -> &'a PurchaseId {
        match self {
            Self::Open(hold, _) => &hold.purchase,
            Self::Settled(bought) => bought.purchase,
        }
    }

    pub(super) fn kind(&self) -> PurchaseKind {
        match self {
            Self::Open(hold, _) => hold.kind,
            Self::Settled(bought) => bought.kind,
        }
    }

    pub(super) fn held_at(&self) -> Timestamp {
        match self {
            Self::Open(hold, _) => hold.held_at,
            Self::Settled(bought) => bought.held_at,
        }
    }

    /// Whom it was bought of.
    pub(super) fn provider(&self, facts: &Facts<'a>) -> &'a ProviderName {
        match self {
            Self::Open(hold, _) => hold.provider.as_ref().unwrap_or(facts.first),
            Self::Settled(bought) => bought.provider,
        }
    }

    /// The most it can cost, if that is still known.
    pub(super) fn worst(&self, facts: &Facts<'_>) -> Option<Amounts> {
        match self {
            Self::Open(_, line) => Some(line.worst.clone()),
            Self::Settled(bought) => facts.held_for(bought),
        }
    }

    pub(super) fn price_version(&self) -> &'a str {
        match self {
            Self::Open(hold, _) => &hold.price_version,
            Self::Settled(bought) => bought.price_version,
        }
    }

    /// How many records it is for.
    pub(super) fn leads(&self) -> usize {
        match self {
            Self::Open(hold, _) => hold.lines.len(),
            Self::Settled(bought) => bought.leads,
        }
    }

    pub(super) fn settled(&self) -> Option<&Bought<'a>> {
        match self {
            Self::Open(..) => None,
            Self::Settled(bought) => Some(bought),
        }
    }

    /// What the record's part comes from, or may.
    pub(super) fn wallets(&self) -> Vec<&'a WalletId> {
        match self {
            Self::Open(hold, _) => hold.slices.iter().map(|slice| &slice.wallet).collect(),
            Self::Settled(bought) => bought.parts.iter().filter_map(|part| part.wallet).collect(),
        }
    }
}

impl<'a> Taken<'a> {
    pub(super) fn halves(&self) -> impl Iterator<Item = &Half<'a>> {
        self.at_once.iter().chain(&self.asynchronous)
    }

    /// The one that stands for the call: what comes at once, unless only the rest is known.
    pub(super) fn first(&self) -> Option<&Half<'a>> {
        self.halves().next()
    }

    pub(super) fn bought_at_once(&self) -> Option<&Bought<'a>> {
        self.at_once.as_ref()?.settled()
    }
}
