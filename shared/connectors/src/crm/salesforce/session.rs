//! Signing in, and what is remembered between calls: the token, how many of the day's calls are left, and which leads have
//! become contacts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::crm::CrmError;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use url::form_urlencoded;

use super::classify::{below_floor, broken, misconfigured, no_token, unreadable};
use super::config::Settings;
use super::jwt;
use super::record_id;
use super::wire::TokenAnswer;
use crate::access_token::{AccessToken, Token};
use crate::daily_budget::DailyBudget;
use crate::http::{ExchangeError, Http, read_body};
use crate::loose::{Loose, Scalar, read};
use crate::secret::Secret;

/// For signing in.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A token and a few addresses are far below it.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// More converted leads are not remembered: they are learned again when they are read.
const CONVERTED_MAX: usize = 10_000;

/// What clients of one connection share.
#[derive(Default)]
pub(super) struct Session {
    token: AccessToken,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Calls of the last 24 hours.
    calls: Option<DailyBudget>,
    /// The contact that each lead has become, as last read.
    converted: BTreeMap<String, String>,
}

/// Who signs in, and where.
pub(super) struct Login {
    pub(super) base_url: String,
    pub(super) settings: Settings,
    /// The private key of a JWT, or the app's consumer secret.
    pub(super) credential: Secret,
}

impl Session {
    /// A token: of those who need one at the same time, one signs in.
    pub(super) async fn token(
        &self,
        login: &Login,
        http: &Http,
        refused: Option<&Token>,
        now: Timestamp,
    ) -> Result<Token, CrmError> {
        self.token.get(refused, now, login.sign_in(http, now)).await
    }

    /// Whether a call may be made: not while so few of the day's calls are left that they are others'.
    pub(super) fn check_floor(&self, floor: u64, now: Timestamp) -> Result<(), CrmError> {
        let known = self.known();
        let wait = known.calls.and_then(|calls| calls.wait(floor, now));
        wait.map_or(Ok(()), |wait| Err(below_floor(wait)))
    }

    pub(super) fn note_usage(&self, (used, of): (u64, u64), at: Timestamp) {
        self.known().calls = Some(DailyBudget { left: of.saturating_sub(used), of: Some(of), at });
    }

    /// This lead has become this contact.
    pub(super) fn note_converted(&self, lead: &str, contact: &str) {
        let mut known = self.known();
        if known.converted.len() >= CONVERTED_MAX {
            known.converted.clear();
        }
        known.converted.insert(lead.to_owned(), contact.to_owned());
    }

    /// The contact that this lead has become, if it was read as one.
    pub(super) fn contact_of(&self, lead: &str) -> Option<String> {
        self.known().converted.get(lead).cloned()
    }

    /// A step of work that panicked has left whole values.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Login {
    /// A token, and where it is good.
    async fn sign_in(&self, http: &Http, now: Timestamp) -> Result<Token, CrmError> {
        let url = format!("{}/services/oauth2/token", self.base_url);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = http.request(Method::POST, url).header(CONTENT_TYPE, form).body(self.form(now)?);
        let response =
            http.within(TIMEOUT, request).send().await.map_err(|error| broken(ExchangeError::from(error)))?;
        let status = response.status();
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(broken)?;
        let answer = read::<Loose<TokenAnswer>>(&body).ok().and_then(Loose::into_object).unwrap_or_default();
        if !status.is_success() {
            return Err(no_token(status, answer.error.as_word()));
        }
        self.accepted(&answer)
    }

    fn form(&self, now: Timestamp) -> Result<String, CrmError> {
        let Settings { client_id, username, audience, .. } = &self.settings;
        match username {
            Some(username) => {
                let claims = jwt::Claims { issuer: client_id, subject: username, audience, now };
                let assertion = jwt::signed(&claims, &self.credential).map_err(misconfigured)?;
                Ok(encoded(&[("grant_type", jwt::GRANT_TYPE), ("assertion", &assertion)]))
            }
            None => {
                let secret = self.credential.expose();
                let grant = ("grant_type", "client_credentials");
                Ok(encoded(&[grant, ("client_id", client_id), ("client_secret", secret)]))
            }
        }
    }

    /// The token of another org is not used: what is bought for one tenant must not be written to another's.
    fn accepted(&self, answer: &TokenAnswer) -> Result<Token, CrmError> {
        let token = answer.access_token.as_text().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| unreadable("no token"))?;
        let mut parts = answer.id.as_text().unwrap_or_default().rsplit('/').skip(1);
        if parts.next().and_then(record_id::canonical).is_none_or(|org| org != self.settings.organization_id) {
            return Err(misconfigured("the token is for another org than `organization_id` says"));
        }
        let instance_url = address(&answer.instance_url, &self.base_url).ok_or_else(|| unreadable("no instance"))?;
        Ok(Token::new(Secret::new(token.to_owned()), instance_url, None))
    }
}

/// Where the org's API is. A token that came over TLS goes nowhere without.
fn address(instance_url: &Scalar, base_url: &str) -> Option<String> {
    let url = Url::parse(instance_url.as_text()?).ok()?;
    let is_fit = url.scheme() == "https" || (url.scheme() == "http" && base_url.starts_with("http://"));
    is_fit.then(|| url.as_str().trim_end_matches('/').to_owned())
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
