//! Finding a person by the address, and creating a lead (zoho.com/crm, "REST API v8": Search records, Insert records). Any number
//! of records may have the same address: contacts come first, as they are customers, and of several of a kind the oldest, so
//! that it is always the same.

use leadgate_enrichment::crm::{Created, CrmError};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::classify::unreadable;
use super::client::Zoho;
use super::fields::sent;
use super::wire::{CONTACTS, LEADS, NOT_PROVIDED, RECORDS_MAX, found, is_id, outcomes};

/// How often a lead is sent: whole, and without fields that Zoho refuses.
const TRIES_MAX: usize = 4;

/// The address.
const EMAIL: &str = "Email";
/// What a lead has to have ("Insert records": mandatory fields of Leads). Where it isn't known, a placeholder stands there,
/// which is read as if nothing did.
const REQUIRED: [&str; 2] = ["Last_Name", "Company"];

impl Zoho {
    /// The search is by every field with an address, leaves converted leads out unless it is told otherwise, and sees what was
    /// created a moment ago only after a while (recalled).
    pub(super) async fn with_email(&self, email: &str) -> Result<Option<(ObjectType, String)>, CrmError> {
        for object in [CONTACTS, LEADS] {
            let per_page = RECORDS_MAX.to_string();
            let query = [("email", email), ("per_page", per_page.as_str())];
            let answer = self.call(Method::GET, &format!("/{}/search", object.as_str()), &query, None).await?;
            let rows = match answer.status {
                StatusCode::OK => found(&answer.body).ok_or_else(|| unreadable("no list of what was found"))?,
                StatusCode::NO_CONTENT => continue,
                _ => return Err(answer.failure()),
            };
            // Who hasn't the address is another person, whatever was asked. Later ids are greater.
            let ids = rows.into_iter().filter(|row| row.has_address(email)).filter_map(|row| row.id());
            if let Some(id) = ids.min_by_key(|id| id.parse::<u128>().unwrap_or(u128::MAX)) {
                return Ok(Some((object, id)));
            }
        }
        Ok(None)
    }

    /// Creates a lead, without the fields that Zoho refuses.
    pub(super) async fn create(&self, properties: &Patch) -> Result<Created, CrmError> {
        let mut fields: Map<String, Value> =
            properties.iter().map(|(name, value)| (name.clone(), sent(value))).collect();
        for name in REQUIRED {
            fields.entry(name).or_insert_with(|| NOT_PROVIDED.into());
        }
        let path = format!("/{}", LEADS.as_str());
        let mut rejection = String::new();
        for _ in 0..TRIES_MAX {
            let answer = self.call(Method::POST, &path, &[], Some(&json!({ "data": [&fields] }))).await?;
            let outcome = outcomes(&answer.body, 1).and_then(|mut outcomes| outcomes.pop());
            let outcome = match outcome {
                Some(outcome) => outcome,
                None if answer.status.is_success() => return Err(unreadable("no outcome of a creation")),
                // Nothing is said of the lead: it isn't what is refused.
                None => return Err(answer.failure()),
            };
            match (outcome.code(), outcome.field()) {
                ("SUCCESS", _) => {
                    let id =
                        outcome.id().filter(|id| is_id(id)).ok_or_else(|| unreadable("no lead that was created"))?;
                    return Ok(Created::Record(LEADS, id));
                }
                // An org may have made the address unique.
                ("DUPLICATE_DATA", Some(EMAIL)) if outcome.duplicate().is_some() => {
                    let there = outcome.duplicate().map(|id| Created::Record(LEADS, id));
                    return there.ok_or_else(|| unreadable("a duplicate without an id"));
                }
                (code, field) => {
                    rejection = format!("Zoho refuses it: {code}");
                    let is_needed = |field: &str| field == EMAIL || REQUIRED.contains(&field);
                    let refused = field.filter(|field| !is_needed(field)).and_then(|field| fields.remove(field));
                    if refused.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(Created::Rejected(rejection))
    }
}
