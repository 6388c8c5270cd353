//! An organization at Close, as any simulated CRM.

use std::collections::BTreeMap;

use async_trait::async_trait;
use leadgate_enrichment::ids::ObjectType;

use super::{CITY, COUNTRY, Close, INDUSTRY, USER};
use crate::simulators::crm::{Names, SimulatedCrm, card, field, fields, said};
use crate::simulators::fault::Faults;
use crate::simulators::report::DeliveryReport;

/// Close's names for what stands on a business card.
const CONTACT_CARD: Names = [
    ("email", "email"),
    ("firstname", "first_name"),
    ("lastname", "last_name"),
    ("jobtitle", "title"),
    ("company", "company"),
    ("city", CITY),
    ("country", COUNTRY),
    ("industry", INDUSTRY),
    ("mobilephone", "phone"),
];

#[async_trait]
impl SimulatedCrm for Close {
    fn name(&self) -> &'static str {
        "Close"
    }

    fn create_person(&self, card: &[(&'static str, String)]) -> String {
        self.create_contact(fields(&CONTACT_CARD, card))
    }

    fn card(&self, id: &str) -> Option<BTreeMap<String, String>> {
        let contact = self.contact(id)?;
        let name = contact.value("name").unwrap_or_default();
        let (first, last) = name.rsplit_once(' ').unwrap_or(("", &name));
        let part = |part: &str| Some(part.to_owned()).filter(|part| !part.is_empty());
        Some(card(&CONTACT_CARD, |field| match field {
            "first_name" => part(first),
            "last_name" => part(last),
            "company" => self.company_of(id),
            _ => contact.value(field),
        }))
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
        (counters.writes, counters.writes)
    }

    /// A contact's company is a lead of its own, and its name is one.
    fn type_in(&self, id: &str, name: &str, value: &str) -> bool {
        let is_there = self.contact(id).is_some() && !["company", "firstname", "lastname"].contains(&name);
        let field = field(&CONTACT_CARD, name).filter(|_| is_there);
        field.map(|field| self.edit(id, field, value)).is_some()
    }

    fn delete(&self, id: &str) -> bool {
        self.delete(id)
    }

    fn history(&self, id: &str, name: &str) -> Vec<(String, bool)> {
        let (Some(contact), Some(field)) = (self.contact(id), field(&CONTACT_CARD, name)) else { return Vec::new() };
        // A list is the value of all of its entries.
        let is_field = |named: &str| named == field || named.strip_suffix('s') == Some(field);
        let changes = contact.changes().iter().filter(|change| is_field(&change.field));
        changes.map(|change| (said(&change.value), change.by == USER)).collect()
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }
}
