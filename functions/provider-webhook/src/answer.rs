//! What is answered, and with which status.

use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Response};
use leadgate_aws::error::StoreError;
use leadgate_connectors::inbound::{PayloadError, SignatureError};
use leadgate_enrichment::provider::callback::TokenError;
use leadgate_lambda::http::json;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The worker will ask the provider.
    Queued,
    /// It was delivered before, or no record waits for it any longer.
    NothingAwaited,
}

/// Why a delivery isn't accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "no tenant of that name: expected POST /PROVIDER/TENANT/TOKEN, or without a TOKEN from one that signs, with a TENANT of the configuration and the kind of its provider"
    )]
    UnknownTenant,
    #[error("found {0}, expected POST")]
    Method(Method),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("found a body of {found} bytes, expected at most {most}")]
    TooLarge { found: usize, most: usize },
    #[error("the body is not what the provider delivers: {0}")]
    Payload(#[from] PayloadError),
    #[error("found {found} people, none of whom is waited for")]
    UnknownPeople { found: usize },
    #[error("our own trouble: {0}")]
    Trouble(#[from] StoreError),
}

impl Answer {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::NothingAwaited => "nothing-awaited",
        }
    }

    pub(crate) fn response(self) -> Response<Body> {
        json(StatusCode::OK, &serde_json::json!({ "result": self.word() }))
    }
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::UnknownTenant => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Token(TokenError::Forged) | Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::Token(TokenError::Expired) => StatusCode::GONE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Payload(_) => StatusCode::BAD_REQUEST,
            Self::UnknownPeople { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Trouble(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A stranger is told the status; a sender who has a token is told what is wrong with what was sent.
    pub(crate) fn response(&self) -> Response<Body> {
        let told = match self {
            Self::TooLarge { .. } | Self::Payload(_) | Self::UnknownPeople { .. } => self.to_string(),
            _ => self.status().canonical_reason().unwrap_or_default().to_lowercase(),
        };
        json(self.status(), &serde_json::json!({ "error": told }))
    }
}
