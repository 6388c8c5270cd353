//! The HTTP client that all connectors share, and what its failures mean.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use leadgate_enrichment::clock::until;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder};

/// How long to wait for a connection. The vendors are a few hops away; one that doesn't answer a SYN within this time
/// is down, and the time is better spent on the next attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest wait that a vendor documents: 24 hours, while one of them moves an account to another region.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The client. Make one per process: its connections are what is worth sharing.
///
/// TLS is rustls on **ring**, named explicitly: aws-lc, the usual default, gathers jitter entropy for its first random
/// bytes, which costs about 30 ms of every cold start. The trust anchors are compiled in: loading the system's opens
/// some 150 files. Redirects are not followed, since no vendor's API documents one and a key must not travel to where
/// we didn't send it. Plain `http` addresses work, for simulators on loopback.
pub fn client() -> reqwest::Client {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .http1_only()
        .no_proxy()
        .user_agent(concat!("leadgate/", env!("CARGO_PKG_VERSION")))
        .build()
        .expect("nothing in it depends on the outside")
}

/// A client, how long its calls may take, and what vendors remember from call to call.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    /// Instead of what each call is given.
    patience: Option<Duration>,
    sessions: Sessions,
}

/// By their type and name. There are no more than connections in the configuration.
type Sessions = Arc<Mutex<BTreeMap<(TypeId, String), Arc<dyn Any + Send + Sync>>>>;

impl From<reqwest::Client> for Http {
    /// Each call may take as long as it is given.
    fn from(client: reqwest::Client) -> Self {
        Self { client, patience: None, sessions: Sessions::default() }
    }
}

impl Http {
    /// Each call may take this long, however little it is given: for vendors that are simulated on the same machine,
    /// where being late only means that the machine is busy.
    pub fn patient(client: reqwest::Client, patience: Duration) -> Self {
        Self { client, patience: Some(patience), sessions: Sessions::default() }
    }

    /// The beginning of a call.
    pub(crate) fn request(&self, method: Method, url: String) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// What is remembered under this name for as long as the process lives: a vendor's clients are made for a call or
    /// a few, and a token lasts for hours.
    pub(crate) fn session<S: Any + Send + Sync + Default>(&self, name: &str) -> Arc<S> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.entry((TypeId::of::<S>(), name.to_owned())).or_insert_with(|| Arc::new(S::default()));
        session.clone().downcast().unwrap_or_default()
    }

    /// A call that may take this long.
    pub(crate) fn within(&self, timeout: Duration, request: RequestBuilder) -> RequestBuilder {
        request.timeout(self.patience.unwrap_or(timeout))
    }
}

/// An exchange that ended without a whole answer. Which of the two decides about money: after [`Self::NotSent`] a
/// charging call may be made again, after [`Self::NoAnswer`] it may have been charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// It did not get there: no connection, no TLS session, or no valid request to begin with.
    #[error("did not get there: {0}")]
    NotSent(String),
    /// It may have been carried out: a time-out, a connection that broke, an answer too large to read. Everything
    /// that isn't surely [`Self::NotSent`] is this.
    #[error("no whole answer: {0}")]
    NoAnswer(String),
}

impl From<reqwest::Error> for ExchangeError {
    fn from(error: reqwest::Error) -> Self {
        // A connect error is raised before the first byte of the request is written.
        let not_sent = error.is_connect() || error.is_builder();
        let causes = causes(&error.without_url());
        if not_sent { Self::NotSent(causes) } else { Self::NoAnswer(causes) }
    }
}

/// The whole body, if it has at most `most` bytes.
pub async fn read_body(mut response: reqwest::Response, most: usize) -> Result<Vec<u8>, ExchangeError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Err(ExchangeError::NoAnswer(format!("more than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long the other side asks us to stay away: `Retry-After` in seconds, the form that our vendors use. Never more
/// than a day, so that a nonsensical header can't park a lead for ever.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// The same, where the header may be a moment as well: an HTTP date (RFC 9110, "Retry-After").
pub(crate) fn retry_after_at(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let at = || {
        let date = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        HTTP_DATE.parse_timestamp(date).ok().map(|at| until(now, at).min(RETRY_AFTER_MAX))
    };
    retry_after(headers).or_else(at)
}

/// Reads `Wed, 21 Oct 2026 07:28:00 GMT`.
const HTTP_DATE: DateTimeParser = DateTimeParser::new();

/// An error and what caused it, in one line. Transport errors name hosts and system calls, never bodies or headers.
fn causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_seconds_and_kept_within_a_day() {
        let read = |value: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a header value"))]))
        };
        assert_eq!(read("17"), Some(Duration::from_secs(17)));
        assert_eq!(read("99999999999"), Some(RETRY_AFTER_MAX));
        for unreadable in ["", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(read(unreadable), None, "{unreadable:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn retry_after_may_be_a_moment() {
        let now = "2026-10-21T07:27:13Z".parse().expect("a time");
        let read = |value: &'static str| {
            retry_after_at(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a header value"))]), now)
        };
        assert_eq!(read("Wed, 21 Oct 2026 07:28:00 GMT"), Some(Duration::from_secs(47)));
        assert_eq!(read("Wed, 21 Oct 2026 07:27:00 GMT"), Some(Duration::ZERO), "it is over");
        assert_eq!(read("Thu, 21 Oct 2027 07:28:00 GMT"), Some(RETRY_AFTER_MAX));
        assert_eq!(read("17"), Some(Duration::from_secs(17)));
        for unreadable in ["", "soon", "21 Oct"] {
            assert_eq!(read(unreadable), None, "{unreadable:?}");
        }
    }
}
