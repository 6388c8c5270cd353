//! Signed calls to services of which a call or two are needed.
//!
//! They are made over the HTTP client, the retries and the signatures that the SDK's own clients are built on. A service's
//! whole client would be many times the code, in what is compiled and in what is deployed, for one call.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use leadgate_enrichment::clock::Clock;
use serde_json::{Value, json};

use crate::error::StoreError;

/// Credentials that end are fetched anew so long before that.
const BEFORE_THEIR_END: Duration = Duration::from_secs(5 * 60);
/// Where there is no other configured.
const REGION: &str = "us-east-1";

/// A service.
#[derive(Clone)]
pub(crate) struct Service {
    sdk: SdkConfig,
    /// As in its address, and in what is signed.
    name: &'static str,
    timeouts: Option<TimeoutConfig>,
    clock: Arc<dyn Clock>,
    credentials: Arc<Mutex<Option<Credentials>>>,
}

/// A request, before it is signed.
pub(crate) struct Request {
    /// As AWS names it.
    pub(crate) operation: &'static str,
    pub(crate) method: &'static str,
    /// With its query, escaped.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a service answers to what it did.
pub(crate) struct Answer {
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What it answers to what it didn't do.
#[derive(Debug, thiserror::Error)]
#[error("status {status}")]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    said: ErrorMetadata,
}

/// Why a call came to nothing.
pub(crate) type Failed = SdkError<Refusal, HttpResponse>;

/// A signed request.
struct Signed {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Service {
    /// This one, with the time limits of all.
    pub(crate) fn new(sdk: &SdkConfig, name: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { timeouts: sdk.timeout_config().cloned(), sdk: sdk.clone(), name, clock, credentials: Arc::default() }
    }

    /// The same, with limits of its own.
    pub(crate) fn within(self, timeouts: TimeoutConfig) -> Self {
        Self { timeouts: Some(timeouts), ..self }
    }

    /// Makes a call of those that are JSON both ways. `target` is how the service names its operations.
    pub(crate) async fn json(
        &self,
        doing: &'static str,
        (target, operation): (&str, &'static str),
        body: &Value,
    ) -> Result<Value, StoreError> {
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("{target}.{operation}")),
        ];
        let body = body.to_string().into_bytes();
        let request = Request { operation, method: "POST", path: "/".to_owned(), headers, body };
        let answer = self.call(&self.origin(), request).await.map_err(|failed| StoreError::from_sdk(doing, &failed))?;
        serde_json::from_slice(&answer.body).map_err(|error| StoreError::unreadable(doing, error))
    }

    /// Makes a call at this address, and again while that is worth it.
    pub(crate) async fn call(&self, origin: &str, request: Request) -> Result<Answer, Failed> {
        let operation = request.operation;
        let signed = self.signed(origin, request).await.map_err(Failed::construction_failure)?;
        let mut operation = Operation::builder().service_name(self.name).operation_name(operation).no_auth();
        operation = operation.endpoint_url(origin);
        operation = match self.sdk.retry_config() {
            Some(retries) => operation.standard_retry(retries),
            None => operation.no_retry(),
        };
        if let Some(client) = self.sdk.http_client() {
            operation = operation.http_client(client);
        }
        if let Some(sleep) = self.sdk.sleep_impl() {
            operation = operation.sleep_impl(sleep);
        }
        if let Some(time) = self.sdk.time_source() {
            operation = operation.time_source(time);
        }
        if let Some(timeouts) = &self.timeouts {
            operation = operation.timeout_config(timeouts.clone());
        }
        let operation = operation
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .serializer(Signed::into_request)
            .deserializer(answer)
            .build();
        Box::pin(operation.invoke(signed)).await
    }

    /// Where it is.
    fn origin(&self) -> String {
        self.endpoint().map_or_else(|| self.origin_of(self.name), str::to_owned)
    }

    /// An endpoint of one's own.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.sdk.endpoint_url().map(|endpoint| endpoint.trim_end_matches('/'))
    }

    /// Where AWS has this host of the region.
    pub(crate) fn origin_of(&self, host: &str) -> String {
        let region = self.region();
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{host}.{region}.{domain}")
    }

    fn region(&self) -> &str {
        self.sdk.region().map_or(REGION, |region| region.as_ref())
    }

    async fn signed(&self, origin: &str, request: Request) -> Result<Signed, String> {
        let identity = self.credentials().await?.into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters = v4::SigningParams::builder().identity(&identity).region(self.region()).name(self.name);
        let parameters = parameters.time(SystemTime::from(self.clock.now())).settings(settings).build();
        let parameters = parameters.map_err(|error| error.to_string())?.into();
        let Request { method, path, headers, body, .. } = request;
        let signable = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new(method, format!("{origin}{path}"), signable, SignableBody::Bytes(&body));
        let output = sign(signable.map_err(|error| error.to_string())?, &parameters);
        let (instructions, _) = output.map_err(|error| error.to_string())?.into_parts();
        let own = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
        let added = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = own.chain(added).collect();
        Ok(Signed { method, path, headers, body })
    }

    /// Those of the last call, as long as they are good.
    async fn credentials(&self) -> Result<Credentials, String> {
        let remembered = self.remembered().clone();
        let soon = SystemTime::from(self.clock.now()) + BEFORE_THEIR_END;
        if let Some(credentials) = remembered.filter(|it| it.expiry().is_none_or(|expiry| expiry > soon)) {
            return Ok(credentials);
        }
        let provider = self.sdk.credentials_provider().ok_or("there are no credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| error.to_string())?;
        *self.remembered() = Some(credentials.clone());
        Ok(credentials)
    }

    fn remembered(&self) -> MutexGuard<'_, Option<Credentials>> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.said
    }
}

impl Signed {
    fn into_request(self) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method(self.method)?;
        request.set_uri(self.path)?;
        for (name, value) in self.headers {
            request.headers_mut().try_insert(name, value)?;
        }
        Ok(request)
    }
}

/// Credentials are in it.
impl fmt::Debug for Signed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signed").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

/// A secret may be in it.
impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Answer").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Refusal>> {
    let (status, body) = (response.status(), response.body().bytes().unwrap_or_default());
    if !status.is_success() {
        return Err(OrchestratorError::operation(Refusal { status: status.as_u16(), said: said(body) }));
    }
    let headers = response.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Answer { headers, body: body.to_vec() })
}

/// The code and the words of an error, where it is JSON: as in `com.amazonaws.events#ThrottlingException`.
fn said(body: &[u8]) -> ErrorMetadata {
    let body: Value = serde_json::from_slice(body).unwrap_or(json!(null));
    let text = |names: &[&str]| names.iter().find_map(|name| body[name].as_str());
    let mut said = ErrorMetadata::builder();
    if let Some(code) = text(&["__type", "code"]) {
        said = said.code(code.rsplit('#').next().unwrap_or(code));
    }
    if let Some(message) = text(&["message", "Message"]) {
        said = said.message(message);
    }
    said.build()
}
