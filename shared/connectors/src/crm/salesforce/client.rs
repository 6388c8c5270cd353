//! Reading and writing leads and contacts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::crm::schema::Property;
use leadgate_enrichment::crm::{Created, Crm, CrmError, Selected, Selection, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde::Serialize;

use super::classify::{broken, failure, unreadable};
use super::config::Settings;
use super::fields::{Place, place};
use super::record_id;
use super::schema::no_creation;
use super::session::{Login, Session};
use super::wire::{ACCOUNT, CONTACT, Complaint, LEAD, Retrieve, Row, daily_usage, id_prefix, rows};
use crate::access_token::Token;
use crate::http::{ExchangeError, Http, read_body};
use crate::secret::Secret;

/// For one call. An org's own triggers and flows run within it, and for 200 records that takes seconds.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The largest answer that is read: 200 records with a few dozen fields are far below it.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How many fields that the org doesn't have are left out of one read. Each costs a call.
const COLUMNS_DROPPED_MAX: usize = 10;

/// Says whose changes are ours, in what the org tells of changes (developer.salesforce.com, "Call Options Header").
const CALL_OPTIONS: (&str, &str) = ("Sforce-Call-Options", "client=leadgate");
/// With every answer (developer.salesforce.com, "Limit Info Header").
const LIMIT_INFO: &str = "Sforce-Limit-Info";

/// A call without a body.
pub(super) const NOTHING: Option<&()> = None;

/// One org, as seen at one moment.
pub struct Salesforce {
    http: Http,
    session: Arc<Session>,
    login: Login,
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

impl Salesforce {
    /// The org of these settings. `base_url` is where tokens come from: `https://login.salesforce.com`, the org's My Domain,
    /// or a simulator's. Clients over one `http` share their token.
    pub fn new(
        http: impl Into<Http>,
        base_url: String,
        settings: Settings,
        credential: Secret,
        now: Timestamp,
    ) -> Self {
        let (http, base_url) = (http.into(), base_url.trim_end_matches('/').to_owned());
        let Settings { organization_id, client_id, username, .. } = &settings;
        let name = format!("{base_url} {organization_id} {client_id} {}", username.as_deref().unwrap_or_default());
        let session = http.session(&name);
        Self { http, session, login: Login { base_url, settings, credential }, now }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// The rows of these ids. One that isn't there is left out, and so is a field that the org doesn't have or the user
    /// doesn't see: it counts as unset.
    async fn retrieve(
        &self,
        object: &ObjectType,
        ids: &BTreeSet<String>,
        mut fields: BTreeSet<String>,
    ) -> Result<BTreeMap<String, Row>, CrmError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        fields.insert("Id".to_owned());
        for _ in 0..=COLUMNS_DROPPED_MAX {
            let path = format!("/composite/sobjects/{object}");
            let answer = self.call(Method::POST, &path, Some(&Retrieve { ids, fields: &fields })).await?;
            if answer.status == StatusCode::OK {
                let rows = rows(&answer.body).filter(|rows| rows.len() == ids.len());
                let rows = rows.ok_or_else(|| unreadable("not a row for each id"))?;
                // A row is known by its id, not by its place: values of another record would be taken for this one's.
                let named = |row: Row| Some((row.id().filter(|id| ids.contains(id))?, row));
                let there: Option<BTreeMap<String, Row>> = rows.into_iter().flatten().map(named).collect();
                return there.ok_or_else(|| unreadable("a row of another record"));
            }
            match Complaint::read(&answer.body).column().filter(|column| fields.remove(column)) {
                Some(column) => tracing::warn!(%object, column, "Salesforce shows no such field"),
                None => return Err(answer.failure()),
            }
        }
        Err(unreadable("too many fields that it doesn't have"))
    }

    /// Leads as they are, and those that were converted as the contacts that they have become.
    async fn read_leads(
        &self,
        ids: &BTreeSet<String>,
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let fields = properties.iter().chain(&[IS_CONVERTED, CONVERTED_CONTACT]);
        let rows = self.retrieve(&LEAD, ids, fields.map(|name| (*name).to_owned()).collect()).await?;
        let is_converted = |row: &Row| row.field(IS_CONVERTED).as_deref() == Some("true");
        let (converted, leads): (BTreeMap<_, _>, BTreeMap<_, _>) =
            rows.into_iter().partition(|(_, row)| is_converted(row));
        // The contact may have been deleted since: then the person is gone from the CRM.
        let contact = |row: &Row| row.field(CONVERTED_CONTACT).and_then(|id| record_id::canonical(&id));
        let became: BTreeMap<String, String> =
            converted.into_iter().filter_map(|(lead, row)| Some((lead, contact(&row)?))).collect();
        let contacts = self.read_contacts(&became.values().cloned().collect(), properties).await?;
        let as_lead = |(id, row): (String, Row)| (id, row.properties(properties.iter().map(|name| (*name, *name))));
        let mut found: BTreeMap<String, Properties> = leads.into_iter().map(as_lead).collect();
        for (lead, contact) in became {
            if let Some(properties) = contacts.get(&contact) {
                self.session.note_converted(&lead, &contact);
                found.insert(lead, properties.clone());
            }
        }
        Ok(found)
    }

    /// Contacts, with what they have from their accounts.
    async fn read_contacts(
        &self,
        ids: &BTreeSet<String>,
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let (mut own, mut of_account) = (Vec::new(), Vec::new());
        for property in properties {
            match place(&CONTACT, property) {
                Place::Own(field) => own.push((*property, field)),
                Place::OfAccount(field) => of_account.push((*property, field)),
            }
        }
        let names = |fields: &[(&str, &str)]| fields.iter().map(|(_, field)| (*field).to_owned()).collect();
        let mut fields: BTreeSet<String> = names(&own);
        fields.insert(ACCOUNT_ID.to_owned());
        let rows = self.retrieve(&CONTACT, ids, fields).await?;
        let account = |row: &Row| row.field(ACCOUNT_ID).and_then(|id| record_id::canonical(&id));
        let mut accounts = BTreeMap::new();
        if !of_account.is_empty() {
            accounts =
                self.retrieve(&ACCOUNT, &rows.values().filter_map(account).collect(), names(&of_account)).await?;
        }
        let read = |(id, row): (String, Row)| {
            let mut properties = row.properties(own.iter().copied());
            if let Some(account) = account(&row).and_then(|id| accounts.get(&id)) {
                properties.extend(account.properties(of_account.iter().copied()));
            }
            (id, properties)
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// A call with a token; if that has run out, another one with a new token.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Answer, CrmError> {
        self.session.check_floor(self.login.settings.daily_calls_floor, self.now)?;
        let token = self.token(None).await?;
        let answer = self.send(&token, method.clone(), path, body).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = self.token(Some(&token)).await?;
        self.send(&token, method, path, body).await
    }

    async fn token(&self, refused: Option<&Token>) -> Result<Token, CrmError> {
        self.session.token(&self.login, &self.http, refused, self.now).await
    }

    async fn send(
        &self,
        token: &Token,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Answer, CrmError> {
        let url = format!("{}/services/data/v{}{path}", token.address, self.login.settings.api_version);
        let request = self.http.request(method, url).bearer_auth(token.value.expose());
        let request = request.header(CALL_OPTIONS.0, CALL_OPTIONS.1);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let request = self.http.within(TIMEOUT, request);
        let response = request.send().await.map_err(|error| broken(ExchangeError::from(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let usage = headers.get(LIMIT_INFO).and_then(|info| daily_usage(info.to_str().ok()?));
        if let Some(usage) = usage {
            self.session.note_usage(usage, self.now);
        }
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(broken)?;
        Ok(Answer { status, headers, body })
    }
}

const IS_CONVERTED: &str = "IsConverted";
const CONVERTED_CONTACT: &str = "ConvertedContactId";
const ACCOUNT_ID: &str = "AccountId";

#[async_trait::async_trait]
impl Crm for Salesforce {
    async fn read(
        &self,
        object: &ObjectType,
        ids: &[String],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let asked: BTreeMap<String, &String> = ids.iter().filter_map(|id| Some((long(object, id)?, id))).collect();
        let long: BTreeSet<String> = asked.keys().cloned().collect();
        let found = match *object == LEAD {
            true => self.read_leads(&long, properties).await?,
            false => self.read_contacts(&long, properties).await?,
        };
        Ok(found.into_iter().filter_map(|(id, values)| Some(((*asked.get(&id)?).clone(), values))).collect())
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

    async fn select(
        &self,
        object: &ObjectType,
        selection: &Selection,
        after: Option<&str>,
    ) -> Result<Selected, CrmError> {
        self.chosen(object, selection, after).await
    }

    async fn properties(&self, object: &ObjectType) -> Result<Option<Vec<Property>>, CrmError> {
        self.describe(object).await.map(Some)
    }

    async fn add_property(&self, _: &ObjectType, property: &Property) -> Result<bool, CrmError> {
        Err(no_creation(property))
    }
}

/// The long form of an id of this kind of record. Anything else is no such record, and would fail the whole call.
pub(super) fn long(object: &ObjectType, id: &str) -> Option<String> {
    record_id::of_kind(id, id_prefix(object)).filter(|_| [LEAD, CONTACT].contains(object))
}
