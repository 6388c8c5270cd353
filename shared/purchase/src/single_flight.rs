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
use leadgate_enrichment::lead::record::PersonAsked;
use leadgate_enrichment::person::Profile;
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::purchase::asynchronous::OVERDUE;
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::seal::SealingKey;
use tracing::warn;

/// For how long what is known of a person is there for those who have stepped back: until their messages have come
/// back. Not longer: it is personal.
const SHARED_FOR: Duration = Duration::from_secs(15 * 60);
/// For how long others leave what arrives later to the one who has asked for it. After that nobody hopes for it any more.
const AWAITED_FOR: Duration = Duration::from_secs(OVERDUE.as_secs() + 60 * 60);
/// For how long what has arrived is there for them: until they have been woken.
const ARRIVED_FOR: Duration = Duration::from_secs(6 * 60 * 60);
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
    /// Each of them.
    pub people: Vec<CameFor<'a>>,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// What came back for a person.
#[derive(Debug, Clone)]
pub struct CameFor<'a> {
    /// Who was asked about, and for what: what arrives later as far as the provider has accepted that.
    pub asked: PersonAsked,
    /// What came at once.
    pub end: &'a LineEnd,
}

impl Came<'_> {
    /// Keeps for a while who they are. A person may get another id as soon as we have asked, by a merge of two records, and
    /// be taken up under that before anything is written to the CRM.
    pub async fn keep_hits(&self) {
        let known = self.people.iter().map(async |CameFor { asked, end }| {
            if let LineEnd::Answered(Answer::Hit(profile)) = end {
                self.keep(asked.at_once(), &Known::Hit(profile.clone()), SHARED_FOR).await;
            }
        });
        join_all(known).await;
    }

    /// Keeps what arrives later, and that it is being waited for: once the one who waits has written that down.
    pub async fn keep_awaited(&self) {
        let known =
            self.people.iter().filter(|came| !came.asked.later.is_empty()).map(async |CameFor { asked, end }| {
                let at_once = match end {
                    LineEnd::Answered(Answer::Hit(profile)) => profile.clone(),
                    LineEnd::Answered(Answer::Pending(_)) => Profile::default(),
                    _ => return,
                };
                self.keep(asked.clone(), &Known::Awaited(at_once), AWAITED_FOR).await;
            });
        join_all(known).await;
    }

    /// Keeps for all who ask within `window` that the provider doesn't know some of them.
    pub async fn keep_misses(&self, window: Duration) {
        for CameFor { asked, end, .. } in &self.people {
            if let LineEnd::Answered(Answer::Miss) = end {
                self.keep(PersonAsked::at_all(asked.person.clone()), &Known::Miss, window).await;
            }
        }
    }

    async fn keep(&self, asked: PersonAsked, known: &Known, window: Duration) {
        let (about, until) = (About::Person(asked), later(self.clock.now(), window));
        if let Err(error) = self.answers.keep(self.whose, &about, known, until, &self.sealing).await {
            warn!(tenant = %self.whose.tenant, %error, "an answer could not be kept for others: they ask for themselves");
        }
    }
}

/// What of a person has arrived, for others who wait for it.
pub struct Arrived<'a> {
    /// Who was asked about, and for what.
    pub asked: &'a PersonAsked,
    /// What has. `None` where the provider has none of it.
    pub profile: Option<&'a Profile>,
}

/// Keeps what has arrived beside what came at once, for those who have left it to the one who asked. Where that isn't kept any
/// more, nobody waits.
pub async fn keep_arrived(
    answers: &Answers,
    whose: Whose<'_>,
    arrived: &[Arrived<'_>],
    now: Timestamp,
    sealing: &SealingKey,
) {
    let asked: Vec<About> = arrived.iter().map(|it| About::Person(it.asked.clone())).collect();
    if asked.is_empty() {
        return;
    }
    let tenant = whose.tenant;
    let there = match answers.read(whose, &asked, now, sealing).await {
        Ok(there) => there,
        Err(error) => return warn!(%tenant, %error, "what has arrived is not kept for others: they ask for themselves"),
    };
    let known = arrived.iter().zip(&asked).filter_map(|(arrived, about)| match there.get(about)? {
        Known::Awaited(at_once) => {
            let mut profile = arrived.profile.cloned().unwrap_or_default();
            profile.fill_from(at_once);
            Some((about, if profile.is_blank() { Known::Miss } else { Known::Hit(profile) }))
        }
        Known::Hit(_) | Known::Miss => None,
    });
    let until = later(now, ARRIVED_FOR);
    join_all(known.map(async |(about, known)| {
        if let Err(error) = answers.keep(whose, about, &known, until, sealing).await {
            warn!(%tenant, %error, "what has arrived could not be kept for others: they ask for themselves");
        }
    }))
    .await;
}
