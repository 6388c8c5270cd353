//! Looking people up.

use std::time::Duration;

use leadgate_enrichment::person::Identity;
use leadgate_enrichment::provider::{CallKind, Collected, Later, LaterId, Provider, Reply, Told, Usage, UsageError};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONNECTION, HeaderValue};

use super::classify::classify;
use super::wire::{Bulk, Details, bulk_reply, single_reply, usage};
use crate::http::{ExchangeError, read_body};
use crate::secret::Secret;

/// The most people in one `bulk_match`; Apollo refuses more with `RECORD_LIMIT_EXCEEDED`.
pub(super) const PEOPLE_MAX: usize = 10;

/// The largest answer that is read. A person with an employer is some 20 KB.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One Apollo team.
pub struct Apollo {
    http: reqwest::Client,
    base_url: String,
    key: Secret,
}

impl Apollo {
    /// The team that `key` belongs to. `base_url` is `https://api.apollo.io/api/v1`, or a simulator's.
    pub fn new(http: reqwest::Client, base_url: String, key: Secret) -> Self {
        Self { http, base_url: base_url.trim_end_matches('/').to_owned(), key }
    }

    /// Apollo documents parameters in the query and takes a JSON body as well, which is what its own command line
    /// tool sends. A body keeps who is looked up out of the access logs on the way.
    fn request(&self, people: &[Identity], key: HeaderValue) -> reqwest::RequestBuilder {
        match people {
            [one] => self.post("people/match", key).json(&Details::from(one)),
            several => {
                let details = several.iter().map(Details::from).collect();
                self.post("people/bulk_match", key).json(&Bulk { details })
            }
        }
    }

    fn post(&self, path: &str, key: HeaderValue) -> reqwest::RequestBuilder {
        // A function is frozen between invocations, and a connection kept meanwhile may be dead without knowing. A call
        // written to it would be an unknown outcome, and so a paid one: each call has a connection of its own.
        let request = self.http.post(format!("{}/{path}", self.base_url)).header(CONNECTION, "close");
        let request = request.header("x-api-key", key).header(ACCEPT, "application/json");
        request.header(CACHE_CONTROL, "no-cache")
    }

    async fn look_up_now(&self, people: &[Identity], timeout: Duration) -> Reply {
        if people.is_empty() {
            return Reply::Answered { answers: Vec::new(), reported: None, later: None };
        }
        let key = match self.key() {
            Ok(key) => key,
            Err(reason) => return Reply::Denied(reason.into()),
        };
        let response = match self.request(people, key).timeout(timeout).send().await {
            Ok(response) => response,
            Err(error) => return broken(error.into()),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        match read_body(response, ANSWER_BYTES_MAX).await {
            Ok(body) if status == StatusCode::OK && people.len() == 1 => single_reply(&body),
            Ok(body) if status == StatusCode::OK => bulk_reply(&body, people.len()),
            Ok(body) => classify(status, &headers, &body),
            Err(error) if status == StatusCode::OK => broken(error),
            // Which way it failed is in the status, even when the rest of the answer was lost.
            Err(_) => classify(status, &headers, &[]),
        }
    }

    fn key(&self) -> Result<HeaderValue, &'static str> {
        let mut key =
            HeaderValue::from_str(self.key.expose()).map_err(|_| "the key has characters that no header can hold")?;
        key.set_sensitive(true);
        Ok(key)
    }
}

#[async_trait::async_trait]
impl Provider for Apollo {
    fn people_max(&self) -> usize {
        PEOPLE_MAX
    }

    fn endpoint(&self, call: CallKind) -> &'static str {
        match call {
            CallKind::People(1) => "people/match",
            CallKind::People(_) => "people/bulk_match",
            CallKind::Organizations(1) => "organizations/enrich",
            CallKind::Organizations(_) => "organizations/bulk_enrich",
            CallKind::Collect => "webhook_result",
        }
    }

    async fn look_up(&self, people: &[Identity], _later: Option<&Later>, timeout: Duration) -> Told<Reply> {
        Told::without_rates(self.look_up_now(people, timeout).await)
    }

    async fn collect(&self, _request: &LaterId, _timeout: Duration) -> Told<Collected> {
        Told::without_rates(Collected::Never(String::new()))
    }

    async fn look_up_organizations(&self, _domains: &[String], _timeout: Duration) -> Told<Reply> {
        Told::without_rates(Reply::Denied(String::new()))
    }

    async fn usage(&self, timeout: Duration) -> Result<Usage, UsageError> {
        let wrong = |reason: String| UsageError(reason);
        let key = self.key().map_err(|reason| wrong(reason.to_owned()))?;
        let request = self.post("usage_stats/credit_usage_stats", key).json(&serde_json::json!({}));
        let response = request.timeout(timeout).send().await;
        let response = response.map_err(|error| wrong(ExchangeError::from(error).to_string()))?;
        let status = response.status();
        let body = read_body(response, ANSWER_BYTES_MAX).await.map_err(|error| wrong(error.to_string()))?;
        if status != StatusCode::OK {
            return Err(wrong(format!("{}: no figures (a master key is needed)", status.as_u16())));
        }
        usage(&body).ok_or_else(|| wrong("the figures can't be read".to_owned()))
    }
}

fn broken(error: ExchangeError) -> Reply {
    match error {
        ExchangeError::NotSent(_) => Reply::Transient(error.to_string()),
        ExchangeError::NoAnswer(_) => Reply::Unknown(error.to_string()),
    }
}
