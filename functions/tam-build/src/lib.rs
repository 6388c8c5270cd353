//! The nightly build: looks for accounts page by page, keeps those that fit, looks for people there, and asks the enrichment
//! worker for them. It buys no person: of credits, it spends only what a page of accounts costs.
//!
//! A message is about one list, and takes it on as far as the run has time; then another is sent. What a list has come to is
//! written between the steps ([`List`]), so that whoever comes next goes on from there:
//!
//! | step | dies right after | the next worker |
//! | --- | --- | --- |
//! | name the purchase | nothing was held | finds nothing held, and buys the page |
//! | hold | the page may have been asked for | settles it as unknown: spent, and asks once more |
//! | call | the same | the same |
//! | keep the page | the list has what came, and what it cost | settles that, and goes on behind the page |
//! | settle | the same | finds it settled |
//! | request people | they are on the queue | requests the same, which does nothing |
//! | note the requests | the same | the same |
//! | keep the account as done | the list is behind the account | goes on |

mod messages;
mod page;
mod people;

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use leadgate_aws::credits::{Credits, Standing};
use leadgate_aws::error::StoreError;
use leadgate_aws::limits::Limits;
use leadgate_aws::lists::Lists;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_enrichment::clock::{Clock, later, until};
use leadgate_enrichment::config::{Config, ProviderConnection, Tenant};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::icp::Icp;
use leadgate_enrichment::icp::list::{List, ListStep, Next, Stopped};
use leadgate_enrichment::retry::Retry;
use leadgate_lambda::connections::Connections;
use leadgate_lambda::invocation::Invocation;
use tracing::{error, info, warn};

use crate::messages::End;

/// Everything the nightly build may touch.
pub struct TamBuild {
    /// Tenants, profiles and prices.
    pub config: Arc<Config>,
    /// Only read: who is known already.
    pub records: Records,
    /// What a page is paid with.
    pub credits: Credits,
    /// Where the lists stand.
    pub lists: Lists,
    /// How often providers may be called.
    pub limits: Limits,
    /// Where people are asked for: the queue for what comes in bulk.
    pub requests: Queue,
    /// Where a list is taken on.
    pub queue: Queue,
    /// For messages that trying again can't help.
    pub dead_letters: Queue,
    /// Providers.
    pub connections: Connections,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// With less of the run left, no step is begun: another run has time for it.
const TIME_FOR_A_STEP: Duration = Duration::from_secs(45);
/// After a claim has run out.
const AFTER_A_CLAIM: Duration = Duration::from_secs(1);
/// Before a list is looked at again when the store fails.
const TROUBLE: Duration = Duration::from_secs(60);

/// One list, and what it is worked on with.
pub(crate) struct Work<'a> {
    pub(crate) build: &'a TamBuild,
    pub(crate) tenant: &'a Tenant,
    pub(crate) icp: &'a Icp,
    pub(crate) provider: &'a ProviderConnection,
    pub(crate) invocation: &'a Invocation,
}

/// How a step ends.
pub(crate) enum Step {
    /// With the list as it stands now.
    GoOn(Box<List>),
    /// The night is over.
    Stop(Box<List>, Stopped),
    /// The provider has no room for it now.
    Wait(Box<List>, Duration),
}

/// Why a step can't be taken.
pub(crate) enum Failure {
    Store(StoreError),
    /// Another worker has written the list.
    Lost,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl TamBuild {
    /// Begins the night of every list. If it dies in between, it is run again: a list that is told twice to begin the same
    /// night begins it once.
    pub async fn begin(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut steps = Vec::new();
        for tenant in self.config.tenants.values() {
            let run = now.to_zoned(tenant.time_zone.clone()).date().to_string();
            let step = |icp: &String| ListStep { tenant: tenant.id.clone(), icp: icp.clone(), run: run.clone() };
            steps.extend(tenant.icps.keys().map(step));
        }
        self.queue.send_messages(&steps, None).await?;
        Ok(steps.len())
    }

    /// Takes lists on. What couldn't be finished is sent anew, or stays on the queue.
    pub async fn handle(&self, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            if let Some(id) = self.one(message, invocation).await {
                response.add_failure(id);
            }
        }
        response
    }

    /// One message about a list.
    async fn take_on(&self, step: &ListStep, invocation: &Invocation) -> End {
        let (tenant, name) = (&step.tenant, &step.icp);
        let Some(tenant) = self.config.tenant(tenant) else {
            warn!(%tenant, icp = name, "no such tenant in the configuration: its list ends");
            return End::Done;
        };
        let icp = tenant.icps.get(name);
        let Some((icp, provider)) = icp.and_then(|icp| Some((icp, tenant.provider_named(icp.provider.as_str())?)))
        else {
            warn!(tenant = %tenant.id, icp = name, "no such profile in the configuration: its list ends");
            return End::Done;
        };
        let work = Work { build: self, tenant, icp, provider, invocation };
        match work.in_run(&step.run).await {
            Ok(end) => end,
            Err(Failure::Lost) => End::Back(work.after_our_claim()),
            Err(Failure::Store(error)) => {
                let never = error.retry == Retry::Never;
                error!(tenant = %tenant.id, icp = name, %error, "a list can't be taken on");
                if never { End::DeadLetter } else { End::Back(work.after_our_claim().max(TROUBLE)) }
            }
        }
    }
}

impl Work<'_> {
    async fn in_run(&self, run: &str) -> Result<End, Failure> {
        let (lists, now) = (&self.build.lists, self.build.clock.now());
        let there = lists.read(&self.tenant.id, &self.icp.name).await?;
        let list = there.unwrap_or_else(|| List::new(self.icp));
        let again = list.ended_at.is_some_and(|at| later(at, self.tenant.windows.freshness) <= now);
        let claimed_until = list.claimed_until;
        let Some(list) = list.in_run(run, self.icp, again, now) else { return Ok(End::Done) };
        if now < claimed_until {
            return Ok(End::Back(until(now, claimed_until) + AFTER_A_CLAIM));
        }
        let list = self.write(List { claimed_until: self.invocation.claim_until(), ..list }).await?;
        let list = self.settle_open(list).await?;
        self.go_on(list, run).await
    }

    /// Step by step, until the night is over or the run has no more time.
    async fn go_on(&self, mut list: List, run: &str) -> Result<End, Failure> {
        loop {
            if until(self.build.clock.now(), self.invocation.deadline) < TIME_FOR_A_STEP {
                self.leave(list, run, Duration::ZERO).await?;
                return Ok(End::Done);
            }
            let step = match list.next(self.icp) {
                Next::Nothing => Step::Stop(Box::new(list), Stopped::AtTheEnd),
                Next::Accounts(search, page) => Box::pin(page::buy(self, list, &search, page)).await?,
                Next::People(domain) => Box::pin(people::request(self, list, &domain)).await?,
            };
            match step {
                Step::GoOn(next) => list = *next,
                Step::Wait(list, after) => {
                    self.leave(*list, run, after).await?;
                    return Ok(End::Done);
                }
                Step::Stop(list, why) => {
                    let list = self.write(list.stopped(why, self.build.clock.now())).await?;
                    self.tell(&list, why);
                    return Ok(End::Done);
                }
            }
        }
    }

    /// Lets go of the list, for the next run to take it on.
    async fn leave(&self, list: List, run: &str, after: Duration) -> Result<(), Failure> {
        self.write(List { claimed_until: self.build.clock.now(), ..list }).await?;
        let (tenant, icp) = (self.tenant.id.clone(), self.icp.name.clone());
        let step = ListStep { tenant, icp, run: run.to_owned() };
        Ok(self.build.queue.send_messages(&[step], Some(after)).await?)
    }

    fn tell(&self, list: &List, why: Stopped) {
        let (tenant, icp, why) = (&self.tenant.id, &self.icp.name, <&str>::from(why));
        let (night, unreachable) = (&list.night, list.walk.unreachable);
        let sums = night.sums;
        info!(
            %tenant, icp, run = night.run, why, pages = sums.pages, accounts = sums.accounts, fitting = sums.fitting,
            people = sums.people, requested = sums.requested, used = %night.used, "night ended"
        );
        if unreachable > 0 {
            warn!(%tenant, icp, unreachable, "accounts that the provider doesn't show: make the search narrower");
        }
    }

    /// What an earlier run has left open. What it has kept is settled as that; of what it hasn't, it isn't known whether it
    /// was paid for.
    async fn settle_open(&self, list: List) -> Result<List, Failure> {
        let Some(buying) = list.buying.clone() else { return Ok(list) };
        let (credits, tenant) = (&self.build.credits, &self.tenant.id);
        let standing = credits.standing(tenant, std::slice::from_ref(&buying.purchase)).await?.remove(&buying.purchase);
        let list = match standing {
            Some(Standing::Open(hold)) => {
                let entry = page::entry(&hold, &buying, self.build.clock.now());
                credits.settle(tenant, &hold, &entry).await?;
                self.settled(list, page::cost_of(&entry))
            }
            Some(Standing::Settled(entry)) => {
                let cost = page::cost_of(&entry);
                self.settled(list, cost)
            }
            Some(Standing::Nothing) | None => list.settled(),
        };
        self.write(list).await
    }

    fn settled(&self, list: List, worst: Amounts) -> List {
        match list.buying.as_ref().is_some_and(|buying| buying.is_kept) {
            true => list.settled(),
            false => list.with_unknown_page(&worst),
        }
    }

    pub(crate) async fn write(&self, list: List) -> Result<List, Failure> {
        let written = self.build.lists.write(&self.tenant.id, &self.icp.name, list).await?;
        written.ok_or(Failure::Lost)
    }

    fn after_our_claim(&self) -> Duration {
        until(self.build.clock.now(), self.invocation.claim_until()) + AFTER_A_CLAIM
    }
}
