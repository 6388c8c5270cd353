//! What was delivered in batches: it costs nothing to look up, so that nothing is held, and nothing settled.
//!
//! What is found is kept as an answer that was known already. If the worker dies before that, the next one finds it again; if
//! it dies after that, the record says what was found and where the waterfall goes on. That the feed doesn't know somebody is
//! kept with the deferral of those who wait for the next batch, in one write: a worker that dies in between must not send them
//! on to a provider that is paid.

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{earlier, later, until};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::lead::record::{AskedOf, Deferral, Record, Said};
use leadgate_enrichment::lead::windows::Windows;
use leadgate_enrichment::outcome::{DeferReason, Outcome};
use leadgate_enrichment::person::Identity;
use leadgate_enrichment::provider::{Answer, Reply};
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::look_up::{Call, Stopped};
use leadgate_purchase::single_flight::CLOCK_SKEW;
use tracing::warn;

use crate::EnrichmentWorker;
use crate::batch::Batch;
use crate::keep::keep_known;
use crate::outcomes::Outcomes;
use crate::price::Wanted;
use crate::settle::pass_on;
use crate::turn::Turn;
use crate::waterfall::Waterfall;

/// When the last batch of the tenant's feed came. If that can't be read now, one may have come a moment ago: what the feed
/// didn't know is looked up again, which costs nothing. Never later than now, so that what is looked up from now on holds.
pub(crate) async fn delivered_at(worker: &EnrichmentWorker, batch: &Batch<'_>) -> Option<Timestamp> {
    batch.tenant.feed_provider()?;
    let now = batch.now();
    match worker.feed.delivered_at(&batch.tenant.id).await {
        Ok(delivered_at) => delivered_at.map(|at| at.min(now)),
        Err(error) => {
            warn!(tenant = %batch.tenant.id, %error, "when the last batch came can't be read: what it didn't know is looked up again");
            Some(now)
        }
    }
}

/// How long things are remembered at the worker's gate: that nobody knows a person, until the next batch of the feed. What was
/// kept while one was taken in may have been looked up before.
pub(crate) fn windows(batch: &Batch<'_>, now: Timestamp) -> Windows {
    let windows = batch.tenant.windows;
    let Some(delivered_at) = batch.delivered_at else { return windows };
    let surely_after = later(delivered_at, batch.invocation.longest_claim() + CLOCK_SKEW);
    let since = earlier(now, windows.miss).max(surely_after);
    Windows { miss: until(since, now), ..windows }
}

/// Looks them up in what was delivered, and sends each its way.
pub(crate) async fn find(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    outcomes: &mut Outcomes<'_>,
    waterfall: &mut Waterfall,
    wanted: Vec<Wanted>,
) {
    // Before it is looked up: a batch may come meanwhile.
    let at = batch.now();
    let mut call = look_up(batch, turn, &wanted).await;
    let is_miss = |end: &LineEnd| *end == LineEnd::Answered(Answer::Miss);
    let (mut parked, mut wanted_now, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (wanted, end) in wanted.into_iter().zip(std::mem::take(&mut call.ends)) {
        let until = batch.tenant.waits_for_a_batch(&wanted.record, &wanted.described, batch.delivered_at, at);
        match until.filter(|_| is_miss(&end)).and_then(|until| wanted.parked(batch, at, until)) {
            Some(waiting) => parked.push(waiting),
            None => {
                wanted_now.push(wanted);
                ends.push(end);
            }
        }
    }
    outcomes.write_and_end(Step::Defer, parked).await;
    let steps = wanted_now.iter().zip(&ends).map(|(wanted, end)| keep_known(batch, turn, wanted, end, at));
    let steps: Vec<_> = join_all(steps).await.into_iter().flatten().collect();
    let kept = outcomes.done(steps);
    pass_on(batch, outcomes, waterfall, wanted_now, Call { ends, ..call }, kept, true).await;
}

async fn look_up(batch: &Batch<'_>, turn: &Turn<'_>, wanted: &[Wanted]) -> Call {
    let none = |retry, reason| Call::none(wanted.len(), Stopped::Later(retry, reason));
    let provider = match batch.worker.connections.provider(batch.tenant, turn.provider).await {
        Ok(provider) => provider,
        Err(error) => return none(error.retry, error.to_string()),
    };
    let people: Vec<Identity> = wanted.iter().map(|wanted| wanted.identity.clone()).collect();
    let fields = wanted.iter().flat_map(|wanted| &wanted.ask.fields).copied().collect();
    match provider.look_up(&people, &fields, None, batch.time_left()).await.reply {
        Reply::Answered { answers, .. } if answers.len() == wanted.len() => {
            let mut call = Call::begun(wanted.len());
            call.asynchronous = vec![None; answers.len()];
            call.ends = answers.into_iter().map(LineEnd::Answered).collect();
            call
        }
        Reply::Transient(reason) => none(Retry::Backoff, reason),
        _ => none(Retry::Backoff, "what was delivered can't be read".to_owned()),
    }
}

impl Wanted {
    /// The record, which waits for the next batch until then.
    fn parked(&self, batch: &Batch<'_>, at: Timestamp, until: Timestamp) -> Option<(Record, Outcome)> {
        let (reason, provider) = (DeferReason::NextBatch, self.ask.provider.clone());
        let (fields, cost) = (self.ask.ordered.clone(), Amounts::default());
        let asked = AskedOf { provider, at, said: Said::Miss, fields, checked: None, purchase: None, cost };
        let request = self.record.to_request()?;
        // It may go as soon as a batch has come, which the release sees.
        let deferral = Deferral { reason, since: at, not_before: at, until, worst: Amounts::default() };
        let record = self.record.clone().asked_of(&self.described, asked).missed(batch.now());
        Some((record.deferred(&request, deferral), Outcome::Deferred { reason, until }))
    }
}
