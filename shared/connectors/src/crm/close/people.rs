//! Finding a contact by the address, and creating one (developer.close.com, "Advanced Filtering", "Leads": Create a new lead).
//!
//! A contact stands in a lead, which is a company. A new one gets a lead of its own, created with it in one call. Any text may
//! stand in a form for the company, so that it is no proof of where its sender works: put into the lead of that name, a
//! stranger would stand among a customer's people. Two leads that are one company can be merged at Close by hand.

use leadgate_enrichment::crm::{Created, CrmError};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::classify::unreadable;
use super::client::Close;
use super::wire::{CONTACT, Complaint, LISTS, Place, Row, entry, field_of, is_id, list_of, only_contact, place, rows};

/// How many of those whom a search by words finds are read.
pub(super) const FOUND_MAX: usize = 100;

/// The list of addresses.
const EMAIL: &str = LISTS[0].property;
/// Parts of the name, which is written in one.
const NAMES: [&str; 2] = ["first_name", "last_name"];
/// One of the URLs.
const LINKEDIN: &str = "linkedin";
/// Field of the lead with the web site, of which only the domain may be known.
const URL: &str = "url";

impl Close {
    /// The contact with this address: of several the oldest, so that it is always the same. The search is by the words of an
    /// address, and may not have for a while who is new (nothing is said of it).
    pub(super) async fn with_email(&self, email: &str) -> Result<Option<String>, CrmError> {
        let answer = self.call(Method::POST, "/data/search/", &[], Some(&search(email))).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let (found, goes_on) = rows(&answer.body).ok_or_else(|| unreadable("no list of what was found"))?;
        let contacts = found.into_iter().filter(|row| row.has_address(email));
        let ages = contacts.filter_map(|row| Some((row.property("date_created"), row.id("cont")?)));
        match ages.min() {
            None if goes_on => Err(unreadable("a list of others that goes on")),
            oldest => Ok(oldest.map(|(_, id)| id)),
        }
    }

    /// Creates a contact in a lead of its own: with all that is known, or else with the address and the names alone.
    pub(super) async fn create(&self, properties: &Patch) -> Result<Created, CrmError> {
        let is_needed = |property: &str| [EMAIL, NAMES[0], NAMES[1], "company"].contains(&property);
        let bare: Patch = properties.clone().into_iter().filter(|(property, _)| is_needed(property)).collect();
        let mut rejection = String::new();
        for properties in [properties, &bare] {
            let answer = self.call(Method::POST, "/lead/", &[], Some(&new_lead(properties))).await?;
            if matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
                let id = only_contact(&answer.body).ok_or_else(|| unreadable("no contact that was created"))?;
                return Ok(Created::Record(CONTACT, id));
            }
            let failure = answer.failure();
            if failure.retry != Retry::Never || !Complaint::read(&answer.body).is_closes() {
                return Err(failure);
            }
            rejection = failure.reason;
            if bare.len() == properties.len() {
                break;
            }
        }
        Ok(Created::Rejected(rejection))
    }
}

/// A contact one of whose addresses has all these words. The addresses are records that belong to contacts (its shape as
/// recalled; that of the rest is documented).
fn search(email: &str) -> Value {
    let field = json!({ "type": "regular_field", "object_type": "contact_email", "field_name": "email" });
    let condition = json!({ "type": "text", "mode": "full_words", "value": email });
    let address = json!({ "type": "field_condition", "field": field, "condition": condition });
    let related = json!({ "type": "has_related", "this_object_type": "contact", "related_object_type": "contact_email",
                          "related_query": { "type": "and", "queries": [address] } });
    let contacts = json!({ "type": "object_type", "object_type": "contact" });
    json!({ "query": { "type": "and", "queries": [contacts, related] }, "_limit": FOUND_MAX,
            "_fields": { "contact": ["id", "emails", "date_created"] } })
}

/// A company and its first contact. Without a name for the company, Close shows it under that of the contact.
fn new_lead(properties: &Patch) -> Value {
    let (mut lead, mut contact) = (Map::new(), Map::new());
    for (property, value) in properties {
        match (place(property), list_of(property)) {
            (Place::OfLead(URL), _) => drop(lead.insert(URL.to_owned(), url(value).into())),
            (Place::OfLead(field), _) => drop(lead.insert(field.to_owned(), value.as_str().into())),
            (Place::Derived, _) if property == LINKEDIN => {
                let urls = json!([{ "type": "url", "url": url(value) }]);
                contact.insert(field_of(property).to_owned(), urls);
            }
            (Place::Derived, _) => {}
            (_, Some(list)) => drop(contact.insert(list.field.to_owned(), json!([entry(list, value)]))),
            (Place::Own(name), None) => drop(contact.insert(field_of(name).to_owned(), value.as_str().into())),
        }
    }
    let names: Vec<&str> = NAMES.iter().filter_map(|name| properties.get(*name)).map(String::as_str).collect();
    if !names.is_empty() {
        contact.insert("name".to_owned(), names.join(" ").into());
    }
    lead.insert("contacts".to_owned(), json!([contact]));
    lead.into()
}

/// A domain alone is no URL.
fn url(value: &str) -> String {
    if value.contains("://") { value.to_owned() } else { format!("https://{value}") }
}

impl Row {
    fn id(&self, kind: &str) -> Option<String> {
        self.property("id").filter(|id| is_id(kind, id))
    }

    /// Whether one of the entries is this address, in whatever letters.
    fn has_address(&self, email: &str) -> bool {
        let entries = self.entries(LISTS[0]);
        entries.iter().any(|entry| entry[EMAIL].as_str().is_some_and(|there| there.trim().eq_ignore_ascii_case(email)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_has_a_lead_of_its_own() {
        let of = |named: &[(&str, &str)]| {
            new_lead(&named.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let emails = json!([{ "type": "office", "email": "ada@x.example" }]);
        let named = [
            ("email", "ada@x.example"),
            ("first_name", "Ada"),
            ("last_name", "L"),
            ("company", "Engine"),
            ("website", "x.example"),
            ("linkedin", "https://linkedin.com/in/ada"),
        ];
        let urls = json!([{ "type": "url", "url": "https://linkedin.com/in/ada" }]);
        let contact = json!({ "name": "Ada L", "emails": emails, "urls": urls });
        assert_eq!(of(&named), json!({ "name": "Engine", "url": "https://x.example", "contacts": [contact] }));
        assert_eq!(of(&named[..1]), json!({ "contacts": [{ "emails": emails }] }));
    }
}
