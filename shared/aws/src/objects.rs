//! Objects in one S3 bucket: parts of them are read, and small ones written.
//!
//! Two calls are all that is needed: `aws-sdk-s3` would be the largest crate of all.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::result::SdkError;
use leadgate_enrichment::clock::Clock;

use crate::error::StoreError;
use crate::signed::{Answer, Failed, Request, Service};

/// Some megabytes are read or written at once, at tens of megabytes in a second: slower than that is better tried again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// All attempts of one call together.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A bucket.
#[derive(Clone)]
pub struct Objects {
    s3: Service,
    bucket: String,
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

const READING: &str = "reading an object";
const WRITING: &str = "writing an object";

impl Objects {
    /// This bucket.
    pub fn new(sdk: &SdkConfig, bucket: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build();
        Self { s3: Service::new(sdk, "s3", clock).within(timeouts), bucket: bucket.into() }
    }

    /// Its name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// At most `count` bytes of an object from `from` on.
    pub async fn read(&self, object: &ObjectVersion, from: u64, count: u64) -> Result<Part, ObjectError> {
        let mut headers = vec![("range", format!("bytes={from}-{}", from.saturating_add(count.max(1)) - 1))];
        headers.extend(object.etag.iter().map(|etag| ("if-match", etag.clone())));
        let path = path_of(&object.key, object.version.as_deref());
        let request = Request { operation: "GetObject", method: "GET", path, headers, body: Vec::new() };
        match self.call(request).await {
            Ok(answer) => {
                let of = answer.header("content-range").and_then(|range| range.rsplit('/').next()?.parse().ok());
                let of = of.ok_or_else(|| StoreError::unreadable(READING, "S3 doesn't say how long it is"))?;
                Ok(Part { bytes: answer.body, of })
            }
            Err(failed) => match status_of(&failed) {
                Some(416) => Ok(Part { bytes: Vec::new(), of: from }),
                Some(404) => Err(ObjectError::Gone),
                Some(412) => Err(ObjectError::Replaced),
                _ => Err(into_store(READING, &failed).into()),
            },
        }
    }

    /// Writes an object, over what is there under its name.
    pub async fn write(&self, key: &str, kind: &str, body: Vec<u8>) -> Result<(), StoreError> {
        let headers = vec![("content-type", kind.to_owned())];
        let request = Request { operation: "PutObject", method: "PUT", path: path_of(key, None), headers, body };
        self.call(request).await.map(drop).map_err(|failed| into_store(WRITING, &failed))
    }

    async fn call(&self, request: Request) -> Result<Answer, Failed> {
        self.s3.call(&self.origin(), request).await
    }

    /// Where the bucket is. An endpoint of one's own has it in its path.
    fn origin(&self) -> String {
        match self.s3.endpoint() {
            Some(endpoint) => format!("{endpoint}/{}", self.bucket),
            None => self.s3.origin_of(&format!("{}.s3", self.bucket)),
        }
    }
}

fn path_of(key: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("?versionId={}", escaped(version, false))).unwrap_or_default();
    format!("/{}{version}", escaped(key, true))
}

fn status_of(failed: &Failed) -> Option<u16> {
    match failed {
        SdkError::ServiceError(refused) => Some(refused.err().status),
        _ => None,
    }
}

/// S3 says why in XML: the status is enough.
fn into_store(doing: &'static str, failed: &Failed) -> StoreError {
    match status_of(failed) {
        Some(status) => StoreError::exhausted(doing, format!("S3 answers with the status {status}")),
        None => StoreError::from_sdk(doing, failed),
    }
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
