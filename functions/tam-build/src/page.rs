//! Buying a page of accounts: hold, call, keep, settle.

use std::time::Duration;

use leadgate_aws::credits::Holding;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{
    Entry, EntryLine, Evidence, Hold, LineResult, PurchaseKind, allocate, assume_spent,
};
use leadgate_enrichment::credits::price::{Action, Tariff};
use leadgate_enrichment::icp::list::{Buying, List, Stopped};
use leadgate_enrichment::ids::{ObjectType, Origin, PurchaseId, RecordKey, digest};
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::person::{Identity, Profile};
use leadgate_enrichment::provider::limits::{Ending, Share};
use leadgate_enrichment::provider::prospecting::{AccountFilter, FoundAccount, SearchKind, SearchPage, SearchReply};
use leadgate_enrichment::purchase::choice::caps;
use leadgate_enrichment::purchase::settlement;
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::permits::Permits;
use leadgate_purchase::reserve::{Caps, Holder, Line};
use leadgate_purchase::settle::settle;
use leadgate_purchase::wallets::TenantWallets;
use tracing::{error, warn};

use crate::{Failure, Step, Work};

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);
/// What is kept back of the run for what comes after a call.
const AFTER_THE_CALL: Duration = Duration::from_secs(10);
/// Before a call that came to nothing is made again.
pub(crate) const PAUSE: Duration = Duration::from_secs(60);
/// How often a hold is tried when others keep taking from the same wallets.
const HOLD_ATTEMPTS_MAX: u32 = 3;
/// After so many pages in a night of which it isn't known whether they were paid for, the night ends.
const UNKNOWN_PAGES_MAX: u64 = 2;

/// Buys a page of accounts, if the night's budget and the credits pay for it.
pub(crate) async fn buy(work: &Work<'_>, list: List, search: &AccountFilter, page: u16) -> Result<Step, Failure> {
    let (build, now) = (work.build, work.build.clock.now());
    let Some(tariff) = build.config.page_tariff(work.provider, Action::SearchOrganizations, now) else {
        error!(tenant = %work.tenant.id, icp = work.icp.name, "no price of a page is in force");
        return Ok(stop(list, Stopped::Refused));
    };
    let worst = tariff.worst();
    if !list.left(work.icp).covers(&worst) {
        return Ok(stop(list, Stopped::Budget));
    }
    if list.night.sums.unknown_pages >= UNKNOWN_PAGES_MAX {
        return Ok(stop(list, Stopped::Unknown));
    }
    let prospector = build.connections.prospector(work.provider).await?;
    let (list, hold) = match worst.is_zero() {
        true => (list, None),
        false => {
            let purchase = purchase(work, &list);
            let list = work.write(list.buying(purchase.clone())).await?;
            match reserve(work, &list, purchase, &tariff).await? {
                Some(hold) => (list, Some(hold)),
                None => return Ok(stop(list.settled(), Stopped::Credits)),
            }
        }
    };
    let ticket = match permits(work).permit_at(prospector.search_endpoint(SearchKind::Accounts), Share::Low).await {
        Ok(ticket) => ticket,
        Err((retry, reason)) => {
            warn!(tenant = %work.tenant.id, icp = work.icp.name, reason, "a list waits");
            return give_back(work, list, hold.as_ref(), retry_after(retry)).await;
        }
    };
    let told = prospector.find_accounts(search, page, timeout(work)).await;
    permits(work).ended(ticket, &told.rates, ending(&told.reply)).await;
    match told.reply {
        SearchReply::Found(found) => keep(work, list, &found, &tariff, hold.as_ref()).await,
        SearchReply::Unknown(reason) => {
            error!(tenant = %work.tenant.id, icp = work.icp.name, reason, "outcome unknown: counted as spent");
            if let (Some(hold), Some(buying)) = (&hold, &list.buying) {
                let entry = entry(hold, buying, build.clock.now());
                settle(&build.credits, &work.tenant.id, hold, Some(&entry)).await;
            }
            let list = work.write(list.with_unknown_page(&worst)).await?;
            Ok(Step::Wait(Box::new(list), PAUSE))
        }
        refused => {
            let after = match is_final(work, &refused) {
                Some(why) => return give_back(work, list, hold.as_ref(), None).await.map(|step| stopped(step, why)),
                None => wait_of(&refused),
            };
            give_back(work, list, hold.as_ref(), Some(after)).await
        }
    }
}

/// The list takes in what came, and what it cost; then that is settled.
async fn keep(
    work: &Work<'_>,
    list: List,
    found: &SearchPage<FoundAccount>,
    tariff: &Tariff,
    hold: Option<&Hold>,
) -> Result<Step, Failure> {
    let profile = Profile::default();
    let cost = tariff.of(&Identity::default(), false, (!found.is_empty()).then_some(&profile));
    let list = work.write(list.with_page(work.icp, found, cost)).await?;
    if let (Some(hold), Some(buying)) = (hold, &list.buying) {
        let entry = entry(hold, buying, work.build.clock.now());
        // If that fails, the next step, or the sweeper, does it.
        settle(&work.build.credits, &work.tenant.id, hold, Some(&entry)).await;
    }
    Ok(Step::GoOn(Box::new(list.settled())))
}

/// The page was certainly not paid for: its hold is freed.
async fn give_back(work: &Work<'_>, list: List, hold: Option<&Hold>, after: Option<Duration>) -> Result<Step, Failure> {
    if let Some(hold) = hold {
        settle(&work.build.credits, &work.tenant.id, hold, None).await;
    }
    let list = Box::new(list.settled());
    Ok(match after {
        Some(after) => Step::Wait(list, after),
        None => Step::GoOn(list),
    })
}

fn stopped(step: Step, why: Stopped) -> Step {
    match step {
        Step::GoOn(list) | Step::Wait(list, _) | Step::Stop(list, _) => Step::Stop(list, why),
    }
}

fn stop(list: List, why: Stopped) -> Step {
    Step::Stop(Box::new(list), why)
}

/// Reserves what the page costs at worst. `None` when the wallets, the floor or a cap leave too little.
async fn reserve(work: &Work<'_>, list: &List, purchase: PurchaseId, tariff: &Tariff) -> Result<Option<Hold>, Failure> {
    let (build, tenant) = (work.build, work.tenant);
    let wallets = TenantWallets { credits: &build.credits, tenant };
    let key = page_key(work, list);
    for _ in 0..HOLD_ATTEMPTS_MAX {
        let (now, claimed_until) = (build.clock.now(), work.invocation.claim_until());
        let spendable = wallets.spendable(Action::SearchOrganizations, now, claimed_until).await?;
        let caps = caps(tenant, Source::Tam, None, now);
        let line = [Line { subject: &key, worst: tariff.worst(), caps: &caps }];
        let Some(allocation) = allocate(&spendable, &line[0].worst, &tenant.floor) else { return Ok(None) };
        let caps = Caps::of(&caps);
        let holder = Holder {
            purchase: purchase.clone(),
            claim: purchase.clone(),
            provider: work.provider.name(),
            kind: PurchaseKind::Search,
            held_at: now,
            claimed_until,
        };
        let hold = holder.hold(&caps, &line, allocation.slices.clone(), tariff.version());
        let limits = caps.limits(|_| Amounts::default());
        if build.credits.hold_all(&tenant.id, &hold, &[], &allocation, &limits).await? == Holding::Held {
            return Ok(Some(hold));
        }
    }
    Ok(None)
}

/// What a page is held and settled for: the list, and which page it is.
fn page_key(work: &Work<'_>, list: &List) -> RecordKey {
    let id = digest(&[&list.search, &list.walk.name().unwrap_or_default()]);
    let object = ObjectType::read(&work.icp.name).unwrap_or(ObjectType::CONTACT);
    RecordKey { tenant: work.tenant.id.clone(), origin: Origin::SEARCH, object, id }
}

/// One for each try: a list is written before each, so that none has the count of another.
fn purchase(work: &Work<'_>, list: &List) -> PurchaseId {
    let name = format!("{}/{}/{}", work.invocation.id, work.icp.name, list.rev);
    PurchaseId::derive(&work.tenant.id, &name, work.build.clock.now()).search()
}

/// The ledger entry for a page: what it cost, if it was kept, and else that it may have been paid for.
pub(crate) fn entry(hold: &Hold, buying: &Buying, at: jiff::Timestamp) -> Entry {
    let line = |line: &leadgate_enrichment::credits::ledger::HoldLine| match buying.is_kept {
        true => EntryLine { subject: line.subject.clone(), result: LineResult::Hit, cost: buying.cost.clone() },
        false => assume_spent(line),
    };
    let evidence = if buying.is_kept { Evidence::Inferred } else { Evidence::Assumed };
    settlement::entry(hold, hold.lines.iter().map(line).collect(), evidence, at)
}

/// What a settled page has cost.
pub(crate) fn cost_of(entry: &Entry) -> Amounts {
    match entry {
        Entry::Purchase { lines, .. } => lines.iter().map(|line| &line.cost).sum(),
        _ => Amounts::default(),
    }
}

pub(crate) fn permits<'a>(work: &Work<'a>) -> Permits<'a> {
    let (limits, clock) = (&work.build.limits, work.build.clock.as_ref());
    Permits { limits, tenant: &work.tenant.id, connection: work.provider, clock }
}

pub(crate) fn timeout(work: &Work<'_>) -> Duration {
    let left = until(work.build.clock.now(), work.invocation.deadline);
    left.saturating_sub(AFTER_THE_CALL).min(CALL_TIMEOUT)
}

/// How long to wait for a permit: always at least a little.
pub(crate) fn retry_after(retry: Retry) -> Option<Duration> {
    Some(match retry {
        Retry::After(after) => after,
        Retry::Backoff | Retry::Never => PAUSE,
    })
}

/// Why the night ends with this answer, if it does.
pub(crate) fn is_final<T: std::fmt::Debug>(work: &Work<'_>, reply: &SearchReply<T>) -> Option<Stopped> {
    let why = match reply {
        SearchReply::OutOfCredits => Stopped::ProviderOutOfCredits,
        SearchReply::Denied(_) | SearchReply::Invalid(_) => Stopped::Refused,
        _ => return None,
    };
    error!(tenant = %work.tenant.id, icp = work.icp.name, ?reply, "the provider refuses a search: the night ends");
    Some(why)
}

/// When a call that came to nothing is made again.
pub(crate) fn wait_of<T>(reply: &SearchReply<T>) -> Duration {
    match reply {
        SearchReply::Throttled { retry_after } => retry_after.unwrap_or(PAUSE),
        _ => PAUSE,
    }
}

/// What an answer says of the limits.
pub(crate) fn ending<T>(reply: &SearchReply<T>) -> Ending {
    match reply {
        SearchReply::Throttled { retry_after } => Ending::Throttled { retry_after: *retry_after },
        SearchReply::Transient(_) | SearchReply::Unknown(_) => Ending::Failed,
        _ => Ending::Answered,
    }
}
