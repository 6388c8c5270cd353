//! The charging call. It is tried again only when it was certainly not carried out.

use std::time::Duration;

use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::limits::{Ending, Share};
use leadgate_enrichment::person::Identity;
use leadgate_enrichment::price::PricedField;
use leadgate_enrichment::provider::{CallKind, Later, LaterId, Provider, Reply};
use leadgate_enrichment::retry::{Backoff, Retry};
use leadgate_enrichment::settlement::LineEnd;
use tracing::{error, warn};

use crate::pace::share;
use crate::price::Wanted;
use crate::unit::Unit;

/// How long a call may take. Beyond it, its outcome is unknown.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// What is kept back of the run for keeping, settling and writing back what was bought.
const AFTER_THE_CALL: Duration = Duration::from_secs(15);
/// A call that would get less than this is not begun.
const CALL_TIMEOUT_MIN: Duration = Duration::from_secs(5);

/// Why some are left: another worker is asking about them.
const ASKED_BY_OTHERS: &str = "another worker is asking about the same person";

/// How the call for a whole unit went.
pub(crate) struct Call {
    /// One per person, in order.
    pub(crate) ends: Vec<LineEnd>,
    /// One per person: under what the provider is asked for what arrives later.
    pub(crate) later: Vec<Option<LaterId>>,
    /// What the provider says it charged for all of them.
    pub(crate) reported: Option<Milli>,
    /// Why some were not asked.
    pub(crate) stopped: Option<Stopped>,
}

/// Why it was no use to go on asking.
pub(crate) enum Stopped {
    /// Not now.
    Later(Retry, String),
    /// The provider says that our credits with it are used up.
    OutOfCredits,
    /// It refuses our key or plan.
    Denied,
}

impl Unit<'_> {
    /// Asks about everybody, in as few calls as the provider allows for what is mapped, but for those whom others ask
    /// about. Those who want the same of what arrives later stand together: a call asks for the same for all its people.
    pub(crate) async fn call(&self, wanted: &[Wanted], others: &[bool]) -> Call {
        let asked = wanted.iter().zip(others).filter(|(wanted, others)| !wanted.shared && !**others);
        let asked: Vec<&Wanted> = asked.map(|(wanted, _)| wanted).collect();
        let call = self.call_for(&asked).await;
        // One answer does for all who are about the same person.
        let place = |wanted: &Wanted| asked.iter().position(|asked| asked.is_for_the_same(wanted));
        let of = |wanted: &Wanted| place(wanted).map(|i| (call.ends[i].clone(), call.later[i].clone()));
        let (ends, later) = wanted.iter().map(|wanted| of(wanted).unwrap_or((LineEnd::NotAsked, None))).unzip();
        let waits = others.iter().any(|others| *others);
        let stopped =
            call.stopped.or_else(|| waits.then(|| Stopped::Later(Retry::Backoff, ASKED_BY_OTHERS.to_owned())));
        Call { ends, later, reported: call.reported, stopped }
    }

    async fn call_for(&self, wanted: &[&Wanted]) -> Call {
        if wanted.is_empty() {
            return Call::begun(0);
        }
        let provider = match self.worker.connections.provider(self.tenant).await {
            Ok(provider) => provider,
            Err(error) => return Call::none(wanted.len(), Stopped::Later(error.retry, error.to_string())),
        };
        let share = share(wanted.iter().filter_map(|wanted| wanted.record.source));
        let fields = self.tenant.fields_of_people();
        let mut whole = Call::begun(wanted.len());
        for same in wanted.chunk_by(|a, b| a.later == b.later) {
            let later = match self.later(&same[0].later, provider.result_retention()).await {
                Ok(later) => later,
                Err(error) => {
                    whole.add(Call::none(same.len(), Stopped::Later(error.retry, error.to_string())));
                    continue;
                }
            };
            let waterfall = later.as_ref().is_some_and(Later::is_waterfall);
            for chunk in same.chunks(provider.people_max(&fields, waterfall).max(1)) {
                let people: Vec<Identity> = chunk.iter().map(|wanted| wanted.identity.clone()).collect();
                let part = match whole.stopped {
                    Some(_) => Call::none_for(people.len()),
                    None => self.call_together(provider.as_ref(), &people, later.as_ref(), share).await,
                };
                whole.add(part);
            }
        }
        whole
    }

    /// What to ask for although it arrives later, and where the provider may say that it has: for as long as it can be
    /// asked for.
    async fn later(&self, fields: &[PricedField], retention: Duration) -> Result<Option<Later>, StoreError> {
        if fields.is_empty() {
            return Ok(None);
        }
        let (purchase, expires) = (self.purchase.later(), later(self.now(), retention));
        let callback = self.worker.connections.callback(self.tenant, &purchase, expires).await?;
        Ok(Some(Later {
            mobile: fields.contains(&PricedField::Mobile),
            waterfall_email: fields.contains(&PricedField::WaterfallEmail),
            waterfall_mobile: fields.contains(&PricedField::WaterfallMobile),
            callback,
        }))
    }

    /// One call for several people. If the provider calls it invalid, each is asked about alone, so that one bad
    /// record doesn't spoil it for the others.
    async fn call_together(
        &self,
        provider: &dyn Provider,
        people: &[Identity],
        later: Option<&Later>,
        share: Share,
    ) -> Call {
        match self.call_once(provider, people, later, share).await {
            Ok(call) => return call,
            Err(reason) if people.len() == 1 => {
                warn!(tenant = %self.tenant.id, purchase = %self.purchase, reason, "the provider calls it invalid");
                return Call::invalid();
            }
            Err(_) => {}
        }
        let mut whole = Call::begun(people.len());
        for person in people {
            let part = match whole.stopped {
                Some(_) => Call::none_for(1),
                None => self
                    .call_once(provider, std::slice::from_ref(person), later, share)
                    .await
                    .unwrap_or_else(|_| Call::invalid()),
            };
            whole.add(part);
        }
        whole
    }

    /// One call, tried again within reason while it is certain that it was not carried out. `Err` when it is invalid.
    async fn call_once(
        &self,
        provider: &dyn Provider,
        people: &[Identity],
        later: Option<&Later>,
        share: Share,
    ) -> Result<Call, String> {
        let (clock, purchase) = (&self.worker.clock, &self.purchase);
        for attempts_made in 1.. {
            let ticket = match self.permit(provider, CallKind::People(people.len()), share).await {
                Ok(ticket) => ticket,
                Err((retry, reason)) => return Ok(Call::none(people.len(), Stopped::Later(retry, reason))),
            };
            // A permit that nothing comes of wastes a call of the limit, and no more.
            let Some(timeout) = self.time_for_a_call() else { break };
            let told = provider.look_up(people, later, timeout).await;
            self.call_ended(ticket, &told.rates, ending(&told.reply)).await;
            let (retry, reason) = match told.reply {
                Reply::Answered { answers, reported, later } => {
                    let later = vec![later; answers.len()];
                    let ends = answers.into_iter().map(LineEnd::Answered).collect();
                    return Ok(Call { ends, later, reported, stopped: None });
                }
                Reply::Unknown(reason) => {
                    error!(tenant = %self.tenant.id, %purchase, reason, "outcome unknown: counted as spent");
                    return Ok(Call::of(LineEnd::Unknown, people.len(), None));
                }
                Reply::Invalid(reason) => return Err(reason),
                Reply::OutOfCredits => {
                    error!(tenant = %self.tenant.id, %purchase, "the provider says that our credits are used up");
                    return Ok(Call::none(people.len(), Stopped::OutOfCredits));
                }
                Reply::Denied(reason) => {
                    error!(tenant = %self.tenant.id, %purchase, reason, "the provider refuses our key or plan");
                    return Ok(Call::none(people.len(), Stopped::Denied));
                }
                Reply::Throttled { retry_after } => {
                    (retry_after.map_or(Retry::Backoff, Retry::After), "the provider throttles us".to_owned())
                }
                Reply::Transient(reason) => (Retry::Backoff, reason),
            };
            let wait = Backoff::IN_FUNCTION.wait_for(retry, attempts_made, clock.jitter());
            match wait.filter(|wait| *wait + CALL_TIMEOUT_MIN + AFTER_THE_CALL <= self.time_left()) {
                Some(wait) => clock.sleep(wait).await,
                None => return Ok(Call::none(people.len(), Stopped::Later(retry, reason))),
            }
        }
        let reason = "too little of the run is left to begin a call".to_owned();
        Ok(Call::none(people.len(), Stopped::Later(Retry::Backoff, reason)))
    }

    fn time_for_a_call(&self) -> Option<Duration> {
        let timeout = self.time_left().checked_sub(AFTER_THE_CALL)?.min(CALL_TIMEOUT);
        (timeout >= CALL_TIMEOUT_MIN).then_some(timeout)
    }
}

/// What the end of a call means for the limits and the breaker. A refusal is an answer like any other.
pub(crate) fn ending(reply: &Reply) -> Ending {
    match reply {
        Reply::Throttled { retry_after } => Ending::Throttled { retry_after: *retry_after },
        Reply::Transient(_) | Reply::Unknown(_) => Ending::Failed,
        _ => Ending::Answered,
    }
}

impl Call {
    /// Nobody of `count` people has been asked yet.
    fn begun(count: usize) -> Self {
        let (ends, later) = (Vec::with_capacity(count), Vec::with_capacity(count));
        Self { ends, later, reported: Some(Milli::ZERO), stopped: None }
    }

    /// The same end for so many people, of whom nothing arrives later.
    fn of(end: LineEnd, count: usize, reported: Option<Milli>) -> Self {
        Self { ends: vec![end; count], later: vec![None; count], reported, stopped: None }
    }

    fn invalid() -> Self {
        Self::of(LineEnd::Invalid, 1, None)
    }

    /// Nobody of these was asked: nothing was charged.
    fn none_for(count: usize) -> Self {
        Self::of(LineEnd::NotAsked, count, Some(Milli::ZERO))
    }

    fn none(count: usize, stopped: Stopped) -> Self {
        Self { stopped: Some(stopped), ..Self::none_for(count) }
    }

    /// What is reported for the whole is known only if it is for each part.
    fn add(&mut self, part: Self) {
        self.ends.extend(part.ends);
        self.later.extend(part.later);
        self.reported = self.reported.zip(part.reported).map(|(a, b)| a + b);
        self.stopped = self.stopped.take().or(part.stopped);
    }
}
