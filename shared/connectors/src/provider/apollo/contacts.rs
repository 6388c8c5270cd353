//! Contacts: people whom the team has saved. Free of charge.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::classify::CallError;
use super::exchange::{Apollo, Called, id_in_path, not_made};
use super::people::shown_email;
use super::search::{PAGE_RESULTS_MAX, Page, Pagination, fit};
use crate::loose::fields::{list, object, text, texts, truth};

/// The most ids in a list, and the most numbers, of one contact that are read.
const PARTS_MAX: usize = 200;

impl Apollo {
    /// Saves a person. With `run_dedupe`, a contact that is already there takes the fields that are sent; without, it
    /// is there twice. After [`CallError::Unknown`](super::CallError::Unknown) only the former may be sent
    /// again.
    pub async fn create_contact(
        &self,
        contact: &ContactFields,
        run_dedupe: bool,
        timeout: Duration,
    ) -> Called<ContactSaved> {
        /// Apollo's default creates duplicates, so that it is never left to be the default.
        #[derive(Serialize)]
        struct Create<'a> {
            #[serde(flatten)]
            contact: &'a ContactFields,
            run_dedupe: bool,
        }
        self.call(self.request(Method::POST, "contacts").json(&Create { contact, run_dedupe }), timeout).await
    }

    /// Saves people who aren't there yet; those who are stay as they are. May be sent again.
    pub async fn create_contacts(&self, contacts: &[ContactFields], timeout: Duration) -> Called<BulkContacts> {
        #[derive(Serialize)]
        struct Create<'a> {
            contacts: &'a [ContactFields],
            run_dedupe: bool,
        }
        if !(1..=BULK_MAX).contains(&contacts.len()) {
            return not_made(CallError::Invalid(format!("{} contacts, where 1 to {BULK_MAX} go", contacts.len())));
        }
        let body = Create { contacts, run_dedupe: true };
        self.call(self.request(Method::POST, "contacts/bulk_create").json(&body), timeout).await
    }

    /// A contact as it is now.
    pub async fn show_contact(&self, id: &str, timeout: Duration) -> Called<ContactSaved> {
        match id_in_path(id) {
            Ok(id) => self.call(self.request(Method::GET, &format!("contacts/{id}")), timeout).await,
            Err(error) => not_made(error),
        }
    }

    /// Puts contacts into a stage. May be sent again.
    pub async fn update_stages(&self, contacts: &[String], stage: &str, timeout: Duration) -> Called<ContactsFound> {
        let body = serde_json::json!({ "contact_ids": contacts, "contact_stage_id": stage });
        self.call(self.request(Method::POST, "contacts/update_stages").json(&body), timeout).await
    }

    /// Changes a contact. May be sent again.
    pub async fn update_contact(&self, id: &str, contact: &ContactFields, timeout: Duration) -> Called<ContactSaved> {
        match id_in_path(id) {
            Ok(id) => self.call(self.request(Method::PATCH, &format!("contacts/{id}")).json(contact), timeout).await,
            Err(error) => not_made(error),
        }
    }

    /// The team's contacts.
    pub async fn search_contacts(&self, search: &ContactSearch, timeout: Duration) -> Called<ContactsFound> {
        match fit(&[&search.contact_stage_ids, &search.contact_label_ids]) {
            Ok(()) => self.call(self.request(Method::POST, "contacts/search").json(search), timeout).await,
            Err(error) => not_made(error),
        }
    }
}

/// The most contacts that are saved in one call (documented).
pub const BULK_MAX: usize = 100;

/// People who were saved in one call, and those who were there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BulkContacts {
    /// New ones.
    #[serde(deserialize_with = "list::<_, _, BULK_MAX>")]
    pub created_contacts: Vec<Contact>,
    /// Those who were there before, as they are (documented).
    #[serde(deserialize_with = "list::<_, _, BULK_MAX>")]
    pub existing_contacts: Vec<Contact>,
}

/// What is known of a contact. What is `None` stays as it is, and an empty text clears.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ContactFields {
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Employer's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_name: Option<String>,
    /// Job title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The account that they belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Employer's web site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website_url: Option<String>,
    /// The lists that they are on; all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_names: Option<Vec<String>>,
    /// How far the team is with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_stage_id: Option<String>,
    /// Where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present_raw_address: Option<String>,
    /// Their number at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_phone: Option<String>,
    /// Their employer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corporate_phone: Option<String>,
    /// Mobile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_phone: Option<String>,
    /// At home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_phone: Option<String>,
    /// Any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_phone: Option<String>,
    /// The team's own fields, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub typed_custom_fields: BTreeMap<String, Value>,
}

/// Which contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContactSearch {
    /// Words that occur in names, titles, employers and addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q_keywords: Option<String>,
    /// In one of these stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_stage_ids: Vec<String>,
    /// On one of these lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_label_ids: Vec<String>,
    /// In which order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_by_field: Option<ContactOrder>,
    /// Whether the least come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_ascending: Option<bool>,
    /// Which of them.
    #[serde(flatten)]
    pub page: Page,
}

/// What contacts are put in order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactOrder {
    /// When something last happened.
    ContactLastActivityDate,
    /// When they last opened a message.
    ContactEmailLastOpenedAt,
    /// When they last followed a link.
    ContactEmailLastClickedAt,
    /// When they were saved.
    ContactCreatedAt,
    /// When they were last changed.
    ContactUpdatedAt,
}

/// A contact that was created or changed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ContactSaved {
    /// As it is now.
    #[serde(deserialize_with = "object")]
    pub contact: Option<Contact>,
    /// Whether it was there before, when that was looked for.
    #[serde(deserialize_with = "object")]
    pub dedupe_result: Option<DedupeResult>,
}

/// What looking for a duplicate found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DedupeResult {
    /// Whether there was one.
    #[serde(deserialize_with = "truth")]
    pub found_existing: Option<bool>,
    /// By what it was known: `email_match`, …
    #[serde(deserialize_with = "text")]
    pub match_reason: Option<String>,
    /// Which it was.
    #[serde(deserialize_with = "text")]
    pub existing_contact_id: Option<String>,
}

/// A page of contacts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ContactsFound {
    /// Where it stands among all of them.
    #[serde(deserialize_with = "object")]
    pub pagination: Option<Pagination>,
    /// Those on this one.
    #[serde(deserialize_with = "list::<_, _, PAGE_RESULTS_MAX>")]
    pub contacts: Vec<Contact>,
}

/// A person whom the team has saved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// Its id: that of the contact, not of the person.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// The person's.
    #[serde(deserialize_with = "text")]
    pub person_id: Option<String>,
    /// The account that they belong to.
    #[serde(deserialize_with = "text")]
    pub account_id: Option<String>,
    /// Whose contact it is.
    #[serde(deserialize_with = "text")]
    pub owner_id: Option<String>,
    /// How far the team is with them.
    #[serde(deserialize_with = "text")]
    pub contact_stage_id: Option<String>,
    /// Given name.
    #[serde(deserialize_with = "text")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(deserialize_with = "text")]
    pub last_name: Option<String>,
    /// Job title.
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
    /// Employer's name.
    #[serde(deserialize_with = "text")]
    pub organization_name: Option<String>,
    /// E-mail address, unless Apollo doesn't show it.
    #[serde(deserialize_with = "shown_email")]
    pub email: Option<String>,
    /// What Apollo says of the address, also of one that it doesn't show.
    #[serde(deserialize_with = "text")]
    pub email_status: Option<String>,
    /// LinkedIn profile.
    #[serde(deserialize_with = "text")]
    pub linkedin_url: Option<String>,
    /// Numbers.
    #[serde(deserialize_with = "list::<_, _, PARTS_MAX>")]
    pub phone_numbers: Vec<ContactNumber>,
    /// The lists that they are on.
    #[serde(deserialize_with = "texts::<_, PARTS_MAX>")]
    pub label_ids: Vec<String>,
    /// The sequences that they are or were in.
    #[serde(deserialize_with = "texts::<_, PARTS_MAX>")]
    pub emailer_campaign_ids: Vec<String>,
    /// How far they are in each.
    #[serde(deserialize_with = "list::<_, _, PARTS_MAX>")]
    pub contact_campaign_statuses: Vec<Membership>,
    /// When it was saved.
    #[serde(deserialize_with = "text")]
    pub created_at: Option<String>,
    /// When it was last changed.
    #[serde(deserialize_with = "text")]
    pub updated_at: Option<String>,
}

/// A number of a contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContactNumber {
    /// In E.164.
    #[serde(deserialize_with = "text")]
    pub sanitized_number: Option<String>,
    /// `mobile`, `work_direct`, `home`, `other`, `work_hq`, …
    #[serde(deserialize_with = "text")]
    pub r#type: Option<String>,
    /// `valid_number`, `no_status`, …
    #[serde(deserialize_with = "text")]
    pub status: Option<String>,
    /// What is said of its being on a do-not-call register.
    #[serde(deserialize_with = "text")]
    pub dnc_status: Option<String>,
}

/// How far a contact is in a sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Membership {
    /// The sequence.
    #[serde(deserialize_with = "text")]
    pub emailer_campaign_id: Option<String>,
    /// `active`, `paused`, `finished`, …
    #[serde(deserialize_with = "text")]
    pub status: Option<String>,
    /// Why nothing is sent: `Sequence inactive`, …
    #[serde(deserialize_with = "text")]
    pub inactive_reason: Option<String>,
    /// Why it failed.
    #[serde(deserialize_with = "text")]
    pub failure_reason: Option<String>,
    /// When the contact was added.
    #[serde(deserialize_with = "text")]
    pub added_at: Option<String>,
    /// When it was through.
    #[serde(deserialize_with = "text")]
    pub finished_at: Option<String>,
    /// The mailbox that is sent from.
    #[serde(deserialize_with = "text")]
    pub send_email_from_email_account_id: Option<String>,
}
