//! Holds that stay open across the end of their wallets.
//!
//! What an asynchronous purchase asked for may be found, and charged, when the wallets that it is held in have closed: the
//! provider charges its new cycle for it then. So the hold moves on to the wallets that are open, before anything else
//! is spent from the new one. A price that falls due for asking was charged in the old cycle: its hold stays there.

use jiff::Timestamp;

use crate::credits::Milli;
use crate::credits::ledger::{Hold, Slice};
use crate::credits::price::{Action, ChargeOn};
use crate::credits::wallet::{Wallet, burn_order};

/// Whether the provider may charge for it as late as on arrival. Without its prices that can't be ruled out.
pub fn is_charged_on_arrival(hold: &Hold) -> bool {
    let on_arrival = hold.prices.iter().any(|terms| terms.charge_on != ChargeOn::Lookup);
    hold.kind.is_asynchronous() && (hold.prices.is_empty() || on_arrival)
}

/// Where the slices of a hold belong at `now` once one of its wallets has closed, or a new one is open that holds are to be
/// moved into: the provider takes what it charges by then from the new cycle's credits first, so the hold is divided anew
/// over all that is open, in burn order. What that can't take stays where it is. `None` when the hold stays as it is.
pub fn carried(hold: &Hold, wallets: &[Wallet], now: Timestamp) -> Option<Vec<Slice>> {
    if !is_charged_on_arrival(hold) {
        return None;
    }
    let mut open = burn_order(wallets.to_vec(), Action::Match, now);
    if hold.slices.iter().all(|slice| is_open_in(&open, slice)) && !open.iter().any(|wallet| wallet.carrying) {
        return None;
    }
    // What it holds in an open wallet is there for it.
    for wallet in &mut open {
        for slice in hold.slices.iter().filter(|slice| slice.wallet == wallet.wallet) {
            wallet.available.add(&slice.bucket, slice.amount);
        }
    }
    let (mut taken, mut rest) = (Vec::new(), Vec::new());
    // Those in open wallets first: what can't be taken is left in those that have closed.
    let (of_open, of_closed): (Vec<_>, Vec<_>) = hold.slices.iter().partition(|slice| is_open_in(&open, slice));
    for slice in of_open.into_iter().chain(of_closed) {
        let mut slice = slice.clone();
        for wallet in &mut open {
            let take = slice.amount.min(wallet.available.get(&slice.bucket));
            if take > Milli::ZERO {
                wallet.available.add(&slice.bucket, Milli::ZERO - take);
                slice.amount = slice.amount - take;
                taken.push(Slice { wallet: wallet.wallet.clone(), bucket: slice.bucket.clone(), amount: take });
            }
        }
        if slice.amount > Milli::ZERO {
            rest.push(slice);
        }
    }
    // What is open comes first: a charge is taken from the first slices.
    let slices = merged(taken.into_iter().chain(rest));
    (slices != hold.slices).then_some(slices)
}

fn is_open_in(open: &[Wallet], slice: &Slice) -> bool {
    open.iter().any(|wallet| wallet.wallet == slice.wallet)
}

/// One slice for each wallet and kind, in the order of their first ones.
fn merged(slices: impl Iterator<Item = Slice>) -> Vec<Slice> {
    let mut all: Vec<Slice> = Vec::new();
    for slice in slices {
        match all.iter_mut().find(|other| (&other.wallet, &other.bucket) == (&slice.wallet, &slice.bucket)) {
            Some(other) => other.amount += slice.amount,
            None => all.push(slice),
        }
    }
    all
}

/// `wallets` after a hold's slices have moved from `old` to `new`.
pub fn after_carrying(wallets: &mut [Wallet], old: &[Slice], new: &[Slice]) {
    for wallet in wallets {
        let own = |slice: &&Slice| slice.wallet == wallet.wallet;
        for slice in old.iter().filter(own) {
            wallet.held.add(&slice.bucket, Milli::ZERO - slice.amount);
            wallet.available.add(&slice.bucket, slice.amount);
        }
        for slice in new.iter().filter(own) {
            wallet.held.add(&slice.bucket, slice.amount);
            wallet.available.add(&slice.bucket, Milli::ZERO - slice.amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::ledger::AskedAbout;
    use crate::credits::ledger::PurchaseKind;
    use crate::credits::price::{PricedField, Repeat, Terms};
    use crate::credits::wallet::{WalletId, WalletKind};
    use crate::credits::{Amounts, Bucket};
    use crate::ids::PurchaseId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn credits(count: i64) -> Amounts {
        Amounts::one(Bucket::new("credits"), Milli::credits(count))
    }

    fn slice(wallet: &str, count: i64) -> Slice {
        Slice { wallet: WalletId(wallet.into()), bucket: Bucket::new("credits"), amount: Milli::credits(count) }
    }

    fn hold(charge_on: &[ChargeOn], slices: Vec<Slice>) -> Hold {
        let terms = |charge_on: &ChargeOn| Terms {
            field: PricedField::Mobile,
            charge_on: *charge_on,
            repeat: Repeat::Charged,
            cost: credits(8),
        };
        Hold {
            purchase: PurchaseId::derive(&"acme".parse().expect("a tenant"), "run", at(10)).asynchronous(),
            claim: None,
            provider: None,
            kind: PurchaseKind::Asynchronous,
            held_at: at(10),
            claimed_until: at(70),
            price_version: String::new(),
            prices: charge_on.iter().map(terms).collect(),
            lines: Vec::new(),
            slices,
            unheld_from: None,
            caps: Vec::new(),
            values: None,
            asked: AskedAbout::default(),
        }
    }

    fn wallets() -> [Wallet; 3] {
        [
            ("old", WalletKind::Plan, 0, 100, 50),
            ("new", WalletKind::Plan, 100, 200, 10),
            ("pack", WalletKind::Pack, 0, 900, 5),
        ]
        .map(|(name, kind, opens, expires, count)| {
            Wallet::open(WalletId(name.into()), kind, at(opens), at(expires), credits(count))
        })
    }

    #[test]
    fn what_is_charged_on_arrival_moves_to_what_is_open_as_far_as_that_goes() {
        let moved = |charge_on: &[ChargeOn], slices, now| carried(&hold(charge_on, slices), &wallets(), at(now));
        let both = || vec![slice("old", 8), slice("pack", 3)];
        assert_eq!(moved(&[ChargeOn::Match], both(), 99), None, "its wallets are open");
        let anew = || Some(vec![slice("new", 10), slice("pack", 1)]);
        assert_eq!(moved(&[ChargeOn::Match], both(), 100), anew(), "in burn order");
        assert_eq!(moved(&[], both(), 100), anew(), "its prices are not there");
        assert_eq!(moved(&[ChargeOn::Lookup], both(), 100), None, "it was charged when it was asked for");
        let most = moved(&[ChargeOn::Match], vec![slice("old", 40)], 100);
        assert_eq!(most, Some(vec![slice("new", 10), slice("pack", 5), slice("old", 25)]));
        assert_eq!(moved(&[ChargeOn::Match], vec![slice("old", 8)], 900), None, "nothing is open");
    }

    #[test]
    fn what_is_held_in_a_pack_moves_to_a_cycle_that_opens_and_to_no_other() {
        let in_pack = hold(&[ChargeOn::Match], vec![slice("pack", 3)]);
        let mut wallets = wallets();
        assert_eq!(carried(&in_pack, &wallets, at(100)), None);
        wallets[1].carrying = true;
        assert_eq!(carried(&in_pack, &wallets, at(100)), Some(vec![slice("new", 3)]));
        let moved = hold(&[ChargeOn::Match], vec![slice("new", 3)]);
        wallets[1].available = credits(7);
        assert_eq!(carried(&moved, &wallets, at(100)), None, "once");
    }

    #[test]
    fn what_moves_is_free_where_it_was_and_held_where_it_goes() {
        let mut wallets = wallets();
        wallets[0].held = credits(8);
        after_carrying(&mut wallets, &[slice("old", 8)], &[slice("new", 6), slice("old", 2)]);
        let stand = |wallet: &Wallet| (wallet.available.total().get() / 1000, wallet.held.total().get() / 1000);
        assert_eq!(wallets.each_ref().map(stand), [(56, 2), (4, 6), (5, 0)]);
    }
}
