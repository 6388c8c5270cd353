//! The access token, which lasts for an hour and is shared by all clients of a connection.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::crm::CrmError;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use url::form_urlencoded;

use super::classify::{broken, misconfigured, no_token, unreadable};
use super::wire::TokenAnswer;
use crate::access_token::{AccessToken, Token};
use crate::http::{ExchangeError, Http, read_body};
use crate::loose::{Loose, read};
use crate::secret::Secret;

/// For a token.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A token and an address are far below it.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What clients of one connection share: those who need a token wait here while one of them gets it. Zoho keeps ten tokens of
/// a refresh token alive in ten minutes (recalled), so that one is used as long as it is good.
#[derive(Default)]
pub(super) struct Session(AccessToken);

/// Who gets tokens, and where ("OAuth": refresh access tokens).
pub(super) struct Login {
    pub(super) base_url: String,
    pub(super) client_id: String,
    /// `CLIENT_SECRET:REFRESH_TOKEN`.
    pub(super) credential: Secret,
}

impl Session {
    /// A token, with the address of the API: each region has its own.
    pub(super) async fn token(&self, login: &Login, http: &Http, refused: Option<&Token>) -> Result<Token, CrmError> {
        // It is used until it is refused, whatever the time.
        self.0.get(refused, Timestamp::MIN, login.refresh(http)).await
    }
}

impl Login {
    async fn refresh(&self, http: &Http) -> Result<Token, CrmError> {
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
        let url = format!("{}/oauth/v2/token", self.base_url);
        let request = http.request(Method::POST, url).header(CONTENT_TYPE, kind).body(form);
        let response =
            http.within(TIMEOUT, request).send().await.map_err(|error| broken(ExchangeError::from(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(broken)?;
        let answer = read::<Loose<TokenAnswer>>(&body).ok().and_then(Loose::into_object).unwrap_or_default();
        if !status.is_success() || answer.error.as_text().is_some() {
            return Err(no_token(status, &headers, answer.error.as_word()));
        }
        let token = answer.access_token.as_text().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| unreadable("no token"))?;
        let api_domain = answer.api_domain.as_text().and_then(|domain| self.address(domain));
        let api_domain = api_domain.ok_or_else(|| unreadable("no address of the API"))?;
        Ok(Token::new(Secret::new(token.to_owned()), api_domain, None))
    }

    /// Where the API is. A token that came over TLS goes nowhere without.
    fn address(&self, api_domain: &str) -> Option<String> {
        let url = Url::parse(api_domain).ok()?;
        let is_fit = url.scheme() == "https" || (url.scheme() == "http" && self.base_url.starts_with("http://"));
        is_fit.then(|| url.as_str().trim_end_matches('/').to_owned())
    }
}
