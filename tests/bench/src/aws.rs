//! DynamoDB, SQS and Secrets Manager at one address, as `AWS_ENDPOINT_URL` names one for all services: the first two are the
//! sandbox's, and the last tells its secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use leadgate_enrichment::config::SecretRole;
use leadgate_sandbox::world::Whereabouts;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use crate::Failure;

/// What a function needs of AWS.
pub(crate) struct Aws {
    url: String,
    world: Whereabouts,
    config: NamedTempFile,
    /// The webhook's address, as deliveries are signed for it.
    pub(crate) public_url: String,
    /// What they are signed with.
    pub(crate) signing_secret: String,
    /// The CRM's account.
    pub(crate) portal: u64,
}

struct Shared {
    dynamodb: String,
    sqs: String,
    secrets: BTreeMap<String, String>,
    http: reqwest::Client,
}

impl Aws {
    /// Serves it beside the world at `url`, in which webhooks are signed with this secret.
    pub(crate) async fn serve(url: &str, signing_secret: String) -> Result<Self, Failure> {
        let http = leadgate_connectors::http::client();
        let world: Whereabouts = http.get(format!("{url}/simulators/world")).send().await?.json().await?;
        let config = world.config()?;
        let tenant = config.tenants.values().next().ok_or("the world has no tenant")?;
        let name = tenant.crm.secrets.of(SecretRole::CrmSigning).next().ok_or("the tenant signs with nothing")?;
        let portal = tenant.crm.own.whole("portal_id").ok_or("the tenant has no portal")?;
        let (sqs, dynamodb, mut secrets) = (world.sqs.clone(), world.dynamodb.clone(), world.secrets.clone());
        secrets.insert(name.to_owned(), signing_secret.clone());
        let shared = Shared { dynamodb, sqs, secrets, http };
        let router = Router::new().fallback(serve).with_state(Arc::new(shared));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        // The function checks signatures for the address that stands in its own configuration.
        let file = NamedTempFile::with_suffix(".toml")?;
        let toml: String = world.config.clone();
        let written = written_url(&toml).ok_or("the configuration has no public_url")?;
        std::fs::write(file.path(), toml.as_bytes())?;
        Ok(Self { url: endpoint, world, config: file, public_url: written, signing_secret, portal })
    }

    /// What a function finds in its environment.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let Whereabouts { records_table, credits_table, limits_table, bulk_queue_url, fingerprints, .. } = &self.world;
        let config = self.config.path().display().to_string();
        let all: [(&str, &str); 22] = [
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("LEADGATE_CONFIG", &config),
            ("LEADGATE_RECORDS_TABLE", records_table),
            ("LEADGATE_CREDITS_TABLE", credits_table),
            ("LEADGATE_LIMITS_TABLE", limits_table),
            ("LEADGATE_ANSWERS_TABLE", records_table),
            ("LEADGATE_FEED_TABLE", &self.world.feed_table),
            ("LEADGATE_QUEUE_URL", bulk_queue_url),
            ("LEADGATE_BULK_QUEUE_URL", bulk_queue_url),
            ("LEADGATE_DEAD_LETTER_QUEUE_URL", bulk_queue_url),
            ("LEADGATE_FINGERPRINTS", fingerprints),
            ("LEADGATE_PUBLIC_URL", &self.public_url),
            ("LEADGATE_SIGNING_SECRET", &self.signing_secret),
        ];
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The first `public_url` in the file, as it is written there.
fn written_url(toml: &str) -> Option<String> {
    let (_, rest) = toml.split_once("\npublic_url = \"")?;
    rest.split_once('"').map(|(url, _)| url.to_owned())
}

async fn serve(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let service = match target.split('.').next() {
        Some("secretsmanager") => return secret(&shared.secrets, &body),
        Some("AmazonSQS") => &shared.sqs,
        _ => &shared.dynamodb,
    };
    let mut request = shared.http.post(service).body(body);
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    match request.send().await {
        Ok(answer) => {
            let (status, headers) = (answer.status(), answer.headers().clone());
            (status, headers, answer.bytes().await.unwrap_or_default()).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

fn secret(secrets: &BTreeMap<String, String>, body: &[u8]) -> Response {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let name = asked["SecretId"].as_str().unwrap_or_default();
    // One that the world doesn't tell is any text.
    let text = secrets.get(name).cloned().unwrap_or_else(|| "a secret of at least thirty-two characters".to_owned());
    let told = json!({ "ARN": format!("arn:aws:secretsmanager:us-east-1:1:secret:{name}"), "Name": name,
                       "SecretString": text, "VersionId": "1" });
    ([("content-type", "application/x-amz-json-1.1")], told.to_string()).into_response()
}
