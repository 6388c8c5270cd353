//! Finding a person by the address, and creating a lead. Any number of records may have the same address: contacts come first,
//! as they are customers, and of several of a kind the oldest, so that it is always the same.

use leadgate_enrichment::crm::{Created, CrmError};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::classify::{Verdict, unreadable, verdict};
use super::client::{Salesforce, long};
use super::fields::sent;
use super::select::{UNCONVERTED, quoted};
use super::wire::{CONTACT, Complaint, LEAD, NOT_PROVIDED};
use crate::loose::{Loose, Scalar, read};

/// How often a lead is sent: whole, and without fields that Salesforce refuses.
const TRIES_MAX: usize = 3;

/// The address.
const EMAIL: &str = "Email";
/// What a lead has to have (developer.salesforce.com, "Object Reference": Lead). Where it isn't known, a placeholder stands
/// there, which is read as if nothing did.
const REQUIRED: [&str; 2] = ["LastName", "Company"];

/// Where a converted lead isn't looked for: it is written as the contact that it has become.
const SEARCHES: [(ObjectType, &str); 2] = [(CONTACT, ""), (LEAD, UNCONVERTED)];

/// The answer of a creation.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Made {
    id: Scalar,
    success: Scalar,
}

impl Salesforce {
    pub(super) async fn with_email(&self, email: &str) -> Result<Option<(ObjectType, String)>, CrmError> {
        for (object, only) in SEARCHES {
            let email = quoted(email);
            let query =
                format!("SELECT Id FROM {object} WHERE {only}{EMAIL} = {email} ORDER BY CreatedDate, Id LIMIT 1");
            let found = self.ids_of(&object, &query).await?;
            if !found.done {
                return Err(unreadable("no rows of a query"));
            }
            if let Some(id) = found.ids.into_iter().next() {
                return Ok(Some((object, id)));
            }
        }
        Ok(None)
    }

    /// Creates a lead, without the fields that Salesforce refuses.
    pub(super) async fn create(&self, properties: &Patch) -> Result<Created, CrmError> {
        let mut fields: Map<String, Value> =
            properties.iter().filter_map(|(name, value)| Some((name.clone(), sent(name, value)?))).collect();
        for name in REQUIRED {
            fields.entry(name).or_insert_with(|| NOT_PROVIDED.into());
        }
        let mut rejection = String::new();
        for _ in 0..TRIES_MAX {
            let answer = self.call(Method::POST, &format!("/sobjects/{LEAD}"), Some(&fields)).await?;
            if answer.status == StatusCode::CREATED {
                let made = read::<Loose<Made>>(&answer.body).ok().and_then(Loose::into_object).unwrap_or_default();
                let id = made.id.as_text().filter(|_| made.success == Scalar::Boolean(true));
                let id = id.and_then(|id| long(&LEAD, id)).ok_or_else(|| unreadable("no lead that was created"))?;
                return Ok(Created::Record(LEAD, id));
            }
            if answer.status != StatusCode::BAD_REQUEST {
                return Err(answer.failure());
            }
            let complaint = Complaint::read(&answer.body);
            rejection = format!("Salesforce refuses it: {}", complaint.code().unwrap_or("without a code"));
            let refused = complaint.refused();
            let is_needed = |name: &&str| refused.contains_key(*name);
            match verdict(&complaint) {
                Verdict::Later => return Err(answer.failure()),
                Verdict::Without if ![EMAIL].iter().chain(&REQUIRED).any(is_needed) => {
                    refused.keys().for_each(|name| drop(fields.remove(name)));
                }
                Verdict::Without | Verdict::End(_) => break,
            }
        }
        Ok(Created::Rejected(rejection))
    }
}
