//! Calls to services that have no client of the SDK's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use leadgate_aws::error::StoreError;
use leadgate_aws::events::Events;
use leadgate_aws::secrets::Secrets;
use leadgate_enrichment::retry::Retry;
use serde_json::{Value, json};

use crate::Still;

/// Answers each call with the next of these, and notes what was asked.
#[derive(Debug, Clone)]
struct Answers {
    answers: Arc<Vec<(u16, String)>>,
    calls: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<HttpRequest>>>,
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.answers[self.calls.fetch_add(1, Ordering::SeqCst)].clone();
        self.asked.lock().expect("alive").push(request);
        let status = status.try_into().expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

impl Answers {
    fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().expect("alive");
        let header = |request: &HttpRequest, name| request.headers().get(name).unwrap_or_default().to_owned();
        let asked = asked.iter().map(|request| Asked {
            uri: request.uri().to_owned(),
            target: header(request, "x-amz-target"),
            date: header(request, "x-amz-date"),
            signature: header(request, "authorization"),
            body: serde_json::from_slice(request.body().bytes().expect("in memory")).expect("JSON"),
        });
        asked.collect()
    }
}

struct Asked {
    uri: String,
    target: String,
    date: String,
    signature: String,
    body: Value,
}

fn aws(region: &'static str, answers: &[(u16, Value)]) -> (SdkConfig, Answers) {
    let answers = answers.iter().map(|(status, body)| (*status, body.to_string())).collect();
    let answers = Answers { answers: Arc::new(answers), calls: Arc::default(), asked: Arc::default() };
    let connector = SharedHttpConnector::new(answers.clone());
    let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("KEY", "word", None, None, "test")))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .retry_config(retries)
        .build();
    (sdk, answers)
}

async fn send(sdk: &SdkConfig) -> Result<(), StoreError> {
    Events::new(sdk, "default", Arc::new(Still)).send("Credits Low", &json!({ "left": 3 })).await
}

#[tokio::test]
async fn a_call_is_signed_and_made_again_while_the_service_throttles_or_fails() {
    let throttled = json!({ "__type": "com.amazonaws.events#ThrottlingException", "message": "Rate exceeded" });
    let answers = [(400, throttled), (503, Value::Null), (200, json!({ "FailedEntryCount": 0, "Entries": [{}] }))];
    let (sdk, answers) = aws("eu-central-1", &answers);
    send(&sdk).await.expect("it is sent");
    let asked = answers.asked();
    assert_eq!(asked.len(), 3);
    for Asked { uri, target, date, signature, body } in asked {
        assert_eq!(
            (uri.as_str(), target.as_str()),
            ("https://events.eu-central-1.amazonaws.com/", "AWSEvents.PutEvents")
        );
        let event = &body["Entries"][0];
        assert_eq!(
            [&event["EventBusName"], &event["Source"], &event["DetailType"]],
            ["default", "leadgate", "Credits Low"]
        );
        assert_eq!(event["Detail"], r#"{"left":3}"#);
        assert_eq!(date, "20270115T080000Z");
        let scope = "AWS4-HMAC-SHA256 Credential=KEY/20270115/eu-central-1/events/aws4_request, SignedHeaders=";
        let headers = signature.strip_prefix(scope).unwrap_or_else(|| panic!("{signature}"));
        assert!(headers.starts_with("content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target, "), "{headers}");
    }
}

#[tokio::test]
async fn what_the_service_refuses_is_said_in_its_words_and_not_asked_again() {
    let denied = json!({ "__type": "AccessDeniedException", "Message": "no events for you" });
    let (sdk, answers) = aws("cn-north-1", &[(400, denied)]);
    let error = send(&sdk).await.expect_err("it is refused");
    assert_eq!(error.to_string(), "sending an event: AccessDeniedException: no events for you");
    assert_eq!(error.retry, Retry::Backoff);
    let uris: Vec<_> = answers.asked().into_iter().map(|asked| asked.uri).collect();
    assert_eq!(uris, ["https://events.cn-north-1.amazonaws.com.cn/"]);
}

#[tokio::test]
async fn an_event_that_is_refused_in_an_answer_of_success_was_not_sent() {
    let refused = json!({ "FailedEntryCount": 1, "Entries": [{ "ErrorCode": "InternalFailure" }] });
    let error = send(&aws("eu-west-1", &[(200, refused)]).0).await.expect_err("it was not sent");
    assert_eq!(error.to_string(), "sending an event: InternalFailure");
}

#[tokio::test]
async fn a_call_that_nobody_may_sign_says_why() {
    let sdk = aws("us-east-1", &[]).0;
    let sdk = sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(Nobody)).build();
    let error = send(&sdk).await.expect_err("nobody may sign it");
    let why = "sending an event: could not be sent: the credential provider was not enabled";
    assert!(error.to_string().starts_with(why), "{error}");
}

#[derive(Debug)]
struct Nobody;

impl aws_credential_types::provider::ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let missing = aws_credential_types::provider::error::CredentialsError::not_loaded_no_source();
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(missing))
    }
}

#[tokio::test]
async fn a_secret_is_read_once_and_must_be_text() {
    let (sdk, answers) =
        aws("eu-central-1", &[(200, json!({ "SecretString": "word" })), (200, json!({ "Name": "b" }))]);
    let secrets = Secrets::in_aws(&sdk, Arc::new(Still));
    for _ in 0..2 {
        assert_eq!(secrets.get("a").await.expect("it is there"), "word");
    }
    let error = secrets.get("b").await.expect_err("it holds bytes");
    assert_eq!(error.to_string(), r#"reading a secret: "b" holds bytes, expected text"#);
    let asked = answers.asked();
    let names: Vec<_> =
        asked.iter().map(|asked| (&asked.uri[..], &asked.target[..], &asked.body["SecretId"])).collect();
    let (uri, target) = ("https://secretsmanager.eu-central-1.amazonaws.com/", "secretsmanager.GetSecretValue");
    assert_eq!(names, [(uri, target, &json!("a")), (uri, target, &json!("b"))]);
}
