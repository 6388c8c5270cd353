//! The people whom the team has saved.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::people::{Asked, EmailStatus, object_id};
use super::request::{Parameters, Request, checked, not_found};
use super::search::Page;
use super::sequences::Enrolment;
use super::{Apollo, Team};
use crate::kept::{Log, One, Table};
use crate::simulators::exchange::Answer;

/// What can be said of a contact (documented), and whom it is of.
const FIELDS: [&str; 21] = [
    "first_name",
    "last_name",
    "organization_name",
    "title",
    "account_id",
    "email",
    "website_url",
    "contact_stage_id",
    "present_raw_address",
    "direct_phone",
    "corporate_phone",
    "mobile_phone",
    "home_phone",
    "other_phone",
    "typed_custom_fields",
    "owner_id",
    "person_id",
    "salesforce_lead_id",
    "salesforce_contact_id",
    "hubspot_vid",
    "crm_id",
];

/// The ids of other systems, in the order in which they are compared (documented).
const CRM_IDS: [&str; 4] = ["salesforce_lead_id", "salesforce_contact_id", "hubspot_vid", "crm_id"];

/// A person whom the team has saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// 24 hexadecimal digits. Another one than the person's.
    pub id: String,
    /// What was said of them, by Apollo's names.
    pub fields: Map<String, Value>,
    /// Under which labels they are kept.
    pub labels: Vec<String>,
    /// What Apollo knows of the address; `None` of one that only the team knows.
    pub email_status: Option<EmailStatus>,
    /// The sequences that they are in or were in.
    pub enrolments: Vec<Enrolment>,
    /// Whether they are known to work elsewhere by now.
    pub changed_job: bool,
    /// Whether the key's user may not add them to a sequence.
    pub belongs_to_others: bool,
    /// Whether they wait to be added to some sequence already.
    pub is_pending: bool,
    created: Timestamp,
    updated: Timestamp,
}

impl Contact {
    /// What was said, unless it is blank.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn is(&self, field: &str, value: &str) -> bool {
        self.text(field).is_some_and(|text| text.eq_ignore_ascii_case(value))
    }

    pub(super) fn put_into_stage(&mut self, stage: &str, now: Timestamp) {
        self.fields.insert("contact_stage_id".to_owned(), stage.into());
        self.updated = now;
    }

    /// Takes what was sent: a blank clears, and what wasn't sent stays.
    pub(super) fn overwrite(&mut self, sent: &Parameters, now: Timestamp) {
        for (name, value) in sent.0.iter().filter(|(name, _)| FIELDS.contains(&name.as_str())) {
            match (self.fields.get_mut(name).and_then(Value::as_object_mut), value) {
                (_, Value::Null) => drop(self.fields.remove(name)),
                (_, Value::String(text)) if text.is_empty() => drop(self.fields.remove(name)),
                (Some(old), Value::Object(new)) => old.extend(new.clone()),
                _ => drop(self.fields.insert(name.clone(), value.clone())),
            }
        }
        let labels = sent.list("label_names");
        if !labels.is_empty() {
            self.labels = labels;
        }
        self.updated = now;
    }

    /// As in answers.
    pub(super) fn wire(&self) -> Value {
        let name =
            [self.text("first_name"), self.text("last_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let phones = [
            ("direct_phone", "work_direct"),
            ("corporate_phone", "work_hq"),
            ("mobile_phone", "mobile"),
            ("home_phone", "home"),
            ("other_phone", "other"),
        ];
        let phone = |(position, (field, kind)): (usize, (&str, &str))| {
            let number = self.text(field)?;
            let status = "no_status";
            Some(json!({ "raw_number": number, "sanitized_number": number, "type": kind, "position": position,
                "status": status, "dnc_status": null, "dnc_other_info": null, "dialer_flags": null }))
        };
        let phones: Vec<Value> = phones.into_iter().enumerate().filter_map(phone).collect();
        let mut wire = Value::from(self.fields.clone());
        let email_status = self.email_status.map_or("user_managed", EmailStatus::as_str);
        wire["id"] = json!(self.id);
        wire["name"] = json!(name);
        wire["email"] = json!(self.text("email"));
        wire["email_status"] = json!(self.text("email").map(|_| email_status));
        wire["email_true_status"] = json!(if self.email_status.is_some() { "Verified" } else { "User Managed" });
        wire["sanitized_phone"] = phones.first().map(|phone| phone["sanitized_number"].clone()).unwrap_or_default();
        wire["phone_numbers"] = Value::from(phones);
        wire["label_ids"] = json!(self.labels);
        wire["source"] = json!("api");
        wire["emailer_campaign_ids"] = self.enrolments.iter().map(|it| it.sequence_id.clone()).collect();
        wire["contact_campaign_statuses"] = self.enrolments.iter().map(Enrolment::wire).collect();
        wire["created_at"] = json!(self.created.to_string());
        wire["updated_at"] = json!(self.updated.to_string());
        wire
    }
}

/// Everybody whom the team has saved.
#[derive(Default)]
pub(super) struct Contacts {
    pub(super) by_id: Table<String, Contact>,
    /// Those who were deleted.
    pub(super) deleted: Log<String>,
    pub(super) created: One<u64>,
}

impl Contacts {
    pub(super) fn get(&self, id: &str) -> Option<&Contact> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Contact> {
        self.by_id.get_mut(&id.to_owned())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Contact> {
        self.by_id.values()
    }

    /// The contact that is of this person.
    pub(super) fn of_person(&self, person_id: &str) -> Option<&Contact> {
        self.by_id.values().find(|contact| contact.is("person_id", person_id))
    }

    /// Who is meant, and by what it was told: in Apollo's order (documented).
    pub(super) fn same_as(&self, sent: &Parameters) -> Option<(String, &'static str)> {
        let by = |field: &str| {
            let value = sent.text(field)?;
            self.by_id.values().find(|contact| contact.is(field, &value)).map(|contact| contact.id.clone())
        };
        let by_id = || sent.text("id").filter(|id| self.by_id.contains_key(id));
        let by_name = || {
            let [first, last, company] = ["first_name", "last_name", "organization_name"].map(|field| sent.text(field));
            let (first, last, company) = (first?, last?, company?);
            let is_same = |it: &&Contact| {
                it.is("first_name", &first) && it.is("last_name", &last) && it.is("organization_name", &company)
            };
            self.by_id.values().find(is_same).map(|contact| contact.id.clone())
        };
        let or = |found: Option<String>, reason| found.map(|id| (id, reason));
        or(by_id(), "id_match")
            .or_else(|| or(CRM_IDS.iter().find_map(|field| by(field)), "crm_id_match"))
            .or_else(|| or(by("person_id"), "person_id_match"))
            .or_else(|| or(by("email"), "email_match"))
            .or_else(|| or(by_name(), "name_and_company_match"))
    }

    /// What is said of an id that is no contact's: 422 for one that was deleted (documented).
    fn missing(&self, id: &str) -> Answer {
        if self.deleted.iter().any(|deleted| deleted == id) {
            let error = "The contact has been deleted.";
            return Answer::json(422, &json!({ "error": error, "deleted_contact_ids": [id] }));
        }
        not_found()
    }
}

impl Team {
    /// `contacts`: a new one each time, unless it is told to look for the one that is there.
    pub(super) fn create_contact(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let sent = request.parameters()?;
        let found = if sent.is_on("run_dedupe") { self.contacts.same_as(&sent) } else { None };
        let id = match &found {
            Some((id, _)) => id.clone(),
            None => self.new_contact(&sent, request.at),
        };
        let contact = self.contacts.get_mut(&id).ok_or_else(not_found)?;
        // Whether the address is good isn't asked again (documented).
        contact.overwrite(&sent, request.at);
        let mut answer = json!({ "contact": contact.wire(), "labels": contact.labels });
        if sent.is_on("run_dedupe") {
            let (existing, reason) = found.unzip();
            answer["dedupe_result"] = json!({ "found_existing": existing.is_some(), "match_reason": reason, "existing_contact_id": existing });
        }
        Ok(Answer::json(200, &answer))
    }

    /// `PATCH contacts/{id}`.
    pub(super) fn update_contact(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        checked(request.id)?;
        let sent = request.parameters()?;
        if self.contacts.get(request.id).is_none() {
            return Err(self.contacts.missing(request.id));
        }
        let contact = self.contacts.get_mut(request.id).ok_or_else(not_found)?;
        contact.overwrite(&sent, request.at);
        Ok(Answer::json(200, &json!({ "contact": contact.wire() })))
    }

    /// `GET contacts/{id}`.
    pub(super) fn show_contact(&self, request: &Request<'_>) -> Result<Answer, Answer> {
        checked(request.id)?;
        let contact = self.contacts.get(request.id).ok_or_else(|| self.contacts.missing(request.id))?;
        Ok(Answer::json(200, &json!({ "contact": contact.wire() })))
    }

    /// `contacts/search`.
    pub(super) fn search_contacts(&self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let page = Page::of(&parameters)?;
        let keywords = parameters.text("q_keywords").map(|it| it.to_lowercase());
        let (stages, labels) = (parameters.list("contact_stage_ids"), parameters.list("contact_label_ids"));
        let says = |contact: &Contact, words: &str| {
            let fields = ["first_name", "last_name", "email", "organization_name", "title"];
            let said: Vec<&str> = fields.into_iter().filter_map(|field| contact.text(field)).collect();
            words.split_whitespace().all(|word| said.iter().any(|text| text.to_lowercase().contains(word)))
        };
        let mut found: Vec<&Contact> = self
            .contacts
            .all()
            .filter(|it| keywords.as_ref().is_none_or(|words| says(it, words)))
            .filter(|it| stages.is_empty() || stages.iter().any(|stage| it.is("contact_stage_id", stage)))
            .filter(|it| labels.is_empty() || labels.iter().any(|label| it.labels.contains(label)))
            .collect();
        let by_update = parameters.text("sort_by_field").is_none_or(|field| field == "contact_updated_at");
        found.sort_by_key(|it| if by_update { (it.updated, &it.id) } else { (it.created, &it.id) });
        if !parameters.is_on("sort_ascending") {
            found.reverse();
        }
        let pagination = page.pagination(found.len());
        let contacts: Vec<Value> = page.cut(found).into_iter().map(Contact::wire).collect();
        let answer = json!({ "contacts": contacts, "pagination": pagination, "breadcrumbs": [],
            "partial_results_only": false, "num_fetch_result": null });
        Ok(Answer::json(200, &answer))
    }

    /// Apollo knows the person and the address, or the address is the team's own affair.
    pub(super) fn new_contact(&mut self, sent: &Parameters, now: Timestamp) -> String {
        let person = sent.text("email").and_then(|email| self.directory.find(&Asked::email(&email)));
        let id = object_id("contact", &self.contacts.created.to_string());
        *self.contacts.created += 1;
        let person_id = person.as_ref().map(|person| ("person_id".to_owned(), json!(person.id)));
        let contact = Contact {
            id: id.clone(),
            fields: person_id.into_iter().collect(),
            labels: Vec::new(),
            email_status: person.map(|person| person.email_status),
            enrolments: Vec::new(),
            changed_job: false,
            belongs_to_others: false,
            is_pending: false,
            created: now,
            updated: now,
        };
        self.contacts.by_id.insert(id.clone(), contact);
        id
    }
}

impl Apollo {
    /// Everybody whom the team has saved, duplicates included.
    pub fn contacts(&self) -> Vec<Contact> {
        self.team.lock().contacts.all().cloned().collect()
    }

    /// Changes a contact as a person could who sits at Apollo's own screen.
    pub fn change_contact(&self, id: &str, change: impl FnOnce(&mut Contact)) {
        if let Some(contact) = self.team.lock().contacts.get_mut(id) {
            change(contact);
        }
    }

    /// Deletes a contact.
    pub fn delete_contact(&self, id: &str) {
        let mut team = self.team.lock();
        if team.contacts.by_id.remove(&id.to_owned()).is_some() {
            team.contacts.deleted.push(id.to_owned());
        }
    }
}
