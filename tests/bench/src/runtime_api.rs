//! Lambda's runtime API: where a function asks for its next event, and answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{Failure, now};

/// What a function has got until its deadline.
const RUN: Duration = Duration::from_secs(30);
/// A busy machine is slow, and what hangs still ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// One function's runtime API.
pub(crate) struct RuntimeApi {
    /// Host and port.
    pub(crate) address: String,
    events: mpsc::Sender<String>,
    answers: Mutex<mpsc::Receiver<Answer>>,
    ready: Mutex<Option<oneshot::Receiver<Instant>>>,
}

/// How an invocation ended.
enum Answer {
    Response(Bytes),
    Error(String),
}

struct Shared {
    events: Mutex<mpsc::Receiver<String>>,
    answers: mpsc::Sender<Answer>,
    ready: Mutex<Option<oneshot::Sender<Instant>>>,
}

impl RuntimeApi {
    /// Serves it.
    pub(crate) async fn serve() -> Result<Self, Failure> {
        let (events, next) = mpsc::channel(1);
        let (answer, answers) = mpsc::channel(1);
        let (told, ready) = oneshot::channel();
        let shared = Shared { events: Mutex::new(next), answers: answer, ready: Mutex::new(Some(told)) };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_event))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::new(shared));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, events, answers: Mutex::new(answers), ready: Mutex::new(Some(ready)) })
    }

    /// When the function asked for its first event.
    pub(crate) async fn first_asked(&self) -> Result<Instant, Failure> {
        let ready = self.ready.lock().await.take().ok_or("it was waited for before")?;
        tokio::time::timeout(PATIENCE, ready)
            .await
            .map_err(|_| "the function never asked for an event")?
            .map_err(|_| "the function ended before it asked for an event".into())
    }

    /// Has the function work on an event, and gives its answer.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, Failure> {
        self.events.send(event.to_string()).await?;
        let answer = tokio::time::timeout(PATIENCE, async { self.answers.lock().await.recv().await }).await?;
        match answer.ok_or("the function ended")? {
            Answer::Response(body) => Ok(serde_json::from_slice(&body)?),
            Answer::Error(error) => Err(error.into()),
        }
    }
}

async fn next_event(State(shared): State<Arc<Shared>>) -> Response {
    if let Some(ready) = shared.ready.lock().await.take() {
        // Nobody waits any more.
        let _ = ready.send(Instant::now());
    }
    let Some(event) = shared.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = now() + i64::try_from(RUN.as_millis()).unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers.insert("lambda-runtime-aws-request-id", HeaderValue::from_static("8476a536-e9f4-11e8-9739-2dfe598c3fcd"));
    headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(deadline));
    let arn = HeaderValue::from_static("arn:aws:lambda:us-east-1:123456789012:function:bench");
    headers.insert("lambda-runtime-invoked-function-arn", arn);
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    (headers, event).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    let _ = shared.answers.send(Answer::Response(body)).await;
    StatusCode::ACCEPTED
}

async fn error(State(shared): State<Arc<Shared>>, Path(_): Path<String>, body: String) -> StatusCode {
    let _ = shared.answers.send(Answer::Error(body)).await;
    StatusCode::ACCEPTED
}

async fn init_error(State(shared): State<Arc<Shared>>, body: String) -> StatusCode {
    eprintln!("the function can't start: {body}");
    shared.ready.lock().await.take();
    StatusCode::ACCEPTED
}
