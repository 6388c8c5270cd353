//! What need not be bought, because it is known already: that a person is unknown to the provider, who a person is whom
//! another worker has just asked about, and whom several records of the same unit are about.

use std::collections::HashMap;

use futures_util::future::join_all;
use leadgate_aws::answers::{About, Known};
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::earlier;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::lead::patch::patch_from;
use leadgate_enrichment::lead::record::{Record, Rest};
use leadgate_enrichment::outcome::Outcome;
use tracing::warn;

use crate::batch::Batch;
use crate::outcomes::{Outcomes, step};
use crate::price::Wanted;
use leadgate_purchase::look_up::Call;
use leadgate_purchase::single_flight::{self, CLOCK_SKEW, Came};

/// Parts those who have to be asked about from those of whom the answer is known. These are closed, or returned to
/// be written, at no cost. Who wants what arrives later as well is asked about in any case.
pub(crate) async fn answered(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    wanted: Vec<Wanted>,
) -> (Vec<Wanted>, Vec<Record>) {
    let about = |wanted: &Wanted| About::Person(wanted.asked.clone());
    let may_be_known = |wanted: &Wanted| wanted.may_be_there_twice(batch) && wanted.asynchronous.is_empty();
    let asked: Vec<About> = wanted.iter().filter(|wanted| may_be_known(wanted)).map(about).collect();
    if asked.is_empty() {
        return (wanted, Vec::new());
    }
    let now = batch.now();
    let known = batch
        .worker
        .answers
        .read(batch.tenant.into(), &asked, now, &batch.fingerprints.sealing())
        .await
        .unwrap_or_else(|error| {
            warn!(tenant = %batch.tenant.id, %error, "what is known can't be read: all are asked about");
            HashMap::new()
        });
    let (mut rest, mut steps, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    for wanted in wanted {
        let answer = known.get(&about(&wanted)).filter(|_| may_be_known(&wanted));
        match answer {
            None => rest.push(wanted),
            Some(Known::Miss) => {
                let asked = wanted.described.clone();
                missed.push(wanted.record.key.clone());
                steps.push(wanted.record.unmatched(Amounts::default(), asked, now));
            }
            Some(Known::Hit(profile)) => {
                let patch = patch_from(&batch.tenant.fields, profile);
                let bought_for = Some(wanted.identity.person_fingerprint(&batch.fingerprints));
                let bought = wanted.record.bought(patch, Amounts::default(), Rest::None, now);
                steps.push(Record { bought_for, ..bought });
            }
        }
    }
    let steps = join_all(steps.into_iter().map(|record| step(batch, Step::Keep, record))).await;
    let (misses, hits): (Vec<_>, Vec<_>) =
        outcomes.done(steps).into_iter().partition(|record| missed.contains(&record.key));
    for record in misses {
        outcomes.end(&record.key, Outcome::Unmatched);
    }
    (rest, hits)
}

/// Those whom another worker is asking about at this moment, by their places.
pub(crate) async fn asked_about_by_others(batch: &Batch<'_>, wanted: &[Wanted]) -> Vec<bool> {
    let now = batch.now();
    // Others run as long as we may, counted from our beginning: this purchase may have been made late in the run. None
    // that was made longer ago than that is still under way.
    let since = earlier(now, batch.invocation.longest_claim() + CLOCK_SKEW);
    let people = wanted.iter().map(|wanted| wanted.may_be_there_twice(batch).then_some(&wanted.asked));
    let people: Vec<Option<&Fingerprint>> = people.collect();
    let (credits, tenant) = (&batch.worker.credits, &batch.tenant.id);
    single_flight::asked_about_by_others(credits, tenant, &batch.purchase, &people, (since, now)).await
}

/// What came back for people whom other records may be about as well.
pub(crate) fn came<'a>(batch: &'a Batch<'_>, wanted: &'a [Wanted], call: &'a Call) -> Came<'a> {
    let came = wanted.iter().zip(&call.ends).filter(|(wanted, _)| wanted.may_be_there_twice(batch));
    let people = came.map(|(wanted, end)| (&wanted.asked, end)).collect();
    let (answers, sealing) = (&batch.worker.answers, batch.fingerprints.sealing().into());
    Came { answers, sealing, tenant: batch.tenant, people, clock: batch.worker.clock.as_ref() }
}

impl Wanted {
    /// Whether another record of the CRM may be about the same person, as far as what we ask with goes.
    pub(crate) fn may_be_there_twice(&self, batch: &Batch<'_>) -> bool {
        self.identity.email.is_none() || !batch.tenant.crm.vendor.has_unique_email
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
