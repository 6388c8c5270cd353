//! Reading and writing persons.

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
use super::config::Settings;
use super::schema::no_creation;
use super::session::Session;
use super::wire::{PERSON, Place, RECORDS_MAX, Row, is_id, page, place};
use crate::http::{ExchangeError, Http, read_body};
use crate::secret::Secret;

/// For one call: 20 persons take Pipedrive well below a second.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer that is read: 20 persons with all of their fields are far below it.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The header with the token (pipedrive.readme.io, "Authentication").
const TOKEN: &str = "x-api-token";

/// One company, as seen at one moment.
pub struct Pipedrive {
    http: Http,
    base_url: String,
    settings: Settings,
    token: Secret,
    session: Arc<Session>,
    now: Timestamp,
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
}

impl Pipedrive {
    /// The company of these settings. `base_url` is `https://api.pipedrive.com`, the company's own address, or a
    /// simulator's. Clients over one `http` share what they remember.
    pub fn new(http: impl Into<Http>, base_url: String, settings: Settings, token: Secret, now: Timestamp) -> Self {
        let (http, base_url) = (http.into(), base_url.trim_end_matches('/').to_owned());
        let session = http.session(&format!("{base_url} {}", settings.company_id));
        Self { http, base_url, settings, token, session, now }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// The rows of these ids. One that isn't there, or in the trash, or that the token's user doesn't see, is left out.
    async fn list(&self, records: &str, ids: &BTreeSet<String>) -> Result<BTreeMap<String, Row>, CrmError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let joined = ids.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let query = [("ids", joined.as_str()), ("limit", "100")];
        let answer = self.call(Method::GET, &format!("/{records}"), &query, None).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let (rows, next) = page::<Row, RECORDS_MAX>(&answer.body).ok_or_else(|| unreadable("no list of records"))?;
        if next.is_some() {
            // What is on another page must not pass for gone.
            return Err(unreadable("a list that goes on"));
        }
        let named = |row: Row| Some((row.id().filter(|id| ids.contains(id))?, row));
        let rows: Option<BTreeMap<String, Row>> = rows.into_iter().map(named).collect();
        let mut rows = rows.ok_or_else(|| unreadable("a record that wasn't asked for"))?;
        rows.retain(|_, row| !row.is_deleted());
        Ok(rows)
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, CrmError> {
        self.session.check_floor(self.settings.daily_budget_floor, self.now)?;
        let url = format!("{}/api/v2{path}", self.base_url);
        let request = self.http.request(method, url).header(TOKEN, self.token.expose()).query(query);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let request = self.http.within(TIMEOUT, request);
        let response = request.send().await.map_err(|error| broken(ExchangeError::from(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.session.note_budget(&headers, self.now);
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(broken)?;
        Ok(Answer { status, headers, body })
    }
}

#[async_trait::async_trait]
impl Crm for Pipedrive {
    async fn read(
        &self,
        object: &ObjectType,
        ids: &[String],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let asked = ids.iter().filter(|id| *object == PERSON && is_id(id)).cloned().collect();
        let persons = self.list("persons", &asked).await?;
        let is_organizations = |property: &&str| matches!(place(property), Place::OfOrganization(_));
        let mut organizations = BTreeMap::new();
        if properties.iter().any(is_organizations) {
            let ids = persons.values().filter_map(Row::organization).collect();
            organizations = self.list("organizations", &ids).await?;
        }
        let read = |(id, row): (String, Row)| {
            self.session.note_seen(&id, &row);
            let organization = row.organization().and_then(|id| organizations.get(&id));
            let value = |property: &str| match place(property) {
                Place::Own(name) => row.property(name),
                Place::OfOrganization(field) => organization?.property(field),
            };
            (id, properties.iter().map(|property| ((*property).to_owned(), value(property))).collect())
        };
        Ok(persons.into_iter().map(read).collect())
    }

    async fn write(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        self.write_all(object, patches).await
    }

    async fn find_person(&self, email: &str) -> Result<Option<(ObjectType, String)>, CrmError> {
        Ok(self.with_email(email).await?.map(|id| (PERSON, id)))
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
