//! Objects in one S3 bucket: parts of them are read, and small ones written.
//!
//! Two calls are all that is needed, so they are made here, over the HTTP client, the retries and the signatures that the
//! other clients are built on. `aws-sdk-s3` would be the largest crate of all, and linked into whatever links this one.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::ProvideCredentials;
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
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::retry::Retry;

use crate::error::StoreError;

/// Some megabytes are read or written at once, at tens of megabytes in a second: slower than that is better tried again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// All attempts of one call together.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A bucket.
#[derive(Clone)]
pub struct Objects {
    sdk: SdkConfig,
    bucket: String,
    clock: Arc<dyn Clock>,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Its name in the bucket.
    pub key: String,
    /// Which version, if the bucket keeps them.
    pub version: Option<String>,
    /// What its contents must have, with quotes, if nothing else may be read under its name.
    pub etag: Option<String>,
}

/// Some bytes of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// They themselves. None, behind its end.
    pub bytes: Vec<u8>,
    /// So many has all of it.
    pub of: u64,
}

/// Why an object can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It isn't there any more.
    #[error("it is no longer in the bucket")]
    Gone,
    /// Another is there under its name.
    #[error("it was replaced by another of the same name")]
    Replaced,
    /// It can't be read now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A request, before it is signed.
struct Call<'a> {
    name: &'static str,
    method: &'static str,
    key: &'a str,
    query: Option<(&'static str, &'a str)>,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// A signed request.
struct Signed {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// S3's answer to what it didn't do.
#[derive(Debug, thiserror::Error)]
#[error("status {0}")]
struct Refusal(u16);

/// S3's answer to what it did.
#[derive(Debug)]
struct Answer {
    /// As in `bytes 0-99/1234`.
    range: Option<String>,
    body: Vec<u8>,
}

const READING: &str = "reading an object";
const WRITING: &str = "writing an object";

impl Objects {
    /// This bucket.
    pub fn new(sdk: &SdkConfig, bucket: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { sdk: sdk.clone(), bucket: bucket.into(), clock }
    }

    /// Its name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// At most `count` bytes of an object from `from` on.
    pub async fn read(&self, object: &ObjectVersion, from: u64, count: u64) -> Result<Part, ObjectError> {
        let mut headers = vec![("range", format!("bytes={from}-{}", from.saturating_add(count.max(1)) - 1))];
        headers.extend(object.etag.iter().map(|etag| ("if-match", etag.clone())));
        let query = object.version.as_deref().map(|version| ("versionId", version));
        let call = Call { name: "GetObject", method: "GET", key: &object.key, query, headers, body: Vec::new() };
        match self.call(call).await {
            Ok(Answer { range, body }) => {
                let of = range.as_deref().and_then(|range| range.rsplit('/').next()?.parse().ok());
                let of = of.ok_or_else(|| StoreError::unreadable(READING, "S3 doesn't say how long it is"))?;
                Ok(Part { bytes: body, of })
            }
            Err(Failed::Refused(416)) => Ok(Part { bytes: Vec::new(), of: from }),
            Err(Failed::Refused(404)) => Err(ObjectError::Gone),
            Err(Failed::Refused(412)) => Err(ObjectError::Replaced),
            Err(failed) => Err(failed.into_store(READING).into()),
        }
    }

    /// Writes an object, over what is there under its name.
    pub async fn write(&self, key: &str, kind: &str, body: Vec<u8>) -> Result<(), StoreError> {
        let headers = vec![("content-type", kind.to_owned())];
        let call = Call { name: "PutObject", method: "PUT", key, query: None, headers, body };
        self.call(call).await.map(drop).map_err(|failed| failed.into_store(WRITING))
    }

    async fn call(&self, call: Call<'_>) -> Result<Answer, Failed> {
        let (origin, name) = (self.origin(), call.name);
        let signed = self.signed(&origin, call).await.map_err(Failed::NotSent)?;
        let mut operation = Operation::builder().service_name("s3").operation_name(name).no_auth();
        operation = operation.endpoint_url(&origin);
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
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build();
        let operation = operation
            .timeout_config(timeouts)
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .serializer(Signed::into_request)
            .deserializer(answer)
            .build();
        Box::pin(operation.invoke(signed)).await.map_err(|error| match &error {
            SdkError::ServiceError(refused) => Failed::Refused(refused.err().0),
            SdkError::TimeoutError(_) => Failed::Unanswered("timed out"),
            SdkError::DispatchFailure(_) => Failed::Unanswered("could not be reached"),
            _ => Failed::Unanswered("gave no usable answer"),
        })
    }

    /// Where the bucket is. An endpoint of one's own has it in its path.
    fn origin(&self) -> String {
        match self.sdk.endpoint_url() {
            Some(endpoint) => format!("{}/{}", endpoint.trim_end_matches('/'), self.bucket),
            None => {
                let region = self.sdk.region().map_or("us-east-1", |region| region.as_ref());
                format!("https://{}.s3.{region}.amazonaws.com", self.bucket)
            }
        }
    }

    async fn signed(&self, origin: &str, call: Call<'_>) -> Result<Signed, String> {
        let provider = self.sdk.credentials_provider().ok_or("there are no credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|error| error.to_string())?;
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let region = self.sdk.region().map_or("us-east-1", |region| region.as_ref());
        let parameters = v4::SigningParams::builder().identity(&identity).region(region).name("s3");
        let parameters = parameters.time(SystemTime::from(self.clock.now())).settings(settings).build();
        let parameters = parameters.map_err(|error| error.to_string())?.into();
        let mut path = format!("/{}", escaped(call.key, true));
        if let Some((name, value)) = call.query {
            path.push_str(&format!("?{name}={}", escaped(value, false)));
        }
        let headers = call.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let uri = format!("{origin}{path}");
        let request = SignableRequest::new(call.method, uri, headers, SignableBody::Bytes(&call.body));
        let output = sign(request.map_err(|error| error.to_string())?, &parameters);
        let (instructions, _) = output.map_err(|error| error.to_string())?.into_parts();
        let own = call.headers.into_iter().map(|(name, value)| (name.to_owned(), value));
        let added = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Signed { method: call.method, path, headers: own.chain(added).collect(), body: call.body })
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

/// Why a call came to nothing.
enum Failed {
    NotSent(String),
    Refused(u16),
    Unanswered(&'static str),
}

impl Failed {
    fn into_store(self, doing: &'static str) -> StoreError {
        let reason = match self {
            Self::NotSent(reason) => reason,
            Self::Refused(status) => format!("S3 answers with the status {status}"),
            Self::Unanswered(reason) => reason.to_owned(),
        };
        StoreError { doing, reason, retry: Retry::Backoff }
    }
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Refusal>> {
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(Refusal(response.status().as_u16())));
    }
    let range = response.headers().get("content-range").map(str::to_owned);
    Ok(Answer { range, body: response.body().bytes().unwrap_or_default().to_vec() })
}

/// As S3 wants names: all but letters, digits and `-._~` in hexadecimal digits, and slashes where they separate.
fn escaped(text: &str, keeps_slashes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            b'/' if keeps_slashes => escaped.push('/'),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}
