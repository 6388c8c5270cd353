//! What is remembered between calls: the access token of an OAuth app, and how many of the day's calls are left.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::crm::CrmError;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use url::form_urlencoded;

use super::api_version::ApiVersion;
use super::classify::{below_floor, broken, misconfigured, no_token, unreadable};
use crate::access_token::{AccessToken, Token};
use crate::daily_budget::DailyBudget;
use crate::http::{ExchangeError, Http, read_body};
use crate::loose::{Loose, Scalar, read};
use crate::secret::Secret;

/// For a token.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Two tokens are far below it.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// A token is not used any more when it ends as soon as this: HubSpot says that a 401 is no reliable sign of one that has
/// ended (developers.hubspot.com, "Usage guidelines").
const MARGIN: Duration = Duration::from_secs(60);
/// How long a token lasts that says nothing of it: a part of the half hour that is documented.
const LIFE_UNSAID: u64 = 10 * 60;

/// The day's calls of a private app, and what is left of them. Answers to an OAuth app, and those of the search, don't say
/// (developers.hubspot.com, "Usage guidelines").
const LEFT: &str = "x-hubspot-ratelimit-daily-remaining";
const LIMIT: &str = "x-hubspot-ratelimit-daily";

/// What clients of one account share.
#[derive(Default)]
pub(super) struct Session {
    token: AccessToken,
    calls: Mutex<Option<DailyBudget>>,
}

/// What is called with.
pub(super) enum Login {
    /// A static token: a private app's, or a service key.
    Static(Secret),
    /// An OAuth app's.
    OAuth(OAuth),
}

/// Who gets access tokens, for which account.
pub(super) struct OAuth {
    pub(super) client_id: String,
    /// `CLIENT_SECRET:REFRESH_TOKEN`.
    pub(super) credential: Secret,
    pub(super) portal_id: u64,
}

/// What the token endpoint answers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenAnswer {
    access_token: Scalar,
    expires_in: Scalar,
    hub_id: Scalar,
}

impl Session {
    /// Whether a call may be made: not while so few of the day's calls are left that they are others'.
    pub(super) fn check_floor(&self, floor: u64, now: Timestamp) -> Result<(), CrmError> {
        let calls = *self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = calls.and_then(|calls| calls.wait(floor, now));
        wait.map_or(Ok(()), |wait| Err(below_floor(wait)))
    }

    pub(super) fn note_calls(&self, headers: &HeaderMap, at: Timestamp) {
        if let Some(left) = number(headers, LEFT) {
            let calls = DailyBudget { left, of: number(headers, LIMIT), at };
            *self.calls.lock().unwrap_or_else(PoisonError::into_inner) = Some(calls);
        }
    }

    /// A token of the app that doesn't end soon.
    pub(super) async fn token(
        &self,
        app: &OAuth,
        (http, base_url, version): (&Http, &str, &ApiVersion),
        refused: Option<&Token>,
        now: Timestamp,
    ) -> Result<Token, CrmError> {
        let url = format!("{base_url}{}", version.token_path());
        self.token.get(refused, later(now, MARGIN), app.refresh(http, url, now)).await
    }
}

impl OAuth {
    /// A token, which says for how many seconds it is good (developers.hubspot.com, "OAuth tokens").
    async fn refresh(&self, http: &Http, url: String, now: Timestamp) -> Result<Token, CrmError> {
        let (secret, refresh_token) = self
            .credential
            .expose()
            .split_once(':')
            .ok_or_else(|| misconfigured("the credential isn't CLIENT_SECRET:REFRESH_TOKEN"))?;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", self.client_id.as_str()),
            ("client_secret", secret),
            ("refresh_token", refresh_token),
        ];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = http.request(Method::POST, url).header(CONTENT_TYPE, kind).body(form);
        let response =
            http.within(TIMEOUT, request).send().await.map_err(|error| broken(ExchangeError::from(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(broken)?;
        if !status.is_success() {
            return Err(no_token(status, &headers, &body));
        }
        let answer = read::<Loose<TokenAnswer>>(&body).ok().and_then(Loose::into_object).unwrap_or_default();
        if answer.hub_id.to_integer().is_some_and(|hub| u64::try_from(hub) != Ok(self.portal_id)) {
            return Err(misconfigured("the refresh token is of another account than portal_id"));
        }
        let token = answer.access_token.as_text().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| unreadable("no token"))?;
        let seconds = answer.expires_in.to_integer().and_then(|seconds| u64::try_from(seconds).ok());
        let good_until = later(now, Duration::from_secs(seconds.unwrap_or(LIFE_UNSAID)));
        Ok(Token::new(Secret::new(token.to_owned()), String::new(), Some(good_until)))
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
