//! Servers for one test each.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A status and a body.
pub(crate) type Answer = (u16, String);

/// The answer to a request line and a body.
type Respond = dyn Fn(&str, &Value) -> Answer + Send + Sync;

/// A server that remembers what it was asked.
pub(crate) struct Server {
    pub(crate) url: String,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    asked: Vec<(String, Value)>,
    headers: Vec<HeaderMap>,
    peers: BTreeSet<SocketAddr>,
}

#[derive(Clone)]
struct Script {
    answer: Arc<Respond>,
    headers: HeaderMap,
    memory: Arc<Mutex<Memory>>,
}

impl Server {
    /// Answers each request by `METHOD path` and body.
    pub(crate) async fn start(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_headers(&[], answer).await
    }

    /// The same, with these headers on every answer.
    pub(crate) async fn with_headers(
        headers: &[(&'static str, &'static str)],
        answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let memory = Arc::default();
        let header = |&(name, value): &_| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers = headers.iter().map(header).collect();
        let script = Script { answer: Arc::new(answer), headers, memory: Arc::clone(&memory) };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let service = Router::new().fallback(respond).with_state(script);
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { url, memory }
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<(String, Value)> {
        self.memory.lock().expect("no panic while asking").asked.clone()
    }

    /// The same, without bodies.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|(line, _)| line).collect()
    }

    /// This header of each request, where there is one.
    pub(crate) fn sent(&self, header: &str) -> Vec<Option<String>> {
        let memory = self.memory.lock().expect("no panic while asking");
        let value = |headers: &HeaderMap| Some(headers.get(header)?.to_str().ok()?.to_owned());
        memory.headers.iter().map(value).collect()
    }

    /// Over how many connections it was asked.
    pub(crate) fn connections(&self) -> usize {
        self.memory.lock().expect("no panic while asking").peers.len()
    }
}

async fn respond(
    State(script): State<Script>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, String) {
    let line = format!("{method} {uri}");
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = (script.answer)(&line, &body);
    let mut memory = script.memory.lock().expect("no panic while asking");
    memory.asked.push((line, body));
    memory.headers.push(headers);
    memory.peers.insert(peer);
    (StatusCode::from_u16(status).expect("a status"), script.headers, answer)
}

/// A server that writes `answer` to every connection once something has arrived, and hangs up. With no answer it keeps
/// the connection and says nothing. The counter counts connections.
pub(crate) async fn raw(answer: Option<&'static str>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            match answer {
                Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                None => silent.push(stream),
            }
        }
    });
    (url, connections)
}

/// An address that nobody listens on.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}
