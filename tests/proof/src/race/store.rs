//! At the store: many hold and settle at the same time, and nobody looks after them but the store's own conditions.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use leadgate_aws::credits::{Credits, Holding, Resolved};
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::ledger::{Allocation, AskedAbout, Evidence, Hold, HoldLine, PurchaseKind, allocate};
use leadgate_enrichment::credits::price::Action;
use leadgate_enrichment::credits::wallet::{Wallet, WalletId, WalletKind, burn_order};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::{PurchaseId, RecordKey};
use leadgate_enrichment::person::Profile;
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::purchase::settlement::{LineEnd, seen};
use leadgate_purchase::wallets::TenantWallets;
use tokio::task::JoinSet;

use super::Size;
use crate::books::Books;
use crate::violation::{Findings, Promise};
use leadgate_sandbox::world::World;

/// The most that is bought together.
const TOGETHER_MAX: usize = 10;

/// One to be bought.
struct Request {
    record: RecordKey,
    /// Whether the provider knows them.
    known: bool,
}

/// What all workers share.
struct Track {
    credits: Credits,
    tenant: Tenant,
    clock: Arc<dyn Clock>,
    open: Mutex<VecDeque<Request>>,
    /// For these there were no credits when they were looked at.
    waiting: Mutex<Vec<Request>>,
    /// How many were held for in this round.
    bought: Mutex<usize>,
    purchases: AtomicUsize,
    chance: Mutex<Rng>,
    findings: Mutex<Findings>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn one_credit() -> Amounts {
    Amounts::one(Bucket::new("credits"), Milli::credits(1))
}

/// Runs it until there is nothing left to spend, or nobody to spend it on.
pub(super) async fn race(world: &World, size: Size, mut chance: Rng) -> Result<Findings, StoreError> {
    let requests: VecDeque<Request> =
        (0..size.requests).map(|i| Request { record: world.key(&i.to_string()), known: chance.u8(..3) > 0 }).collect();
    let known = requests.iter().filter(|request| request.known).count();
    let track = Arc::new(Track {
        credits: world.worker.credits.clone(),
        tenant: world.tenant().clone(),
        clock: world.clock.clone(),
        open: Mutex::new(requests),
        waiting: Mutex::default(),
        bought: Mutex::default(),
        purchases: AtomicUsize::new(0),
        chance: Mutex::new(chance),
        findings: Mutex::default(),
    });
    track.open_wallets(size.credits).await?;
    loop {
        let mut workers = JoinSet::new();
        for _ in 0..size.workers {
            let track = track.clone();
            workers.spawn(async move { track.work().await });
        }
        while let Some(worked) = workers.join_next().await {
            worked.map_err(|error| StoreError::unreadable("racing", error))??;
        }
        // Misses have given back what others were refused.
        let waiting = std::mem::take(&mut *locked(&track.waiting));
        let bought = std::mem::replace(&mut *locked(&track.bought), 0);
        if waiting.is_empty() || bought == 0 || track.available().await? <= 0 {
            break;
        }
        locked(&track.open).extend(waiting);
    }
    let books = Books::of(world).await;
    let mut findings = std::mem::take(&mut *locked(&track.findings));
    let bought: usize = books.lines.values().map(|lines| lines.hits).sum();
    let most = usize::try_from(size.credits).unwrap_or(0).min(known);
    findings.check(bought == most, Promise::Credits, || format!("{bought} were bought, {most} can be paid for"));
    findings.check(books.held == 0, Promise::Credits, || format!("{} are held by nobody", books.held));
    let (spent, left) = (books.spent, books.available);
    findings.check(spent + left == size.credits * 1000, Promise::Credits, || {
        format!("{spent} are spent and {left} left, of {} credits", size.credits)
    });
    findings.extend(books.findings);
    Ok(findings)
}

impl Track {
    /// Half of the credits are the cycle's, the rest is a pack.
    async fn open_wallets(&self, credits: i64) -> Result<(), StoreError> {
        let now = self.clock.now();
        let wallets = TenantWallets { credits: &self.credits, tenant: &self.tenant };
        wallets.spendable(Action::Match, now, now).await?;
        let rest = Amounts::one(Bucket::new("credits"), Milli::credits(credits - credits / 2));
        let pack = Wallet::open(WalletId("pack-race".into()), WalletKind::Pack, now, later(now, days(300)), rest);
        self.credits.open(&self.tenant.id, &pack, None, now).await.map(drop)
    }

    async fn available(&self) -> Result<i64, StoreError> {
        Ok(self.wallets().await?.iter().map(|wallet| wallet.available.total().get()).sum())
    }

    async fn wallets(&self) -> Result<Vec<Wallet>, StoreError> {
        Ok(burn_order(self.credits.wallets(&self.tenant.id).await?, Action::Match, self.clock.now()))
    }

    fn take(&self) -> Vec<Request> {
        let most = locked(&self.chance).usize(1..=TOGETHER_MAX);
        let mut open = locked(&self.open);
        let count = most.min(open.len());
        open.drain(..count).collect()
    }

    async fn work(&self) -> Result<(), StoreError> {
        loop {
            let mut requests = self.take();
            if requests.is_empty() {
                return Ok(());
            }
            while !requests.is_empty() {
                let wallets = self.wallets().await?;
                let available: i64 = wallets.iter().map(|wallet| wallet.available.total().get() / 1000).sum();
                let payable = usize::try_from(available).unwrap_or(0).min(requests.len());
                locked(&self.waiting).extend(requests.drain(payable..));
                let credits = i64::try_from(payable).unwrap_or(0);
                let need = Amounts::one(Bucket::new("credits"), Milli::credits(credits));
                let Some(allocation) = allocate(&wallets, &need, &Amounts::default()) else { continue };
                if !requests.is_empty() && self.buy(&requests, &allocation).await? {
                    *locked(&self.bought) += requests.len();
                    requests.clear();
                }
            }
        }
    }

    /// Whether it could be held. What was held is settled, or freed.
    async fn buy(&self, requests: &[Request], allocation: &Allocation) -> Result<bool, StoreError> {
        let hold = self.hold_for(requests, allocation);
        let (credits, tenant) = (&self.credits, &self.tenant.id);
        if credits.hold(tenant, &hold, &allocation.keep, &[]).await? == Holding::Short {
            return Ok(false);
        }
        // One in eight is not asked after all, and is held again.
        let dice = locked(&self.chance).u8(..32);
        let (is_freed, is_repeated) = (dice < 4, dice.is_multiple_of(4));
        if is_repeated {
            let again = credits.hold(tenant, &hold, &allocation.keep, &[]).await?;
            self.check(again == Holding::Held, || format!("{} was held, and then refused", hold.purchase));
        }
        let resolve = async || match is_freed {
            true => credits.void(tenant, &hold).await,
            false => self.settle(&hold, requests).await,
        };
        let times = if is_repeated {
            let (first, second) = tokio::join!(resolve(), resolve());
            [first?, second?].iter().filter(|resolved| **resolved == Resolved::Now).count()
        } else {
            usize::from(resolve().await? == Resolved::Now)
        };
        self.check(times == 1, || format!("{} was resolved {times} times", hold.purchase));
        Ok(!is_freed)
    }

    async fn settle(&self, hold: &Hold, requests: &[Request]) -> Result<Resolved, StoreError> {
        let end = |request: &Request| match request.known {
            true => LineEnd::Answered(Answer::Hit(Profile::default())),
            false => LineEnd::Answered(Answer::Miss),
        };
        let cost = |request: &Request| Some(if request.known { one_credit() } else { Amounts::default() });
        let ends: Vec<LineEnd> = requests.iter().map(end).collect();
        let costs: Vec<Option<Amounts>> = requests.iter().map(cost).collect();
        let entry = seen(hold, &ends, &costs, Evidence::Inferred, self.clock.now());
        let entry = entry.ok_or_else(|| StoreError::unreadable("racing", "a purchase without lines"))?;
        self.credits.settle(&self.tenant.id, hold, &entry).await
    }

    fn hold_for(&self, requests: &[Request], allocation: &Allocation) -> Hold {
        let number = self.purchases.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        let line =
            |request: &Request| HoldLine { subject: request.record.clone(), worst: one_credit(), caps: Vec::new() };
        Hold {
            purchase: PurchaseId::derive(&self.tenant.id, &number.to_string(), now),
            claim: None,
            provider: None,
            kind: PurchaseKind::Person,
            held_at: now,
            claimed_until: now,
            price_version: "race".to_owned(),
            prices: Vec::new(),
            lines: requests.iter().map(line).collect(),
            unheld_from: None,
            slices: allocation.slices.clone(),
            caps: Vec::new(),
            values: None,
            asked: AskedAbout::default(),
        }
    }

    fn check(&self, holds: bool, found: impl FnOnce() -> String) {
        locked(&self.findings).check(holds, Promise::Credits, found);
    }
}
