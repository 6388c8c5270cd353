//! What the doors share that take signed deliveries: how a delivery is taken out of a request, and how one is refused.

use jiff::Timestamp;
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};
use leadgate_aws::error::StoreError;
use leadgate_aws::secrets::Secrets;
use leadgate_connectors::hooks;
use leadgate_connectors::inbound::{BodyError, Delivery, SignatureError, Unverified, Verified};
use leadgate_enrichment::config::HookSource;

use crate::http::{bytes, json};
use crate::secrets;

/// A hundred events are some 30 KB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Why a delivery isn't accepted. It is made again, for all of these.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is served there. It holds what is.
    #[error("no such address: expected {0}")]
    Address(&'static str),
    /// Another method than POST.
    #[error("found {0}, expected POST")]
    Method(Method),
    /// A body that is larger than any delivery.
    #[error("found a body of {found} bytes, expected at most {most}")]
    TooLarge {
        /// Its length.
        found: usize,
        /// The longest.
        most: usize,
    },
    /// It isn't its sender's own.
    #[error("not signed by whoever this is the address of: {0}")]
    Signature(#[from] SignatureError),
    /// It can't be read.
    #[error("the body is not what is delivered here: {0}")]
    Body(#[from] BodyError),
    /// It was taken, and could not be kept.
    #[error("our own trouble: {0}")]
    Trouble(#[from] StoreError),
}

impl Refusal {
    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Address(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge { .. } | Self::Body(BodyError::TooMany { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            // Ours to mend: it is delivered again.
            Self::Signature(SignatureError::NoSecret) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::Body(BodyError::Account { .. }) => StatusCode::FORBIDDEN,
            Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::Trouble(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Before the signature has been checked, the status is all that a stranger is told.
    pub fn response(&self) -> Response<Body> {
        let told = match self {
            Self::Body(error) => error.to_string(),
            _ => self.status().canonical_reason().unwrap_or_default().to_lowercase(),
        };
        json(self.status(), &serde_json::json!({ "error": told }))
    }
}

/// What a POST delivers, as it arrived now.
pub fn delivery(mut request: Request, now: Timestamp) -> Result<Delivery<Unverified>, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::Method(request.method().clone()));
    }
    let found = request.body().len();
    if found > BODY_BYTES_MAX {
        return Err(Refusal::TooLarge { found, most: BODY_BYTES_MAX });
    }
    let (headers, method) = (std::mem::take(request.headers_mut()), request.method().to_string());
    Ok(Delivery::new(&method, headers, bytes(request)).received_at(now))
}

/// The same delivery, if it comes from this source.
pub async fn from_source(
    delivery: Delivery<Unverified>,
    source: &HookSource,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<Delivery<Verified>, Refusal> {
    let named = secrets::named(secrets, source.secrets.iter().map(String::as_str)).await?;
    Ok(hooks::verify(delivery, source, named, now)?)
}
