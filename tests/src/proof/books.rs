//! What must be true of the books at any time of rest, whatever has happened.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::TenantId;
use leadgate_enrichment::ledger::{Entry, EntryLine, Hold, LineResult, Slice};
use leadgate_enrichment::wallet::Wallet;

use super::violation::{Findings, Promise};
use crate::world::World;

/// Our books, added up. All amounts are in thousandths of a credit.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Put into wallets.
    pub granted: i64,
    /// Gone.
    pub spent: i64,
    /// Gone unused.
    pub expired: i64,
    /// Reserved.
    pub held: i64,
    /// Free.
    pub available: i64,
    /// Spent on lines of which nobody knows whether they were charged.
    pub unknown: i64,
    /// What was settled for each record, by its id in the CRM.
    pub lines: BTreeMap<String, Lines>,
    /// Entries in the ledger.
    pub entries: usize,
    /// Entries that say that the provider's figures moved otherwise than ours.
    pub drifts: usize,
    /// The purchases among them.
    pub purchases: Vec<Purchase>,
    /// What is wrong with all that.
    pub findings: Findings,
}

/// What was settled for one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// Purchases that found somebody and cost something.
    pub hits: usize,
    /// Purchases of which nobody knows the outcome.
    pub unknowns: usize,
}

/// A settled purchase, as far as it has to fit to other things.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// Its id, which begins with the millisecond in which it was begun.
    pub id: String,
    /// Where its credits came from.
    pub slices: Vec<Slice>,
    /// The price list that it was reckoned with.
    pub price_version: String,
    /// What it cost for each record.
    pub lines: Vec<EntryLine>,
}

impl Purchase {
    /// A purchase's id begins with the millisecond in which it was begun.
    pub fn began(&self) -> Option<Timestamp> {
        let (millisecond, _) = self.id.split_once('-')?;
        Timestamp::from_millisecond(millisecond.parse().ok()?).ok()
    }
}

/// What went in and out of one wallet, by the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Moved {
    granted: i64,
    spent: i64,
    expired: i64,
    held: i64,
}

impl Books {
    /// Adds up a world's wallets and entries, and checks that they agree.
    pub async fn of(world: &World) -> Self {
        let read = Self::read(&world.credits.unmetered(), world.tenant_id()).await;
        read.unwrap_or_else(|error| {
            let mut books = Self::default();
            books.findings.note(Promise::Order, format!("the books can't be read: {error}"));
            books
        })
    }

    /// Adds up a tenant's wallets and entries, and checks that they agree.
    pub async fn read(credits: &leadgate_aws::credits::Credits, tenant: &TenantId) -> Result<Self, StoreError> {
        let wallets = credits.wallets(tenant).await?;
        let (entries, holds) = (credits.entries(tenant).await?, credits.open_holds(tenant).await?);
        let mut books = Self { entries: entries.len(), ..Self::default() };
        let mut moved: BTreeMap<&str, Moved> = BTreeMap::new();
        for entry in &entries {
            books.enter(entry, &mut moved);
        }
        for slice in holds.iter().flat_map(|hold: &Hold| &hold.slices) {
            moved.entry(&slice.wallet.0).or_default().held += slice.amount.get();
        }
        for wallet in &wallets {
            books.balance(wallet, moved.remove(wallet.wallet.0.as_str()).unwrap_or_default());
        }
        let strays: Vec<&str> = moved.into_keys().collect();
        books.findings.check(strays.is_empty(), Promise::Order, || format!("entries for no wallet: {strays:?}"));
        Ok(books)
    }

    /// Of a wallet, nothing is owed, nothing has appeared or vanished, and the ledger explains all of it.
    fn balance(&mut self, wallet: &Wallet, ledger: Moved) {
        let moved = Moved {
            granted: total(&wallet.granted),
            spent: total(&wallet.spent),
            expired: total(&wallet.expired),
            held: total(&wallet.held),
        };
        let (available, name) = (total(&wallet.available), &wallet.wallet.0);
        self.granted += moved.granted;
        self.spent += moved.spent;
        self.expired += moved.expired;
        self.held += moved.held;
        self.available += available;
        let below = [&wallet.available, &wallet.held, &wallet.spent, &wallet.expired];
        let below = below.into_iter().flat_map(Amounts::iter).any(|(_, amount)| amount.get() < 0);
        self.findings.check(!below, Promise::Credits, || format!("wallet {name} is below zero: {wallet:?}"));
        let parts = available + moved.held + moved.spent + moved.expired;
        self.findings.check(parts == moved.granted, Promise::Credits, || {
            format!("wallet {name} was granted {} and holds {parts}: {wallet:?}", moved.granted)
        });
        self.findings.check(moved == ledger, Promise::Order, || {
            format!("wallet {name} stands at {moved:?}, its ledger at {ledger:?}")
        });
    }

    fn enter<'e>(&mut self, entry: &'e Entry, moved: &mut BTreeMap<&'e str, Moved>) {
        match entry {
            Entry::Grant { wallet, amounts, .. } | Entry::Adjust { wallet, amounts, .. } => {
                moved.entry(&wallet.0).or_default().granted += total(amounts);
            }
            Entry::Expire { wallet, amounts, .. } => moved.entry(&wallet.0).or_default().expired += total(amounts),
            Entry::Drift { .. } => self.drifts += 1,
            Entry::Purchase { purchase, slices, excess, price_version, lines, .. } => {
                for slice in slices {
                    moved.entry(&slice.wallet.0).or_default().spent += slice.amount.get();
                }
                let cost: i64 = lines.iter().map(|line| total(&line.cost)).sum();
                let taken: i64 = slices.iter().map(|slice| slice.amount.get()).sum();
                self.findings.check(excess.is_zero(), Promise::Credits, || {
                    format!("purchase {purchase} cost {excess} more than its worst case")
                });
                self.findings.check(cost == taken, Promise::Order, || {
                    format!("purchase {purchase} took {taken} for lines that cost {cost}")
                });
                for line in lines {
                    let settled = self.lines.entry(line.record.id.clone()).or_default();
                    match line.result {
                        LineResult::Unknown => {
                            settled.unknowns += 1;
                            self.unknown += total(&line.cost);
                        }
                        _ => settled.hits += usize::from(!line.cost.is_zero()),
                    }
                }
                let (id, price_version) = (purchase.to_string(), price_version.clone());
                self.purchases.push(Purchase { id, slices: slices.clone(), price_version, lines: lines.clone() });
            }
        }
    }

    /// Checks them against the provider's: what it charged, we have spent, and of what we have spent beyond that we
    /// say that we don't know.
    pub fn compare_with_the_provider(&mut self, world: &World) {
        let charged = world.apollo.ledger().credits_charged;
        let (spent, unknown) = (self.spent, self.unknown);
        self.findings.check(charged <= spent, Promise::Credits, || {
            format!("the provider charged {charged}, our ledger knows of {spent}")
        });
        self.findings.check(spent - charged <= unknown, Promise::Order, || {
            format!("spent {} beyond what was charged, of which {unknown} unknown", spent - charged)
        });
    }

    /// Checks that nothing was bought, or told the CRM, twice: `emails` are all the addresses that the contact has had.
    pub fn charged_once(&mut self, world: &World, contact: &str, emails: &[String]) {
        let charged: usize = emails.iter().map(|email| world.apollo.charges_of(email)).sum();
        let Lines { hits, unknowns } = self.lines.get(contact).copied().unwrap_or_default();
        self.findings.check(hits <= 1, Promise::Once, || format!("contact {contact} was bought {hits} times"));
        self.findings.check(charged <= 1 + unknowns, Promise::Once, || {
            format!("the provider charged {charged} times for contact {contact}, of which {unknowns} unknown to us")
        });
    }
}

/// At rest: nothing is held, nothing waits, nobody was given up on, and the books agree.
pub async fn at_rest(world: &World) -> Books {
    let mut books = Books::of(world).await;
    books.compare_with_the_provider(world);
    let held = books.held;
    books.findings.check(held == 0, Promise::Order, || format!("{held} are held by nobody who comes back for them"));
    let (waiting, dead) = (world.waiting().await, world.dead_letters().await);
    books.findings.check(waiting == 0, Promise::Leads, || format!("{waiting} messages are left on the queue"));
    books.findings.check(dead == 0, Promise::Leads, || format!("{dead} messages were given up on"));
    books
}

fn total(amounts: &Amounts) -> i64 {
    amounts.total().get()
}
