//! Queueing some at a time, as far as the budget and the credits go, and waiting until they have ended.

use std::collections::{BTreeMap, HashSet};

use leadgate_aws::queue::Queue;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::credits::price::Action;
use leadgate_enrichment::credits::wallet::{burn_order, unopened};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::outcome::DeferReason;

use super::Quote;
use super::begun::{Begun, Plan};
use super::settled::Settled;
use super::standing::{Standing, request, standing};
use crate::Failure;
use crate::books::Books;
use crate::credits::deferral;

/// How many may be under way at once: what the worker deals with in a minute or two.
const UNDER_WAY_MAX: usize = 200;
/// How often in a row nothing may have changed before it isn't waited for any longer: half an hour.
const STILL_MAX: u32 = 900;

/// A run at work.
pub(super) struct Run<'a> {
    books: &'a Books,
    queue: &'a Queue,
    plan: Plan,
    /// The most that one of them can cost.
    worst: Amounts,
    /// Of each record, how far it has come.
    standings: Vec<Standing>,
    settled: Settled,
    spent: Amounts,
    /// What is held for those under way, and what those who wait may cost.
    reserved: Amounts,
}

/// How a run has ended, for now.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) chosen: usize,
    /// How many ended how.
    pub(crate) outcomes: BTreeMap<&'static str, usize>,
    pub(crate) spent: Amounts,
    pub(crate) reserved: Amounts,
    pub(crate) budget: Amounts,
    /// Why some are left.
    pub(crate) stopped: Option<String>,
}

impl Ended {
    pub(crate) fn ended(&self) -> usize {
        self.outcomes.values().sum()
    }
}

impl<'a> Run<'a> {
    pub(super) async fn new(books: &'a Books, queue: &'a Queue, plan: Plan, worst: Amounts) -> Result<Self, Failure> {
        let standings = vec![Standing::Open; plan.records.len()];
        let (spent, reserved) = (Amounts::default(), Amounts::default());
        let settled = Settled::since(plan.began);
        let mut run = Self { books, queue, plan, worst, standings, settled, spent, reserved };
        run.look().await?;
        Ok(run)
    }

    /// With the budget that it goes by: what was said, else what all of them could cost when it was begun.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    fn budget(&self) -> Amounts {
        let all = || std::iter::repeat_n(&self.plan.worst, self.plan.records.len()).sum();
        self.plan.budget.clone().unwrap_or_else(all)
    }

    pub(super) async fn quote(&self) -> Result<Quote, Failure> {
        let due = self.standings.iter().filter(|standing| **standing == Standing::Open).count();
        let mut settled: BTreeMap<&'static str, usize> = BTreeMap::new();
        for standing in &self.standings {
            match standing {
                Standing::Open => {}
                Standing::Ended(word) => *settled.entry(word).or_default() += 1,
                Standing::Waits(_) => *settled.entry("waiting already").or_default() += 1,
            }
        }
        Ok(Quote {
            chosen: self.plan.records.len(),
            settled: settled.into_iter().collect(),
            due,
            worst: std::iter::repeat_n(&self.worst, due).sum(),
            budget: self.budget(),
            available: self.available().await?,
        })
    }

    /// Queues and waits, until all have ended or there is a reason to stop. `pause` is false when the operator has had enough.
    pub(super) async fn go_on(
        &mut self,
        begun: &mut Begun,
        pause: &impl AsyncFn() -> bool,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Ended, Failure> {
        // What was about to be queued when it was interrupted may not have been: the same requests again do no harm.
        let again: Vec<usize> = begun.queued().iter().copied().filter(|place| self.is_open(*place)).collect();
        self.send(&again).await?;
        let mut still = 0;
        loop {
            let before = self.standings.clone();
            self.look().await?;
            progress(self.ended_count(), self.plan.records.len());
            let under_way = begun.queued().iter().filter(|place| self.is_open(**place)).count();
            let next = self.next(begun, under_way).await?;
            if under_way == 0 && next.places.is_empty() {
                return Ok(self.ended(next.why_no_more));
            }
            if !next.places.is_empty() {
                begun.queueing(next.places.clone())?;
                self.send(&next.places).await?;
            }
            still = if self.standings == before && next.places.is_empty() { still + 1 } else { 0 };
            if still > STILL_MAX {
                let why = format!("{under_way} are on the queue, and nothing has become of them for a long time");
                return Ok(self.ended(Some(why)));
            }
            if !pause().await {
                let on_the_queue = under_way + next.places.len();
                return Ok(self.ended(Some(format!("it was interrupted; {on_the_queue} are on the queue still"))));
            }
        }
    }

    /// Those that may be queued next, and why no more of them.
    async fn next(&self, begun: &Begun, under_way: usize) -> Result<Next, Failure> {
        let is_left = |place: &usize| self.is_open(*place) && !begun.queued().contains(place);
        let left: Vec<usize> = (0..self.plan.records.len()).filter(is_left).collect();
        if left.is_empty() {
            return Ok(Next::default());
        }
        // Whoever was queued now would wait behind those who wait already.
        let waits = begun.queued().iter().find_map(|place| match self.standings.get(*place) {
            // A step that was left out comes in its own time, whatever becomes of others.
            Some(Standing::Waits(DeferReason::NextStep)) | None => None,
            Some(Standing::Waits(reason)) => Some(*reason),
            Some(Standing::Open | Standing::Ended(_)) => None,
        });
        if let Some(reason) = waits {
            return Ok(Next { why_no_more: Some(deferral(reason).to_owned()), ..Next::default() });
        }
        let free = UNDER_WAY_MAX.saturating_sub(under_way);
        let used: Amounts = [&self.spent, &self.reserved].into_iter().sum();
        // Those under way that nothing is held for yet may still come to their worst.
        let in_budget = self.fitting(&self.budget().less(&used), usize::MAX).saturating_sub(under_way);
        let in_credits = self.fitting(&self.available().await?, 0).saturating_sub(under_way);
        let why_no_more = match (in_budget, in_credits) {
            (0, _) => Some("the budget doesn't pay for another at worst".to_owned()),
            (_, 0) => Some("the credits there are don't pay for another at worst".to_owned()),
            _ => None,
        };
        let places = left.into_iter().take(free.min(in_budget).min(in_credits)).collect();
        Ok(Next { places, why_no_more })
    }

    /// For how many this is enough at worst, as far as the kinds of credit go that it names; of others it is enough for
    /// `unnamed`.
    fn fitting(&self, amounts: &Amounts, unnamed: usize) -> usize {
        let fits = |(bucket, worst): (&Bucket, Milli)| match amounts.names(bucket) {
            true => usize::try_from(amounts.get(bucket).get().max(0) / worst.get().max(1)).unwrap_or(usize::MAX),
            false => unnamed,
        };
        self.worst.iter().filter(|(_, worst)| worst.get() > 0).map(fits).min().unwrap_or(usize::MAX)
    }

    async fn send(&self, places: &[usize]) -> Result<(), Failure> {
        let records = places.iter().filter_map(|place| self.plan.records.get(*place));
        let now = self.books.present().await?;
        let requests: Vec<_> = records.map(|record| request(&self.plan, record).queued(now)).collect();
        Ok(self.queue.send(&requests).await?)
    }

    /// Reads how far everyone has come, and what it has cost. Workers go on meanwhile, so a record is read before what is held
    /// for it, and that before what was settled: whatever moves in between is counted twice rather than not at all, and no
    /// budget is exceeded by what nobody saw.
    async fn look(&mut self) -> Result<(), Failure> {
        self.look_while(&async || {}).await
    }

    /// The same, with what happens between the reads.
    async fn look_while(&mut self, meanwhile: &impl AsyncFn()) -> Result<(), Failure> {
        let (books, tenant, now) = (self.books, self.books.tenant(), self.books.present().await?);
        let records = self.read_open().await?;
        meanwhile().await;
        let holds = books.credits.open_since(&tenant.id, self.plan.began).await?;
        meanwhile().await;
        self.settled.read(books, &self.plan.records, &holds, now).await?;
        let mine: HashSet<&RecordKey> = self.plan.records.iter().collect();
        let lines = holds.iter().flat_map(|hold| &hold.lines).filter(|line| mine.contains(&line.subject));
        let mut reserved: Amounts = lines.map(|line| &line.worst).sum();
        for (place, record) in records {
            let request = request(&self.plan, &self.plan.records[place]);
            let was_bought = self.settled.has(&request.record);
            let standing = standing(record.as_ref(), &request, was_bought, tenant.windows, now);
            if let (Standing::Waits(_), Some(deferral)) = (standing, record.as_ref().and_then(|it| it.state.deferral()))
            {
                reserved += &deferral.worst;
            }
            self.standings[place] = standing;
        }
        self.spent = self.settled.sum();
        self.reserved = reserved;
        Ok(())
    }

    /// Those that haven't ended, by their places, as they stand.
    async fn read_open(&self) -> Result<Vec<(usize, Option<Record>)>, Failure> {
        let open: Vec<usize> = (0..self.standings.len()).filter(|place| !self.has_ended(*place)).collect();
        let mut records = Vec::with_capacity(open.len());
        for places in open.chunks(READ_AT_ONCE) {
            let keys: Vec<RecordKey> = places.iter().map(|place| self.plan.records[*place].clone()).collect();
            let mut read = self.books.records.read(&keys, Consistency::Strong).await?;
            records.extend(places.iter().zip(&keys).map(|(place, key)| (*place, read.remove(key))));
        }
        Ok(records)
    }

    /// What there is now for requests that leave the floor.
    async fn available(&self) -> Result<Amounts, Failure> {
        let (tenant, now) = (self.books.tenant(), self.books.present().await?);
        let mut wallets = self.books.credits.wallets(&tenant.id).await?;
        wallets.extend(unopened(&tenant.wallets_due(now), &wallets, now));
        let available: Amounts = burn_order(wallets, Action::Match, now).iter().map(|wallet| &wallet.available).sum();
        Ok(available.less(&tenant.floor))
    }

    fn is_open(&self, place: usize) -> bool {
        self.standings.get(place) == Some(&Standing::Open)
    }

    fn has_ended(&self, place: usize) -> bool {
        matches!(self.standings.get(place), Some(Standing::Ended(_)))
    }

    fn ended_count(&self) -> usize {
        self.standings.iter().filter(|standing| matches!(standing, Standing::Ended(_))).count()
    }

    fn ended(&self, why: Option<String>) -> Ended {
        let mut outcomes = BTreeMap::new();
        for standing in &self.standings {
            match standing {
                Standing::Ended(word) => *outcomes.entry(*word).or_default() += 1,
                Standing::Waits(_) => *outcomes.entry("deferred").or_default() += 1,
                Standing::Open => {}
            }
        }
        let is_left = self.standings.contains(&Standing::Open);
        Ended {
            chosen: self.plan.records.len(),
            outcomes,
            spent: self.spent.clone(),
            reserved: self.reserved.clone(),
            budget: self.budget(),
            stopped: why.filter(|_| is_left),
        }
    }
}

/// As many as the table gives in one call.
const READ_AT_ONCE: usize = 100;

/// What may be queued next.
#[derive(Debug, Default)]
struct Next {
    places: Vec<usize>,
    why_no_more: Option<String>,
}

#[cfg(all(test, feature = "sandbox"))]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::enrich::tests::{typed, world};

    /// Ten are under way. The workers deal with all of them while the tool reads: after the records, or after the holds.
    #[tokio::test]
    async fn whatever_is_bought_while_it_is_read_counts_towards_the_budget() {
        for moment in 1..=2 {
            let (world, ids) = world(500, 10, |_| {}).await;
            let folder = tempfile::tempdir().expect("a folder");
            let books = Books::find(&typed(&world, folder.path(), &["--resume"]).place).await.expect("books");
            let queue = books.bulk_queue(None).expect("a queue");
            let records = ids.iter().map(|id| books.record_key(id).expect("a record")).collect();
            let (tenant, worst) = (books.tenant.clone(), books.worst_of_lead());
            let plan =
                Plan { name: "race".into(), tenant, began: books.now, records, budget: None, worst: worst.clone() };
            let mut run = Run::new(&books, &queue, plan, worst.clone()).await.expect("a run");
            run.send(&(0..ids.len()).collect::<Vec<_>>()).await.expect("queued");
            let calls = Cell::new(0);
            let meanwhile = async || {
                calls.set(calls.get() + 1);
                if calls.get() == moment {
                    world.settle_down(1).await;
                }
            };
            run.look_while(&meanwhile).await.expect("a look");
            let charged = i64::try_from(world.tenants_providers()[0].1.ledger().records_charged).expect("few") * 1000;
            assert_eq!(charged, 10_000, "all were bought meanwhile");
            let open = run.standings.iter().filter(|standing| **standing == Standing::Open).count();
            let may_cost: Amounts = std::iter::repeat_n(&worst, open).chain([&run.spent, &run.reserved]).sum();
            assert!(may_cost.total().get() >= charged, "moment {moment}: {may_cost:?} of {charged}");
            // The next look sees it as it is.
            run.look().await.expect("a look");
            assert_eq!((run.spent.total().get(), run.reserved.is_zero()), (charged, true));
        }
    }
}
