//! A call to AWS that failed.

use std::error::Error;
use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use leadgate_enrichment::retry::Retry;

/// A call to AWS that failed after the SDK's own attempts. Nothing personal is in it: AWS names tables and
/// conditions, not values.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {reason}")]
pub struct StoreError {
    /// What we were doing.
    pub doing: &'static str,
    /// What AWS said.
    pub reason: String,
    /// Whether to try again.
    pub retry: Retry,
}

impl StoreError {
    /// What the SDK reports, with the code that AWS gave it. The SDK has retried what may be retried at once, so
    /// what is left is worth another try later: also what never got as far as a request, or isn't allowed, since that is
    /// of an operator's making, and the lead must live until it is mended.
    pub fn from_sdk<E, R>(doing: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: fmt::Debug,
    {
        let reason = match (error.code(), error) {
            (Some(code), _) => format!("{code}: {}", error.message().unwrap_or_default()),
            (None, SdkError::TimeoutError(_)) => "timed out".to_owned(),
            (None, SdkError::DispatchFailure(_)) => "could not be reached".to_owned(),
            (None, SdkError::ConstructionFailure(_)) => {
                let why = Error::source(error).map(ToString::to_string).unwrap_or_default();
                format!("could not be sent: {why}")
            }
            (None, _) => "gave no usable answer".to_owned(),
        };
        Self { doing, reason, retry: Retry::Backoff }
    }

    /// Something that AWS handed back and we can't read: another version's item, or a hand-made one.
    pub fn unreadable(doing: &'static str, reason: impl ToString) -> Self {
        Self { doing, reason: reason.to_string(), retry: Retry::Never }
    }

    /// Tried as often as it is worth.
    pub fn exhausted(doing: &'static str, reason: impl ToString) -> Self {
        Self { doing, reason: reason.to_string(), retry: Retry::Backoff }
    }
}
