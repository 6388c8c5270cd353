//! What an answer means, by its status and its words. Errors are an object with a message, and no code.

use std::time::Duration;

use leadgate_enrichment::provider::Reply;
use serde::Deserialize;

use super::super::exchange::Received;
use crate::http::retry_after;
use crate::loose::{Loose, Scalar, read};

/// The wait after a 429 that names none, though all are documented to: the longest window that is likely.
const WINDOW: Duration = Duration::from_secs(60);

/// The words with which an error may say that credits or actions are used up, beside a status of its own for that. Each is of
/// several words, so that no name that an error repeats is one.
const USED_UP: [&str; 7] = [
    "insufficient credit",
    "enough credits",
    "out of credits",
    "no credits",
    "insufficient action",
    "enough action",
    "out of action",
];

/// Whether a sentence says that credits or actions are used up.
pub(super) fn is_used_up(sentence: &str) -> bool {
    let text = sentence.to_lowercase();
    USED_UP.iter().any(|words| text.contains(words))
}

/// The body of a success, or why there is none. A call may have been carried out whenever there is no word of the contrary.
pub(super) fn classify(received: &Received) -> Result<&[u8], Reply> {
    Err(match received.status.as_u16() {
        200 | 202 => return received.whole(),
        402 => Reply::OutOfCredits,
        400 | 403 | 422 | 429 if is_used_up(&message(received.text())) => Reply::OutOfCredits,
        429 => Reply::Throttled { retry_after: retry_after(&received.headers).or(Some(WINDOW)) },
        404 => Reply::Denied(received.reason(None, "the workspace has no such routine")),
        _ => received.failed(None),
    })
}

fn message(body: &[u8]) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Failure {
        message: Scalar,
    }
    match read::<Loose<Failure>>(body) {
        Ok(Loose::Object(failure)) => failure.message.as_text().unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}
