//! ZoomInfo as the provider that a flow works with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::{AsynchronousRequest, CallKind, Provider, Reply, Told, Usage, UsageError};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder};

use super::super::exchange::{Account, Received, no_figures, no_people, told, unanswered};
use super::classify::{classify, rates};
use super::session::{Login, Session};
use super::wire::{Document, answers, used};
use crate::http::Http;
use crate::secret::Secret;

/// The most people in one call (documented).
const PEOPLE_MAX: usize = 25;

/// The part of a call's time that getting a token may take, as a divisor: the call that costs has the rest.
const TIME_FOR_A_TOKEN: u32 = 4;

/// An account at ZoomInfo.
pub struct ZoomInfo {
    login: Login,
    session: Arc<Session>,
}

impl ZoomInfo {
    /// The account that an application with this id and secret may use. `base_url` is `https://api.zoominfo.com/gtm`, or a
    /// simulator's. It is called now.
    pub fn new(http: impl Into<Http>, base_url: &str, client_id: &str, client_secret: Secret, now: Timestamp) -> Self {
        let http = http.into();
        let session = http.session(&format!("{base_url} {client_id}"));
        let (base_url, client_id) = (base_url.to_owned(), client_id.to_owned());
        Self { login: Login { http, base_url, client_id, client_secret, now }, session }
    }

    /// Makes a call with the access token that there is. One that is refused all the same is so before any work, and replaced with
    /// the next call; one that was given just now and is refused won't get better.
    async fn send(&self, call: impl FnOnce(&Account) -> RequestBuilder, timeout: Duration) -> Result<Received, Reply> {
        let time_for_a_token = timeout / TIME_FOR_A_TOKEN;
        let (token, is_new) = self.session.token(&self.login, time_for_a_token).await?;
        let account = Account::bearer(self.login.http.clone(), &self.login.base_url, token.value.clone());
        let request = call(&account).headers(json_api());
        let received = account.send(request, timeout.saturating_sub(time_for_a_token)).await?;
        if received.status.as_u16() == 401 {
            self.session.refuse(token);
            if !is_new {
                return Err(Reply::Transient("401: the access token had ended".to_owned()));
            }
        }
        Ok(received)
    }
}

/// What it sends and takes.
fn json_api() -> HeaderMap {
    let kind = HeaderValue::from_static("application/vnd.api+json");
    HeaderMap::from_iter([(ACCEPT, kind.clone()), (CONTENT_TYPE, kind)])
}

#[async_trait::async_trait]
impl Provider for ZoomInfo {
    fn people_max(&self, _: &BTreeSet<ProfileField>, _: &[PricedField]) -> usize {
        PEOPLE_MAX
    }

    /// Its limits count all calls of an account together.
    fn endpoint(&self, _: CallKind) -> &'static str {
        "gtm"
    }

    async fn look_up(
        &self,
        people: &[Identity],
        fields: &BTreeSet<ProfileField>,
        _: Option<&AsynchronousRequest>,
        timeout: Duration,
    ) -> Told<Reply> {
        if people.is_empty() {
            return no_people();
        }
        let document = Document::about(people, fields);
        let call = |account: &Account| account.request(Method::POST, "data/v1/contacts/enrich").json(&document);
        match self.send(call, timeout).await {
            Ok(received) => {
                let reply = classify(&received).and_then(|body| answers(body, document.people()));
                told(reply, rates(&received.headers))
            }
            Err(reply) => unanswered(reply),
        }
    }

    async fn usage(&self, timeout: Duration) -> Result<Option<Usage>, UsageError> {
        let call = |account: &Account| account.request(Method::GET, "data/v1/users/usage");
        let received = self.send(call, timeout).await.map_err(|reply| no_figures(&reply))?;
        let body = classify(&received).map_err(|reply| no_figures(&reply))?;
        used(body).map(Some).ok_or_else(|| UsageError("the figures can't be read".to_owned()))
    }
}
