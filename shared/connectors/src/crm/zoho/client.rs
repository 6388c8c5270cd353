//! Reading and writing leads and contacts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::crm::schema::Property;
use leadgate_enrichment::crm::{Created, Crm, CrmError, Written};
use leadgate_enrichment::ids::{ObjectType, digest};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::classify::{broken, failure, unreadable};
use super::config::Settings;
use super::fields::{Place, place};
use super::schema::no_creation;
use super::session::{Login, Session};
use super::wire::{Row, is_id, is_module, rows};
use crate::access_token::Token;
use crate::http::{ExchangeError, Http, read_body};
use crate::secret::Secret;

/// For one call: a hundred records take Zoho a few seconds.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The largest answer that is read: a hundred records with fifty fields are far below it.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The most fields that a list may be asked for (documented).
const FIELDS_MAX: usize = 50;

/// One org.
pub struct Zoho {
    http: Http,
    login: Login,
    session: Arc<Session>,
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

impl Zoho {
    /// The org of this credential, `CLIENT_SECRET:REFRESH_TOKEN`. `base_url` is the accounts server of the org's region, or a
    /// simulator's. Clients over one `http` share their token.
    pub fn new(http: impl Into<Http>, base_url: String, settings: Settings, credential: Secret, _: Timestamp) -> Self {
        let (http, base_url) = (http.into(), base_url.trim_end_matches('/').to_owned());
        let Settings { client_id, .. } = settings;
        // Another credential is another org's.
        let session = http.session(&format!("{base_url} {client_id} {}", digest(&[credential.expose()])));
        Self { http, login: Login { base_url, client_id, credential }, session }
    }

    /// A call, once more with another token if the first isn't good any longer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, CrmError> {
        let token = self.session.token(&self.login, &self.http, None).await?;
        let answer = self.call_with(&token, &method, path, query, body).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = self.session.token(&self.login, &self.http, Some(&token)).await?;
        self.call_with(&token, &method, path, query, body).await
    }

    async fn call_with(
        &self,
        token: &Token,
        method: &Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, CrmError> {
        let url = format!("{}/crm/v8{path}", token.address);
        let authorization = format!("Zoho-oauthtoken {}", token.value.expose());
        let request = self.http.request(method.clone(), url).header(AUTHORIZATION, authorization).query(query);
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

    /// The rows of these ids. One that isn't there, or that the token's user doesn't see, is left out.
    async fn list(
        &self,
        object: &ObjectType,
        ids: &BTreeSet<&str>,
        fields: &str,
    ) -> Result<BTreeMap<String, Row>, CrmError> {
        let joined = ids.iter().copied().collect::<Vec<_>>().join(",");
        let query = [("ids", joined.as_str()), ("fields", fields)];
        let answer = self.call(Method::GET, &format!("/{}", object.as_str()), &query, None).await?;
        match answer.status {
            StatusCode::OK => rows(&answer.body, ids).ok_or_else(|| unreadable("no list of these records")),
            // None of them is there.
            StatusCode::NO_CONTENT => Ok(BTreeMap::new()),
            _ => Err(answer.failure()),
        }
    }
}

#[async_trait::async_trait]
impl Crm for Zoho {
    async fn read(
        &self,
        object: &ObjectType,
        ids: &[String],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let asked: BTreeSet<&str> = ids.iter().map(String::as_str).filter(|id| is_id(id)).collect();
        if !is_module(object) || asked.is_empty() {
            return Ok(BTreeMap::new());
        }
        let field = |property: &&str| match place(object, property) {
            Place::Own(field) => Some(field.to_owned()),
            Place::Named(field) => Some(field.to_owned()),
            Place::Nowhere => None,
        };
        let mut fields: BTreeSet<String> = properties.iter().filter_map(field).collect();
        fields.insert("id".to_owned());
        let fields: Vec<String> = fields.into_iter().collect();
        let mut found: BTreeMap<String, Properties> = BTreeMap::new();
        for fields in fields.chunks(FIELDS_MAX) {
            for (id, row) in self.list(object, &asked, &fields.join(",")).await? {
                let known = found.entry(id).or_default();
                for property in properties {
                    let value = match place(object, property) {
                        Place::Own(field) => row.field(field),
                        Place::Named(field) => row.name(field),
                        Place::Nowhere => None,
                    };
                    let there = known.entry((*property).to_owned()).or_default();
                    *there = there.take().or(value);
                }
            }
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
        self.with_email(email).await
    }

    async fn create_person(&self, properties: &Patch) -> Result<Created, CrmError> {
        self.create(properties).await
    }

    /// A mapping has the names of leads.
    async fn properties(&self, _: &ObjectType) -> Result<Option<Vec<Property>>, CrmError> {
        self.list_fields().await.map(Some)
    }

    async fn add_property(&self, _: &ObjectType, property: &Property) -> Result<bool, CrmError> {
        Err(no_creation(property))
    }
}
