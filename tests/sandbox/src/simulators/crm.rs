//! What is asked of a simulated CRM, whichever it is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use leadgate_enrichment::ids::ObjectType;
use serde_json::Value;

use super::attio::{self, Attio};
use super::fault::Faults;
use super::hubspot::{self, HubSpot};
use super::pipedrive::{self, Pipedrive};
use super::report::DeliveryReport;
use super::salesforce::{self, Salesforce};

/// A CRM with people in it. What is known of a person goes by the names of a business card: `email`, `firstname`,
/// `lastname`, `jobtitle`, `company`, `city`, `country`, `industry`, `mobilephone`.
#[async_trait]
pub trait SimulatedCrm: Send + Sync {
    /// Its name, as people write it.
    fn name(&self) -> &'static str;
    /// A person fills in a form: the id of the record that comes of it.
    fn create_person(&self, card: &[(&'static str, String)]) -> String;
    /// What stands in a record, if it is there.
    fn card(&self, id: &str) -> Option<BTreeMap<String, String>>;
    /// What kind of record this id is of.
    fn object_of(&self, id: &str) -> ObjectType;
    /// Delivers everything that is due.
    async fn deliver(&self) -> DeliveryReport;
    /// How many events are still to be delivered.
    fn pending(&self) -> usize;
    /// How many records the API has written, with how many calls.
    fn written(&self) -> (u64, u64);
    /// A person types into a record, under a name of the card. Whether that could be done.
    fn type_in(&self, id: &str, name: &str, value: &str) -> bool;
    /// A person deletes a record. Whether there was one.
    fn delete(&self, id: &str) -> bool;
    /// Every value that was given to what stands under a name of the card, the earliest first, and whether a person gave it.
    fn history(&self, id: &str, name: &str) -> Vec<(String, bool)>;
    /// What its API is told to do wrong.
    fn faults(&self) -> &Faults;
}

#[async_trait]
impl SimulatedCrm for HubSpot {
    fn name(&self) -> &'static str {
        "HubSpot"
    }

    fn create_person(&self, card: &[(&'static str, String)]) -> String {
        self.create_contact(card.iter().cloned())
    }

    fn card(&self, id: &str) -> Option<BTreeMap<String, String>> {
        self.contact(id).map(|contact| contact.properties())
    }

    fn object_of(&self, _: &str) -> ObjectType {
        ObjectType::CONTACT
    }

    async fn deliver(&self) -> DeliveryReport {
        self.deliver().await
    }

    fn pending(&self) -> usize {
        self.pending_events().len()
    }

    fn written(&self) -> (u64, u64) {
        let counters = self.counters();
        (counters.records_written, counters.writes)
    }

    fn type_in(&self, id: &str, name: &str, value: &str) -> bool {
        self.try_edit(id, name, value, &hubspot::Source::person()).is_ok()
    }

    fn delete(&self, id: &str) -> bool {
        self.delete(id)
    }

    fn history(&self, id: &str, name: &str) -> Vec<(String, bool)> {
        let Some(contact) = self.contact(id) else { return Vec::new() };
        let person = hubspot::Source::person().kind;
        let versions = contact.history(name).iter().rev();
        versions.map(|version| (version.value.clone(), version.source.kind == person)).collect()
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }
}

/// What a CRM calls the names of a business card.
pub(super) type Names = [(&'static str, &'static str); 9];

/// What a CRM calls a name of the card.
pub(super) fn field(names: &Names, name: &str) -> Option<&'static str> {
    names.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
}

/// A card by the CRM's names.
pub(super) fn fields(names: &Names, card: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    card.iter().filter_map(|(name, value)| Some((field(names, name)?, value.clone()))).collect()
}

/// A card out of what stands under the CRM's names.
pub(super) fn card(names: &Names, value: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    names.iter().filter_map(|(name, field)| Some(((*name).to_owned(), value(field)?))).collect()
}

/// Salesforce's names for what stands on a business card.
const LEAD_CARD: Names = [
    ("email", "Email"),
    ("firstname", "FirstName"),
    ("lastname", "LastName"),
    ("jobtitle", "Title"),
    ("company", "Company"),
    ("city", "City"),
    ("country", "Country"),
    ("industry", "Industry"),
    ("mobilephone", "MobilePhone"),
];

#[async_trait]
impl SimulatedCrm for Salesforce {
    fn name(&self) -> &'static str {
        "Salesforce"
    }

    fn create_person(&self, card: &[(&'static str, String)]) -> String {
        self.create_lead(fields(&LEAD_CARD, card))
    }

    fn card(&self, id: &str) -> Option<BTreeMap<String, String>> {
        let record = self.record(id)?;
        Some(card(&LEAD_CARD, |field| record.value(field).map(str::to_owned)))
    }

    fn object_of(&self, id: &str) -> ObjectType {
        ObjectType::known(if id.starts_with("003") { "Contact" } else { "Lead" })
    }

    async fn deliver(&self) -> DeliveryReport {
        self.deliver().await
    }

    fn pending(&self) -> usize {
        self.pending_events().len()
    }

    fn written(&self) -> (u64, u64) {
        let counters = self.counters();
        (counters.records_written, counters.writes)
    }

    fn type_in(&self, id: &str, name: &str, value: &str) -> bool {
        let is_there = self.record(id).is_some_and(|record| !record.is_deleted);
        let field = field(&LEAD_CARD, name).filter(|_| is_there);
        field.map(|field| self.edit(id, field, value)).is_some()
    }

    fn delete(&self, id: &str) -> bool {
        self.delete(id)
    }

    fn history(&self, id: &str, name: &str) -> Vec<(String, bool)> {
        let (Some(record), Some(field)) = (self.record(id), field(&LEAD_CARD, name)) else { return Vec::new() };
        let changes = record.changes().iter().filter(|change| change.field == field);
        changes.map(|change| (change.value.clone(), change.by == salesforce::PERSON)).collect()
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }
}

/// Pipedrive's names for what stands on a business card.
const PERSON_CARD: Names = [
    ("email", "email"),
    ("firstname", "first_name"),
    ("lastname", "last_name"),
    ("jobtitle", "job_title"),
    ("company", "company"),
    ("city", pipedrive::CITY),
    ("country", pipedrive::COUNTRY),
    ("industry", pipedrive::INDUSTRY),
    ("mobilephone", "phone"),
];

#[async_trait]
impl SimulatedCrm for Pipedrive {
    fn name(&self) -> &'static str {
        "Pipedrive"
    }

    fn create_person(&self, card: &[(&'static str, String)]) -> String {
        self.create_person(fields(&PERSON_CARD, card))
    }

    fn card(&self, id: &str) -> Option<BTreeMap<String, String>> {
        let person = self.person(id)?;
        Some(card(&PERSON_CARD, |field| person.value(field)))
    }

    fn object_of(&self, _: &str) -> ObjectType {
        ObjectType::known("person")
    }

    async fn deliver(&self) -> DeliveryReport {
        self.deliver().await
    }

    fn pending(&self) -> usize {
        self.pending_events().len()
    }

    fn written(&self) -> (u64, u64) {
        let counters = self.counters();
        (counters.writes, counters.writes)
    }

    /// A person's organization is a record of its own.
    fn type_in(&self, id: &str, name: &str, value: &str) -> bool {
        let is_there = self.person(id).is_some_and(|person| !person.is_deleted) && name != "company";
        let field = field(&PERSON_CARD, name).filter(|_| is_there);
        field.map(|field| self.edit(id, field, value)).is_some()
    }

    fn delete(&self, id: &str) -> bool {
        self.delete(id)
    }

    fn history(&self, id: &str, name: &str) -> Vec<(String, bool)> {
        let (Some(person), Some(field)) = (self.person(id), field(&PERSON_CARD, name)) else { return Vec::new() };
        // A list is the value of all of its entries.
        let is_field = |named: &str| named == field || named.strip_suffix('s') == Some(field);
        let changes = person.changes().iter().filter(|change| is_field(&change.field));
        changes.map(|change| (said(&change.value), change.by == pipedrive::PERSON)).collect()
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }
}

/// Attio's names for what stands on a business card.
const PEOPLE_CARD: Names = [
    ("email", "email_addresses"),
    ("firstname", "first_name"),
    ("lastname", "last_name"),
    ("jobtitle", "job_title"),
    ("company", "company"),
    ("city", "city"),
    ("country", "country"),
    ("industry", "industry"),
    ("mobilephone", "phone_numbers"),
];

#[async_trait]
impl SimulatedCrm for Attio {
    fn name(&self) -> &'static str {
        "Attio"
    }

    fn create_person(&self, card: &[(&'static str, String)]) -> String {
        self.create_person(fields(&PEOPLE_CARD, card))
    }

    fn card(&self, id: &str) -> Option<BTreeMap<String, String>> {
        let person = self.person(id)?;
        let part = |part: &str| person.part("name", part);
        Some(card(&PEOPLE_CARD, |field| match field {
            "first_name" | "last_name" => part(field),
            _ => person.value(field),
        }))
    }

    fn object_of(&self, _: &str) -> ObjectType {
        ObjectType::known("people")
    }

    async fn deliver(&self) -> DeliveryReport {
        self.deliver().await
    }

    fn pending(&self) -> usize {
        self.pending_events().len()
    }

    fn written(&self) -> (u64, u64) {
        let counters = self.counters();
        (counters.writes, counters.writes)
    }

    /// A person's company is a record of its own.
    fn type_in(&self, id: &str, name: &str, value: &str) -> bool {
        let is_there = self.person(id).is_some() && name != "company";
        let field = field(&PEOPLE_CARD, name).filter(|_| is_there);
        field.map(|field| self.edit(id, field, value)).is_some()
    }

    fn delete(&self, id: &str) -> bool {
        self.delete(id)
    }

    fn history(&self, id: &str, name: &str) -> Vec<(String, bool)> {
        let (Some(person), Some(field)) = (self.person(id), field(&PEOPLE_CARD, name)) else { return Vec::new() };
        let changes = person.changes().iter().filter(|change| change.slug == field);
        let said = |values: &[Value]| values.first().map(Value::to_string).unwrap_or_default();
        changes.map(|change| (said(&change.values), change.by == attio::MEMBER)).collect()
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }
}

/// A value as text; none is a blank one.
pub(super) fn said(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}
