//! Sequences: messages and tasks that follow one another. Free of charge. Apollo calls them `emailer_campaigns`, and
//! wants their parameters in the query.

mod answers;

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::provider::Told;
use reqwest::Method;
use serde::Serialize;
use serde_json::json;

use self::answers::AddedAnswer;
pub use self::answers::{Added, Addition, Removed, Sequence, SequencesFound, SkipReason, Statuses};
use super::classify::CallError;
use super::exchange::{Apollo, Called, id_in_path, not_made};
use super::search::Page;

/// The most contacts in one call. No limit is documented; some 500 are said to be added in part, without a word of it.
pub const CONTACTS_MAX: usize = 100;

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
        self.call(request.query(&Search { q_name: name, page }).json(&json!({})), timeout).await
    }

    /// Adds contacts to a sequence. Apollo skips those whom it has a reason to: a success is one of the call, and says
    /// contact by contact what became of them. May be sent again: a contact that is in the sequence already is skipped.
    pub async fn add_to_sequence(&self, sequence: &str, added: &Additions, timeout: Duration) -> Called<Added> {
        let path = match id_in_path(sequence).and_then(|id| added.check().map(|()| id)) {
            Ok(id) => format!("emailer_campaigns/{id}/add_contact_ids"),
            Err(error) => return not_made(error),
        };
        let request = self.request(Method::POST, &path).query(&added.query(sequence)).json(&json!({}));
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
        self.call(request.query(&query).json(&json!({})), timeout).await
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
    /// Not before it is resumed by hand, or at a time.
    Paused {
        /// The time.
        until: Option<Timestamp>,
    },
}

/// Why Apollo leaves a contact out unless told otherwise.
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
    /// They are another user's contacts.
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

fn fits(ids: &[String]) -> Result<(), CallError> {
    match (1..=CONTACTS_MAX).contains(&ids.len()) {
        true => Ok(()),
        false => Err(CallError::Invalid(format!("{} ids, where 1 to {CONTACTS_MAX} go", ids.len()))),
    }
}
