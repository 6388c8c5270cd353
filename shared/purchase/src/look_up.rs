//! The charging call. It is made again only when it was certainly not carried out.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::ids::PurchaseId;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::limits::Share;
use leadgate_enrichment::provider::{
    Answer, AsynchronousId, AsynchronousRequest, CallKind, Provider, RefusedAlone, Reply, Told,
};
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::retry::{Backoff, Retry};
use tracing::{error, warn};

use crate::permits::{Permits, ending};

/// How long a call may take. Beyond it, its outcome is unknown.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// What is kept back of the run for keeping, settling and writing back what was bought.
const AFTER_THE_CALL: Duration = Duration::from_secs(15);
/// A call that would get less than this is not begun.
const CALL_TIMEOUT_MIN: Duration = Duration::from_secs(5);

/// What calls for people are made with.
#[derive(Clone, Copy)]
pub struct LookUp<'a> {
    /// Whom to ask.
    pub provider: &'a dyn Provider,
    /// Under which limits.
    pub permits: Permits<'a>,
    /// What is wanted of them.
    pub fields: &'a BTreeSet<ProfileField>,
    /// What of them is looked up.
    pub asks: Asks,
    /// How much of the limits they may use.
    pub share: Share,
    /// What they are for.
    pub purchase: &'a PurchaseId,
    /// When the run ends that makes them.
    pub deadline: Timestamp,
}

/// What is asked about those in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Who they are.
    People,
    /// Whether their addresses work. One in a call.
    Verification,
    /// What is known of organizations, by their domains.
    Organizations,
}

/// How the call for several people went.
#[derive(Debug)]
pub struct Call {
    /// One per person, in order.
    pub ends: Vec<LineEnd>,
    /// One per person: under what the provider is asked for what arrives later.
    pub asynchronous: Vec<Option<AsynchronousId>>,
    /// What the provider says it charged for all of them.
    pub reported: Option<Milli>,
    /// Why some were not asked.
    pub stopped: Option<Stopped>,
}

/// Why it was no use to go on asking.
#[derive(Debug)]
pub enum Stopped {
    /// Not now.
    Later(Retry, String),
    /// The provider says that our credits with it are used up.
    OutOfCredits,
    /// It refuses our key or plan.
    Denied,
    /// Other workers are asking about some of them.
    AskedByOthers,
}

/// One call for several people. If the provider calls it invalid, each is asked about alone, so that one bad
/// record doesn't spoil it for the others.
pub async fn call_together(
    look_up: &LookUp<'_>,
    people: &[Identity],
    asynchronous: Option<&AsynchronousRequest>,
) -> Call {
    match call_once(look_up, people, asynchronous).await {
        Ok(call) => return call,
        Err(reason) if people.len() == 1 => {
            warn!(tenant = %look_up.permits.tenant, purchase = %look_up.purchase, reason, "the provider calls it invalid");
            return Call::invalid();
        }
        Err(_) => {}
    }
    let mut whole = Call::begun(people.len());
    for (place, person) in people.iter().enumerate() {
        let asynchronous = asynchronous.map(|request| request.of_one(place));
        let part = match whole.stopped {
            Some(_) => Call::none_for(1),
            None => call_once(look_up, std::slice::from_ref(person), asynchronous.as_ref())
                .await
                .unwrap_or_else(|_| Call::invalid()),
        };
        whole.add(part);
    }
    whole
}

/// One call, tried again within reason while it is certain that it was not carried out. `Err` when it is invalid.
async fn call_once(
    look_up: &LookUp<'_>,
    people: &[Identity],
    asynchronous: Option<&AsynchronousRequest>,
) -> Result<Call, String> {
    let LookUp { provider, permits, purchase, fields, share, .. } = *look_up;
    let (clock, tenant) = (permits.clock, permits.tenant);
    let kind = match look_up.asks {
        Asks::People => CallKind::People(people.len()),
        Asks::Verification => CallKind::Verification,
        Asks::Organizations => CallKind::Organizations(people.len()),
    };
    for attempts_made in 1.. {
        let ticket = match permits.permit(provider, kind, share).await {
            Ok(ticket) => ticket,
            Err((retry, reason)) => return Ok(Call::none(people.len(), Stopped::Later(retry, reason))),
        };
        // A permit that nothing comes of wastes a call of the limit, and no more.
        let Some(timeout) = look_up.time_for_a_call() else { break };
        let told = match look_up.asks {
            Asks::People => provider.look_up(people, fields, asynchronous, timeout).await,
            Asks::Verification => check(provider, people, timeout).await,
            Asks::Organizations => {
                let domains: Vec<String> = people.iter().filter_map(|it| it.domain.clone()).collect();
                provider.look_up_organizations(&domains, timeout).await
            }
        };
        permits.ended(ticket, &told.rates, ending(&told.reply)).await;
        let (retry, reason) = match told.reply {
            Reply::Answered { answers, reported, asynchronous } => {
                let asynchronous = vec![asynchronous; answers.len()];
                let ends = answers.into_iter().map(LineEnd::Answered).collect();
                return Ok(Call { ends, asynchronous, reported, stopped: None });
            }
            Reply::InPart { answers, reported } => return Ok(Call::in_part(answers, reported)),
            Reply::Unknown(reason) => {
                error!(%tenant, %purchase, reason, "outcome unknown: counted as spent");
                return Ok(Call::of(LineEnd::Unknown, people.len(), None));
            }
            Reply::Invalid(reason) => return Err(reason),
            Reply::OutOfCredits => {
                error!(%tenant, %purchase, "the provider says that our credits are used up");
                return Ok(Call::none(people.len(), Stopped::OutOfCredits));
            }
            Reply::Denied(reason) => {
                error!(%tenant, %purchase, reason, "the provider refuses our key or plan");
                return Ok(Call::none(people.len(), Stopped::Denied));
            }
            Reply::Throttled { retry_after } => {
                (retry_after.map_or(Retry::Backoff, Retry::After), "the provider throttles us".to_owned())
            }
            Reply::Transient(reason) => (Retry::Backoff, reason),
        };
        let wait = Backoff::IN_FUNCTION.wait_for(retry, attempts_made, clock.jitter());
        match wait.filter(|wait| *wait + CALL_TIMEOUT_MIN + AFTER_THE_CALL <= look_up.time_left()) {
            Some(wait) => clock.sleep(wait).await,
            None => return Ok(Call::none(people.len(), Stopped::Later(retry, reason))),
        }
    }
    let reason = "too little of the run is left to begin a call".to_owned();
    Ok(Call::none(people.len(), Stopped::Later(Retry::Backoff, reason)))
}

/// Checks the address of the one person in the call.
async fn check(provider: &dyn Provider, people: &[Identity], timeout: Duration) -> Told<Reply> {
    let address = people.first().and_then(|person| person.email.as_deref());
    match (provider.verifier(), address) {
        (Some(verifier), Some(address)) => verifier.verify(address, timeout).await,
        _ => Told::without_rates(Reply::Invalid("addresses aren't checked at this provider".to_owned())),
    }
}

impl LookUp<'_> {
    fn time_left(&self) -> Duration {
        until(self.permits.clock.now(), self.deadline)
    }

    fn time_for_a_call(&self) -> Option<Duration> {
        let timeout = self.time_left().checked_sub(AFTER_THE_CALL)?.min(CALL_TIMEOUT);
        (timeout >= CALL_TIMEOUT_MIN).then_some(timeout)
    }
}

impl Call {
    /// None of `count` people has been asked about yet.
    pub fn begun(count: usize) -> Self {
        let (ends, asynchronous) = (Vec::with_capacity(count), Vec::with_capacity(count));
        Self { ends, asynchronous, reported: Some(Milli::ZERO), stopped: None }
    }

    /// The same end for so many people, of whom nothing arrives later.
    fn of(end: LineEnd, count: usize, reported: Option<Milli>) -> Self {
        Self { ends: vec![end; count], asynchronous: vec![None; count], reported, stopped: None }
    }

    /// Some have an answer. The others were not looked up, and are asked about again when the reason is over.
    fn in_part(answers: Vec<Result<Answer, RefusedAlone>>, reported: Option<Milli>) -> Self {
        let (asynchronous, mut stopped) = (vec![None; answers.len()], None);
        let end = |answer| match answer {
            Ok(answer) => LineEnd::Answered(answer),
            Err(RefusedAlone::Invalid) => LineEnd::Invalid,
            Err(RefusedAlone::OutOfCredits) => {
                stopped = Some(Stopped::OutOfCredits);
                LineEnd::NotAsked
            }
            Err(RefusedAlone::Transient(reason)) => {
                stopped.get_or_insert(Stopped::Later(Retry::Backoff, reason));
                LineEnd::NotAsked
            }
        };
        let ends = answers.into_iter().map(end).collect();
        Self { ends, asynchronous, reported, stopped }
    }

    fn invalid() -> Self {
        Self::of(LineEnd::Invalid, 1, Some(Milli::ZERO))
    }

    /// None of these was asked about: nothing was charged.
    pub fn none_for(count: usize) -> Self {
        Self::of(LineEnd::NotAsked, count, Some(Milli::ZERO))
    }

    /// The same, and why.
    pub fn none(count: usize, stopped: Stopped) -> Self {
        Self { stopped: Some(stopped), ..Self::none_for(count) }
    }

    /// What is reported for the whole is known only if it is for each part.
    pub fn add(&mut self, part: Self) {
        self.ends.extend(part.ends);
        self.asynchronous.extend(part.asynchronous);
        self.reported = self.reported.zip(part.reported).map(|(a, b)| a + b);
        self.stopped = self.stopped.take().or(part.stopped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_were_refused_alone_are_asked_about_again_unless_it_was_their_own_fault() {
        let failed = || Err(RefusedAlone::Transient("500".to_owned()));
        let of = |answers: Vec<Result<Answer, RefusedAlone>>| Call::in_part(answers, Some(Milli::credits(1)));
        let call = of(vec![Ok(Answer::Miss), failed(), Err(RefusedAlone::OutOfCredits), Err(RefusedAlone::Invalid)]);
        let ends = [LineEnd::Answered(Answer::Miss), LineEnd::NotAsked, LineEnd::NotAsked, LineEnd::Invalid];
        assert_eq!((&call.ends[..], call.asynchronous.len()), (&ends[..], 4));
        assert!(matches!(call.stopped, Some(Stopped::OutOfCredits)), "{:?}", call.stopped);
        assert!(matches!(of(vec![failed()]).stopped, Some(Stopped::Later(Retry::Backoff, _))));
        assert!(of(vec![Err(RefusedAlone::Invalid)]).stopped.is_none());
    }
}
