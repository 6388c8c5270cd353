//! Looking for people at an account that fits, and asking the enrichment worker for them. The search itself is free.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::icp::list::{List, Stopped};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::candidate::FoundFor;
use leadgate_enrichment::lead::gate::{Standing, at_worker};
use leadgate_enrichment::lead::request::EnrichmentRequest;
use leadgate_enrichment::provider::limits::Share;
use leadgate_enrichment::provider::prospecting::{FoundPerson, SearchKind, SearchPage, SearchReply};
use tracing::warn;

use crate::page::{ending, is_final, permits, retry_after, timeout, wait_of};
use crate::{Failure, Step, Work};

/// Looks for people at the account of this domain, and asks for those who aren't known, as many as the night pays for.
pub(crate) async fn request(work: &Work<'_>, list: List, domain: &str) -> Result<Step, Failure> {
    let prospector = work.build.connections.prospector(work.provider).await?;
    let ticket = match permits(work).permit_at(prospector.search_endpoint(SearchKind::People), Share::Low).await {
        Ok(ticket) => ticket,
        Err((retry, reason)) => {
            warn!(tenant = %work.tenant.id, icp = work.icp.name, reason, "a list waits");
            return Ok(Step::Wait(Box::new(list), retry_after(retry).unwrap_or_default()));
        }
    };
    let told = prospector.find_people(&work.icp.people_at(domain), 1, timeout(work)).await;
    permits(work).ended(ticket, &told.rates, ending(&told.reply)).await;
    match told.reply {
        SearchReply::Found(found) => ask_for(work, list, &found).await,
        refused => Ok(match is_final(work, &refused) {
            Some(why) => Step::Stop(Box::new(list), why),
            None => Step::Wait(Box::new(list), wait_of(&refused)),
        }),
    }
}

/// Asks for those who are to be bought. First they are on the queue, then it is noted that they were asked for, and then the
/// account is done: whoever comes after a death in between asks for the same again, which does nothing.
async fn ask_for(work: &Work<'_>, list: List, found: &SearchPage<FoundPerson>) -> Result<Step, Failure> {
    let candidates: Vec<RecordKey> = found
        .found
        .iter()
        .filter(|person| person.has_email != Some(false))
        .take(usize::from(work.icp.people_per_account))
        .filter_map(|person| RecordKey::of_candidate(&work.tenant.id, &work.icp.provider, &person.id))
        .collect();
    let requests = unknown(work, &list, &candidates).await?;
    let Some(costs) = work.build.config.search_costs(work.tenant, work.icp, work.build.clock.now()) else {
        return Ok(Step::Stop(Box::new(list), Stopped::Refused));
    };
    let (affordable, worst) = affordable(&list.left(work.icp), &costs.person, requests.len());
    let (tenant, now) = (&work.tenant.id, work.build.clock.now());
    let asked = &requests[..affordable];
    work.build.requests.send(asked).await?;
    let lists = &work.build.lists;
    let notes =
        asked.iter().map(|request| lists.note_request((tenant, &work.icp.name), &request.record, &list.night.run, now));
    try_join_all(notes).await?;
    let is_done = affordable == requests.len();
    let counts = (candidates.len() as u64, affordable as u64);
    let list = work.write(list.with_people(counts, &worst, is_done)).await?;
    Ok(match is_done {
        true => Step::GoOn(Box::new(list)),
        false => Step::Stop(Box::new(list), Stopped::Budget),
    })
}

/// Those who were neither asked for by this list in an earlier run, nor are known or being bought otherwise.
async fn unknown(work: &Work<'_>, list: &List, candidates: &[RecordKey]) -> Result<Vec<EnrichmentRequest>, Failure> {
    let (tenant, name, run) = (&work.tenant.id, &work.icp.name, &list.night.run);
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let requested: HashMap<RecordKey, String> = work.build.lists.requested((tenant, name), candidates).await?;
    let records = work.build.records.read(candidates, Consistency::Eventual).await?;
    let now = work.build.clock.now();
    let request = |candidate: &RecordKey| {
        let found_for = FoundFor { icp: name.clone(), run: run.clone() };
        EnrichmentRequest::of_candidate(candidate.clone(), found_for, list.night.begun_at)
    };
    let is_due = |request: &EnrichmentRequest| {
        at_worker(records.get(&request.record), request, work.tenant.windows, now) == Standing::Due
    };
    let wanted = candidates.iter().map(request).filter(|request| match requested.get(&request.record) {
        // A worker of this run has died before it could say that the account is done.
        Some(earlier) => earlier == run,
        None => is_due(request),
    });
    Ok(wanted.collect())
}

/// How many of them the rest of the budget pays for at worst, and how much that is.
fn affordable(left: &Amounts, each: &Amounts, wanted: usize) -> (usize, Amounts) {
    let mut worst = Amounts::default();
    for asked in 0..wanted {
        let more: Amounts = [&worst, each].into_iter().sum();
        if !left.covers(&more) {
            return (asked, worst);
        }
        worst = more;
    }
    (wanted, worst)
}
