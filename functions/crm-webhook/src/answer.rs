//! What is answered.

use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use leadgate_gate::Accepted;
use leadgate_lambda::http::json;

/// What is served.
pub(crate) const ADDRESSES: &str = "POST /CRM/TENANT, with a TENANT of the configuration and the kind of its CRM, or \
     /hooks/TENANT/SOURCE, with one of its sources";

/// What became of the events, in JSON.
pub(crate) fn accepted(accepted: &Accepted) -> Response<Body> {
    let counts: serde_json::Map<String, serde_json::Value> =
        accepted.counts().into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
    json(StatusCode::OK, &serde_json::Value::Object(counts))
}
