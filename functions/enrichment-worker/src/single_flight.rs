//! What need not be bought, because it is known already: that somebody is unknown to the provider, who somebody is whom
//! another worker has just asked about, and whom several records of the same unit are about.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use leadgate_aws::answers::{About, Known};
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{earlier, later};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::PurchaseId;
use leadgate_enrichment::outcome::Outcome;
use leadgate_enrichment::patch::patch_from;
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::record::{Record, Rest};
use leadgate_enrichment::settlement::LineEnd;
use tracing::warn;

use crate::call::Call;
use crate::price::Wanted;
use crate::unit::Unit;

/// For how long what is known of a person is there for those who left word that they want to know: until their messages
/// have come back. Not longer: it is personal.
const SHARED_FOR: Duration = Duration::from_secs(15 * 60);
/// How far the clocks of two workers may be apart, by which their purchases are named.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

impl Unit<'_> {
    /// Parts those who have to be asked about from those of whom the answer is known. These are closed, or returned to
    /// be written, at no cost. Who wants what arrives later as well is asked about in any case.
    pub(crate) async fn known(&mut self, wanted: Vec<Wanted>) -> (Vec<Wanted>, Vec<Record>) {
        let about = |wanted: &Wanted| About::Person(wanted.asked.clone());
        let may_be_known = |wanted: &Wanted| wanted.may_be_there_twice() && wanted.later.is_empty();
        let asked: Vec<About> = wanted.iter().filter(|wanted| may_be_known(wanted)).map(about).collect();
        if asked.is_empty() {
            return (wanted, Vec::new());
        }
        let now = self.now();
        let known = self.worker.answers.read(&self.tenant.id, &asked, now).await.unwrap_or_else(|error| {
            warn!(tenant = %self.tenant.id, %error, "what is known can't be read: everybody is asked about");
            HashMap::new()
        });
        let (mut rest, mut steps, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for wanted in wanted {
            let answer = known.get(&about(&wanted)).filter(|_| may_be_known(&wanted));
            match answer {
                None => rest.push(wanted),
                Some(Known::Miss) => {
                    let asked = wanted.described.clone();
                    outcomes.push((wanted.record.key.clone(), Outcome::Unmatched));
                    steps.push(wanted.record.unmatched(Amounts::default(), asked, now));
                }
                Some(Known::Hit(profile)) => {
                    let patch = patch_from(&self.tenant.fields, profile);
                    let bought_for = Some(wanted.identity.person_fingerprint(&self.fingerprints));
                    let bought = wanted.record.bought(patch, Amounts::default(), Rest::None, now);
                    steps.push(Record { bought_for, ..bought });
                }
            }
        }
        let steps = join_all(steps.into_iter().map(|record| self.step(Step::Keep, record))).await;
        let (misses, hits): (Vec<_>, Vec<_>) =
            self.done(steps).into_iter().partition(|record| outcomes.iter().any(|(key, _)| *key == record.key));
        for record in misses {
            self.end(&record.key, Outcome::Unmatched);
        }
        (rest, hits)
    }

    /// Those whom another worker is asking about at this moment, by their places. Both reserve first and look then, so
    /// that of two who ask about the same person at least one sees the other; whoever does leaves word, steps back, and
    /// finds the answer when its message comes again.
    pub(crate) async fn asked_about_by_others(&self, wanted: &[Wanted]) -> Vec<bool> {
        let mut others = vec![false; wanted.len()];
        if !wanted.iter().any(Wanted::may_be_there_twice) {
            return others;
        }
        let (credits, tenant) = (&self.worker.credits, &self.tenant.id);
        // Others run as long as we may, counted from our beginning: this purchase may have been made late in the run. None
        // that was made longer ago than that is still under way.
        let since = earlier(self.now(), self.invocation.longest_claim() + CLOCK_SKEW);
        let holds = match credits.open_since(tenant, since).await {
            Ok(holds) => holds,
            Err(error) => {
                warn!(%tenant, %error, "what others ask about can't be read: somebody may be bought twice");
                return others;
            }
        };
        let now = self.now();
        for hold in holds.iter().filter(|hold| hold.purchase != self.purchase && now < hold.claimed_until) {
            let twins = wanted.iter().zip(&mut others).filter(|(wanted, _)| wanted.may_be_there_twice());
            for (wanted, others) in twins {
                if hold.asked.may_be(&wanted.asked) {
                    *others |= self.leave_word(&hold.purchase, &wanted.asked).await;
                }
            }
        }
        others
    }

    /// Whether the word was left in time. If it wasn't, the other one has ended, and there is nothing to wait for.
    async fn leave_word(&self, purchase: &PurchaseId, asked: &Fingerprint) -> bool {
        let tenant = &self.tenant.id;
        let left = self.worker.credits.want(tenant, purchase, asked).await;
        left.unwrap_or_else(|error| {
            warn!(%tenant, %error, "no word could be left: the person is asked about later");
            true
        })
    }

    /// Keeps for others what came back: of those whom the provider doesn't know, that it doesn't, and of those whom
    /// somebody left word about, what it knows.
    pub(crate) async fn tell(&self, wanted: &[Wanted], call: &Call, to: &[Fingerprint]) {
        let (now, tenant) = (self.now(), &self.tenant.id);
        for (wanted, end) in wanted.iter().zip(&call.ends).filter(|(wanted, _)| wanted.may_be_there_twice()) {
            let asked = wanted.asked.clone();
            let (known, until) = match end {
                LineEnd::Answered(Answer::Hit(profile)) if to.contains(&asked) => {
                    (Known::Hit(profile.clone()), later(now, SHARED_FOR))
                }
                LineEnd::Answered(Answer::Miss) if to.is_empty() => (Known::Miss, later(now, self.tenant.windows.miss)),
                _ => continue,
            };
            let kept = self.worker.answers.keep(tenant, &About::Person(asked), &known, until).await;
            if let Err(error) = kept {
                warn!(%tenant, %error, "an answer could not be kept for others: they ask for themselves");
            }
        }
    }
}

impl Wanted {
    /// Whether another record of the same CRM may be about the same person, as far as what we ask with goes.
    pub(crate) fn may_be_there_twice(&self) -> bool {
        self.identity.email.is_none() || !self.record.key.crm.has_each_address_once()
    }
}

/// Parts those who pay from those who are about the same person, and want the same of them, as somebody before them.
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
