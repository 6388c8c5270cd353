//! The SDK's own way out, with the wire in it.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

use super::wire::{Break, Caller, Fate, Rewrite, Wire};

#[derive(Clone)]
pub(super) struct Tapped {
    pub(super) wire: Arc<Wire>,
    pub(super) caller: Caller,
    pub(super) inner: SharedHttpClient,
}

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tapped")
    }
}

impl HttpClient for Tapped {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(TappedConnector { wire: self.wire.clone(), caller: self.caller, inner })
    }
}

struct TappedConnector {
    wire: Arc<Wire>,
    caller: Caller,
    inner: SharedHttpConnector,
}

impl fmt::Debug for TappedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TappedConnector")
    }
}

impl HttpConnector for TappedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let fate = self.wire.fate_of(self.caller, operation_of(&request));
        let (wire, inner) = (self.wire.clone(), self.inner.clone());
        HttpConnectorFuture::new(async move {
            let lost = |why: &'static str| ConnectorError::io(why.into());
            let broken = fate.broken.clone();
            match broken {
                None => carry_out(&inner, request, &fate).await,
                Some(Break::Refused) => Err(lost("refused, as planned")),
                Some(Break::AnswerLost) => {
                    carry_out(&inner, request, &fate).await?;
                    Err(lost("the answer was lost, as planned"))
                }
                Some(Break::DeathBefore) => {
                    wire.die();
                    std::future::pending().await
                }
                Some(Break::DeathAfter) => {
                    carry_out(&inner, request, &fate).await?;
                    wire.die();
                    std::future::pending().await
                }
                Some(Break::Answered(status, body)) => answer(status, body),
            }
        })
    }
}

/// The call, or what has been made of it.
async fn carry_out(
    inner: &SharedHttpConnector,
    mut request: HttpRequest,
    fate: &Fate,
) -> Result<HttpResponse, ConnectorError> {
    match rewritten(&request, fate) {
        None => {}
        Some(Rewrite::Answered(body)) => return answer(200, body.to_string()),
        Some(Rewrite::Sent(body)) => {
            let body = body.to_string();
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body);
        }
    }
    inner.call(request).await
}

fn rewritten(request: &HttpRequest, fate: &Fate) -> Option<Rewrite> {
    let rewriter = fate.rewriter.as_ref()?;
    let body: Value = serde_json::from_slice(request.body().bytes()?).ok()?;
    rewriter(&fate.call, &body)
}

fn answer(status: u16, body: String) -> Result<HttpResponse, ConnectorError> {
    let wrong = |error| ConnectorError::other(Box::new(error), None);
    let mut response = HttpResponse::new(status.try_into().map_err(wrong)?, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

/// `DynamoDB_20120810.PutItem` → `dynamodb PutItem`
fn operation_of(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    match target.split_once('.') {
        Some((service, operation)) if service.starts_with("DynamoDB") => format!("dynamodb {operation}"),
        Some(("AmazonSQS", operation)) => format!("sqs {operation}"),
        Some(("AWSEvents", operation)) => format!("eventbridge {operation}"),
        _ => request.uri().to_owned(),
    }
}
