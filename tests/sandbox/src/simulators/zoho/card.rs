//! An org at Zoho CRM, as any simulated CRM.

use std::collections::BTreeMap;

use async_trait::async_trait;
use leadgate_enrichment::ids::ObjectType;

use super::{HAND, Zoho};
use crate::simulators::crm::{Names, SimulatedCrm, card, field, fields, said};
use crate::simulators::fault::Faults;
use crate::simulators::report::DeliveryReport;

/// Zoho's names for what stands on a business card.
const ZOHO_CARD: Names = [
    ("email", "Email"),
    ("firstname", "First_Name"),
    ("lastname", "Last_Name"),
    ("jobtitle", "Designation"),
    ("company", "Company"),
    ("city", "City"),
    ("country", "Country"),
    ("industry", "Industry"),
    ("mobilephone", "Mobile"),
];

#[async_trait]
impl SimulatedCrm for Zoho {
    fn name(&self) -> &'static str {
        "Zoho CRM"
    }

    fn create_person(&self, card: &[(&'static str, String)]) -> String {
        self.create_lead(fields(&ZOHO_CARD, card))
    }

    fn card(&self, id: &str) -> Option<BTreeMap<String, String>> {
        let record = self.record(id)?;
        Some(card(&ZOHO_CARD, |field| record.value(field)))
    }

    fn object_of(&self, id: &str) -> ObjectType {
        let is_contact = self.record(id).is_some_and(|record| record.module == "Contacts");
        ObjectType::known(if is_contact { "Contacts" } else { "Leads" })
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
        let field = field(&ZOHO_CARD, name).filter(|_| self.record(id).is_some());
        field.map(|field| self.edit(id, field, value)).is_some()
    }

    fn delete(&self, id: &str) -> bool {
        self.delete(id)
    }

    fn history(&self, id: &str, name: &str) -> Vec<(String, bool)> {
        let (Some(record), Some(field)) = (self.record(id), field(&ZOHO_CARD, name)) else { return Vec::new() };
        let changes = record.changes().iter().filter(|change| change.field == field);
        changes.map(|change| (said(&change.value), change.by == HAND)).collect()
    }

    fn faults(&self) -> &Faults {
        self.faults()
    }
}
