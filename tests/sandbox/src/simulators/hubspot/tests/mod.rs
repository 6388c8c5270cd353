//! The portal as an app sees it, over HTTP.

mod api;
mod hooks;
mod kept;

use std::sync::Arc;

use axum::http::HeaderMap;
use serde_json::Value;

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{hubspot_router, loopback};

const V3: &str = "/crm/v3/objects/contacts";
const DATED: &str = "/crm/objects/2026-03/contacts";

struct World {
    clock: Arc<HandClock>,
    hubspot: Arc<HubSpot>,
    http: reqwest::Client,
    base: String,
}

impl World {
    async fn with(setup: HubSpotSetup) -> Self {
        let clock = HandClock::start();
        let http = loopback::client();
        let hubspot = Arc::new(HubSpot::new(clock.clone(), setup, http.clone()));
        let base = loopback::serve(hubspot_router(hubspot.clone())).await;
        Self { clock, hubspot, http, base }
    }

    async fn new() -> Self {
        Self::with(HubSpotSetup::default()).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        request = request.bearer_auth(&HubSpotSetup::default().token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, _, body) = self.send("POST", path, body).await;
        (status, body)
    }
}
