//! What Apollo answers about sequences.

use std::collections::BTreeMap;

use serde::de::{MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer};

use super::super::contacts::{Contact, Membership};
use super::super::search::{PAGE_RESULTS_MAX, Pagination};
use super::CONTACTS_MAX;
use crate::loose::fields::{Open, count, decimal, list, object, open, said, text, truth};
use crate::loose::{FromAny, List, Map, Scalar, any};

/// The most kinds of status that are counted; eight are documented.
const STATUSES_MAX: usize = 50;

/// A page of sequences.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SequencesFound {
    /// Where it stands among all of them.
    #[serde(deserialize_with = "object")]
    pub pagination: Option<Pagination>,
    /// Those on this one.
    #[serde(rename = "emailer_campaigns", deserialize_with = "list::<_, _, PAGE_RESULTS_MAX>")]
    pub sequences: Vec<Sequence>,
}

/// A sequence.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Sequence {
    /// Its id.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Whether it is put away.
    #[serde(deserialize_with = "truth")]
    pub archived: Option<bool>,
    /// Whether anything is sent.
    #[serde(deserialize_with = "truth")]
    pub active: Option<bool>,
    /// Whose it is.
    #[serde(deserialize_with = "text")]
    pub user_id: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "text")]
    pub created_at: Option<String>,
    /// How many steps it has.
    #[serde(deserialize_with = "count")]
    pub num_steps: Option<u64>,
    /// To how many contacts something was delivered.
    #[serde(deserialize_with = "count")]
    pub unique_delivered: Option<u64>,
    /// How many answered.
    #[serde(deserialize_with = "count")]
    pub unique_replied: Option<u64>,
    /// From 0 to 1.
    #[serde(deserialize_with = "decimal")]
    pub bounce_rate: Option<f64>,
    /// From 0 to 1.
    #[serde(deserialize_with = "decimal")]
    pub reply_rate: Option<f64>,
}

/// What became of those who were to be added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// By the id of the contact; each that was asked for is in it.
    pub contacts: BTreeMap<String, Addition>,
}

/// What became of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addition {
    /// In the sequence now, and how far in it if Apollo says so.
    Added(Option<Membership>),
    /// Left out, and why if Apollo says so.
    Skipped(Option<Open<SkipReason>>),
    /// Apollo says nothing of them.
    Untold,
}

/// Why a contact was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// There is no such contact.
    ContactNotFound,
    /// In the sequence already.
    ContactsAlreadyExistsInCurrentCampaign,
    /// In another.
    ContactsActiveInOtherCampaigns,
    /// Through another.
    ContactsFinishedInOtherCampaigns,
    /// No address.
    ContactsWithoutEmail,
    /// An address that isn't vouched for.
    ContactsUnverifiedEmail,
    /// One that a user has put in, and that isn't vouched for.
    ContactsWithUnverifiedUserManagedEmail,
    /// Another job.
    ContactsWithJobChange,
    /// A colleague is in it.
    ContactsInSameCompany,
    /// Another user's.
    ContactsWithoutOwnershipPermission,
    /// Waiting to be added.
    ContactsInPendingState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AddedAnswer {
    #[serde(deserialize_with = "list::<_, _, CONTACTS_MAX>")]
    contacts: Vec<Contact>,
    skipped_contact_ids: Skips,
}

impl AddedAnswer {
    /// A contact that is listed and skipped at once was skipped: that is what has a reason.
    pub(super) fn told_of(&self, sequence: &str, asked: &[String]) -> Added {
        let listed = |id: &str| self.contacts.iter().find(|contact| contact.id.as_deref() == Some(id));
        let here = |of: &&Membership| of.emailer_campaign_id.as_deref() == Some(sequence);
        let addition = |id: &str| match (self.skipped_contact_ids.0.get(id), listed(id)) {
            (Some(reason), _) => Addition::Skipped(reason.clone()),
            (None, Some(contact)) => Addition::Added(contact.contact_campaign_statuses.iter().find(here).cloned()),
            (None, None) => Addition::Untold,
        };
        Added { contacts: asked.iter().map(|id| (id.clone(), addition(id))).collect() }
    }
}

/// Ids with their reasons, or a list of ids, as it was before (observed).
#[derive(Default)]
struct Skips(BTreeMap<String, Option<Open<SkipReason>>>);

impl<'de> FromAny<'de> for Skips {
    fn other(_: &'static str) -> Self {
        Self::default()
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        let ids = <List<Scalar, CONTACTS_MAX> as FromAny>::list(list)?;
        Ok(Self(ids.items().iter().filter_map(said).map(|id| (id, None)).collect()))
    }

    fn object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        let Map(reasons) = <Map<Scalar, CONTACTS_MAX> as FromAny>::object(object)?;
        Ok(Self(reasons.into_iter().map(|(id, reason)| (id, said(&reason).map(open))).collect()))
    }
}

impl<'de> Deserialize<'de> for Skips {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

/// What became of those who were to leave.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Removed {
    /// The contacts, as they are now.
    #[serde(deserialize_with = "list::<_, _, CONTACTS_MAX>")]
    pub contacts: Vec<Contact>,
    /// How many contacts the sequences have.
    #[serde(deserialize_with = "count")]
    pub num_contacts: Option<u64>,
    /// How many of them are how far.
    pub contact_statuses: Statuses,
}

/// How many contacts of a sequence are how far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Statuses {
    /// By status: `active`, `paused`, `finished`, … One that is still being counted is left out.
    Counted(BTreeMap<String, u64>),
    /// Apollo is still counting.
    Loading,
    /// Apollo says nothing of it.
    #[default]
    Untold,
}

impl<'de> FromAny<'de> for Statuses {
    fn other(_: &'static str) -> Self {
        Self::Untold
    }

    fn text(text: &str) -> Self {
        if text == "loading" { Self::Loading } else { Self::Untold }
    }

    fn object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        let Map(statuses) = <Map<Scalar, STATUSES_MAX> as FromAny>::object(object)?;
        let is_loading = statuses.values().any(|status| status.as_text() == Some("loading"));
        let count = |(name, count): (String, Scalar)| Some((name, count.to_text()?.parse().ok()?));
        let counted: BTreeMap<String, u64> = statuses.into_iter().filter_map(count).collect();
        Ok(if counted.is_empty() && is_loading { Self::Loading } else { Self::Counted(counted) })
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}
