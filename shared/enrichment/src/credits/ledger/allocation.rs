//! Taking what a purchase needs out of wallets.

use super::Slice;
use crate::credits::wallet::Wallet;
use crate::credits::{Amounts, Milli};

/// Where a purchase's credits come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// In burn order.
    pub slices: Vec<Slice>,
    /// For each slice, what has to be left in its wallet all the same.
    pub keep: Vec<Milli>,
}

/// Takes `need` out of wallets that are in burn order, leaving `floor` over all of them: what is to be left is left in
/// those that burn last. `None` when it isn't there in full: a part is no use.
pub fn allocate(wallets: &[Wallet], need: &Amounts, floor: &Amounts) -> Option<Allocation> {
    let mut allocation = Allocation { slices: Vec::new(), keep: Vec::new() };
    for (bucket, amount) in need.iter() {
        let mut keep = vec![Milli::ZERO; wallets.len()];
        let mut left = floor.get(bucket);
        for (wallet, keep) in wallets.iter().zip(&mut keep).rev() {
            *keep = left.min(wallet.available.get(bucket));
            left = left - *keep;
        }
        let mut missing = amount;
        for (wallet, keep) in wallets.iter().zip(keep) {
            let take = missing.min(wallet.available.get(bucket) - keep);
            if take > Milli::ZERO {
                let (wallet, bucket) = (wallet.wallet.clone(), bucket.clone());
                allocation.slices.push(Slice { wallet, bucket, amount: take });
                allocation.keep.push(keep);
                missing = missing - take;
            }
        }
        if missing > Milli::ZERO {
            return None;
        }
    }
    Some(allocation)
}

/// Parts slices between two holds: the first takes `need`, the second the rest. Both keep burn order.
pub fn part(slices: Vec<Slice>, need: &Amounts) -> (Vec<Slice>, Vec<Slice>) {
    let mut missing = need.clone();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for slice in slices {
        let take = missing.get(&slice.bucket).min(slice.amount);
        missing.add(&slice.bucket, Milli::ZERO - take);
        let rest = slice.amount - take;
        if take > Milli::ZERO {
            first.push(Slice { amount: take, ..slice.clone() });
        }
        if rest > Milli::ZERO {
            second.push(Slice { amount: rest, ..slice });
        }
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::credits::Bucket;
    use crate::credits::wallet::{WalletId, WalletKind};

    fn bucket() -> Bucket {
        Bucket::new("credits")
    }

    fn amounts(milli: i64) -> Amounts {
        Amounts::one(bucket(), Milli::new(milli))
    }

    fn wallet(name: &str, available: i64) -> Wallet {
        let at = |second| Timestamp::from_second(second).expect("in range");
        Wallet::open(WalletId(name.to_owned()), WalletKind::Plan, at(0), at(900), amounts(available))
    }

    fn taken(wallets: &[Wallet], need: i64, floor: i64) -> Option<Vec<(i64, i64)>> {
        let allocation = allocate(wallets, &amounts(need), &amounts(floor))?;
        let slices = allocation.slices.iter().zip(&allocation.keep);
        Some(slices.map(|(slice, keep)| (slice.amount.get(), keep.get())).collect())
    }

    #[test]
    fn a_need_that_does_not_fit_takes_nothing() {
        let wallets = [wallet("a", 3), wallet("b", 4)];
        assert_eq!(taken(&wallets, 8, 0), None);
        assert_eq!(taken(&wallets, 5, 0), Some(vec![(3, 0), (2, 0)]));
    }

    #[test]
    fn a_floor_is_left_in_what_burns_last() {
        let wallets = [wallet("a", 3), wallet("b", 4)];
        assert_eq!(taken(&wallets, 3, 2), Some(vec![(3, 0)]));
        assert_eq!(taken(&wallets, 4, 2), Some(vec![(3, 0), (1, 2)]));
        assert_eq!(taken(&wallets, 2, 5), Some(vec![(2, 1)]));
        assert_eq!(taken(&wallets, 6, 2), None);
        assert_eq!(taken(&wallets, 1, 100), None);
    }

    #[test]
    fn two_holds_share_slices_without_loss() {
        let slice = |wallet: &str, amount| Slice {
            wallet: WalletId(wallet.to_owned()),
            bucket: bucket(),
            amount: Milli::new(amount),
        };
        let (first, second) = part(vec![slice("a", 3), slice("b", 4)], &amounts(5));
        assert_eq!((first, second), (vec![slice("a", 3), slice("b", 2)], vec![slice("b", 2)]));
    }
}
