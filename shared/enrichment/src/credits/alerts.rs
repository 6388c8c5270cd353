//! When operators are told that credits run low: once per crossing of a threshold, and again only after a recovery.

use crate::credits::wallet::Wallet;
use crate::credits::{Amounts, Bucket, Milli};

/// How much is left of one kind of credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Which kind.
    pub bucket: Bucket,
    /// What may still be held.
    pub available: Milli,
    /// What was put into the wallets that are open.
    pub granted: Milli,
    /// The lowest threshold that has been reached, in per cent; `None` above all of them.
    pub reached: Option<u8>,
}

/// What a new level means, given what was reached when it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// Nothing new.
    None,
    /// A lower threshold was reached.
    Down(u8),
    /// Credits have come in: the thresholds above are armed again.
    Recovery,
}

/// The level of each kind of credit over these wallets. `percents` are ascending.
pub fn levels(wallets: &[Wallet], percents: &[u8]) -> Vec<Level> {
    let sum = |of: fn(&Wallet) -> &Amounts| wallets.iter().map(of).sum::<Amounts>();
    let (granted, available) = (sum(|wallet| &wallet.granted), sum(|wallet| &wallet.available));
    let level = |(bucket, granted): (&Bucket, Milli)| {
        let left = available.get(bucket);
        let at = |percent: &&u8| left.get() * 100 <= granted.get() * i64::from(**percent);
        Level { bucket: bucket.clone(), available: left, granted, reached: percents.iter().find(at).copied() }
    };
    granted.iter().filter(|(_, granted)| *granted > Milli::ZERO).map(level).collect()
}

/// Compares what is reached now with what was reached before.
pub fn crossing(before: Option<u8>, now: Option<u8>) -> Crossing {
    match (before, now) {
        (None, Some(percent)) => Crossing::Down(percent),
        (Some(before), Some(percent)) if percent < before => Crossing::Down(percent),
        (Some(before), now) if now.is_none_or(|percent| percent > before) => Crossing::Recovery,
        _ => Crossing::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::wallet::{WalletId, WalletKind};
    use jiff::Timestamp;

    fn reached(available: i64) -> Option<u8> {
        let amounts = |milli| Amounts::one(Bucket::new("credits"), Milli::new(milli));
        let (opens, expires) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let mut wallet = Wallet::open(WalletId("w".into()), WalletKind::Plan, opens, expires, amounts(1000));
        wallet.available = amounts(available);
        levels(&[wallet], &[0, 10, 20])[0].reached
    }

    #[test]
    fn the_lowest_threshold_that_is_reached_counts() {
        let reached = [1000, 201, 200, 101, 100, 1, 0].map(reached);
        assert_eq!(reached, [None, None, Some(20), Some(20), Some(10), Some(10), Some(0)]);
    }

    #[test]
    fn each_crossing_counts_once_and_is_armed_again_by_a_recovery() {
        assert_eq!(crossing(None, Some(20)), Crossing::Down(20));
        assert_eq!(crossing(Some(20), Some(20)), Crossing::None);
        assert_eq!(crossing(Some(20), Some(0)), Crossing::Down(0));
        assert_eq!(crossing(Some(0), Some(20)), Crossing::Recovery);
        assert_eq!(crossing(Some(20), None), Crossing::Recovery);
        assert_eq!(crossing(None, None), Crossing::None);
    }
}
