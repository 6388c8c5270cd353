//! A provider that has no more than our plan says: what we believe to have is never more than there is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::Slice;
use leadgate_enrichment::credits::wallet::{Wallet, WalletKind};

use super::play::Play;
use crate::books::Books;
use crate::violation::{Findings, Promise};

impl Play {
    /// What can be held now is there. Said once: what is wrong stays wrong.
    pub(super) async fn check_pool(&mut self, findings: &mut Findings) -> Result<(), StoreError> {
        if !self.wide.exact || self.pool_is_short {
            return Ok(());
        }
        let wallets = self.world.credits.unmetered().wallets(self.world.tenant_id()).await?;
        // The provider first: what ends between the two readings is missing on our side, not on its.
        let left = self.world.apollo.credits_left();
        let now = self.world.clock.now();
        // From one that holds are still to be moved into, nothing can be held.
        let open = wallets.iter().filter(|wallet: &&Wallet| wallet.is_open(now) && !wallet.carrying);
        let available: Amounts = open.map(|wallet| &wallet.available).sum();
        self.pool_is_short = available.total().get() > left + self.spent_elsewhere(&wallets, now);
        findings.check(!self.pool_is_short, Promise::Credits, || {
            format!("at {now} we believe that {available} are left to spend, and the provider has {left} thousandths")
        });
        Ok(())
    }

    /// What the provider let expire of packs in this cycle, and we have spent from them: it took that from the cycle's own
    /// credits. A hold has its place before it is known what holds beside it really cost, so that ours may lie in a pack
    /// although the cycle has room in the end.
    fn spent_elsewhere(&self, wallets: &[Wallet], now: Timestamp) -> i64 {
        let opens = self.world.tenant().provider.plan.calendar.cycle_at(now).opens;
        let ended = wallets
            .iter()
            .filter(|wallet| wallet.kind == WalletKind::Pack && opens <= wallet.expires && wallet.expires <= now);
        let granted = |wallet: &Wallet| self.packs.iter().find(|pack| pack.wallet == wallet.wallet);
        let unused = ended.filter_map(|wallet| {
            let granted = granted(wallet)?.available.total().get();
            Some(granted - wallet.spent.total().get() - wallet.held.total().get())
        });
        (self.world.apollo.credits_expired(opens) - unused.sum::<i64>()).max(0)
    }

    /// In no cycle did the provider charge more than the wallets of that cycle spent, and it never ran out.
    pub(super) async fn check_cycles(&self, books: &Books, findings: &mut Findings) -> Result<(), StoreError> {
        if !self.wide.exact {
            return Ok(());
        }
        let ledger = self.world.apollo.ledger();
        let wallets = self.world.credits.unmetered().wallets(self.world.tenant_id()).await?;
        let calendar = &self.world.tenant().provider.plan.calendar;
        let mut cycles: BTreeMap<_, i64> = BTreeMap::new();
        for charge in &ledger.charges {
            let cycle = calendar.cycle_at(charge.at);
            *cycles.entry((cycle.opens, cycle.closes)).or_default() += charge.milli;
        }
        for ((opens, closes), charged) in cycles {
            let overlaps = |wallet: &&Wallet| match wallet.kind {
                WalletKind::Plan => wallet.opens == opens,
                _ => wallet.opens < closes && opens < wallet.expires,
            };
            let spent: Amounts = wallets.iter().filter(overlaps).flat_map(|it| [&it.spent, &it.held]).sum();
            // What had not been heard of when the cycle closed is paid from a later one, whenever it was charged.
            let is_asynchronous =
                |slice: &&Slice| wallets.iter().any(|it| it.wallet == slice.wallet && it.opens >= closes);
            let began = books.purchases.iter().filter(|it| it.began().is_some_and(|began| began < closes));
            let carried = began.flat_map(|purchase| purchase.slices.iter().filter(is_asynchronous));
            let carried: i64 = carried.map(|slice| slice.amount.get()).sum();
            findings.check(charged <= spent.total().get() + carried, Promise::Credits, || {
                format!("the provider charged {charged} in the cycle of {opens}, whose wallets spent {spent}")
            });
        }
        let (refused, unpaid) = (ledger.out_of_credits, ledger.unpaid);
        findings.check(refused + unpaid == 0, Promise::Credits, || {
            format!("the provider ran out: it turned away {refused} calls and kept {unpaid} numbers to itself")
        });
        Ok(())
    }
}
