//! Of workers that ask about the same person at the same time, one buys, and the others wait for its answer.
//!
//! All reserve first and look then, at the others' holds and at what has been kept. Whoever buys keeps what came before
//! it settles its hold, so that of two at least one sees the other's hold or its answer. That one steps back, and finds the
//! answer when its message comes again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::answers::{About, Answers, Known, Whose};
use leadgate_aws::credits::Credits;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::{ProviderName, PurchaseId, TenantId};
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::seal::SealingKey;
use tracing::warn;

/// For how long what is known of a person is there for those who have stepped back: until their messages have come
/// back. Not longer: it is personal.
const SHARED_FOR: Duration = Duration::from_secs(15 * 60);
/// How far the clocks of two workers may be apart, by which their purchases are named.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// Which of these people another worker is asking about at this moment, by their places. `None` is a person whom no other
/// record can be about. `since` is when the oldest purchase was made whose worker may still run.
pub async fn asked_about_by_others(
    credits: &Credits,
    tenant: &TenantId,
    (purchase, provider): (&PurchaseId, &ProviderName),
    people: &[Option<&Fingerprint>],
    (since, now): (Timestamp, Timestamp),
) -> Vec<bool> {
    let mut others = vec![false; people.len()];
    if people.iter().all(Option::is_none) {
        return others;
    }
    let holds = match credits.open_since(tenant, since).await {
        Ok(holds) => holds,
        Err(error) => {
            warn!(%tenant, %error, "what others ask about can't be read: a person may be bought twice");
            return others;
        }
    };
    let is_of_another = |hold: &&Hold| {
        let same_provider = hold.provider.as_ref().is_none_or(|own| own == provider);
        hold.purchase != *purchase && same_provider && now < hold.claimed_until
    };
    for hold in holds.iter().filter(is_of_another) {
        for (person, others) in people.iter().zip(&mut others) {
            *others |= person.is_some_and(|person| hold.asked.may_be(person));
        }
    }
    others
}

/// What came back for people whom others may ask about as well.
#[derive(Clone)]
pub struct Came<'a> {
    /// Where it is kept for them.
    pub answers: &'a Answers,
    /// What is personal of it is sealed with this.
    pub sealing: Arc<SealingKey>,
    /// Whose.
    pub whose: Whose<'a>,
    /// Each person, and what came.
    pub people: Vec<(&'a Fingerprint, &'a LineEnd)>,
    /// Time.
    pub clock: &'a dyn Clock,
}

impl Came<'_> {
    /// Keeps for a while who they are. A person may get another id as soon as we have asked, by a merge of two records, and
    /// be taken up under that before anything is written to the CRM.
    pub async fn keep_hits(&self) {
        let known = self.people.iter().map(async |(person, end)| {
            if let LineEnd::Answered(Answer::Hit(profile)) = end {
                self.keep(person, &Known::Hit(profile.clone()), SHARED_FOR).await;
            }
        });
        join_all(known).await;
    }

    /// Keeps for all who ask within `window` that the provider doesn't know some of them.
    pub async fn keep_misses(&self, window: Duration) {
        for (person, end) in &self.people {
            if let LineEnd::Answered(Answer::Miss) = end {
                self.keep(person, &Known::Miss, window).await;
            }
        }
    }

    async fn keep(&self, person: &Fingerprint, known: &Known, window: Duration) {
        let (about, until) = (About::Person(person.clone()), later(self.clock.now(), window));
        if let Err(error) = self.answers.keep(self.whose, &about, known, until, &self.sealing).await {
            warn!(tenant = %self.whose.tenant, %error, "an answer could not be kept for others: they ask for themselves");
        }
    }
}
