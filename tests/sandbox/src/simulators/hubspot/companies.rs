//! The companies of a portal, and which contacts are with them. A company is a record like a contact: what may happen to one
//! happens to it while the companies stand in the place of the contacts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::portal::{Object, Portal};
use super::wire::{self, RecordError};
use super::{Contact, Format, HubSpot, Kind, Source, Subscription, number};
use crate::kept::Table;
use crate::simulators::exchange::{Answer, Call};

/// The first company's id.
pub(super) const FIRST_COMPANY_ID: u64 = 9_000_000_001;

/// The most contacts in one call (documented).
const INPUTS_MAX: usize = 1000;

/// With which companies contacts are.
#[derive(Default)]
pub(super) struct Associations {
    /// The primary one, by the contact.
    pub(super) primary: Table<u64, u64>,
    /// Others.
    pub(super) others: Table<u64, Vec<u64>>,
}

impl Associations {
    /// Nothing is with it any longer, nor it with anything.
    pub(super) fn gone(&mut self, object: Object, id: u64) {
        let of_it: Vec<u64> = match object {
            Object::Contact => vec![id],
            Object::Company => {
                self.primary.iter().filter(|(_, company)| **company == id).map(|(contact, _)| *contact).collect()
            }
        };
        for contact in of_it {
            self.primary.remove(&contact);
        }
    }

    /// What was with either of the two is with what they became.
    pub(super) fn merged(&mut self, object: Object, both: [u64; 2], into: u64) {
        match object {
            Object::Contact => {
                let companies: Vec<u64> = both.iter().filter_map(|contact| self.primary.remove(contact)).collect();
                if let Some(company) = companies.first() {
                    self.primary.insert(into, *company);
                }
            }
            Object::Company => {
                let of_them: Vec<u64> = self
                    .primary
                    .iter()
                    .filter(|(_, company)| both.contains(company))
                    .map(|(contact, _)| *contact)
                    .collect();
                of_them.into_iter().for_each(|contact| self.primary.insert(contact, into));
            }
        }
    }
}

#[derive(Deserialize)]
struct Inputs {
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    id: String,
}

impl Portal {
    /// Does something to companies, as it would be done to contacts.
    pub(super) fn about_companies<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        self.swap_companies(Object::Company);
        let result = work(self);
        self.swap_companies(Object::Contact);
        result
    }

    fn swap_companies(&mut self, object: Object) {
        let (schema, companies) = &mut self.companies;
        std::mem::swap(&mut self.schema, schema);
        std::mem::swap(&mut self.contacts, companies);
        self.object = object;
    }

    /// Contacts without a company are in an error each.
    pub(super) fn list_companies_of(&mut self, call: &Call, now: Timestamp) -> Answer {
        let body: Inputs = match self.body(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        if body.inputs.len() > INPUTS_MAX {
            return self.error(400, "VALIDATION_ERROR", "too many inputs");
        }
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for Input { id } in body.inputs {
            let contact: u64 = id.parse().unwrap_or_default();
            let others = self.associations.others.get(&contact).cloned().unwrap_or_default();
            let unlabeled = |company: &u64| {
                json!({ "toObjectId": company, "associationTypes": [
                    { "category": "HUBSPOT_DEFINED", "typeId": 279, "label": null },
                    { "category": "USER_DEFINED", "typeId": 1, "label": "Adviser" } ] })
            };
            let mut to: Vec<Value> = others.iter().map(unlabeled).collect();
            to.extend(self.associations.primary.get(&contact).map(|company| {
                json!({ "toObjectId": company, "associationTypes": [
                    { "category": "HUBSPOT_DEFINED", "typeId": 279, "label": null },
                    { "category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary" } ] })
            }));
            match to.is_empty() {
                true => {
                    let message = format!("No company is associated with contact {id}.");
                    errors.push(RecordError { category: "OBJECT_NOT_FOUND", message, ids: vec![id], trace_id: None });
                }
                false => results.push(json!({ "from": { "id": id }, "to": to })),
            }
        }
        wire::batch(results, &errors, now)
    }
}

impl HubSpot {
    /// A company is created at the screen.
    ///
    /// # Panics
    ///
    /// When HubSpot would refuse the values.
    pub fn create_company<N: Into<String>, V: Into<String>>(&self, values: impl IntoIterator<Item = (N, V)>) -> String {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let created = self.about_companies(|portal, now| portal.create(&values, &Source::person(), now));
        created.expect("HubSpot takes the company").to_string()
    }

    /// A contact is with this company from now on, as its primary one.
    pub fn associate(&self, contact: &str, company: &str) {
        if let (Ok(contact), Ok(company)) = (number(contact), number(company)) {
            self.portal.lock().associations.primary.insert(contact, company);
        }
    }

    /// A contact is with this company, too, and not as its primary one.
    pub fn associate_also(&self, contact: &str, company: &str) {
        if let (Ok(contact), Ok(company)) = (number(contact), number(company)) {
            self.portal.lock().associations.others.insert(contact, vec![company]);
        }
    }

    /// A contact is with no company any longer.
    pub fn dissociate(&self, contact: &str) {
        if let Ok(contact) = number(contact) {
            self.portal.lock().associations.primary.remove(&contact);
        }
    }

    /// A person sets a property of a company; an empty value clears it.
    ///
    /// # Panics
    ///
    /// When there is no such company, or HubSpot would refuse the value.
    pub fn edit_company(&self, id: &str, property: &str, value: &str) {
        let values = BTreeMap::from([(property.to_owned(), value.to_owned())]);
        let id = number(id);
        let edited = self.about_companies(|portal, now| portal.update(id?, &values, &Source::person(), now));
        edited.expect("HubSpot takes the edit");
    }

    /// The primary company of a contact.
    pub fn company_of(&self, contact: &str) -> Option<String> {
        let contact = number(contact).ok()?;
        self.portal.lock().associations.primary.get(&contact).map(u64::to_string)
    }

    /// A company, if it is there.
    pub fn company(&self, id: &str) -> Option<Contact> {
        self.portal.lock().companies.1.living(number(id).ok()?).cloned()
    }

    /// A person moves a company to the recycle bin. Whether there was one.
    pub fn delete_company(&self, id: &str) -> bool {
        let Ok(id) = number(id) else { return false };
        self.about_companies(|portal, now| portal.archive(id, &Source::person(), now))
    }

    /// A person merges the second company into the first. The id of what they become, if both are there.
    pub fn merge_companies(&self, first: &str, second: &str) -> Option<String> {
        let both = [number(first).ok()?, number(second).ok()?];
        let merged = self.about_companies(|portal, now| portal.merge(both, &Source::person(), now));
        merged.map(|id| id.to_string())
    }

    /// One more property of companies, or another kind for one that is there.
    pub fn define_company_property_as(&self, name: &str, kind: Kind) {
        self.portal.lock().companies.0.define(name, kind);
    }

    /// An administrator deletes a property of companies.
    pub fn remove_company_property(&self, name: &str) {
        self.portal.lock().companies.0.remove(name);
    }

    /// Tells of everything that happens to companies from now on, too, and of all in this form.
    pub fn tell_of_companies(&self, format: Format) {
        let mut portal = self.portal.lock();
        let subscription = portal.outbox.subscription().map(|there| (*there).clone());
        portal.outbox.subscribe(subscription.map(|there| Subscription { companies: true, format, ..there }));
    }

    fn about_companies<R>(&self, work: impl FnOnce(&mut Portal, Timestamp) -> R) -> R {
        let now = self.now();
        self.portal.lock().about_companies(|portal| work(portal, now))
    }
}
