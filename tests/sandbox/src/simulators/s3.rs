//! S3 that remembers: versions of objects in buckets. It speaks as much of the API as is used: `PutObject`, and `GetObject`
//! with a range, a version and `If-Match`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

/// Where it is served.
pub const PATH: &str = "/simulators/s3";

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name among the versions of the object.
    pub id: String,
    /// Tells its contents from others.
    pub etag: String,
    /// `None`, if it says that the object was deleted.
    pub contents: Option<Vec<u8>>,
}

/// All buckets: any name is one.
#[derive(Default)]
pub struct S3 {
    /// By bucket and name, the last version last.
    objects: Mutex<BTreeMap<(String, String), Vec<Version>>>,
}

impl S3 {
    /// Puts an object, and gives its version.
    pub fn put(&self, bucket: &str, key: &str, contents: Vec<u8>) -> Version {
        let etag = hex::encode(&Sha256::digest(&contents)[..16]);
        self.push(bucket, key, etag, Some(contents))
    }

    /// Deletes an object. Its versions are still there.
    pub fn delete(&self, bucket: &str, key: &str) {
        self.push(bucket, key, String::new(), None);
    }

    /// Deletes an object with all its versions.
    pub fn purge(&self, bucket: &str, key: &str) {
        self.lock().remove(&(bucket.to_owned(), key.to_owned()));
    }

    /// The objects of a bucket whose names begin so, as they are now, in the order of their names.
    pub fn objects(&self, bucket: &str, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let objects = self.lock();
        let objects = objects.iter().filter(|((of, key), _)| of == bucket && key.starts_with(prefix));
        objects.filter_map(|((_, key), all)| Some((key.clone(), all.last()?.contents.clone()?))).collect()
    }

    fn push(&self, bucket: &str, key: &str, etag: String, contents: Option<Vec<u8>>) -> Version {
        let mut objects = self.lock();
        let all = objects.entry((bucket.to_owned(), key.to_owned())).or_default();
        let version = Version { id: format!("v{}", all.len() + 1), etag, contents };
        all.push(version.clone());
        version
    }

    fn version(&self, bucket: &str, key: &str, id: Option<&str>) -> Option<Version> {
        let objects = self.lock();
        let all = objects.get(&(bucket.to_owned(), key.to_owned()))?;
        match id {
            Some(id) => all.iter().find(|version| version.id == id).cloned(),
            None => all.last().cloned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<Version>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves them below [`PATH`].
pub fn router(s3: Arc<S3>) -> Router {
    let route = format!("{PATH}/{{bucket}}/{{*key}}");
    Router::new().route(&route, get(read).put(write)).layer(DefaultBodyLimit::disable()).with_state(s3)
}

type Asked = Path<(String, String)>;

async fn write(State(s3): State<Arc<S3>>, Path((bucket, key)): Asked, headers: HeaderMap, body: Bytes) -> Response {
    if !is_signed(&headers, &body) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let version = s3.put(&bucket, &key, body.to_vec());
    ([("x-amz-version-id", version.id), ("etag", format!("\"{}\"", version.etag))], ()).into_response()
}

async fn read(
    State(s3): State<Arc<S3>>,
    Path((bucket, key)): Asked,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if !is_signed(&headers, &[]) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let version = s3.version(&bucket, &key, query.get("versionId").map(String::as_str));
    let Some((etag, contents)) = version.and_then(|version| Some((version.etag, version.contents?))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{etag}\"");
    if headers.get(header::IF_MATCH).is_some_and(|wanted| wanted.as_bytes() != etag.as_bytes()) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    let Some((from, to)) = range_of(&headers) else {
        return (StatusCode::OK, [(header::ETAG, etag)], contents).into_response();
    };
    if from >= contents.len() {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let to = to.min(contents.len() - 1);
    let range = format!("bytes {from}-{to}/{}", contents.len());
    let headers = [(header::ETAG, etag), (header::CONTENT_RANGE, range)];
    (StatusCode::PARTIAL_CONTENT, headers, contents[from..=to].to_vec()).into_response()
}

/// The first and the last byte that are asked for.
fn range_of(headers: &HeaderMap) -> Option<(usize, usize)> {
    let range = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    let (from, to) = range.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// Whether somebody has signed it, with this body.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_by_us = text("authorization").starts_with("AWS4-HMAC-SHA256 Credential=");
    is_by_us && text("x-amz-content-sha256") == hex::encode(Sha256::digest(body))
}
