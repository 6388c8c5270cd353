//! Finding a contact by the address, and creating one. The address is what tells contacts apart: one that is there already is
//! never created again (developers.hubspot.com, "Contacts": "Create contacts").

use leadgate_enrichment::crm::{Created, CrmError};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use reqwest::Method;

use super::classify::unreadable;
use super::client::{HubSpot, NOT_FOUND, is_record_id};
use super::companies::OF_COMPANY;
use super::wire::{BatchRead, Complaint, ReadInput, Record, Update};
use super::write::WRITES_MAX;
use crate::loose::{Loose, read};

/// The property that contacts are told apart by.
const EMAIL: &str = "email";

impl HubSpot {
    /// The contact with this address, as its first one or as another one.
    pub(super) async fn with_email(&self, email: &str) -> Result<Option<String>, CrmError> {
        let inputs = vec![ReadInput { id: email }];
        let body = BatchRead { properties: &[EMAIL], properties_with_history: [], id_property: Some(EMAIL), inputs };
        let answer = self.call(Method::POST, &ObjectType::CONTACT, "batch/read", &body).await?.batch()?;
        let mut errors = answer.errors.items().iter().filter_map(Loose::as_object);
        if errors.any(|complaint| complaint.category() != Some(NOT_FOUND)) {
            return Err(unreadable("a contact that it has but didn't read"));
        }
        let first = answer.results.items().iter().filter_map(Loose::as_object).next();
        Ok(first.and_then(Record::id).filter(|id| is_record_id(id)))
    }

    /// Creates a contact, without the properties that HubSpot refuses.
    pub(super) async fn create(&self, properties: &Patch) -> Result<Created, CrmError> {
        let contact = |id| Created::Record(ObjectType::CONTACT, id);
        let mut properties = properties.clone();
        properties.retain(|property, _| !property.starts_with(OF_COMPANY));
        let mut rejection = String::new();
        for _ in 0..WRITES_MAX {
            let request = self.create_request(&ObjectType::CONTACT).json(&Update { properties: &properties });
            let answer = self.send(request).await?;
            match answer.status.as_u16() {
                200 | 201 => {
                    let record = read::<Loose<Record>>(&answer.body).unwrap_or_default();
                    let id = record.as_object().and_then(Record::id).filter(|id| is_record_id(id));
                    return id.map(contact).ok_or_else(|| unreadable("no contact that was created"));
                }
                409 => {
                    let existing = Complaint::read(&answer.body).existing();
                    let there = match (existing, properties.get(EMAIL)) {
                        (None, Some(email)) => self.with_email(email).await?,
                        (existing, _) => existing,
                    };
                    return there.map(contact).ok_or_else(|| unreadable("a conflict with no contact"));
                }
                _ => rejection = answer.rejection()?,
            }
            let mut refused = Complaint::read(&answer.body).properties();
            if refused.contains_key(EMAIL) {
                break;
            }
            refused.retain(|property, _| properties.remove(property).is_some());
            if refused.is_empty() {
                break;
            }
        }
        Ok(Created::Rejected(rejection))
    }
}
