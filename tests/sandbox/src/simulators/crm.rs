//! What the demo and the local world ask of a simulated CRM, whichever it is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use leadgate_enrichment::ids::ObjectType;

use super::hubspot::HubSpot;
use super::pipedrive::{self, Pipedrive};
use super::report::DeliveryReport;
use super::salesforce::Salesforce;

/// A CRM with people in it. What is known of a person goes by the names of a business card: `email`, `firstname`,
/// `lastname`, `jobtitle`, `company`, `city`, `industry`, `mobilephone`.
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
}

/// Salesforce's names for what stands on a business card.
const CARD: [(&str, &str); 8] = [
    ("email", "Email"),
    ("firstname", "FirstName"),
    ("lastname", "LastName"),
    ("jobtitle", "Title"),
    ("company", "Company"),
    ("city", "City"),
    ("industry", "Industry"),
    ("mobilephone", "MobilePhone"),
];

#[async_trait]
impl SimulatedCrm for Salesforce {
    fn name(&self) -> &'static str {
        "Salesforce"
    }

    fn create_person(&self, card: &[(&'static str, String)]) -> String {
        let named = |name: &str| CARD.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
        let fields = card.iter().filter_map(|(name, value)| Some((named(name)?, value.clone())));
        self.create_lead(fields.collect::<Vec<_>>())
    }

    fn card(&self, id: &str) -> Option<BTreeMap<String, String>> {
        let record = self.record(id)?;
        let of = |(name, field): &(&str, &str)| Some(((*name).to_owned(), record.value(field)?.to_owned()));
        Some(CARD.iter().filter_map(of).collect())
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
}

/// Pipedrive's names for what stands on a business card.
const PERSON_CARD: [(&str, &str); 8] = [
    ("email", "email"),
    ("firstname", "first_name"),
    ("lastname", "last_name"),
    ("jobtitle", "job_title"),
    ("company", "company"),
    ("city", pipedrive::CITY),
    ("industry", pipedrive::INDUSTRY),
    ("mobilephone", "phone"),
];

#[async_trait]
impl SimulatedCrm for Pipedrive {
    fn name(&self) -> &'static str {
        "Pipedrive"
    }

    fn create_person(&self, card: &[(&'static str, String)]) -> String {
        let named = |name: &str| PERSON_CARD.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
        let fields = card.iter().filter_map(|(name, value)| Some((named(name)?, value.clone())));
        self.create_person(fields.collect::<Vec<_>>())
    }

    fn card(&self, id: &str) -> Option<BTreeMap<String, String>> {
        let person = self.person(id)?;
        let of = |(name, field): &(&str, &str)| Some(((*name).to_owned(), person.value(field)?));
        Some(PERSON_CARD.iter().filter_map(of).collect())
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
}
