//! What must be true at any time of rest, whatever has happened.

use std::collections::BTreeMap;

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ledger::{Entry, LineResult};
use leadgate_tests::world::World;

/// Our books, added up.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Put into wallets, in thousandths.
    pub(crate) granted: i64,
    /// Gone.
    pub(crate) spent: i64,
    /// Gone unused.
    pub(crate) expired: i64,
    /// Reserved.
    pub(crate) held: i64,
    /// Free.
    pub(crate) available: i64,
    /// Spent on lines of which nobody knows whether they were charged.
    pub(crate) unknown: i64,
    /// How often each record was paid for, unknown lines included.
    pub(crate) paid_for: BTreeMap<String, usize>,
}

impl Books {
    /// Adds up wallets and entries, and checks that they agree.
    pub(crate) async fn of(world: &World) -> Self {
        let credits = world.credits.unmetered();
        let wallets = credits.wallets(world.tenant_id()).await.expect("the wallets can be read");
        let entries = credits.entries(world.tenant_id()).await.expect("the ledger can be read");
        let total = |amounts: &Amounts| amounts.total().get();
        let mut books = Self::default();
        for wallet in &wallets {
            books.granted += total(&wallet.granted);
            books.spent += total(&wallet.spent);
            books.held += total(&wallet.held);
            books.available += total(&wallet.available);
            let (available, held) = (total(&wallet.available), total(&wallet.held));
            assert!(available >= 0, "oversold: {wallet:?}");
            assert!(held >= 0, "freed twice: {wallet:?}");
            let gone = total(&wallet.spent) + total(&wallet.expired);
            assert_eq!(total(&wallet.granted), available + held + gone, "credits appeared or vanished");
            books.expired += total(&wallet.expired);
        }
        let (mut granted, mut bought, mut expired) = (0, 0, 0);
        for entry in &entries {
            match entry {
                Entry::Grant { amounts, .. } | Entry::Adjust { amounts, .. } => granted += total(amounts),
                Entry::Expire { amounts, .. } => expired += total(amounts),
                Entry::Drift { .. } => {}
                Entry::Purchase { lines, excess, .. } => {
                    assert!(excess.is_zero(), "charged more than the worst case: {entry:?}");
                    for line in lines {
                        let cost = total(&line.cost);
                        bought += cost;
                        books.unknown += if line.result == LineResult::Unknown { cost } else { 0 };
                        *books.paid_for.entry(line.record.id.clone()).or_default() += usize::from(cost > 0);
                    }
                }
            }
        }
        let of_wallets = (books.granted, books.spent, books.expired);
        assert_eq!((granted, bought, expired), of_wallets, "the ledger doesn't add up to the wallets");
        books
    }

    /// Checks them against the provider's: what it charged, we have spent, and of what we have spent beyond that we
    /// say that we don't know.
    pub(crate) fn agree_with_the_provider(&self, world: &World) {
        let charged = world.apollo.ledger().credits_charged;
        assert!(charged <= self.spent, "the provider charged {charged}, our ledger knows of {}", self.spent);
        let beyond = self.spent - charged;
        assert!(beyond <= self.unknown, "spent {beyond} beyond what was charged, of which {} unknown", self.unknown);
    }
}

/// At rest: nothing is held, nothing waits, nobody was given up on, and the books agree.
pub(crate) async fn at_rest(world: &World) -> Books {
    let books = Books::of(world).await;
    books.agree_with_the_provider(world);
    assert_eq!(books.held, 0, "a hold is never settled");
    assert_eq!(world.credits.open_holds(world.tenant_id()).await.expect("readable").len(), 0, "a hold is open");
    assert_eq!(world.waiting().await, 0, "a message is left on the queue");
    assert_eq!(world.dead_letters().await, 0, "a message was given up on");
    books
}
