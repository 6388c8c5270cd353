//! What a flow needs of a data provider. The bodies are in `leadgate-connectors`.

pub mod breaker;
pub mod callback;
pub mod limits;
pub mod prospecting;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::clock::{days, earlier, later};
use crate::credits::Milli;
use crate::credits::price::PricedField;
use crate::fingerprint::FingerprintKey;
use crate::person::{Identity, Profile, ProfileField};
use crate::provider::prospecting::Prospector;
pub use crate::provider::told::Told;

/// A company that sells data about people.
#[async_trait::async_trait]
pub trait Provider: Send + Sync {
    /// The most people in one call that tells all of `fields`: of several at once, some tell less than of one. What is asked
    /// for with it although it arrives later may make a difference, too.
    fn people_max(&self, fields: &BTreeSet<ProfileField>, asynchronous: &[PricedField]) -> usize;

    /// The most organizations in one call that tells all of `fields`. One, for a provider that they aren't looked up at.
    fn organizations_max(&self, _: &BTreeSet<ProfileField>) -> usize {
        1
    }

    /// What the limits of a call are counted under. Providers count by endpoint.
    fn endpoint(&self, call: CallKind) -> &'static str;

    /// Looks people up, in one charging call. It isn't retried inside: whether that may be done is the caller's
    /// decision, because a second call can be charged again. `fields` is what is wanted of them: a provider that charges
    /// by what it reveals is asked for no more. With `asynchronous`, some of it will arrive later.
    async fn look_up(
        &self,
        people: &[Identity],
        fields: &BTreeSet<ProfileField>,
        asynchronous: Option<&AsynchronousRequest>,
        timeout: Duration,
    ) -> Told<Reply>;

    /// For how long the provider keeps the result of an asynchronous call: it can be asked for until then. Not at all, for
    /// one of which nothing arrives later.
    fn result_retention(&self) -> Duration {
        Duration::ZERO
    }

    /// What has become of what was to arrive later. Free of charge, however often.
    async fn collect(&self, _: &AsynchronousId, _: Duration) -> Told<Collected> {
        Told::without_rates(Collected::Expired("nothing of this provider's arrives later".to_owned()))
    }

    /// Looks organizations up by their bare domains, in one charging call. At most [`Self::organizations_max`].
    async fn look_up_organizations(&self, _: &[String], _: Duration) -> Told<Reply> {
        Told::without_rates(Reply::Invalid("organizations aren't looked up at this provider".to_owned()))
    }

    /// What the provider itself says that we have used in its running billing cycle. Free of charge. `None` for a provider
    /// that doesn't say.
    async fn usage(&self, _: Duration) -> Result<Option<Usage>, UsageError> {
        Ok(None)
    }

    /// The provider as one that checks addresses. `None` for one that doesn't.
    fn verifier(&self) -> Option<&dyn Verifier> {
        None
    }

    /// The provider as one that finds accounts and people by what they are. `None` for one that doesn't.
    fn prospector(&self) -> Option<&dyn Prospector> {
        None
    }
}

/// A provider that checks addresses which others have told.
#[async_trait::async_trait]
pub trait Verifier: Send + Sync {
    /// Checks one address, in one charging call that isn't retried inside. The answer about an address that it can tell
    /// something of is a hit: a profile with the address, what it says of it, and how sure it is that it works; of one that
    /// it calls wrong it isn't sure at all. A miss is an address that it can't tell anything of.
    async fn verify(&self, address: &str, timeout: Duration) -> Told<Reply>;
}

/// The kinds of call that count towards a provider's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// Looking up so many people.
    People(usize),
    /// Looking up so many organizations.
    Organizations(usize),
    /// Asking for what was to arrive later.
    Collect,
    /// Checking an address.
    Verification,
}

impl CallKind {
    /// How many people or organizations it is about.
    pub fn subjects(self) -> u64 {
        match self {
            Self::People(count) | Self::Organizations(count) => u64::try_from(count).unwrap_or(u64::MAX),
            Self::Collect | Self::Verification => 1,
        }
    }
}

/// What is asked for although it takes the provider minutes to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsynchronousRequest {
    /// What.
    pub fields: Vec<PricedField>,
    /// Where the provider may say that it has arrived. Whatever is said there is only a hint. `None` where it isn't asked to.
    pub callback: Option<String>,
    /// Our own names for the people, in the order asked: for providers that give a name back with what they find.
    pub names: Vec<String>,
}

impl AsynchronousRequest {
    /// The same, for one of the people alone.
    #[must_use]
    pub fn of_one(&self, place: usize) -> Self {
        let names = self.names.get(place).cloned().into_iter().collect();
        Self { names, ..self.clone() }
    }
}

/// The provider's name for a call whose rest arrives later. A number to some, beyond what a float holds; text to us.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AsynchronousId(pub String);

impl AsynchronousId {
    /// In the place of a name that was lost with the answer to its call.
    pub fn lost() -> Self {
        Self(String::new())
    }

    /// Whether it isn't known.
    pub fn is_lost(&self) -> bool {
        self.0.is_empty()
    }
}

/// What has become of what was to arrive later.
#[derive(Debug, Clone, PartialEq)]
pub enum Collected {
    /// All that will arrive has.
    Arrived {
        /// By the provider's id of the person. A person who is not in it, or of whom the profile is blank, has nothing.
        people: BTreeMap<String, Profile>,
        /// The ids of those who were not looked up after all, because the credits ran out: not charged, and no miss.
        unpaid: BTreeSet<String>,
        /// What the provider says it charged for it, when it does say so.
        reported: Option<Milli>,
    },
    /// Not yet.
    Pending {
        /// When to ask again, if it says so.
        retry_after: Option<Duration>,
    },
    /// The provider doesn't know the call. It may be that our key is another team's than the one that asked, so this is
    /// no proof that nothing was found or charged.
    NotFound(String),
    /// The provider keeps the result no longer: it can't be found out what became of it. Not a miss: it may have been found
    /// and charged.
    Expired(String),
    /// Not now: a rate limit.
    Throttled {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// The key is wrong or lacks the right.
    Denied(String),
    /// No readable answer. Nothing is lost: it can be asked for again.
    Transient(String),
}

impl Collected {
    /// The same, with each person named by the fingerprint of the provider's id.
    #[must_use]
    pub fn by_fingerprint(self, key: &FingerprintKey) -> Self {
        match self {
            Self::Arrived { people, unpaid, reported } => {
                let name = |id: &String| key.of(id).as_str().to_owned();
                let unpaid = unpaid.iter().map(name).collect();
                let people = people.into_iter().map(|(id, profile)| (name(&id), profile)).collect();
                Self::Arrived { people, unpaid, reported }
            }
            other => other,
        }
    }
}

/// A provider's own figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Its billing cycle, in its own words: a change of these means that it counts from zero.
    pub cycle: String,
    /// When it began, if that can be told from its words.
    pub began: Option<Began>,
    /// Credits used in it.
    pub used: Milli,
}

/// When a provider's billing cycle began, as exactly as the provider says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Began {
    /// Not before.
    pub earliest: Timestamp,
    /// Not after.
    pub latest: Timestamp,
}

/// How far a day's beginning in any time zone is from its beginning in UTC, at most: UTC+14 to UTC-12.
const ZONES_AHEAD: Duration = Duration::from_secs(14 * 60 * 60);
const ZONES_BEHIND: Duration = Duration::from_secs(12 * 60 * 60);

impl Began {
    /// From an instant, or from a day: that may be one in any time zone, and the cycle may begin at any time of it.
    pub fn read(text: &str) -> Option<Self> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(Self { earliest: at, latest: at });
        }
        let day = text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self { earliest: earlier(day, ZONES_AHEAD), latest: later(day, days(1) + ZONES_BEHIND) })
    }
}

/// Why there are no figures. Safe to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// How a charging call ended. Every provider's ways to answer come down to these.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It answered.
    Answered {
        /// One per person or organization asked for, in the order asked.
        answers: Vec<Answer>,
        /// What it says it charged for the call, when it does say so.
        reported: Option<Milli>,
        /// Under what the rest can be asked for, when some of it arrives later.
        asynchronous: Option<AsynchronousId>,
    },
    /// It answered for some of several people, and refused the others one by one.
    InPart {
        /// One per person asked for, in the order asked.
        answers: Vec<Result<Answer, RefusedAlone>>,
        /// What it says it charged for the call, when it does say so.
        reported: Option<Milli>,
    },
    /// Not now, and not charged: a rate limit.
    Throttled {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// The provider says that our credits with it are used up. Not charged.
    OutOfCredits,
    /// The key is wrong or lacks the right, whatever the person. Not charged.
    Denied(String),
    /// The call itself is wrong. Not charged.
    Invalid(String),
    /// It didn't get there, or was turned away before any work. Not charged.
    Transient(String),
    /// We can't know whether it was carried out: a time-out after sending, a broken answer, a server error.
    Unknown(String),
}

/// Why one person of several in a call has no answer. Not charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedAlone {
    /// What was asked about them is wrong.
    Invalid,
    /// The credits were used up by then.
    OutOfCredits,
    /// It failed for them: they can be asked about again.
    Transient(String),
}

/// What a provider knows of one person, or one organization.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It knows them.
    Hit(Profile),
    /// It doesn't.
    Miss,
    /// It may not say: the law, or the person, forbids it. Not charged, and not to be asked elsewhere either.
    Suppressed,
    /// It is finding out. Whether it knows them arrives later, under this name; there is an
    /// [`AsynchronousId`] to ask for it by.
    Pending(String),
}
