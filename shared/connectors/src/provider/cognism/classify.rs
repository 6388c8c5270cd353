//! What an answer means, by its status and its words. Errors are a list of objects with a key, the status and a sentence.

use std::time::Duration;

use leadgate_enrichment::provider::Reply;
use serde::Deserialize;

use super::super::exchange::Received;
use crate::http::retry_after;
use crate::loose::{List, Loose, Scalar, read};

/// Its limits are those of a minute, and it doesn't say how much of one is left: the longest wait.
const WINDOW: Duration = Duration::from_secs(60);

/// The words with which an error may say that the credits are used up, or the previews that come with them. It isn't
/// documented which it has. Each is of several words, so that no address or name that an error repeats is one.
const USED_UP: [&str; 8] = [
    "insufficient credit",
    "enough credits",
    "no credits",
    "out of credits",
    "credits left",
    "credit limit",
    "credits have been used",
    "preview limit",
];

/// The most errors in one answer that are read. It has one.
const ERRORS_MAX: usize = 5;

/// The body of a success, or why there is none.
pub(super) fn classify(received: &Received) -> Result<&[u8], Reply> {
    let key = key(received.text());
    Err(match received.status.as_u16() {
        200 => return received.whole(),
        402 => Reply::OutOfCredits,
        400 | 401 | 403 | 422 | 429 if is_used_up(received.text(), key.as_deref()) => Reply::OutOfCredits,
        429 => Reply::Throttled { retry_after: retry_after(&received.headers).or(Some(WINDOW)) },
        401 | 403 => Reply::Denied(received.reason(key.as_deref(), "the key is refused, or no entitlements are set")),
        _ => received.failed(key.as_deref()),
    })
}

fn is_used_up(body: &[u8], key: Option<&str>) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    USED_UP.iter().any(|words| text.contains(words)) || key.is_some_and(|key| key.to_lowercase().contains("credits"))
}

/// Its word for what is wrong: `MissingCredentials`, `RouteNotFound`, …
fn key(body: &[u8]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Failure {
        key: Scalar,
    }
    let failures: List<Loose<Failure>, ERRORS_MAX> = read(body).ok()?;
    failures.items().iter().find_map(|failure| failure.as_object()?.key.as_word().map(str::to_owned))
}
