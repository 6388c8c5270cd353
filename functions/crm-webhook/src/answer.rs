//! What is answered, and with which status.

use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Response};
use leadgate_aws::error::StoreError;
use leadgate_connectors::inbound::{BodyError, SignatureError};
use leadgate_gate::Accepted;
use leadgate_lambda::http::json;

/// Why a delivery isn't accepted. A CRM delivers it again, for all of these.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "no such address: expected POST /CRM/TENANT, with a TENANT of the configuration and the kind of its CRM, or \
         /hooks/TENANT/SOURCE, with one of its sources"
    )]
    UnknownTenant,
    #[error("found {0}, expected POST")]
    Method(Method),
    #[error("found a body of {found} bytes, expected at most {most}")]
    TooLarge { found: usize, most: usize },
    #[error("not signed by the CRM or the source that this is the address of: {0}")]
    Signature(#[from] SignatureError),
    #[error("the body is not what is delivered here: {0}")]
    Body(#[from] BodyError),
    #[error("our own trouble: {0}")]
    Trouble(#[from] StoreError),
}

/// What became of the events, in JSON.
pub(crate) fn accepted(accepted: &Accepted) -> Response<Body> {
    let counts: serde_json::Map<String, serde_json::Value> =
        accepted.counts().into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
    json(StatusCode::OK, &serde_json::Value::Object(counts))
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::UnknownTenant => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge { .. } | Self::Body(BodyError::TooMany { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            // Ours to mend: the CRM delivers again.
            Self::Signature(SignatureError::NoSecret) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::Body(BodyError::Account { .. }) => StatusCode::FORBIDDEN,
            Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::Trouble(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Before the signature has been checked, the status is all that a stranger is told.
    pub(crate) fn response(&self) -> Response<Body> {
        let told = match self {
            Self::Body(error) => error.to_string(),
            _ => self.status().canonical_reason().unwrap_or_default().to_lowercase(),
        };
        json(self.status(), &serde_json::json!({ "error": told }))
    }
}
