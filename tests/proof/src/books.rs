//! What must be true of the books at any time of rest, whatever has happened.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use leadgate_aws::error::StoreError;

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Entry, EntryLine, Hold, LineResult, PurchaseKind, Slice};
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::ids::{PurchaseId, TenantId};

use super::violation::{Findings, Promise};
use leadgate_sandbox::simulators::apollo::{Item, Ledger};
use leadgate_sandbox::simulators::clay;
use leadgate_sandbox::world::World;

/// What a purchase is of. One call can be two: what comes at once is settled at once, what arrives later when it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goods {
    /// What comes at once.
    People,
    /// What arrives later.
    Numbers,
    /// Where people work, and companies that are records.
    Employers,
    /// Whether addresses work.
    Verdicts,
    /// Pages of searches.
    Pages,
}

impl Goods {
    /// All of them.
    const ALL: [Self; 5] = [Self::People, Self::Numbers, Self::Employers, Self::Verdicts, Self::Pages];

    fn of(kind: PurchaseKind, provider: &str) -> Self {
        match kind {
            PurchaseKind::Person => Self::People,
            // All that this one says arrives later, the person as well.
            PurchaseKind::Asynchronous if provider == clay::PROVIDER => Self::People,
            PurchaseKind::Asynchronous => Self::Numbers,
            PurchaseKind::Organization | PurchaseKind::Company => Self::Employers,
            PurchaseKind::Verification => Self::Verdicts,
            PurchaseKind::Search => Self::Pages,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Numbers => "numbers",
            Self::Employers => "employers",
            Self::Verdicts => "verdicts",
            Self::Pages => "pages",
        }
    }

    /// What the provider charges for them as.
    fn item(self) -> Item {
        match self {
            Self::People => Item::Person,
            Self::Numbers => Item::Mobile,
            Self::Employers => Item::Organization,
            Self::Verdicts => Item::Verification,
            Self::Pages => Item::Page,
        }
    }
}

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
    /// What of that was not charged, by the provider's own figures, and is no longer spent.
    pub returned: i64,
    /// What was settled for each record, by its id in the CRM.
    pub lines: BTreeMap<(Goods, String), Lines>,
    /// Entries in the ledger.
    pub entries: usize,
    /// Entries that say that the provider's figures moved otherwise than ours.
    pub drifts: usize,
    /// The purchases among them.
    pub purchases: Vec<Purchase>,
    /// What was settled with each provider.
    pub by_provider: BTreeMap<String, Lines>,
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
    /// What all of them cost, in thousandths of a credit.
    pub cost: i64,
    /// What those of them cost of which nobody knows the outcome.
    pub unknown: i64,
}

impl Lines {
    fn add(&mut self, line: &EntryLine) {
        let cost = total(&line.cost);
        self.cost += cost;
        match line.result {
            LineResult::Unknown => {
                self.unknowns += 1;
                self.unknown += cost;
            }
            _ => self.hits += usize::from(cost != 0),
        }
    }
}

/// A settled purchase, as far as it has to fit to other things.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// Its id, which begins with the millisecond in which it was begun.
    pub id: String,
    /// What it is of.
    pub goods: Goods,
    /// Who was paid.
    pub provider: String,
    /// Where its credits came from.
    pub slices: Vec<Slice>,
    /// The price list that it was reckoned with.
    pub price_version: String,
    /// What it cost for each record.
    pub lines: Vec<EntryLine>,
}

impl Purchase {
    /// What it cost for one record.
    pub fn line_of(&self, contact: &str) -> Option<&EntryLine> {
        self.lines.iter().find(|line| line.subject.id == contact)
    }

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
            Entry::Grant { wallet, amounts, .. }
            | Entry::Adjust { wallet, amounts, .. }
            | Entry::PlanChange { wallet, amounts, .. } => {
                moved.entry(&wallet.0).or_default().granted += total(amounts);
            }
            Entry::Expire { wallet, amounts, .. } => moved.entry(&wallet.0).or_default().expired += total(amounts),
            Entry::Drift { .. } => self.drifts += 1,
            Entry::Resolution { slices, .. } => {
                for slice in slices {
                    moved.entry(&slice.wallet.0).or_default().spent -= slice.amount.get();
                    self.returned += slice.amount.get();
                }
            }
            Entry::Purchase { purchase, kind, slices, excess, price_version, lines, provider, .. } => {
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
                let provider = provider.as_ref().map_or_else(String::new, ToString::to_string);
                for line in lines {
                    self.enter_line(Goods::of(*kind, &provider), line);
                    self.by_provider.entry(provider.clone()).or_default().add(line);
                }
                let (id, goods, price_version) =
                    (purchase.to_string(), Goods::of(*kind, &provider), price_version.clone());
                let (slices, lines) = (slices.clone(), lines.clone());
                self.purchases.push(Purchase { id, goods, provider, slices, price_version, lines });
            }
        }
    }

    fn enter_line(&mut self, goods: Goods, line: &EntryLine) {
        self.lines.entry((goods, line.subject.id.clone())).or_default().add(line);
        if line.result == LineResult::Unknown {
            self.unknown += total(&line.cost);
        }
    }

    /// What was settled for a record.
    pub fn lines_of(&self, goods: Goods, contact: &str) -> Lines {
        self.lines.get(&(goods, contact.to_owned())).copied().unwrap_or_default()
    }

    /// What was settled for all records.
    pub fn lines_for(&self, goods: Goods) -> impl Iterator<Item = &Lines> {
        self.lines.iter().filter(move |((of, _), _)| *of == goods).map(|(_, lines)| lines)
    }

    /// Checks them against the provider's: what it charged, we have spent, and of what we have spent beyond that we
    /// say that we don't know. A credit too many for the one doesn't make up for one too few for the other.
    pub fn compare_with(&mut self, ledger: &Ledger) {
        let whole = ("all", ledger.credits_charged, self.spent, self.unknown - self.returned);
        let part = |goods: Goods| {
            let (spent, unknown) = self.lines_for(goods).fold((0, 0), |(a, b), line| (a + line.cost, b + line.unknown));
            (goods.name(), ledger.milli_for(goods.item()), spent, unknown)
        };
        let parts = Goods::ALL.map(part);
        for (name, charged, spent, unknown) in parts.into_iter().chain([whole]) {
            self.findings.check(charged <= spent, Promise::Credits, || {
                format!("the provider charged {charged} for {name}, our ledger knows of {spent}")
            });
            self.findings.check(spent - charged <= unknown, Promise::Order, || {
                format!("spent {} on {name} beyond what was charged, of which {unknown} unknown", spent - charged)
            });
        }
    }

    /// The same where there are several providers: each against its own.
    pub fn compare_with_one_of(&mut self, provider: &str, ledger: &Ledger) {
        let Lines { cost, unknown, .. } = self.by_provider.get(provider).copied().unwrap_or_default();
        let charged = ledger.credits_charged;
        self.findings.check(charged <= cost, Promise::Credits, || {
            format!("{provider} charged {charged}, our ledger knows of {cost}")
        });
        self.findings.check(cost - charged <= unknown, Promise::Order, || {
            format!("spent {} with {provider} beyond what was charged, of which {unknown} unknown", cost - charged)
        });
    }

    /// Checks that nothing was bought, or told the CRM, twice: `emails` are all the addresses that the contact has had.
    /// Somebody whose number could not be paid for is bought once without it and once with it: that is how it is sold.
    pub fn charged_once(&mut self, degrading: bool, world: &World, contact: &str, emails: &[String]) {
        let most = if degrading { 2 } else { 1 };
        let people: usize = emails.iter().map(|email| charges_of(world, email)).sum();
        let numbers: usize = emails.iter().map(|email| world.apollo.mobile_charges_of(email)).sum();
        for (goods, charged, most) in [(Goods::People, people, most), (Goods::Numbers, numbers, 1)] {
            let (Lines { hits, unknowns, .. }, name) = (self.lines_of(goods, contact), goods.name());
            self.findings
                .check(hits <= most, Promise::Once, || format!("contact {contact} was bought {hits} times ({name})"));
            self.findings.check(charged <= most + unknowns, Promise::Once, || {
                format!("the provider charged {charged} times for contact {contact} ({name}), {unknowns} unknown to us")
            });
        }
        let alike = [false, true].map(|with| self.hits_with_a_number(contact, with));
        self.findings.check(alike.iter().all(|hits| *hits <= 1), Promise::Once, || {
            format!("contact {contact} was bought {} times without a number and {} times with one", alike[0], alike[1])
        });
    }

    /// How often a record was bought with its number (or without it, if `with` isn't set), found or not.
    pub fn hits_with_a_number(&self, contact: &str, with: bool) -> usize {
        let hit = |line: &EntryLine| line.result != LineResult::Unknown && !line.cost.is_zero();
        let people = self.purchases.iter().filter(|purchase| purchase.goods == Goods::People);
        people.filter(|it| it.line_of(contact).is_some_and(hit) && self.has_number(it, contact) == with).count()
    }

    /// Whether the number of this record was bought with the same call.
    pub fn has_number(&self, purchase: &Purchase, contact: &str) -> bool {
        let asynchronous = PurchaseId::read(&purchase.id).map(|id| id.asynchronous().to_string());
        self.purchases.iter().any(|other| Some(&other.id) == asynchronous.as_ref() && other.line_of(contact).is_some())
    }

    /// Checks that an employer was bought once, whoever works there.
    pub fn employer_charged_once(&mut self, world: &World, domain: &str) {
        let charged = world.apollo.organization_charges_of(domain);
        let unknowns: usize = self.lines_for(Goods::Employers).map(|lines| lines.unknowns).sum();
        let hits: usize = self.lines_for(Goods::Employers).map(|lines| lines.hits).sum();
        let ledger = world.apollo.ledger();
        let organizations = ledger.charges.iter().filter(|charge| charge.item == Item::Organization);
        let all: BTreeSet<&str> = organizations.map(|charge| charge.asked.as_str()).collect();
        self.findings.check(hits <= all.len().max(1) && charged <= 1 + unknowns, Promise::Once, || {
            format!("{domain} was bought {hits} times and charged for {charged} times, of which {unknowns} unknown")
        });
    }
}

/// How often somebody with this address was charged for as a person, by whichever provider.
pub fn charges_of(world: &World, email: &str) -> usize {
    world.tenants_providers().iter().map(|(_, provider)| provider.ledger().charges_of(email)).sum()
}

/// At rest: nothing is held, nothing waits, nobody was given up on, and the books agree.
pub async fn at_rest(world: &World) -> Books {
    let mut books = Books::of(world).await;
    match world.tenant().fallbacks.is_empty() {
        true => books.compare_with(&world.provider().ledger()),
        false => {
            world.tenants_providers().into_iter().for_each(|(name, it)| books.compare_with_one_of(name, &it.ledger()))
        }
    }
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
