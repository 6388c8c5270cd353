//! The `answers` table: what a provider said, for as long as others may use it. Organizations by their domains, so that
//! one costs once however many people work there; that a person is unknown, by what was asked with; what is known
//! of a person whom two asked about at the same time, for a few minutes; and what of it is still to arrive, until it has. DynamoDB takes days to forget what is over, so
//! that what is personal is sealed.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use leadgate_enrichment::config::{ProviderConnection, Tenant};
use leadgate_enrichment::ids::{PurchaseId, TenantId};
use leadgate_enrichment::lead::record::PersonAsked;
use leadgate_enrichment::person::{Confidence, Profile, ProfileField};
use leadgate_enrichment::seal::SealingKey;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::table::{Condition, Consistency, Database, Item, Put, Table, from_item, number, text, to_item};
use crate::usage::Step;

/// The partition key: whose answer, and about whom.
const KEY: &str = "answer";
/// When DynamoDB may forget it, in whole seconds. It takes its time, so that readers go by `until`.
const FORGET_AT: &str = "forget_at";

/// Answers in DynamoDB.
#[derive(Clone)]
pub struct Answers {
    table: Table,
}

/// Whose answers: what one provider doesn't know of a person another may know, and has to be asked.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Whose purchase it was.
    pub tenant: &'a TenantId,
    /// Who said it.
    pub provider: &'static str,
}

impl<'a> Whose<'a> {
    /// What this provider said to this tenant.
    pub fn of(tenant: &'a Tenant, provider: &ProviderConnection) -> Self {
        Self { tenant: &tenant.id, provider: provider.vendor.name }
    }
}

/// Whom an answer is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum About {
    /// The organization with this bare domain.
    Organization(String),
    /// The person whom we asked about so.
    Person(PersonAsked),
    /// What this purchase awaits. It is only ever claimed: the provider is asked for the answer again.
    Awaited(PurchaseId),
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// They are known.
    Hit(Profile),
    /// They aren't.
    Miss,
    /// What came at once. The rest is on its way.
    Awaited(Profile),
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// We may.
    ByUs,
    /// Another does, or has.
    ByOthers {
        /// Until when that holds, if DynamoDB says so.
        until: Option<Timestamp>,
    },
}

/// An item. One that says neither is a claim: a worker is asking.
#[derive(Serialize, Deserialize)]
struct Kept {
    answer: String,
    #[serde(with = "millisecond::required")]
    until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hit: Option<BTreeMap<ProfileField, String>>,
    /// What is known of a person: a [`Sealed`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    miss: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    awaited: bool,
}

/// What is known of a person.
#[derive(Serialize, Deserialize)]
struct Sealed {
    values: BTreeMap<ProfileField, String>,
    #[serde(default)]
    confidence: BTreeMap<ProfileField, Confidence>,
}

impl Answers {
    /// Answers in this table.
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: Table::new(database, table) }
    }

    /// What is known of these, as far as it is still good. The rest is absent.
    pub async fn read(
        &self,
        whose: Whose<'_>,
        about: &[About],
        now: Timestamp,
        sealing: &SealingKey,
    ) -> Result<HashMap<About, Known>, StoreError> {
        let mut keys: HashMap<String, &About> = about.iter().map(|about| (key(whose, about), about)).collect();
        let names = keys.keys().map(|name| Item::from([(KEY.to_owned(), text(name))])).collect();
        let mut known = HashMap::new();
        for item in self.table.get(names, Consistency::Strong, Step::Look, READING).await? {
            let kept: Kept = from_item(item, READING)?;
            let Some(about) = keys.remove(&kept.answer).filter(|_| now < kept.until) else { continue };
            if let Some(answer) = kept.known(sealing) {
                known.insert(about.clone(), answer);
            }
        }
        Ok(known)
    }

    /// Wins the right to ask about a person or an employer, until a time. When another worker has it, or the answer is
    /// there: until when.
    pub async fn claim(
        &self,
        whose: Whose<'_>,
        about: &About,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claimed, StoreError> {
        let claim = Kept::claim(whose, about, until);
        let condition = Condition::absent_or_over(KEY, "until", now);
        Ok(match self.table.put_if(claim.item()?, condition, Step::Claim, "claiming an answer").await? {
            Put::Now => Claimed::ByUs,
            // It may be another worker's, made in the same millisecond.
            Put::Same => Claimed::ByOthers { until: Some(until) },
            Put::Refused(there) => {
                let there = there.and_then(|item| from_item::<Kept>(item, READING).ok());
                Claimed::ByOthers { until: there.map(|there| there.until) }
            }
        })
    }

    /// Keeps an answer until a time.
    pub async fn keep(
        &self,
        whose: Whose<'_>,
        about: &About,
        known: &Known,
        until: Timestamp,
        sealing: &SealingKey,
    ) -> Result<(), StoreError> {
        let kept = Kept::claim(whose, about, until);
        let kept = match (known, about) {
            (Known::Miss, _) => Kept { miss: true, ..kept },
            (Known::Hit(profile) | Known::Awaited(profile), About::Person(_)) => {
                let said = Sealed { values: profile.values().clone(), confidence: profile.confidence().clone() };
                let said = serde_json::to_string(&said).map_err(|error| StoreError::unreadable(KEEPING, error))?;
                let sealed = sealing.seal(&kept.answer, &said);
                let sealed = sealed.ok_or_else(|| StoreError::unreadable(KEEPING, "it can't be sealed"))?;
                Kept { sealed: Some(sealed), awaited: matches!(known, Known::Awaited(_)), ..kept }
            }
            (Known::Hit(profile) | Known::Awaited(profile), _) => Kept { hit: Some(profile.values().clone()), ..kept },
        };
        self.table.put(kept.item()?, Step::Keep, KEEPING).await
    }
}

const READING: &str = "reading answers";
const KEEPING: &str = "keeping an answer";

fn key(whose: Whose<'_>, about: &About) -> String {
    let Whose { tenant, provider } = whose;
    match about {
        About::Organization(domain) => format!("{tenant}#{provider}#organization#{domain}"),
        About::Awaited(purchase) => format!("{tenant}#{provider}#awaited#{purchase}"),
        About::Person(asked) => format!("{tenant}#{provider}#person#{}", asked.key()),
    }
}

impl Kept {
    /// Nothing is known yet.
    fn claim(whose: Whose<'_>, about: &About, until: Timestamp) -> Self {
        Self { answer: key(whose, about), until, hit: None, sealed: None, miss: false, awaited: false }
    }

    fn item(&self) -> Result<Item, StoreError> {
        let mut item = to_item(self, KEEPING)?;
        item.insert(FORGET_AT.to_owned(), number(self.until.as_second() + 1));
        Ok(item)
    }

    /// What was sealed with another secret isn't known.
    fn known(self, sealing: &SealingKey) -> Option<Known> {
        if self.miss {
            return Some(Known::Miss);
        }
        let opened = self.sealed.and_then(|sealed| sealing.open(&self.answer, &sealed));
        let opened: Option<Sealed> = opened.and_then(|said| serde_json::from_str(&said).ok());
        let hit = self.hit.map(|values| Sealed { values, confidence: BTreeMap::new() });
        let Sealed { values, confidence } = opened.or(hit)?;
        let mut profile = Profile::default();
        values.into_iter().for_each(|(field, value)| profile.set(field, Some(value)));
        confidence.into_iter().for_each(|(field, confidence)| profile.set_confidence(field, Some(confidence)));
        Some(if self.awaited { Known::Awaited(profile) } else { Known::Hit(profile) })
    }
}
