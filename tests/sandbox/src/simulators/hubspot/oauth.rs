//! The token endpoint of an OAuth app (developers.hubspot.com, "OAuth tokens").

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde_json::json;
use url::form_urlencoded;

use super::HubSpot;
use super::wire;
use crate::simulators::exchange::{Answer, Call};

/// Whether this is the endpoint's path: `/oauth/v3/token`, `/oauth/2026-03/token`.
pub(super) fn is_path(path: &str) -> bool {
    matches!(path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice(), ["oauth", _, "token"])
}

impl HubSpot {
    pub(super) fn give_token(&self, call: &Call, now: Timestamp) -> Answer {
        let form: BTreeMap<String, String> = form_urlencoded::parse(&call.body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let (client, credential) = (&self.setup.client_id, &self.setup.client_secret);
        let given = format!("{}:{}", field("client_secret"), field("refresh_token"));
        let mut portal = self.portal.lock();
        if field("grant_type") != "refresh_token" || field("client_id") != client || given != *credential {
            return wire::error(400, "BAD_REFRESH_TOKEN", "missing or invalid refresh token", &portal.correlation_id());
        }
        portal.counters.tokens += 1;
        let token = format!("simulated-oauth-token-{}", portal.counters.tokens);
        portal.tokens.insert(token.clone(), later(now, self.setup.token_life));
        let body = json!({
            "access_token": token, "refresh_token": field("refresh_token"), "token_type": "bearer",
            "expires_in": self.setup.token_life.as_secs(), "hub_id": self.setup.portal_id,
        });
        Answer::json(200, &body)
    }

    /// Every token that was given ends.
    pub fn revoke_tokens(&self) {
        self.portal.lock().tokens.clear();
    }
}
