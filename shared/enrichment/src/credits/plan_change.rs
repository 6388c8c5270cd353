//! What has to be done when the configuration says something else than the open wallets do.
//!
//! Everything is decided by comparing what is due with what is there, so a run that died half way, or met its twin,
//! leaves nothing behind that the next run doesn't find.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::credits::ledger::{Entry, Hold, Slice};
use crate::credits::wallet::{ChangeReason, Wallet};
use crate::credits::{Amounts, Milli};
use crate::ids::PurchaseId;

/// One thing to do so that what is open is what is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// End it now, and take back what is available in it.
    Close {
        /// As it stands.
        there: Wallet,
        /// Superseded or removed.
        reason: ChangeReason,
    },
    /// Open a wallet of which there is none.
    Open {
        /// With all of its grant.
        due: Wallet,
    },
    /// Open a wallet again that was closed.
    Reopen {
        /// As it is configured.
        due: Wallet,
        /// As it stands.
        there: Wallet,
    },
    /// Give it the time that is configured.
    Reschedule {
        /// As it is configured.
        due: Wallet,
        /// As it stands.
        there: Wallet,
    },
    /// Grant the difference, or take it back as far as it is available.
    Regrant {
        /// As it stands.
        there: Wallet,
        /// The difference.
        by: Amounts,
    },
    /// Count again what it has, because a closed wallet of its series has got something back: a hold was freed in it, or
    /// an unknown outcome resolved. What is available in the closed one is taken out of it.
    Recount {
        /// As it is configured.
        due: Wallet,
        /// As it stands.
        there: Wallet,
        /// The closed one, as it stands.
        closed: Box<Wallet>,
    },
}

/// What has to be done so that exactly the wallets that are `due` are open. Wallets that were filled by hand are left
/// alone. What has to be closed is closed before anything is opened, and credits that closed wallets got back are counted
/// last: until then, nothing else is said.
pub fn changes(due: &[Wallet], there: &[Wallet], now: Timestamp) -> Vec<Change> {
    let is_due = |wallet: &&Wallet| due.iter().any(|due| due.wallet == wallet.wallet);
    let open = there.iter().filter(|wallet| wallet.is_open(now) && wallet.series().is_some());
    let closes = open.filter(|wallet| !is_due(wallet)).map(|wallet| {
        let goes_on = due.iter().any(|due| due.series() == wallet.series());
        let reason = if goes_on { ChangeReason::Superseded } else { ChangeReason::Removed };
        Change::Close { there: wallet.clone(), reason }
    });
    let closes: Vec<Change> = closes.collect();
    if !closes.is_empty() {
        return closes;
    }
    let named = |due: &Wallet| there.iter().find(|wallet| wallet.wallet == due.wallet);
    let changes: Vec<Change> = due.iter().filter_map(|due| change(due, named(due), now)).collect();
    if !changes.is_empty() {
        return changes;
    }
    due.iter()
        .filter_map(|due| Some((due, named(due)?)))
        .flat_map(|(due, open)| recounts(due, open, there, now))
        .collect()
}

/// Pairs of a wallet that is due and an open one in whose place it is, although their names say otherwise: wallets are named
/// by the place of their provider in the configuration, the first provider's plainly and another's with its name before, and
/// it had another place when the wallet was opened. Opened beside it, the new one would grant the same once more. `prefixes`
/// are what the names of wallets may begin with.
pub fn moved<'d, 't>(
    due: &'d [Wallet],
    there: &'t [Wallet],
    prefixes: &[String],
    now: Timestamp,
) -> Vec<(&'d Wallet, &'t Wallet)> {
    let plain = |series: &str| {
        let rest = prefixes.iter().find_map(|prefix| series.strip_prefix(prefix.as_str()));
        rest.unwrap_or(series).to_owned()
    };
    let is_moved = |due: &Wallet, there: &Wallet| {
        let (Some(new), Some(old)) = (due.series(), there.series()) else { return false };
        let is_same_credit = due.granted.iter().any(|(bucket, _)| there.granted.names(bucket));
        there.is_open(now) && due.kind == there.kind && new != old && plain(new) == plain(old) && is_same_credit
    };
    let open = |due: &'d Wallet| there.iter().find(|there| is_moved(due, there)).map(|there| (due, there));
    due.iter().filter_map(open).collect()
}

/// A closed wallet may have less than nothing, too: it was charged more than was held in it. Holds are moved first.
fn recounts(due: &Wallet, open: &Wallet, there: &[Wallet], now: Timestamp) -> Vec<Change> {
    if open.carrying {
        return Vec::new();
    }
    let closed =
        overlapping(due, there).into_iter().filter(|wallet| !wallet.is_open(now) && !wallet.available.is_zero());
    let recount =
        |closed: &Wallet| Change::Recount { due: due.clone(), there: open.clone(), closed: Box::new(closed.clone()) };
    closed.map(recount).collect()
}

fn change(due: &Wallet, there: Option<&Wallet>, now: Timestamp) -> Option<Change> {
    let due = due.clone();
    let Some(there) = there.cloned() else { return Some(Change::Open { due }) };
    if !there.is_open(now) {
        return Some(Change::Reopen { due, there });
    }
    if (there.opens, there.expires) != (due.opens, due.expires) {
        return Some(Change::Reschedule { due, there });
    }
    let difference = due.configured.as_ref()?.minus(there.configured.as_ref()?);
    // What is spent or held can't be taken back: a run that finds more available takes the rest.
    let possible = |(bucket, by): (&crate::credits::Bucket, Milli)| {
        let least = Milli::ZERO - there.available.get(bucket).max(Milli::ZERO);
        (by != Milli::ZERO).then(|| (bucket.clone(), by.max(least)))
    };
    let by: Amounts = difference.iter().filter_map(possible).collect();
    (!by.is_zero()).then_some(Change::Regrant { there, by })
}

/// Other wallets of the series of `due` that were open within its period: what they gave counts against its grant.
pub fn overlapping<'w>(due: &Wallet, there: &'w [Wallet]) -> Vec<&'w Wallet> {
    there.iter().filter(|wallet| due.takes_the_place_of(wallet)).collect()
}

/// What `others`, wallets of the same series, have given for purchases made since `due` opens, and still hold for such:
/// less than nothing for what is used. What was put into them by hand since then is added. `holds` are to be read before
/// `entries`, so that what is settled in between is counted, and counted once.
pub fn carried_over(due: &Wallet, others: &[&Wallet], holds: &[Hold], entries: &[Entry]) -> Amounts {
    let of_others = |slices: &[Slice]| -> Amounts {
        let slices = slices.iter().filter(|slice| others.iter().any(|wallet| wallet.wallet == slice.wallet));
        slices.map(|slice| (slice.bucket.clone(), slice.amount)).collect()
    };
    let mut used: BTreeMap<&PurchaseId, Amounts> = BTreeMap::new();
    for hold in holds {
        used.insert(&hold.purchase, of_others(&hold.slices));
    }
    let (mut adjusted, mut returned) = (Amounts::default(), Amounts::default());
    for entry in entries {
        match entry {
            Entry::Resolution { purchase, slices, .. } if purchase.made_at() >= due.opens => {
                returned += &of_others(slices);
            }
            Entry::Purchase { purchase, slices, .. } => drop(used.insert(purchase, of_others(slices))),
            Entry::Adjust { wallet, amounts, at, .. }
                if *at >= due.opens && others.iter().any(|other| other.wallet == *wallet) =>
            {
                adjusted += amounts;
            }
            _ => {}
        }
    }
    let used: Amounts = used.iter().filter(|(id, _)| id.made_at() >= due.opens).map(|(_, used)| used).sum();
    [&adjusted, &returned].into_iter().sum::<Amounts>().minus(&used)
}

/// A wallet as it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// As it is put into the store.
    pub wallet: Wallet,
    /// What is entered beside its grant.
    pub carried: Amounts,
}

impl Opening {
    /// `due`, with what other wallets of its series have given in its period. No balance begins below zero: what can't be
    /// taken is remembered as granted, so that a greater grant makes up for it first.
    pub fn of(due: &Wallet, carried: &Amounts) -> Self {
        let (available, short) = above_zero(&[&due.granted, carried].into_iter().sum());
        let configured = due.configured.as_ref().map(|configured| [configured, &short].into_iter().sum());
        let carried = available.minus(&due.granted);
        Self { wallet: Wallet { granted: available.clone(), available, configured, ..due.clone() }, carried }
    }
}

/// What a wallet has when everything is counted that it and others of its series have given: when it opens again, and
/// when a closed one has got something back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recounted {
    /// What is available in it then.
    pub available: Amounts,
    /// What that is more, or less, than now.
    pub by: Amounts,
    /// What the configuration has granted then, with what could not be taken.
    pub configured: Amounts,
    /// Whether holds are to be moved into it before anything else is held from it.
    pub carrying: bool,
}

impl Recounted {
    /// `there`, with the grant of `due` less what it has given itself, `carried` over from others and `adjusted` by hand.
    pub fn of(due: &Wallet, there: &Wallet, carried: &Amounts, adjusted: &Amounts) -> Self {
        let all: Amounts = [&due.granted, carried, adjusted].into_iter().sum();
        let (available, short) = above_zero(&all.minus(&there.spent).minus(&there.held));
        let by = available.minus(&there.available);
        Self { available, by, configured: [&due.granted, &short].into_iter().sum(), carrying: false }
    }
}

/// What there is of each kind, and what is missing up to zero.
fn above_zero(amounts: &Amounts) -> (Amounts, Amounts) {
    let above = amounts.less(&Amounts::default());
    let short = above.minus(amounts);
    let short = short.iter().filter(|(_, amount)| *amount != Milli::ZERO);
    let short = short.map(|(bucket, amount)| (bucket.clone(), amount)).collect();
    (above, short)
}

#[cfg(test)]
mod tests;
