//! Reading and writing contacts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::crm::schema::Property;
use leadgate_enrichment::crm::{Created, Crm, CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::classify::{broken, failure, unreadable};
use super::schema::no_creation;
use super::wire::{CONTACT, Complaint, LISTS, Place, Row, is_id, place, row};
use crate::http::{ExchangeError, Http, read_body};
use crate::secret::Secret;
use crate::seen::Seen;

/// For one call: a contact takes Close well below a second.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer that is read: a contact with all of its fields, or a lead with hundreds of contacts, is far below it.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One organization.
pub struct Close {
    http: Http,
    base_url: String,
    key: Secret,
    seen: Arc<Seen>,
}

/// A whole answer, whatever it says.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn failure(&self) -> CrmError {
        failure(self.status, &self.headers, &self.body)
    }

    /// Whether it is the record that isn't there. Where it is the path, another server answers, or in other words.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.status.as_u16(), 404 | 410) && Complaint::read(&self.body).is_closes()
    }
}

impl Close {
    /// The organization of this API key. `base_url` is `https://api.close.com/api/v1`, or a simulator's. Clients over one
    /// `http` share what they remember.
    pub fn new(http: impl Into<Http>, base_url: String, key: Secret) -> Self {
        let (http, base_url) = (http.into(), base_url.trim_end_matches('/').to_owned());
        let seen = http.session(&format!("close {base_url}"));
        Self { http, base_url, key, seen }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// A record as it is now. `None` if it is gone.
    pub(super) async fn one(&self, path: &str, id: &str) -> Result<Option<Row>, CrmError> {
        let answer = self.call(Method::GET, &format!("/{path}/{id}/"), &[], None).await?;
        match answer.status {
            StatusCode::OK => row(&answer.body, id).map(Some).ok_or_else(|| unreadable("no record of that id")),
            _ if answer.is_gone() => Ok(None),
            _ => Err(answer.failure()),
        }
    }

    /// By HTTP Basic authentication, where the key is the user ("Authentication with API keys").
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, CrmError> {
        let url = format!("{}{path}", self.base_url);
        let request = self.http.request(method, url).basic_auth(self.key.expose(), Some("")).query(query);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let request = self.http.within(TIMEOUT, request);
        let response = request.send().await.map_err(|error| broken(ExchangeError::from(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(broken)?;
        Ok(Answer { status, headers, body })
    }
}

#[async_trait::async_trait]
impl Crm for Close {
    /// One call for each contact, and one for each lead where anything of it is asked for: nothing is said of a list of
    /// contacts by their ids.
    async fn read(
        &self,
        object: &ObjectType,
        ids: &[String],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let asked: BTreeSet<&String> = ids.iter().filter(|id| *object == CONTACT && is_id("cont", id)).collect();
        let is_leads = properties.iter().any(|property| matches!(place(property), Place::OfLead(_)));
        let (mut leads, mut found): (BTreeMap<String, Option<Row>>, _) = (BTreeMap::new(), BTreeMap::new());
        for id in asked {
            let Some(contact) = self.one("contact", id).await? else { continue };
            self.seen.note(id, LISTS.map(|list| (list.property, contact.property(list.property))));
            let lead = contact.lead().filter(|_| is_leads);
            if let Some(lead) = lead.as_ref().filter(|lead| !leads.contains_key(*lead)) {
                leads.insert(lead.clone(), self.one("lead", lead).await?);
            }
            let lead = lead.and_then(|lead| leads.get(&lead)?.as_ref());
            let value = |property: &str| match place(property) {
                Place::Own(_) | Place::Derived => contact.property(property),
                Place::OfLead(field) => lead?.property(field),
            };
            let values = properties.iter().map(|property| ((*property).to_owned(), value(property))).collect();
            found.insert(id.clone(), values);
        }
        Ok(found)
    }

    async fn write(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        self.write_all(object, patches).await
    }

    async fn find_person(&self, email: &str) -> Result<Option<(ObjectType, String)>, CrmError> {
        Ok(self.with_email(email).await?.map(|id| (CONTACT, id)))
    }

    async fn create_person(&self, properties: &Patch) -> Result<Created, CrmError> {
        self.create(properties).await
    }

    async fn properties(&self, _: &ObjectType) -> Result<Option<Vec<Property>>, CrmError> {
        self.list_fields().await.map(Some)
    }

    async fn add_property(&self, _: &ObjectType, property: &Property) -> Result<bool, CrmError> {
        Err(no_creation(property))
    }
}
