//! What is reserved for a purchase while it is under way.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use super::Slice;
use crate::credits::Amounts;
use crate::credits::money::Values;
use crate::credits::price::{PricedField, Tariff, Terms};
use crate::credits::wallet::WalletId;
use crate::fingerprint::Fingerprint;
use crate::ids::{ProviderName, PurchaseId, RecordKey};

/// What one record can cost at worst.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLine {
    /// What is paid for: a record of the CRM, a person whom a search has found, or a page of a search. It is stored under the
    /// name that it had when there were but records: releases are at work side by side for minutes.
    #[serde(rename = "record")]
    pub subject: RecordKey,
    /// The most it can cost. Nothing, for one who shares what another line pays for.
    pub worst: Amounts,
    /// The caps it counts towards, by their places in the hold's list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<usize>,
}

/// What a purchase buys. The purchases of one call have ids that belong together, and this tells them apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurchaseKind {
    /// What is known of people at once.
    #[default]
    Person,
    /// What arrives minutes later.
    Asynchronous,
    /// What is known of employers.
    Organization,
    /// What is known of companies that are records themselves.
    Company,
    /// Whether addresses work that others have told.
    Verification,
    /// A page of a search.
    Search,
}

impl PurchaseKind {
    pub(super) fn is_person(&self) -> bool {
        *self == Self::Person
    }

    /// Whether it is settled only when the provider has given its last answer.
    pub fn is_asynchronous(self) -> bool {
        self == Self::Asynchronous
    }
}

/// Credits reserved for a purchase that has not been settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The purchase it is for.
    pub purchase: PurchaseId,
    /// The purchase that its records are claimed for, if that is another: the first of the same worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<PurchaseId>,
    /// Whose credits they are. Of a tenant's first provider, in what was stored when there was no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderName>,
    /// What that buys.
    #[serde(rename = "buys", default, skip_serializing_if = "PurchaseKind::is_person")]
    pub kind: PurchaseKind,
    /// When it was made.
    #[serde(with = "millisecond::required")]
    pub held_at: Timestamp,
    /// Until when the worker that made it may be at work. After that, no worker is coming back for it.
    #[serde(with = "millisecond::required")]
    pub claimed_until: Timestamp,
    /// Which prices the worst case was reckoned with.
    pub price_version: String,
    /// The prices themselves, for an asynchronous purchase: it is settled by these, whatever the configuration says then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Terms>,
    /// A line per record.
    pub lines: Vec<HoldLine>,
    /// Where the credits were taken from, in burn order.
    pub slices: Vec<Slice>,
    /// The wallet that a charge is taken from if nothing was held: it burns first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheld_from: Option<WalletId>,
    /// The caps that some of the lines count towards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<String>,
    /// What credits were worth when it was made, where one of its caps is in money: by these it is counted and freed, whatever
    /// the configuration says then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Values>,
    /// Who is asked about, so that no other worker asks about the same person at the same time.
    #[serde(default, skip_serializing_if = "AskedAbout::is_empty")]
    pub asked: AskedAbout,
}

/// People who are asked about, half of each fingerprint: a hold costs by the KB, and a mistake costs a minute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AskedAbout(String);

impl AskedAbout {
    /// These.
    pub fn of<'f>(people: impl IntoIterator<Item = &'f Fingerprint>) -> Self {
        Self(people.into_iter().map(Self::half).collect())
    }

    /// Whether this may be one of them.
    pub fn may_be(&self, person: &Fingerprint) -> bool {
        let half = Self::half(person);
        self.0.as_bytes().chunks(half.len().max(1)).any(|one| one == half.as_bytes())
    }

    fn half(person: &Fingerprint) -> &str {
        let text = person.as_str();
        text.get(..text.len() / 2).unwrap_or(text)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Hold {
    /// The purchase that its records are claimed for.
    pub fn claim(&self) -> &PurchaseId {
        self.claim.as_ref().unwrap_or(&self.purchase)
    }

    /// The stored prices of `fields`. `None` when none of them was stored.
    pub fn tariff(&self, fields: &[PricedField]) -> Option<Tariff> {
        let rows = self.prices.iter().filter(|terms| fields.contains(&terms.field));
        Tariff::stored(&self.price_version, rows.cloned().collect())
    }

    /// What counts towards each cap, in the order of the list: the sum of `amount` over its lines.
    pub fn by_cap(&self, amount: impl Fn(&HoldLine) -> Amounts) -> Vec<Amounts> {
        let mut sums = vec![Amounts::default(); self.caps.len()];
        for line in &self.lines {
            for cap in &line.caps {
                if let Some(sum) = sums.get_mut(*cap) {
                    *sum += &amount(line);
                }
            }
        }
        sums
    }
}
