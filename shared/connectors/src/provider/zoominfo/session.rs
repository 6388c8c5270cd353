//! The access token, which all clients of a connection share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::provider::Reply;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use url::form_urlencoded;

use super::super::exchange::{Account, Received, free};
use crate::access_token::{AccessToken, Token};
use crate::http::{Http, retry_after};
use crate::loose::{Loose, Scalar, read};
use crate::secret::Secret;

/// A token is not used any more when it ends as soon as this: a client is made for a run, which takes less.
const MARGIN: Duration = Duration::from_secs(2 * 60);

/// What clients of one connection share.
#[derive(Default)]
pub(super) struct Session {
    token: AccessToken,
    /// The last one that was refused.
    refused: Mutex<Option<Token>>,
}

/// Who gets tokens, and where.
pub(super) struct Login {
    pub(super) http: Http,
    pub(super) base_url: String,
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) now: Timestamp,
}

impl Session {
    /// A token, and whether it was given just now.
    pub(super) async fn token(&self, login: &Login, timeout: Duration) -> Result<(Token, bool), Reply> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut is_new = false;
        let obtain = async {
            is_new = true;
            login.token(timeout).await
        };
        let token = self.token.get(refused.as_ref(), later(login.now, MARGIN), obtain).await?;
        Ok((token, is_new))
    }

    /// This one isn't good any more.
    pub(super) fn refuse(&self, token: Token) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }
}

impl Login {
    /// Another token ("Client Credentials Flow"). That costs nothing, whatever becomes of the call.
    async fn token(&self, timeout: Duration) -> Result<Token, Reply> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose())
            .finish();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let account = Account::open(self.http.clone(), &self.base_url);
        let request = account.request(Method::POST, "oauth/v1/token").header(CONTENT_TYPE, kind).body(form);
        let received = account.send(request, timeout).await.map_err(free)?;
        given(&received, self.now).map_err(free)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenAnswer {
    access_token: Scalar,
    expires_in: Scalar,
    error: Scalar,
}

/// The token that was given, or what the lack of one means: that the client is unknown or its secret is wrong is said with
/// 400 or 401 (RFC 6749, "Error Response").
fn given(received: &Received, now: Timestamp) -> Result<Token, Reply> {
    let answer = read::<Loose<TokenAnswer>>(received.text()).ok().and_then(Loose::into_object).unwrap_or_default();
    let token = answer.access_token.as_text().filter(|token| !token.is_empty());
    let seconds = answer.expires_in.to_integer().and_then(|seconds| u64::try_from(seconds).ok());
    let good_until = seconds.map(|seconds| later(now, Duration::from_secs(seconds)));
    match (received.status.as_u16(), token) {
        (200, Some(token)) => Ok(Token::new(Secret::new(token.to_owned()), String::new(), good_until)),
        (200, None) => Err(Reply::Transient("the answer holds no access token".to_owned())),
        (429, _) => Err(Reply::Throttled { retry_after: retry_after(&received.headers) }),
        (400 | 401 | 403, _) => {
            Err(Reply::Denied(received.reason(answer.error.as_word(), "the client or its secret is refused")))
        }
        _ => Err(received.failed(answer.error.as_word())),
    }
}
