//! Reading and writing contacts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::crm::schema::Property;
use leadgate_enrichment::crm::{Created, Crm, CrmError, Selected, Selection, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use leadgate_enrichment::retry::Retry;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;

use super::api_version::ApiVersion;
use super::classify::{broken, failure, unreadable};
use super::companies::{OF_COMPANY, Parts};
use super::config::Settings;
use super::session::{Login, OAuth, Session};
use super::wire::{BatchAnswer, BatchRead, Complaint, ReadInput, Record};
use crate::http::{ExchangeError, Http, read_body};
use crate::loose::{List, Loose, read};
use crate::secret::Secret;

/// For one call. A batch of 100 takes HubSpot about a second.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer that is read: 100 records with a few dozen properties are far below it.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The word for a record that isn't there.
pub(super) const NOT_FOUND: &str = "OBJECT_NOT_FOUND";

/// One HubSpot account.
pub struct HubSpot {
    http: Http,
    base_url: String,
    api_version: ApiVersion,
    login: Login,
    session: Arc<Session>,
    daily_calls_floor: u64,
    now: Timestamp,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl HubSpot {
    /// The account that a static `token` belongs to, of whose calls none are left to others. `base_url` is
    /// `https://api.hubapi.com`, or a simulator's.
    pub fn new(http: impl Into<Http>, base_url: String, api_version: ApiVersion, token: Secret) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let (login, session, now) = (Login::Static(token), Arc::default(), Timestamp::UNIX_EPOCH);
        Self { http: http.into(), base_url, api_version, login, session, daily_calls_floor: 0, now }
    }

    /// The account of these settings. With a `client_id`, `secret` is `CLIENT_SECRET:REFRESH_TOKEN`.
    pub fn of(http: impl Into<Http>, base_url: String, settings: Settings, secret: Secret, now: Timestamp) -> Self {
        let http = http.into();
        let Settings { portal_id, api_version, client_id, daily_calls_floor, .. } = settings;
        let base_url = base_url.trim_end_matches('/').to_owned();
        let session = http.session(&format!("{base_url} {portal_id}"));
        let login = match client_id {
            Some(client_id) => Login::OAuth(OAuth { client_id, credential: secret, portal_id }),
            None => Login::Static(secret),
        };
        Self { http, base_url, api_version, login, session, daily_calls_floor, now }
    }

    /// Reads one record, by its own id or that of one which was merged into it. `None` when it is gone.
    async fn read_alone(
        &self,
        object: &ObjectType,
        id: &str,
        properties: &[&str],
    ) -> Result<Option<Properties>, CrmError> {
        let request = self.request(Method::GET, object, id).query(&[("properties", properties.join(","))]);
        let answer = self.send(request).await?;
        match answer.status.as_u16() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(answer.failure()),
        }
        match read::<Loose<Record>>(&answer.body) {
            Ok(Loose::Object(record)) if record.id().is_some() => Ok(Some(record.properties())),
            _ => Err(unreadable("no record")),
        }
    }

    pub(super) async fn call(
        &self,
        method: Method,
        object: &ObjectType,
        suffix: &str,
        body: &impl Serialize,
    ) -> Result<Answer, CrmError> {
        self.send(self.request(method, object, suffix).json(body)).await
    }

    fn request(&self, method: Method, object: &ObjectType, suffix: &str) -> RequestBuilder {
        let url = format!("{}{}/{suffix}", self.base_url, self.api_version.path(object));
        self.http.request(method, url)
    }

    /// The same of any other path.
    pub(super) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer, CrmError> {
        self.send(self.http.request(Method::POST, format!("{}{path}", self.base_url)).json(body)).await
    }

    pub(super) fn api_version(&self) -> &ApiVersion {
        &self.api_version
    }

    pub(super) fn create_request(&self, object: &ObjectType) -> RequestBuilder {
        let url = format!("{}{}", self.base_url, self.api_version.path(object));
        self.http.request(Method::POST, url)
    }

    pub(super) fn list_request(&self, suffix: &str) -> RequestBuilder {
        self.http.request(Method::GET, format!("{}{}/{suffix}", self.base_url, self.api_version.lists_path()))
    }

    pub(super) fn properties_request(&self, method: Method, object: &ObjectType) -> RequestBuilder {
        let url = format!("{}{}", self.base_url, self.api_version.properties_path(object));
        self.http.request(method, url)
    }

    /// Sends it as who we are. An app's token that was refused is replaced once.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, CrmError> {
        self.session.check_floor(self.daily_calls_floor, self.now)?;
        let app = match &self.login {
            Login::Static(token) => return self.exchange(request.bearer_auth(token.expose())).await,
            Login::OAuth(app) => app,
        };
        let at = (&self.http, self.base_url.as_str(), &self.api_version);
        let token = self.session.token(app, at, None, self.now).await?;
        let again = request.try_clone();
        let answer = self.exchange(request.bearer_auth(token.value.expose())).await?;
        match again.filter(|_| answer.status == StatusCode::UNAUTHORIZED) {
            Some(again) => {
                let token = self.session.token(app, at, Some(&token), self.now).await?;
                self.exchange(again.bearer_auth(token.value.expose())).await
            }
            None => Ok(answer),
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, CrmError> {
        let request = self.http.within(TIMEOUT, request);
        let response = request.send().await.map_err(|error| broken(ExchangeError::from(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(broken)?;
        self.session.note_calls(&headers, self.now);
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    pub(super) fn failure(&self) -> CrmError {
        failure(self.status, &self.headers, &self.body)
    }

    /// Why HubSpot doesn't want this record, if it is this record that it doesn't want.
    pub(super) fn rejection(&self) -> Result<String, CrmError> {
        let failure = self.failure();
        if failure.retry == Retry::Never { Ok(failure.reason) } else { Err(failure) }
    }

    /// The answer of a batch. One that isn't complete, or has no list of results, must not be taken for one in which
    /// all records are missing.
    pub(super) fn batch(&self) -> Result<BatchAnswer, CrmError> {
        if !matches!(self.status.as_u16(), 200 | 207) {
            return Err(self.failure());
        }
        let Ok(Loose::Object(answer)) = read::<Loose<BatchAnswer>>(&self.body) else {
            return Err(unreadable("not a JSON object"));
        };
        if answer.status.as_text().is_some_and(|status| status != "COMPLETE") {
            return Err(unreadable("a batch that isn't complete"));
        }
        match answer.results {
            List::Other(_) => Err(unreadable("no list of results")),
            List::Of { .. } => Ok(answer),
        }
    }
}

/// HubSpot's ids are numbers. Anything else is no record, and would fail the whole batch or stray into the path.
pub(super) fn is_record_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

impl HubSpot {
    /// Reads records of any kind, in one call.
    pub(super) async fn read_records(
        &self,
        object: &ObjectType,
        ids: &[String],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let asked: BTreeSet<&str> = ids.iter().map(String::as_str).filter(|id| is_record_id(id)).collect();
        if asked.is_empty() {
            return Ok(BTreeMap::new());
        }
        let inputs = asked.iter().map(|id| ReadInput { id }).collect();
        let answer = self
            .call(
                Method::POST,
                object,
                "batch/read",
                &BatchRead { properties, properties_with_history: [], id_property: None, inputs },
            )
            .await?;
        let answer = answer.batch()?;
        let mut errors = answer.errors.items().iter().filter_map(Loose::as_object);
        if errors.any(|complaint| complaint.category() != Some(NOT_FOUND)) {
            // A record that HubSpot has and couldn't read must not look like one that is gone.
            return Err(unreadable("a record that it has but didn't read"));
        }
        let records = answer.results.items().iter().filter_map(Loose::as_object);
        let records = records.filter_map(|record| Some((record.id()?, record.properties())));
        let mut found: BTreeMap<String, Properties> = records.filter(|(id, _)| asked.contains(id.as_str())).collect();
        let errors = answer.errors.items().iter().filter_map(Loose::as_object);
        let gone: BTreeSet<&str> = errors.flat_map(Complaint::records).collect();
        // One that was merged into another answers under the id of that one, or not at all. Alone, it answers.
        for id in asked.into_iter().filter(|id| !gone.contains(id)) {
            if !found.contains_key(id)
                && let Some(properties) = self.read_alone(object, id, properties).await?
            {
                found.insert(id.to_owned(), properties);
            }
        }
        Ok(found)
    }
}

#[async_trait::async_trait]
impl Crm for HubSpot {
    async fn read(
        &self,
        object: &ObjectType,
        ids: &[String],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let (of_company, own): (Vec<&str>, Vec<&str>) =
            properties.iter().partition(|property| property.starts_with(OF_COMPANY));
        let mut found = self.read_records(object, ids, &own).await?;
        if !of_company.is_empty() {
            self.add_companies(&mut found, &of_company).await?;
        }
        Ok(found)
    }

    async fn write(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let parts = Parts::of(patches);
        let written = self.write_records(object, &parts.own).await?;
        self.write_companies(&parts, written).await
    }

    async fn find_person(&self, email: &str) -> Result<Option<(ObjectType, String)>, CrmError> {
        Ok(self.with_email(email).await?.map(|id| (ObjectType::CONTACT, id)))
    }

    async fn create_person(&self, properties: &Patch) -> Result<Created, CrmError> {
        self.create(properties).await
    }

    async fn select(
        &self,
        object: &ObjectType,
        selection: &Selection,
        after: Option<&str>,
    ) -> Result<Selected, CrmError> {
        match selection {
            Selection::List(list) => self.on_list(object, list, after).await,
            Selection::Value { property, value } => self.with_value(object, (property, value), after).await,
        }
    }

    async fn properties(&self, object: &ObjectType) -> Result<Option<Vec<Property>>, CrmError> {
        self.list_properties(object).await.map(Some)
    }

    async fn add_property(&self, object: &ObjectType, property: &Property) -> Result<bool, CrmError> {
        self.create_property(object, property).await
    }
}
