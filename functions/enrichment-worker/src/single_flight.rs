//! What need not be bought, because it is known already: that a person is unknown to the provider, who a person is whom
//! another worker has just asked about, and whom several records of the same unit are about.

use std::collections::HashMap;

use futures_util::future::join_all;
use leadgate_aws::answers::{About, Known};
use leadgate_enrichment::clock::earlier;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_purchase::look_up::Call;
use leadgate_purchase::single_flight::{self, CLOCK_SKEW, Came};
use tracing::warn;

use crate::batch::Batch;
use crate::keep::keep_known;
use crate::outcomes::Outcomes;
use crate::price::Wanted;
use crate::turn::Turn;
use crate::waterfall::Waterfall;

/// Parts those who have to be asked about from those of whom the answer is known, which costs them nothing. Who wants what
/// arrives later as well is asked about in any case.
pub(crate) async fn answered(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    outcomes: &mut Outcomes<'_>,
    waterfall: &mut Waterfall,
    wanted: Vec<Wanted>,
) -> Vec<Wanted> {
    let asked: Vec<About> = wanted.iter().filter(|wanted| wanted.may_be_known(batch)).map(Wanted::about).collect();
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
        match known.get(&wanted.about()).filter(|_| wanted.may_be_known(batch)) {
            None => rest.push(wanted),
            Some(Known::Miss) => answered.push((wanted, LineEnd::Answered(Answer::Miss))),
            Some(Known::Hit(profile)) => answered.push((wanted, LineEnd::Answered(Answer::Hit(profile.clone())))),
        }
    }
    let steps = answered.iter().map(|(wanted, end)| keep_known(batch, turn, wanted, end));
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
    let others = wanted.iter().zip(&left).filter(|(wanted, left)| !**left && wanted.may_be_known(batch));
    let asked: Vec<About> = others.map(|(wanted, _)| wanted.about()).collect();
    if asked.is_empty() {
        return left;
    }
    let (now, sealing) = (batch.now(), batch.fingerprints.sealing());
    match batch.worker.answers.read(turn.whose(batch), &asked, now, &sealing).await {
        Ok(known) => {
            let is_known = |wanted: &Wanted| wanted.may_be_known(batch) && known.contains_key(&wanted.about());
            left.iter_mut().zip(wanted).for_each(|(left, wanted)| *left |= is_known(wanted));
        }
        Err(error) => {
            warn!(tenant = %batch.tenant.id, %error, "what is known by now can't be read: they are asked about later");
            left.iter_mut().zip(wanted).for_each(|(left, wanted)| *left |= wanted.may_be_known(batch));
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

/// What came back for people whom other records may be about as well.
pub(crate) fn came<'a>(batch: &'a Batch<'a>, turn: &Turn<'a>, wanted: &'a [Wanted], call: &'a Call) -> Came<'a> {
    let came = wanted.iter().zip(&call.ends).filter(|(wanted, _)| wanted.may_be_there_twice(batch));
    let people = came.map(|(wanted, end)| (&wanted.asked, end)).collect();
    let (answers, sealing) = (&batch.worker.answers, batch.fingerprints.sealing().into());
    Came { answers, sealing, whose: turn.whose(batch), people, clock: batch.worker.clock.as_ref() }
}

impl Wanted {
    /// Whether another record of the CRM may be about the same person, as far as what we ask with goes. What is said of an
    /// address is kept for nobody else.
    pub(crate) fn may_be_there_twice(&self, batch: &Batch<'_>) -> bool {
        self.ask.checks.is_none() && self.is_without_unique_email(batch)
    }

    fn is_without_unique_email(&self, batch: &Batch<'_>) -> bool {
        self.identity.email.is_none() || !batch.tenant.crm.vendor.has_unique_email
    }

    /// Whether what is known of the person may do for it.
    fn may_be_known(&self, batch: &Batch<'_>) -> bool {
        self.may_be_there_twice(batch) && self.asynchronous.is_empty()
    }

    fn about(&self) -> About {
        About::Person(self.asked.clone())
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
