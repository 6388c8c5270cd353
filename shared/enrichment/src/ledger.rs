//! Wallets, holds and entries: how credits are reserved at the worst case and settled at what was really charged.
//!
//! Everything about order and amounts is decided here. That two workers can't spend the same credit is the store's
//! doing: each slice of a hold is a condition there.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use crate::credits::{Amounts, Bucket, Milli};
use crate::ids::{PurchaseId, RecordKey};

/// The name of a wallet within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WalletId(pub String);

/// A balance with a life. `granted = available + held + spent`, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Its name.
    pub wallet: WalletId,
    /// Lower is burned first.
    pub priority: u8,
    /// The first instant at which it may be spent from.
    #[serde(with = "millisecond::required")]
    pub opens: Timestamp,
    /// The first instant at which it may not be spent from any more.
    #[serde(with = "millisecond::required")]
    pub expires: Timestamp,
    /// Put in.
    pub granted: Amounts,
    /// Free to hold.
    pub available: Amounts,
    /// Reserved by open holds.
    pub held: Amounts,
    /// Gone.
    pub spent: Amounts,
}

impl Wallet {
    /// A wallet in which nothing has been touched yet.
    pub fn open(wallet: WalletId, priority: u8, opens: Timestamp, expires: Timestamp, granted: Amounts) -> Self {
        let (held, spent) = (Amounts::default(), Amounts::default());
        Self { wallet, priority, opens, expires, available: granted.clone(), granted, held, spent }
    }

    /// Whether credits in it may be held at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.opens <= now && now < self.expires
    }
}

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
    /// The most it can cost.
    pub worst: Amounts,
}

/// Credits reserved for a purchase that has not been settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The purchase it is for.
    pub purchase: PurchaseId,
    /// When it was made.
    #[serde(with = "millisecond::required")]
    pub held_at: Timestamp,
    /// Until when the worker that made it may be at work. After that, nobody is coming back for it.
    #[serde(with = "millisecond::required")]
    pub claimed_until: Timestamp,
    /// Which prices the worst case was reckoned with.
    pub price_version: String,
    /// A line per record.
    pub lines: Vec<HoldLine>,
    /// Where the credits were taken from, in burn order.
    pub slices: Vec<Slice>,
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
    },
    /// A hold was settled.
    Purchase {
        /// Which.
        purchase: PurchaseId,
        /// When it was settled.
        #[serde(with = "millisecond::required")]
        at: Timestamp,
        /// What it really took, and from where.
        slices: Vec<Slice>,
        /// Charged beyond the hold: taken from a wallet of the hold all the same, and worth an alarm.
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

/// The wallets that may be spent from at `now`, in burn order: priority, then earliest expiry, then age.
pub fn burn_order(mut wallets: Vec<Wallet>, now: Timestamp) -> Vec<Wallet> {
    wallets.retain(|wallet| wallet.is_open(now));
    wallets.sort_by(|a, b| {
        let order = |w: &Wallet| (w.priority, w.expires, w.opens);
        order(a).cmp(&order(b)).then_with(|| a.wallet.cmp(&b.wallet))
    });
    wallets
}

/// Takes `need` out of wallets that are in burn order. `None` when it isn't there in full: a part is no use.
pub fn allocate(wallets: &[Wallet], need: &Amounts) -> Option<Vec<Slice>> {
    let mut slices = Vec::new();
    for (bucket, amount) in need.iter() {
        let mut missing = amount;
        for wallet in wallets {
            let take = missing.min(wallet.available.get(bucket));
            if take > Milli::ZERO {
                slices.push(Slice { wallet: wallet.wallet.clone(), bucket: bucket.clone(), amount: take });
                missing = missing - take;
            }
        }
        if missing > Milli::ZERO {
            return None;
        }
    }
    Some(slices)
}

/// How many of `lines`, taken in order, the wallets can pay for together.
pub fn affordable<'a>(wallets: &[Wallet], lines: impl IntoIterator<Item = &'a Amounts>) -> usize {
    let available: Amounts = wallets.iter().map(|wallet| &wallet.available).sum();
    let mut need = Amounts::default();
    let mut count = 0;
    for line in lines {
        need += line;
        if !available.covers(&need) {
            break;
        }
        count += 1;
    }
    count
}

/// What a settled hold really takes from each of its slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// For each slice of the hold, in its order: how much of it is spent. The rest is freed.
    pub spent: Vec<Milli>,
    /// What was charged beyond the hold.
    pub excess: Amounts,
}

/// Spreads what `lines` cost over the slices of `hold`, first slice first.
pub fn charge(hold: &Hold, lines: &[EntryLine]) -> Charge {
    let mut owed: Amounts = lines.iter().map(|line| &line.cost).sum();
    let mut spent = Vec::with_capacity(hold.slices.len());
    for slice in &hold.slices {
        let take = owed.get(&slice.bucket).min(slice.amount);
        owed.add(&slice.bucket, Milli::ZERO - take);
        spent.push(take);
    }
    Charge { spent, excess: owed }
}

/// What becomes of a line when nobody knows whether it was charged.
pub fn assume_spent(line: &HoldLine) -> EntryLine {
    EntryLine { record: line.record.clone(), result: LineResult::Unknown, cost: line.worst.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket() -> Bucket {
        Bucket::new("credits")
    }

    fn amounts(milli: i64) -> Amounts {
        Amounts::one(bucket(), Milli::new(milli))
    }

    fn wallet(name: &str, priority: u8, expires: i64, available: i64) -> Wallet {
        let at = |second| Timestamp::from_second(second).expect("in range");
        Wallet::open(WalletId(name.to_owned()), priority, at(0), at(expires), amounts(available))
    }

    #[test]
    fn wallets_burn_by_priority_then_expiry_and_closed_ones_not_at_all() {
        let now = Timestamp::from_second(50).expect("in range");
        let wallets = vec![
            wallet("late", 1, 900, 5),
            wallet("gone", 0, 50, 5),
            wallet("soon", 1, 100, 5),
            wallet("pack", 2, 60, 5),
        ];
        let order: Vec<String> = burn_order(wallets, now).into_iter().map(|w| w.wallet.0).collect();
        assert_eq!(order, ["soon", "late", "pack"]);
    }

    #[test]
    fn a_need_that_does_not_fit_takes_nothing() {
        let wallets = [wallet("a", 0, 900, 3), wallet("b", 0, 900, 4)];
        assert_eq!(allocate(&wallets, &amounts(8)), None);
        let slices = allocate(&wallets, &amounts(5)).expect("it fits");
        assert_eq!(slices.iter().map(|s| s.amount.get()).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(affordable(&wallets, &[amounts(3), amounts(4), amounts(1)]), 2);
    }

    proptest! {
        #[test]
        fn a_charge_is_never_more_than_held_plus_excess_and_nothing_vanishes(
            slices in prop::collection::vec(1i64..100, 1..5),
            costs in prop::collection::vec(0i64..100, 0..8),
        ) {
            let hold = Hold {
                purchase: serde_json::from_str("\"p\"").expect("an id"),
                held_at: Timestamp::UNIX_EPOCH,
                claimed_until: Timestamp::UNIX_EPOCH,
                price_version: String::new(),
                lines: Vec::new(),
                slices: slices.iter().enumerate().map(|(i, amount)| Slice {
                    wallet: WalletId(i.to_string()), bucket: bucket(), amount: Milli::new(*amount),
                }).collect(),
            };
            let lines: Vec<EntryLine> = costs.iter().map(|cost| EntryLine {
                record: "t#hubspot#contact#1".parse().expect("a key"), result: LineResult::Hit, cost: amounts(*cost),
            }).collect();
            let charge = charge(&hold, &lines);
            let spent: i64 = charge.spent.iter().map(|m| m.get()).sum();
            prop_assert_eq!(spent + charge.excess.total().get(), costs.iter().sum::<i64>());
            prop_assert!(charge.spent.iter().zip(&hold.slices).all(|(s, slice)| *s <= slice.amount));
            prop_assert!(charge.excess.is_zero() || spent == slices.iter().sum::<i64>());
        }
    }
}
