//! Was there a time at which nobody could have been paid for? The ledger, played back, tells.
//!
//! A record forgets why it waited once it is taken up again. What the wallets held at the time doesn't change any more.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_enrichment::credits::{Amounts, Milli};
use leadgate_enrichment::ledger::Entry;
use leadgate_enrichment::price::Action;
use leadgate_enrichment::wallet::{Wallet, WalletId};

use super::facts::Facts;
use crate::credits::attribution::parts;

/// A time at which too little was left.
pub(super) struct Shortage<'a> {
    pub(super) since: Timestamp,
    /// What was left then, over all wallets that were open.
    pub(super) left: Amounts,
    /// Those wallets.
    pub(super) wallets: Vec<&'a Wallet>,
}

/// The first moment from `from` until before `until` at which the open wallets together did not hold `worst`.
pub(super) fn first<'a>(facts: &Facts<'a>, from: Timestamp, until: Timestamp, worst: &Amounts) -> Option<Shortage<'a>> {
    let moved = movements(facts);
    let within = |at: &Timestamp| from < *at && *at < until;
    let lives = facts.wallets.iter().flat_map(|wallet| [wallet.opens, wallet.expires]);
    let mut moments: Vec<Timestamp> = moved.iter().map(|(at, ..)| *at).chain(lives).filter(within).collect();
    moments.push(from);
    moments.sort_unstable();
    moments.dedup();
    let (mut balances, mut next) = (BTreeMap::<&WalletId, Amounts>::new(), moved.iter().peekable());
    for moment in moments {
        while let Some((_, wallet, amounts)) = next.next_if(|(at, ..)| *at <= moment) {
            *balances.entry(wallet).or_default() += amounts;
        }
        let pays = |wallet: &&Wallet| wallet.only.is_none_or(|only| only == Action::Match);
        let wallets: Vec<&Wallet> = facts.wallets.iter().filter(pays).filter(|wallet| wallet.is_open(moment)).collect();
        let left: Amounts = wallets.iter().filter_map(|wallet| balances.get(&wallet.wallet)).sum();
        if !left.covers(worst) {
            return Some(Shortage { since: moment, left, wallets });
        }
    }
    None
}

/// What each entry did to each wallet, by age. What comes by itself counts from when it was due: it was opened no later
/// than anybody needed it.
fn movements<'a>(facts: &Facts<'a>) -> Vec<(Timestamp, &'a WalletId, Amounts)> {
    let mut moved = Vec::new();
    for entry in facts.entries {
        match entry {
            Entry::Grant { wallet, amounts, at, reference } => {
                let due = facts.wallet(wallet).filter(|_| reference.is_none()).map_or(*at, |there| there.opens);
                moved.push((due.min(*at), wallet, amounts.clone()));
            }
            Entry::Adjust { wallet, amounts, at, .. } => moved.push((*at, wallet, amounts.clone())),
            Entry::Expire { wallet, amounts, at } => moved.push((*at, wallet, Amounts::default().minus(amounts))),
            Entry::Drift { .. } => {}
            Entry::Purchase { at, slices, lines, .. } => {
                for part in parts(slices, lines).into_iter().flatten() {
                    let taken = Amounts::one(part.bucket.clone(), Milli::ZERO - part.amount);
                    moved.extend(part.wallet.map(|wallet| (*at, wallet, taken)));
                }
            }
        }
    }
    moved.sort_by_key(|(at, ..)| *at);
    moved
}
