//! The team as a customer sees it, over HTTP.

mod asynchronous;
mod kept;
mod organizations;
mod outreach;
mod people;
mod plans;
mod prospecting;

use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{apollo_router, loopback};

const MATCH: &str = "/api/v1/people/match";
const BULK: &str = "/api/v1/people/bulk_match";

struct World {
    clock: Arc<HandClock>,
    apollo: Arc<Apollo>,
    http: reqwest::Client,
    base: String,
}

impl World {
    /// Knows Ada and Bob, and nobody else.
    async fn with(setup: ApolloSetup) -> Self {
        let clock = HandClock::start();
        let apollo = Arc::new(Apollo::new(clock.clone(), setup));
        apollo.know_nobody_by_default();
        apollo.know(Person::new("Ada", "Lovelace", "ada@example.com"));
        apollo.know(Person::new("Bob", "Builder", "bob@example.com"));
        let base = loopback::serve(apollo_router(apollo.clone())).await;
        Self { clock, apollo, http: loopback::client(), base }
    }

    async fn new() -> Self {
        Self::with(ApolloSetup::default()).await
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = request.header("X-Api-Key", "simulated-api-key");
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        self.call(Method::POST, path, body).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.call(Method::GET, path, Value::Null).await;
        (status, body)
    }

    async fn bulk(&self, emails: &[&str]) -> (u16, Value) {
        let (status, _, body) = self.post(BULK, details(emails)).await;
        (status, body)
    }
}

fn details(emails: &[&str]) -> Value {
    let details: Vec<Value> = emails.iter().map(|email| json!({ "email": email })).collect();
    json!({ "details": details })
}
