//! One call and its answer.

use std::time::Duration;

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::provider::Told;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONNECTION, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::classify::{CallError, classify};
use super::rates::rates;
use crate::http::{ExchangeError, Http, read_body};
use crate::loose::{Loose, Scalar, read};
use crate::secret::Secret;

/// The largest answer that is read. A person with an employer is some 20 KB, and a page of search results has 100.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest id that is put into a path. Apollo's have 24 characters, and the numbers of calls up to 20.
const ID_CHARS_MAX: usize = 64;

/// The most people in one `bulk_match`, and the most organizations in one `bulk_enrich`; Apollo refuses more with
/// `RECORD_LIMIT_EXCEEDED` (documented).
pub(super) const PEOPLE_MAX: usize = 10;

/// How a call ended, along with what Apollo said of its limits.
pub type Called<T> = Told<Result<T, CallError>>;

/// One Apollo team.
pub struct Apollo {
    http: Http,
    base_url: String,
    key: Secret,
}

impl Apollo {
    /// The team that `key` belongs to. `base_url` is `https://api.apollo.io/api/v1`, or a simulator's.
    pub fn new(http: impl Into<Http>, base_url: String, key: Secret) -> Self {
        Self { http: http.into(), base_url: base_url.trim_end_matches('/').to_owned(), key }
    }

    /// The beginning of a call. Where the path holds an id it has been through [`id_in_path`].
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // A function is frozen between invocations, and a connection kept meanwhile may be dead without knowing. A call
        // written to it would be an unknown outcome, and so a paid one: each call has a connection of its own.
        let request = self.http.request(method, format!("{}/{path}", self.base_url)).header(CONNECTION, "close");
        request.header(ACCEPT, "application/json").header(CACHE_CONTROL, "no-cache")
    }

    /// Makes the call, once. The body of a success, or why there is none.
    pub(super) async fn exchange(&self, request: RequestBuilder, timeout: Duration) -> Called<Vec<u8>> {
        let key = match self.key() {
            Ok(key) => key,
            Err(reason) => return Told::without_rates(Err(CallError::Denied(reason.to_owned()))),
        };
        let request = self.http.within(timeout, request.header("x-api-key", key));
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Told::without_rates(Err(ExchangeError::from(error).into())),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, ANSWER_BYTES_MAX).await;
        // Which way it failed is in the status, even when the rest of the answer was lost.
        let said = classify(status, &headers, body.as_deref().unwrap_or_default());
        Told { reply: said.and_then(|()| body.map_err(CallError::from)), rates: rates(&headers) }
    }

    /// Makes the call, once, and reads its answer.
    pub(super) async fn call<T: DeserializeOwned>(&self, request: RequestBuilder, timeout: Duration) -> Called<T> {
        let told = self.exchange(request, timeout).await;
        Told { reply: told.reply.and_then(|body| object(&body)), rates: told.rates }
    }

    fn key(&self) -> Result<HeaderValue, &'static str> {
        let mut key =
            HeaderValue::from_str(self.key.expose()).map_err(|_| "the key has characters that no header can hold")?;
        key.set_sensitive(true);
        Ok(key)
    }
}

/// The object that a success consists of.
pub(super) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    match read(body) {
        Ok(Loose::Object(object)) => Ok(object),
        _ => Err(CallError::unreadable("not a JSON object")),
    }
}

/// An id that may stand in a path: anything else would stray to another address.
pub(super) fn id_in_path(id: &str) -> Result<&str, CallError> {
    let in_ids = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(in_ids) {
        true => Ok(id),
        false => Err(CallError::Invalid("an id that is none of Apollo's".to_owned())),
    }
}

/// A call that was not made, because it can't be right.
pub(super) fn not_made<T>(error: CallError) -> Called<T> {
    Told::without_rates(Err(error))
}

/// Rounded up where Apollo's fraction is finer than a thousandth: an amount that is a hair too high is better than
/// none at all.
pub(super) fn amount(credits: &Scalar) -> Option<Milli> {
    let credits = credits.to_decimal()?;
    let rounded = || Milli::from_decimal((credits * 1000.0).ceil() / 1000.0);
    Milli::from_decimal(credits).or_else(|_| rounded()).ok()
}
