//! Sequences: messages and tasks that follow one another. Free of charge. Apollo calls them `emailer_campaigns`, and
//! wants their parameters in the query.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::provider::Told;
use reqwest::Method;
use serde::{Deserialize, Deserializer, Serialize};

use super::classify::CallError;
use super::client::Apollo;
use super::contacts::{Contact, Membership};
use super::exchange::{Called, id_in_path, not_made};
use super::search::{PAGE_RESULTS_MAX, Page, Pagination};
use crate::loose::fields::{Open, count, decimal, list, object, open, said, text, truth};
use crate::loose::{FromAny, List, Map, Scalar, any};

/// The most contacts in one call. No limit is documented; some 500 are said to be added in part, without a word of it.
pub const CONTACTS_MAX: usize = 100;

/// The most kinds of status that are counted; eight are documented.
const STATUSES_MAX: usize = 50;

impl Apollo {
    /// The team's sequences, by a part of their name, or all.
    pub async fn search_sequences(&self, name: Option<&str>, page: Page, timeout: Duration) -> Called<SequencesFound> {
        #[derive(Serialize)]
        struct Search<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            q_name: Option<&'a str>,
            #[serde(flatten)]
            page: Page,
        }
        let request = self.request(Method::POST, "emailer_campaigns/search");
        self.call(request.query(&Search { q_name: name, page }), timeout).await
    }

    /// Adds contacts to a sequence. Apollo skips those whom it has a reason to: a success is one of the call, and says
    /// contact by contact what became of them. May be sent again: whoever is in the sequence already is skipped.
    pub async fn add_to_sequence(&self, sequence: &str, added: &Additions, timeout: Duration) -> Called<Added> {
        let path = match id_in_path(sequence).and_then(|id| added.check().map(|()| id)) {
            Ok(id) => format!("emailer_campaigns/{id}/add_contact_ids"),
            Err(error) => return not_made(error),
        };
        let request = self.request(Method::POST, &path).query(&added.query(sequence));
        let told: Called<AddedAnswer> = self.call(request, timeout).await;
        Told { reply: told.reply.map(|answer| answer.told_of(sequence, &added.contacts)), rates: told.rates }
    }

    /// Takes contacts out of sequences, or stops them there. May be sent again.
    pub async fn remove_from_sequences(
        &self,
        sequences: &[String],
        contacts: &[String],
        how: Removal,
        timeout: Duration,
    ) -> Called<Removed> {
        if let Err(error) = fits(sequences).and_then(|()| fits(contacts)) {
            return not_made(error);
        }
        let mut query: Vec<(&str, &str)> = sequences.iter().map(|id| ("emailer_campaign_ids[]", id.as_str())).collect();
        query.extend(contacts.iter().map(|id| ("contact_ids[]", id.as_str())));
        query.push(("mode", how.word()));
        let request = self.request(Method::POST, "emailer_campaigns/remove_or_stop_contact_ids");
        self.call(request.query(&query), timeout).await
    }
}

/// Who is added to a sequence, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additions {
    /// Ids of contacts, not of people; from 1 to [`CONTACTS_MAX`].
    pub contacts: Vec<String>,
    /// Ids of the mailboxes that are sent from, in turns if there are several; at least one.
    pub mailboxes: Vec<String>,
    /// Who is added although Apollo has a reason not to.
    pub even: Vec<Exclusion>,
    /// Who is said to have added them.
    pub user: Option<String>,
    /// Whether nothing is sent to them at first.
    pub start: Start,
}

/// When a sequence begins for those who are added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// As the sequence has it.
    #[default]
    Now,
    /// Not before somebody says so, or at a time.
    Paused {
        /// The time.
        until: Option<Timestamp>,
    },
}

/// Why Apollo leaves somebody out unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// They have no address.
    NoEmail,
    /// Their address isn't vouched for.
    UnverifiedEmail,
    /// They have changed jobs.
    JobChange,
    /// They are in another sequence.
    ActiveElsewhere,
    /// They have been through another.
    FinishedElsewhere,
    /// A colleague of theirs is in this one.
    SameCompany,
    /// They are somebody else's contacts.
    WithoutOwnership,
    /// They are waiting to be added.
    InQueue,
    /// Their address is still being checked.
    VerificationSkipped,
}

impl Exclusion {
    /// The parameter that lifts it.
    fn parameter(self) -> &'static str {
        match self {
            Self::NoEmail => "sequence_no_email",
            Self::UnverifiedEmail => "sequence_unverified_email",
            Self::JobChange => "sequence_job_change",
            Self::ActiveElsewhere => "sequence_active_in_other_campaigns",
            Self::FinishedElsewhere => "sequence_finished_in_other_campaigns",
            Self::SameCompany => "sequence_same_company_in_same_campaign",
            Self::WithoutOwnership => "contacts_without_ownership_permission",
            Self::InQueue => "add_if_in_queue",
            Self::VerificationSkipped => "contact_verification_skipped",
        }
    }
}

impl Additions {
    fn check(&self) -> Result<(), CallError> {
        fits(&self.contacts).and_then(|()| fits(&self.mailboxes))
    }

    fn query(&self, sequence: &str) -> Vec<(&'static str, String)> {
        let mut query = vec![("emailer_campaign_id", sequence.to_owned())];
        query.extend(self.contacts.iter().map(|id| ("contact_ids[]", id.clone())));
        match &self.mailboxes[..] {
            [one] => query.push(("send_email_from_email_account_id", one.clone())),
            several => query.extend(several.iter().map(|id| ("send_email_from_email_account_id[]", id.clone()))),
        }
        query.extend(self.even.iter().map(|exclusion| (exclusion.parameter(), "true".to_owned())));
        query.extend(self.user.iter().map(|id| ("user_id", id.clone())));
        if let Start::Paused { until } = self.start {
            query.push(("status", "paused".to_owned()));
            query.extend(until.map(|until| ("auto_unpause_at", until.to_string())));
        }
        query
    }
}

/// How contacts leave sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// As if they had been through it.
    MarkAsFinished,
    /// As if they had never been in it.
    Remove,
    /// They stay where they are.
    Stop,
}

impl Removal {
    fn word(self) -> &'static str {
        match self {
            Self::MarkAsFinished => "mark_as_finished",
            Self::Remove => "remove",
            Self::Stop => "stop",
        }
    }
}

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
    /// By the id of the contact; everybody who was asked for is in it.
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

/// Why somebody was left out.
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
    /// Somebody else's.
    ContactsWithoutOwnershipPermission,
    /// Waiting to be added.
    ContactsInPendingState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AddedAnswer {
    #[serde(deserialize_with = "list::<_, _, CONTACTS_MAX>")]
    contacts: Vec<Contact>,
    skipped_contact_ids: Skips,
}

impl AddedAnswer {
    /// A contact that is listed and skipped at once was skipped: that is what has a reason.
    fn told_of(&self, sequence: &str, asked: &[String]) -> Added {
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

    fn list<A: serde::de::SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        let ids = <List<Scalar, CONTACTS_MAX> as FromAny>::list(list)?;
        Ok(Self(ids.items().iter().filter_map(said).map(|id| (id, None)).collect()))
    }

    fn object<A: serde::de::MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
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

    fn object<A: serde::de::MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
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

fn fits(ids: &[String]) -> Result<(), CallError> {
    match (1..=CONTACTS_MAX).contains(&ids.len()) {
        true => Ok(()),
        false => Err(CallError::Invalid(format!("{} ids, where 1 to {CONTACTS_MAX} go", ids.len()))),
    }
}
