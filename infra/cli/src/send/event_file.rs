//! The files in `events/`: whole Lambda events.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Stands in a file for a signature or a timestamp that is made when the event is sent.
pub(super) const SIGNED_WHEN_SENT: &str = "signed when sent";

/// Stands in a file for what an address ends in, or for a token in the body.
pub(super) const SECRET_WHEN_SENT: &str = "secret-when-sent";

/// An event of an HTTP API (payload format 2.0), or of a Function URL, which has the same shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventFile {
    /// `POST`.
    pub(super) method: String,
    /// With its query, if it has one.
    pub(super) path: String,
    /// By lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    /// The bytes that are meant, whether or not they are base64 in the file.
    pub(super) body: Vec<u8>,
}

/// Why a file isn't one.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventFileError {
    /// Not JSON of this shape.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It says that the body is base64, and it isn't.
    #[error("body: {0}, though isBase64Encoded is true")]
    Base64(#[from] base64::DecodeError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    headers: BTreeMap<String, String>,
    request_context: RequestContext,
    #[serde(default)]
    body: String,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct RequestContext {
    http: Http,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

impl EventFile {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, EventFileError> {
        let shape: Shape = serde_json::from_str(text)?;
        let query =
            if shape.raw_query_string.is_empty() { String::new() } else { format!("?{}", shape.raw_query_string) };
        let body = if shape.is_base64_encoded { STANDARD.decode(&shape.body)? } else { shape.body.into_bytes() };
        Ok(Self {
            method: shape.request_context.http.method,
            path: format!("{}{query}", shape.raw_path),
            headers: shape.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
            body,
        })
    }
}
