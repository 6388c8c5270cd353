//! Holds and entries: how credits are reserved at the worst case and settled at what was really charged.
//!
//! Everything about order and amounts is decided here. That two workers can't spend the same credit is the store's
//! doing: each slice of a hold is a condition there.

mod allocation;
mod hold;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

pub use self::allocation::{Allocation, allocate, part};
pub use self::hold::{AskedAbout, Hold, HoldLine, PurchaseKind};
use crate::credits::wallet::{ChangeReason, WalletId};
use crate::credits::{Amounts, Bucket, Milli};
use crate::ids::{ProviderName, PurchaseId, RecordKey};

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

/// How a line of a purchase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineResult {
    /// The provider knew the person.
    Hit,
    /// It did not.
    Miss,
    /// It is finding out: what that costs is a purchase of its own.
    Pending,
    /// We don't know whether it was asked: counted as spent.
    Unknown,
}

/// One settled line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryLine {
    /// What was paid for, as [`HoldLine::subject`] says.
    #[serde(rename = "record")]
    pub subject: RecordKey,
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
        /// The purchase that its records were claimed for, if that is another: what was written back was written under it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claim: Option<PurchaseId>,
        /// Of whom. Of the tenant's first provider, in what was stored when there was no other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<ProviderName>,
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
    /// Whom it was bought of. `None` for what isn't a purchase, and for one that was stored when there was one provider.
    pub fn provider(&self) -> Option<&ProviderName> {
        match self {
            Self::Purchase { provider, .. } => provider.as_ref(),
            _ => None,
        }
    }

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
    let cost =
        |line: &HoldLine| lines.iter().find(|entry| entry.subject == line.subject).map(|entry| entry.cost.clone());
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
    EntryLine { subject: line.subject.clone(), result: LineResult::Unknown, cost: line.worst.clone() }
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
            claim: None,
            provider: None,
            kind: PurchaseKind::Person,
            held_at: Timestamp::UNIX_EPOCH,
            claimed_until: Timestamp::UNIX_EPOCH,
            price_version: String::new(),
            prices: Vec::new(),
            lines: Vec::new(),
            slices,
            unheld_from: None,
            caps: Vec::new(),
            values: None,
            asked: AskedAbout::default(),
        }
    }

    #[test]
    fn what_nothing_was_held_of_is_taken_from_the_wallet_that_burns_first() {
        let wallet = Some(WalletId("plan".into()));
        let hold = Hold { unheld_from: wallet.clone(), ..hold(Vec::new()) };
        let line = EntryLine {
            subject: "t#crm#contact#1".parse().expect("a key"),
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
                subject: "t#crm#contact#1".parse().expect("a key"), result: LineResult::Hit, cost: amounts(*cost),
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
