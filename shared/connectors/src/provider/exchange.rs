//! One call to a provider that answers at once, and what its failures before an answer mean. What an answer means is the
//! vendor's own matter.

use std::fmt::Display;
use std::time::Duration;

use leadgate_enrichment::provider::limits::{Rate, Rates};
use leadgate_enrichment::provider::{Answer, RefusedAlone, Reply, Told, UsageError};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONNECTION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};

use crate::http::{ExchangeError, Http, read_body};
use crate::loose::read;
use crate::secret::Secret;

/// The largest answer that is read. A person with a whole career is some 50 KB, and a call is about a hundred at most.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// An account at a provider that is opened by a key in a header.
pub(super) struct Account {
    http: Http,
    base_url: String,
    key: Option<Key>,
}

struct Key {
    header: &'static str,
    /// What stands before it in the header.
    scheme: &'static str,
    secret: Secret,
}

/// An answer, as it came.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Result<Vec<u8>, ExchangeError>,
}

impl Account {
    pub(super) fn new(http: impl Into<Http>, base_url: &str, key_header: &'static str, key: Secret) -> Self {
        Self { key: Some(Key { header: key_header, scheme: "", secret: key }), ..Self::open(http, base_url) }
    }

    /// One that is opened by a bearer token.
    pub(super) fn bearer(http: impl Into<Http>, base_url: &str, token: Secret) -> Self {
        let key = Key { header: "authorization", scheme: "Bearer ", secret: token };
        Self { key: Some(key), ..Self::open(http, base_url) }
    }

    /// Where no key is needed, or a call has it elsewhere.
    pub(super) fn open(http: impl Into<Http>, base_url: &str) -> Self {
        Self { http: http.into(), base_url: base_url.trim_end_matches('/').to_owned(), key: None }
    }

    /// The beginning of a call.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // A function is frozen between invocations, and a connection kept meanwhile may be dead without knowing. A call
        // written to it would be an unknown outcome, and so a paid one: each call has a connection of its own.
        let request = self.http.request(method, format!("{}/{path}", self.base_url)).header(CONNECTION, "close");
        request.header(ACCEPT, "application/json").header(CACHE_CONTROL, "no-cache")
    }

    /// Makes the call, once. The error is what becomes of a call without an answer.
    pub(super) async fn send(&self, request: RequestBuilder, timeout: Duration) -> Result<Received, Reply> {
        let request = match &self.key {
            Some(key) => request.header(key.header, key.value()?),
            None => request,
        };
        let response =
            self.http.within(timeout, request).send().await.map_err(|error| without_an_answer(error.into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Received { status, headers, body: read_body(response, ANSWER_BYTES_MAX).await })
    }
}

impl Key {
    fn value(&self) -> Result<HeaderValue, Reply> {
        let Ok(mut value) = HeaderValue::from_str(&format!("{}{}", self.scheme, self.secret.expose())) else {
            return Err(Reply::Denied("the key has characters that no header can hold".to_owned()));
        };
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Received {
    /// What there is of the body. Which way a call failed is in the status, even when the rest of the answer was lost.
    pub(super) fn text(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// The whole body of a success.
    pub(super) fn whole(&self) -> Result<&[u8], Reply> {
        self.body.as_deref().map_err(|error| without_an_answer(error.clone()))
    }

    /// A header's value, without blanks around it.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// What the status means of a call that failed, unless the vendor has a meaning of its own for it. `word` is the vendor's
    /// for what is wrong, if it has one.
    pub(super) fn failed(&self, word: Option<&str>) -> Reply {
        let reason = |why: &str| self.reason(word, why);
        match self.status.as_u16() {
            401 => Reply::Denied(reason("the key is refused")),
            403 => Reply::Denied(reason("the key or the plan lacks the right")),
            // No vendor redirects, and no look-up has an id in its path: the base URL is wrong, and not what is asked.
            300..=399 => Reply::Denied(reason("redirected, so the base URL is wrong")),
            404 | 405 => Reply::Denied(reason("there is nothing at this address")),
            408 => Reply::Unknown(reason("gave up on the call")),
            400..=499 => Reply::Invalid(reason("the call is refused")),
            503 => Reply::Transient(reason("turned away")),
            _ => Reply::Unknown(reason("no answer to the call")),
        }
    }

    /// A status and a provider's own word for what is wrong, if it has one, as a reason that is safe to log: sentences may
    /// repeat what was asked, which is personal data.
    pub(super) fn reason(&self, word: Option<&str>, why: impl Display) -> String {
        let status = self.status.as_u16();
        match word {
            Some(word) => format!("{status} {word}: {why}"),
            None => format!("{status}: {why}"),
        }
    }
}

/// What a call comes to: what is told by `reply`, and the limits that came with it.
pub(super) fn told(reply: Result<Reply, Reply>, rates: Rates) -> Told<Reply> {
    Told { reply: reply.unwrap_or_else(|failed| failed), rates }
}

/// A header's value, without blanks around it.
pub(super) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// What the headers of a window say: how many calls there may be, how many there were, how many are left. A window without a limit has an empty header for it. A limit without a word of how much of it is used, or one that
/// can't be read, says nothing to go by.
pub(super) fn rate(headers: &HeaderMap, limit: &str, used: &str, left: &str) -> Option<Rate> {
    let value = |name: &str| header(headers, name);
    let number = |name: &str| value(name)?.parse::<u64>().ok().map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    if value(limit)?.is_empty() {
        return Some(Rate::Unlimited);
    }
    let limit = number(limit)?;
    let used = number(used).or_else(|| Some(limit.saturating_sub(number(left)?)))?;
    Some(Rate::Limited { limit, used })
}

/// A success that can't be read: it may have been charged.
pub(super) fn unreadable(what: impl Display) -> Reply {
    Reply::Unknown(format!("200 {what}"))
}

/// The value that a body consists of.
pub(super) fn parsed<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Reply> {
    read(body).map_err(|_| unreadable("that is not JSON"))
}

/// A call that had no answer, and so no word of limits.
pub(super) fn unanswered(reply: Reply) -> Told<Reply> {
    Told::without_rates(reply)
}

/// The answer to nothing: no call is made.
pub(super) fn no_people() -> Told<Reply> {
    answered(Vec::new(), Rates::default())
}

/// Answers that say nothing of their cost.
pub(super) fn answered(answers: Vec<Answer>, rates: Rates) -> Told<Reply> {
    Told { reply: Reply::Answered { answers, reported: None, asynchronous: None }, rates }
}

/// The answer about one person, which says nothing of its cost.
pub(super) fn answered_one(answer: Answer) -> Reply {
    Reply::Answered { answers: vec![answer], reported: None, asynchronous: None }
}

/// One person was refused, and nothing is said of any other.
pub(super) fn alone(refused: RefusedAlone) -> Reply {
    Reply::InPart { answers: vec![Err(refused)], reported: None }
}

/// What is left of a failure of a call that costs nothing: whether it was carried out doesn't matter.
pub(super) fn free(failed: Reply) -> Reply {
    match failed {
        Reply::Unknown(reason) => Reply::Transient(reason),
        other => other,
    }
}

/// Why there are no figures, in the words of a call that failed.
pub(super) fn no_figures(reply: &Reply) -> UsageError {
    UsageError(match reply {
        Reply::Throttled { .. } => "no figures: a rate limit is reached".to_owned(),
        Reply::OutOfCredits => "no figures: the credits are used up".to_owned(),
        Reply::Denied(reason) | Reply::Invalid(reason) | Reply::Transient(reason) | Reply::Unknown(reason) => {
            format!("no figures: {reason}")
        }
        Reply::Answered { .. } | Reply::InPart { .. } => "the figures can't be read".to_owned(),
    })
}

/// After a connection that failed the call may be made again; after anything else it may have been charged.
fn without_an_answer(error: ExchangeError) -> Reply {
    match error {
        ExchangeError::NotSent(_) => Reply::Transient(error.to_string()),
        ExchangeError::NoAnswer(_) => Reply::Unknown(error.to_string()),
    }
}
