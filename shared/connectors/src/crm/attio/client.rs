//! Reading and writing people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::crm::schema::Property;
use leadgate_enrichment::crm::{Created, Crm, CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::classify::{broken, failure, unreadable};
use super::wire::{COMPANIES, LISTS, PEOPLE, Place, RECORDS_MAX, Row, is_id, many, place, query};
use crate::http::{ExchangeError, Http, read_body};
use crate::secret::Secret;
use crate::seen::Seen;

/// For one call: 20 people take Attio well below a second.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer that is read: 20 people with all of their attributes are far below it.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One workspace, as seen at one moment.
pub struct Attio {
    http: Http,
    base_url: String,
    token: Secret,
    seen: Arc<Seen>,
    now: Timestamp,
}

/// A whole answer, whatever it says.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
    now: Timestamp,
}

impl Answer {
    pub(super) fn failure(&self) -> CrmError {
        failure(self.status, &self.headers, &self.body, self.now)
    }
}

impl Attio {
    /// The workspace of this token. `base_url` is `https://api.attio.com`, or a simulator's. Clients over one `http` share
    /// what they remember.
    pub fn new(http: impl Into<Http>, base_url: String, token: Secret, now: Timestamp) -> Self {
        let (http, base_url) = (http.into(), base_url.trim_end_matches('/').to_owned());
        let seen = http.session(&format!("attio {base_url}"));
        Self { http, base_url, token, seen, now }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The rows of these ids, in one call. One that isn't there is left out, and one that was created a moment ago may be.
    async fn list(&self, object: &str, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Row>, CrmError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let path = format!("/objects/{object}/records/query");
        let answer = self.call(Method::POST, &path, Some(&query(&asked))).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let rows = many::<Row, RECORDS_MAX>(&answer.body).ok_or_else(|| unreadable("no list of records"))?;
        let named = |row: Row| Some((row.id().filter(|id| ids.contains(id))?, row));
        let rows: Option<BTreeMap<String, Row>> = rows.into_iter().map(named).collect();
        rows.ok_or_else(|| unreadable("a record that wasn't asked for"))
    }

    /// People by their ids. Who isn't in a list is asked for alone before they count as gone: nothing is said of how soon a
    /// list has who is new.
    async fn people(&self, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Row>, CrmError> {
        let mut rows = self.list(PEOPLE.as_str(), ids).await?;
        for id in ids {
            if !rows.contains_key(id) {
                rows.extend(self.one(id).await?.map(|row| (id.clone(), row)));
            }
        }
        Ok(rows)
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, CrmError> {
        let url = format!("{}/v2{path}", self.base_url);
        let request = self.http.request(method, url).bearer_auth(self.token.expose());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let request = self.http.within(TIMEOUT, request);
        let response = request.send().await.map_err(|error| broken(ExchangeError::from(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(broken)?;
        Ok(Answer { status, headers, body, now: self.now })
    }
}

#[async_trait::async_trait]
impl Crm for Attio {
    async fn read(
        &self,
        object: &ObjectType,
        ids: &[String],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let asked = ids.iter().filter(|id| *object == PEOPLE && is_id(id)).cloned().collect();
        let people = self.people(&asked).await?;
        let is_companies = |property: &&str| matches!(place(property), Place::OfCompany(_));
        let mut companies = BTreeMap::new();
        if properties.iter().any(is_companies) {
            let ids = people.values().filter_map(Row::company).collect();
            companies = self.list(COMPANIES, &ids).await?;
        }
        let read = |(id, row): (String, Row)| {
            self.seen.note(&id, LISTS.map(|list| (list, row.property(list))));
            let company = row.company().and_then(|id| companies.get(&id));
            let value = |property: &str| match place(property) {
                Place::Own(attribute) => row.property(attribute),
                Place::Part(attribute, part) => row.part(attribute, part),
                Place::OfCompany(attribute) => company?.property(attribute),
            };
            (id, properties.iter().map(|property| ((*property).to_owned(), value(property))).collect())
        };
        Ok(people.into_iter().map(read).collect())
    }

    async fn write(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        self.write_all(object, patches).await
    }

    async fn find_person(&self, email: &str) -> Result<Option<(ObjectType, String)>, CrmError> {
        Ok(self.with_email(email).await?.map(|id| (PEOPLE, id)))
    }

    async fn create_person(&self, properties: &Patch) -> Result<Created, CrmError> {
        self.create(properties).await
    }

    async fn properties(&self, _: &ObjectType) -> Result<Option<Vec<Property>>, CrmError> {
        self.list_attributes().await.map(Some)
    }

    async fn add_property(&self, _: &ObjectType, property: &Property) -> Result<bool, CrmError> {
        self.create_attribute(property).await
    }
}
