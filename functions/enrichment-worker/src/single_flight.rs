//! What need not be bought, because it is known already: that a person is unknown to the provider, who a person is whom
//! another worker has just asked about, and whom several records of the same unit are about.

use std::collections::HashMap;

use futures_util::future::join_all;
use leadgate_aws::answers::{About, Known};
use leadgate_enrichment::clock::earlier;
use leadgate_enrichment::config::RecordKind;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::lead::record::PersonAsked;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_purchase::look_up::Call;
use leadgate_purchase::single_flight::{self, CLOCK_SKEW, Came, CameFor};
use tracing::warn;

use crate::batch::Batch;
use crate::defer::waiting;
use crate::keep::keep_known;
use crate::outcomes::Outcomes;
use crate::price::Wanted;
use crate::turn::Turn;
use crate::waterfall::Waterfall;

/// Parts those who have to be asked about from those of whom the answer is known, which costs them nothing, and from those
/// who wait for what has been asked for and hasn't arrived.
pub(crate) async fn answered(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    outcomes: &mut Outcomes<'_>,
    waterfall: &mut Waterfall,
    wanted: Vec<Wanted>,
) -> Vec<Wanted> {
    let asked = wanted.iter().flat_map(|wanted| wanted.about(batch));
    let asked: Vec<About> =
        asked.chain(wanted.iter().filter_map(|wanted| wanted.about_candidate(batch, turn))).collect();
    if asked.is_empty() {
        return wanted;
    }
    let (now, sealing) = (batch.now(), batch.fingerprints.sealing());
    let known = batch.worker.answers.read(turn.whose(batch), &asked, now, &sealing).await.unwrap_or_else(|error| {
        warn!(tenant = %batch.tenant.id, %error, "what is known can't be read: all are asked about");
        HashMap::new()
    });
    let (mut rest, mut answered) = (Vec::new(), Vec::new());
    for wanted in wanted {
        let candidate = wanted.about_candidate(batch, turn).and_then(|about| known.get(&about));
        if let Some(Known::Hit(profile)) = candidate {
            let end = LineEnd::Answered(Answer::Hit(profile.clone()));
            answered.push((wanted.without_what_arrives_later(turn), end));
            continue;
        }
        match wanted.known_of(batch, &known) {
            None => rest.push(wanted),
            Some(Known::Miss) => answered.push((wanted, LineEnd::Answered(Answer::Miss))),
            Some(Known::Hit(profile)) => answered.push((wanted, LineEnd::Answered(Answer::Hit(profile.clone())))),
            Some(Known::Awaited(_)) => {
                let reason = DeferReason::AskedForAnother;
                let left = waterfall.blocked(batch, wanted, reason).and_then(|wanted| waiting(batch, wanted, reason));
                waterfall.waiting.extend(left);
            }
        }
    }
    let steps = answered.iter().map(|(wanted, end)| keep_known(batch, turn, wanted, end, now));
    let steps: Vec<_> = join_all(steps).await.into_iter().flatten().collect();
    let kept = outcomes.done(steps);
    for (wanted, end) in answered {
        if let Some(record) = kept.iter().find(|record| record.key == wanted.record.key) {
            waterfall.place(batch, outcomes, wanted, record.clone(), &end);
        }
    }
    rest
}

/// Those who are not to be asked about after all, by their places: another worker is asking about them at this moment, or has
/// done so since what is known was read. They find the answer when their messages come again. Now that everyone can see by
/// our hold whom we ask about, nobody begins to ask any more.
pub(crate) async fn left_to_others(batch: &Batch<'_>, turn: &Turn<'_>, wanted: &[Wanted]) -> Vec<bool> {
    let mut left = asked_about_by_others(batch, turn, wanted).await;
    let others = wanted.iter().zip(&left).filter(|(_, left)| !**left);
    let asked: Vec<About> = others.flat_map(|(wanted, _)| wanted.about(batch)).collect();
    if asked.is_empty() {
        return left;
    }
    let (now, sealing) = (batch.now(), batch.fingerprints.sealing());
    match batch.worker.answers.read(turn.whose(batch), &asked, now, &sealing).await {
        Ok(known) => {
            left.iter_mut().zip(wanted).for_each(|(left, wanted)| *left |= wanted.known_of(batch, &known).is_some());
        }
        Err(error) => {
            warn!(tenant = %batch.tenant.id, %error, "what is known by now can't be read: they are asked about later");
            left.iter_mut().zip(wanted).for_each(|(left, wanted)| *left |= wanted.may_be_there_twice(batch));
        }
    }
    left
}

async fn asked_about_by_others(batch: &Batch<'_>, turn: &Turn<'_>, wanted: &[Wanted]) -> Vec<bool> {
    let now = batch.now();
    // Others run as long as we may, counted from our beginning: this purchase may have been made late in the run. None
    // that was made longer ago than that is still under way.
    let since = earlier(now, batch.invocation.longest_claim() + CLOCK_SKEW);
    let people = wanted.iter().map(|wanted| wanted.may_be_there_twice(batch).then_some(&wanted.asked));
    let people: Vec<Option<&Fingerprint>> = people.collect();
    let (credits, tenant) = (&batch.worker.credits, &batch.tenant.id);
    let ours = (&turn.purchase, &turn.provider.name());
    single_flight::asked_about_by_others(credits, tenant, ours, &people, (since, now)).await
}

/// Keeps what came at once, for other records that may be about the same people. That comes first of all: whoever dies right
/// after has bought nothing that is bought again, and finds it there for its own records as well.
pub(crate) async fn keep_for_others(batch: &Batch<'_>, turn: &Turn<'_>, wanted: &[Wanted], call: &Call) {
    let came = came(batch, turn, wanted, call);
    came.keep_misses(batch.tenant.windows.miss).await;
    came.keep_hits().await;
}

/// What came back for people whom other records may be about as well.
pub(crate) fn came<'a>(batch: &'a Batch<'a>, turn: &Turn<'a>, wanted: &'a [Wanted], call: &'a Call) -> Came<'a> {
    let ends = call.ends.iter().zip(&call.asynchronous);
    let came = wanted.iter().zip(ends).filter(|(wanted, _)| wanted.may_be_there_twice(batch));
    let came = came.map(|(wanted, (end, asynchronous))| {
        let asked = wanted.as_asked();
        CameFor { asked: if asynchronous.is_some() { asked } else { asked.at_once() }, end }
    });
    let people = came.collect();
    let (answers, sealing) = (&batch.worker.answers, batch.fingerprints.sealing().into());
    Came { answers, sealing, whose: turn.whose(batch), people, clock: batch.worker.clock.as_ref() }
}

impl Wanted {
    /// Whether another record of the CRM may be about the same person, as far as what we ask with goes. What is said of an
    /// address is kept for nobody else, and what is known of a company elsewhere.
    pub(crate) fn may_be_there_twice(&self, batch: &Batch<'_>) -> bool {
        let is_person = batch.tenant.kind == RecordKind::Person;
        is_person && self.ask.checks.is_none() && self.is_without_unique_email(batch)
    }

    fn is_without_unique_email(&self, batch: &Batch<'_>) -> bool {
        self.identity.email.is_none() || !batch.tenant.crm.vendor.has_unique_email
    }

    /// Who is asked about, and for what.
    pub(crate) fn as_asked(&self) -> PersonAsked {
        let (person, fields) = (self.asked.clone(), self.ask.ordered.clone());
        PersonAsked { person, fields, later: self.asynchronous.clone() }
    }

    /// What may be known of the person that does for it: that nobody knows them, and what is wanted.
    fn about(&self, batch: &Batch<'_>) -> Vec<About> {
        let asked = [PersonAsked::at_all(self.asked.clone()), self.as_asked()];
        asked.into_iter().filter(|_| self.may_be_there_twice(batch)).map(About::Person).collect()
    }

    fn known_of<'k>(&self, batch: &Batch<'_>, known: &'k HashMap<About, Known>) -> Option<&'k Known> {
        let [at_all, as_asked] = &self.about(batch)[..] else { return None };
        known.get(as_asked).or_else(|| known.get(at_all).filter(|known| **known == Known::Miss))
    }

    /// As whom the person may have just been bought as a candidate, where such are bought of this provider: the record may be
    /// the one that was created for them. Of a candidate, as whom the person may have been bought as a lead, while a worker
    /// that is gone had claimed it.
    fn about_candidate(&self, batch: &Batch<'_>, turn: &Turn<'_>) -> Option<About> {
        if self.record.key.candidate().is_some() {
            return Some(About::Person(PersonAsked::at_all(self.asked.clone())));
        }
        let is_searched = batch.tenant.icps.values().any(|icp| icp.provider == turn.provider.name());
        let has_address = is_searched && self.ask.checks.is_none() && self.identity.email.is_some();
        let person = || PersonAsked::at_all(self.identity.person_fingerprint(&batch.fingerprints));
        has_address.then(|| About::Person(person()))
    }
}

/// Parts those who pay from those who are about the same person, and want the same of them, as one before them.
pub(crate) fn share(wanted: Vec<Wanted>) -> (Vec<Wanted>, Vec<Wanted>) {
    let (mut paying, mut sharing): (Vec<Wanted>, Vec<Wanted>) = (Vec::new(), Vec::new());
    for wanted in wanted {
        if paying.iter().any(|first| first.is_for_the_same(&wanted)) {
            sharing.push(wanted);
        } else {
            paying.push(wanted);
        }
    }
    (paying, sharing)
}
