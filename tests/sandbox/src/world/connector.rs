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
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};

use super::under_way::UnderWay;
use super::wire::{Break, Caller, Fate, Rewrite, Wire};
use crate::simulators::s3;

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
        let trip = Trip { wire: self.wire.clone(), inner: self.inner.clone(), fate };
        HttpConnectorFuture::new(trip.make(request))
    }
}

/// One call on its way there and back.
struct Trip {
    wire: Arc<Wire>,
    inner: SharedHttpConnector,
    fate: Fate,
}

impl Trip {
    async fn make(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let lost = |why: &'static str| ConnectorError::io(why.into());
        if self.fate.is_planned {
            // A function that the plan has brought to its deadline is ended before the request goes out.
            tokio::task::yield_now().await;
        }
        match &self.fate.broken {
            None => self.carry_out(request).await,
            Some(Break::Refused) => Err(lost("refused, as planned")),
            Some(Break::AnswerLost) => {
                self.carry_out(request).await?;
                Err(lost("the answer was lost, as planned"))
            }
            Some(Break::DeathBefore) => {
                self.wire.die();
                std::future::pending().await
            }
            Some(Break::DeathAfter) => {
                self.carry_out(request).await?;
                self.wire.die();
                std::future::pending().await
            }
            Some(Break::Answered(status, body)) => answer(*status, body.clone()),
            Some(Break::Unprocessed { read }) => self.leave_unprocessed(request, *read).await,
            Some(Break::Stale) => {
                let asked = body_of(&request);
                let response = self.carry_out(request).await?;
                match asked {
                    Some(asked) => edited(response, |answer| self.wire.stale(&asked, answer)).await,
                    None => Ok(response),
                }
            }
            Some(Break::DeathThenLands { calls }) => self.die_under_way(request, *calls).await,
        }
    }

    /// The call, or what has been made of it.
    async fn carry_out(&self, mut request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut edit = None;
        match self.rewritten(&request) {
            None => {}
            Some(Rewrite::Answered(body)) => return answer(200, body.to_string()),
            Some(Rewrite::Sent(body)) => replace(&mut request, &body),
            Some(Rewrite::Received(received)) => edit = Some(received),
        }
        if self.fate.call.operation == "sqs ChangeMessageVisibility" {
            let seconds = body_of(&request).and_then(|body| body["VisibilityTimeout"].as_u64());
            self.wire.hides(seconds.unwrap_or_default());
        }
        let is_write = self.fate.call.operation == "dynamodb PutItem";
        let written = is_write.then(|| request.body().bytes().map(<[u8]>::to_vec)).flatten();
        let response = self.inner.call(request).await?;
        if let Some(written) = written.filter(|_| response.status().is_success()) {
            self.wire.written(&written);
        }
        match edit {
            Some(edit) => edited(response, |answer| edit.apply(answer)).await,
            None => Ok(response),
        }
    }

    fn rewritten(&self, request: &HttpRequest) -> Option<Rewrite> {
        let rewriter = self.fate.rewriter.as_ref()?;
        rewriter(&self.fate.call, &body_of(request)?)
    }

    /// A BatchGetItem that reads so many keys. Any other call is carried out.
    async fn leave_unprocessed(&self, mut request: HttpRequest, read: usize) -> Result<HttpResponse, ConnectorError> {
        let Some(mut asked) = body_of(&request).filter(|body| body["RequestItems"].is_object()) else {
            return self.carry_out(request).await;
        };
        let left_over = split(&mut asked["RequestItems"], read);
        if read == 0 {
            return answer(200, json!({ "Responses": {}, "UnprocessedKeys": left_over }).to_string());
        }
        replace(&mut request, &asked);
        let response = self.carry_out(request).await?;
        edited(response, |mut answer| {
            answer["UnprocessedKeys"] = left_over.clone();
            answer
        })
        .await
    }

    /// The caller dies, and what it sent lands later. What isn't stored has no later: it lands at once.
    async fn die_under_way(&self, mut request: HttpRequest, calls: usize) -> Result<HttpResponse, ConnectorError> {
        let operation = &self.fate.call.operation;
        if !["dynamodb ", "sqs "].iter().any(|stored| operation.starts_with(stored)) {
            self.carry_out(request).await?;
            self.wire.die();
            return std::future::pending().await;
        }
        match self.rewritten(&request) {
            Some(Rewrite::Answered(_)) => self.wire.die(),
            rewritten => {
                if let Some(Rewrite::Sent(body)) = rewritten {
                    replace(&mut request, &body);
                }
                self.wire.put_off(UnderWay::new(&request, calls));
            }
        }
        std::future::pending().await
    }
}

/// Leaves the first `read` keys of these, and gives the rest.
fn split(tables: &mut Value, read: usize) -> Value {
    let (mut left_over, mut room) = (json!({}), read);
    for (table, asked) in tables.as_object_mut().into_iter().flatten() {
        let Some(keys) = asked["Keys"].as_array_mut() else { continue };
        let rest = keys.split_off(room.min(keys.len()));
        room -= keys.len();
        if !rest.is_empty() {
            left_over[table] = asked.clone();
            left_over[table]["Keys"] = rest.into();
        }
    }
    if let Some(tables) = tables.as_object_mut() {
        tables.retain(|_, asked| asked["Keys"].as_array().is_some_and(|keys| !keys.is_empty()));
    }
    left_over
}

fn body_of(request: &HttpRequest) -> Option<Value> {
    serde_json::from_slice(request.body().bytes()?).ok()
}

fn replace(request: &mut HttpRequest, body: &Value) {
    let body = body.to_string();
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
}

/// The same response with another body, if it is a JSON answer of success.
async fn edited(response: HttpResponse, edit: impl Fn(Value) -> Value) -> Result<HttpResponse, ConnectorError> {
    let status = response.status();
    let body = ByteStream::new(response.into_body()).collect().await;
    let body = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
    match serde_json::from_slice(&body).ok().filter(|_| status.is_success()) {
        Some(body) => answer(status.as_u16(), edit(body).to_string()),
        None => answer(status.as_u16(), String::from_utf8_lossy(&body).into_owned()),
    }
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
        _ if request.uri().contains(s3::PATH) => format!("s3 {}", request.method()),
        _ => request.uri().to_owned(),
    }
}
