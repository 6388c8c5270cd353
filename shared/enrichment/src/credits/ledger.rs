//! Holds and entries: how credits are reserved at the worst case and settled at what was really charged.
//!
//! Everything about order and amounts is decided here. That two workers can't spend the same credit is the store's
//! doing: each slice of a hold is a condition there.

mod allocation;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

pub use self::allocation::{Allocation, allocate, part};
use crate::credits::price::{PricedField, Tariff, Terms};
use crate::credits::wallet::{ChangeReason, WalletId};
use crate::credits::{Amounts, Bucket, Milli};
use crate::fingerprint::Fingerprint;
use crate::ids::{PurchaseId, RecordKey};

/// An amount of one kind out of one wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Which wallet.
    pub wallet: WalletId,
    /// Which kind.
    pub bucket: Bucket,
    /// How much.
    pub amount: Milli,
}

/// What one record can cost at worst.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldLine {
    /// The record it is for.
    pub record: RecordKey,
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
}

impl PurchaseKind {
    fn is_person(&self) -> bool {
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
    /// Who is asked about, so that no other worker asks about the same person at the same time.
    #[serde(default, skip_serializing_if = "AskedAbout::is_empty")]
    pub asked: AskedAbout,
    /// The waiters: who else wants to know about some of the people that are asked about. The worker that settles it tells
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<Fingerprint>,
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

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Hold {
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

/// How a line of a purchase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineResult {
    /// The provider knew the person.
    Hit,
    /// It did not.
    Miss,
    /// We don't know whether it was asked: counted as spent.
    Unknown,
}

/// One settled line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryLine {
    /// The record it is for.
    pub record: RecordKey,
    /// How it ended.
    pub result: LineResult,
    /// What it cost.
    pub cost: Amounts,
}

/// How we know what a purchase cost, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The provider said so.
    Reported,
    /// From what came back and the price list.
    Inferred,
    /// The worst case, for want of anything better.
    Assumed,
}

/// What the provider's figures say of an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResolvedAs {
    /// All of it was charged, as had been assumed.
    Charged,
    /// Nothing was charged.
    NotCharged,
    /// Something was charged, and less than had been assumed.
    ChargedInPart,
}

/// Something that happened to a balance. Entries are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// Credits were put into a wallet.
    Grant {
        /// Where to.
        wallet: WalletId,
        /// How much.
        amounts: Amounts,
        /// When.
        #[serde(with = "millisecond::required")]
        at: Timestamp,
        /// The payment or decision that it goes back to, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// An operator put a balance right by hand.
    Adjust {
        /// Which wallet.
        wallet: WalletId,
        /// By how much: less than nothing takes away.
        amounts: Amounts,
        /// When.
        #[serde(with = "millisecond::required")]
        at: Timestamp,
        /// The caller's own id for it: the same one again changes nothing.
        reference: String,
        /// Why.
        reason: String,
    },
    /// Credits went unused: their wallet's time was over.
    Expire {
        /// Which wallet.
        wallet: WalletId,
        /// How much.
        amounts: Amounts,
        /// When it was noticed.
        #[serde(with = "millisecond::required")]
        at: Timestamp,
    },
    /// The plan was changed in the configuration.
    PlanChange {
        /// Which wallet.
        wallet: WalletId,
        /// What was granted, or less than nothing for what was taken back.
        amounts: Amounts,
        /// Why.
        reason: ChangeReason,
        /// When.
        #[serde(with = "millisecond::required")]
        at: Timestamp,
    },
    /// The provider's own figures say what became of lines of which it was not known whether they were charged.
    Resolution {
        /// Of which purchase.
        purchase: PurchaseId,
        /// What that buys.
        #[serde(rename = "buys", default, skip_serializing_if = "PurchaseKind::is_person")]
        kind: PurchaseKind,
        /// What was not charged after all, and went back to where it came from.
        slices: Vec<Slice>,
        /// What the figures say.
        outcome: ResolvedAs,
        /// When they were compared.
        #[serde(with = "millisecond::required")]
        at: Timestamp,
    },
    /// The provider's own figures moved otherwise than our ledger. Moves no balance: an operator has to find out why.
    Drift {
        /// What the provider says was used since the last comparison, less what we say was spent.
        amounts: Amounts,
        /// When they were compared.
        #[serde(with = "millisecond::required")]
        at: Timestamp,
    },
    /// A hold was settled.
    Purchase {
        /// Which.
        purchase: PurchaseId,
        /// What it buys.
        #[serde(rename = "buys", default, skip_serializing_if = "PurchaseKind::is_person")]
        kind: PurchaseKind,
        /// When it was settled.
        #[serde(with = "millisecond::required")]
        at: Timestamp,
        /// What it really took, and from where, with what was charged beyond the hold.
        slices: Vec<Slice>,
        /// How much of it was charged beyond the hold: worth an alarm.
        #[serde(default, skip_serializing_if = "Amounts::is_zero")]
        excess: Amounts,
        /// How we know.
        evidence: Evidence,
        /// With which prices.
        price_version: String,
        /// For whom.
        lines: Vec<EntryLine>,
    },
}

impl Entry {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Grant { at, .. }
            | Self::Adjust { at, .. }
            | Self::Expire { at, .. }
            | Self::PlanChange { at, .. }
            | Self::Resolution { at, .. }
            | Self::Drift { at, .. }
            | Self::Purchase { at, .. } => *at,
        }
    }
}

/// What a settled hold really takes from each of its slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// For each slice of the hold: how much is spent, beyond it when more was charged than held. The rest is freed.
    pub spent: Vec<Milli>,
    /// What is spent of kinds that nothing was held of.
    pub unheld: Vec<Slice>,
    /// What was charged beyond the hold, in all.
    pub excess: Amounts,
    /// For each cap of the hold: what counts towards it in the end.
    pub capped: Vec<Amounts>,
}

/// Spreads what `lines` cost over the slices of `hold`, first slice first.
pub fn charge(hold: &Hold, lines: &[EntryLine]) -> Charge {
    let mut owed: Amounts = lines.iter().map(|line| &line.cost).sum();
    let cost = |line: &HoldLine| lines.iter().find(|entry| entry.record == line.record).map(|entry| entry.cost.clone());
    let capped = hold.by_cap(|line| cost(line).unwrap_or_default());
    let mut spent = Vec::with_capacity(hold.slices.len());
    for slice in &hold.slices {
        let take = owed.get(&slice.bucket).min(slice.amount);
        owed.add(&slice.bucket, Milli::ZERO - take);
        spent.push(take);
    }
    let excess: Amounts = owed.iter().filter(|(_, amount)| *amount > Milli::ZERO).map(owned).collect();
    for (slice, spent) in hold.slices.iter().zip(&mut spent).rev() {
        let beyond = owed.get(&slice.bucket);
        owed.add(&slice.bucket, Milli::ZERO - beyond);
        *spent += beyond;
    }
    let wallet = hold.slices.first().map(|slice| &slice.wallet).or(hold.unheld_from.as_ref());
    let left = owed.iter().filter(|(_, amount)| *amount > Milli::ZERO).map(owned).zip(wallet.into_iter().cycle());
    let unheld = left.map(|((bucket, amount), wallet)| Slice { wallet: wallet.clone(), bucket, amount }).collect();
    Charge { spent, unheld, excess, capped }
}

fn owned((bucket, amount): (&Bucket, Milli)) -> (Bucket, Milli) {
    (bucket.clone(), amount)
}

/// What becomes of a line when it is unknown whether it was charged.
pub fn assume_spent(line: &HoldLine) -> EntryLine {
    EntryLine { record: line.record.clone(), result: LineResult::Unknown, cost: line.worst.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::tests::key;
    use proptest::prelude::*;

    fn bucket() -> Bucket {
        Bucket::new("credits")
    }

    fn amounts(milli: i64) -> Amounts {
        Amounts::one(bucket(), Milli::new(milli))
    }

    #[test]
    fn who_is_asked_about_is_known_again() {
        let people = ["ada", "bob", "eve"].map(|name| key().of(name));
        let asked = AskedAbout::of(&people[..2]);
        assert_eq!(people.each_ref().map(|person| asked.may_be(person)), [true, true, false]);
        assert!(AskedAbout::default().is_empty() && !AskedAbout::default().may_be(&people[0]));
    }

    fn hold(slices: Vec<Slice>) -> Hold {
        Hold {
            purchase: serde_json::from_str("\"p\"").expect("an id"),
            kind: PurchaseKind::Person,
            held_at: Timestamp::UNIX_EPOCH,
            claimed_until: Timestamp::UNIX_EPOCH,
            price_version: String::new(),
            prices: Vec::new(),
            lines: Vec::new(),
            slices,
            unheld_from: None,
            caps: Vec::new(),
            asked: AskedAbout::default(),
            wanted: Vec::new(),
        }
    }

    #[test]
    fn what_nothing_was_held_of_is_taken_from_the_wallet_that_burns_first() {
        let wallet = Some(WalletId("plan".into()));
        let hold = Hold { unheld_from: wallet.clone(), ..hold(Vec::new()) };
        let line = EntryLine {
            record: "t#crm#contact#1".parse().expect("a key"),
            result: LineResult::Hit,
            cost: amounts(700),
        };
        let charge = charge(&hold, &[line]);
        assert_eq!(charge.excess, amounts(700));
        let unheld: Vec<_> = charge.unheld.into_iter().map(|slice| (Some(slice.wallet), slice.amount.get())).collect();
        assert_eq!(unheld, [(wallet, 700)]);
    }

    proptest! {
        #[test]
        fn a_charge_is_never_more_than_held_plus_excess_and_nothing_vanishes(
            slices in prop::collection::vec(1i64..100, 1..5),
            costs in prop::collection::vec(0i64..100, 0..8),
        ) {
            let slices_of = slices.iter().enumerate().map(|(i, amount)| Slice {
                wallet: WalletId(i.to_string()), bucket: bucket(), amount: Milli::new(*amount),
            });
            let hold = hold(slices_of.collect());
            let lines: Vec<EntryLine> = costs.iter().map(|cost| EntryLine {
                record: "t#crm#contact#1".parse().expect("a key"), result: LineResult::Hit, cost: amounts(*cost),
            }).collect();
            let charge = charge(&hold, &lines);
            let spent: i64 = charge.spent.iter().map(|m| m.get()).sum();
            prop_assert_eq!(spent, costs.iter().sum::<i64>());
            let beyond = charge.spent.iter().zip(&hold.slices).map(|(spent, slice)| (*spent - slice.amount).max(Milli::ZERO));
            prop_assert_eq!(beyond.sum::<Milli>(), charge.excess.total());
            prop_assert!(charge.unheld.is_empty());
        }
    }
}
