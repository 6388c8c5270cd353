//! What Apollo says of its own use.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::endpoints::Endpoint;
use super::{Apollo, Team, wire};
use crate::simulators::exchange::Answer;

/// The kinds of credit that a team with one shared pool has nothing in.
const UNUSED_CREDITS: [&str; 9] = [
    "direct_dial_credit",
    "export_credit",
    "conversation_credit",
    "ai_credit",
    "power_up_credit",
    "inbound_website_visitor_credit",
    "contact_website_visitor_credit",
    "web_search_record_credit",
    "dialer",
];

impl Team {
    /// `usage_stats/credit_usage_stats`: the shared pool is the lead credits.
    pub(super) fn credit_usage(&self) -> Answer {
        let nothing = json!({ "limit": 0, "consumed": 0, "left_over": 0 });
        let unused = UNUSED_CREDITS.iter().map(|name| ((*name).to_owned(), nothing.clone()));
        let mut stats: Map<String, Value> = unused.collect();
        let (limit, consumed) = self.pool.figures();
        let pool = json!({
            "limit": wire::credits(limit),
            "consumed": wire::credits(consumed),
            "left_over": wire::credits(limit - consumed),
        });
        stats.insert("lead_credit".to_owned(), pool);
        let began = self.pool.began().to_zoned(TimeZone::UTC);
        let ends = began.checked_add(1.month()).unwrap_or_else(|_| began.clone());
        let cycle = json!({ "start_date": began.date().to_string(), "end_date": ends.date().to_string() });
        Answer::json(200, &json!({ "credit_usage_stats": stats, "current_credit_cycle": cycle }))
    }
}

impl Apollo {
    /// `usage_stats/api_usage_stats`: by endpoint, named by a pair that is written as JSON.
    pub(super) fn api_usage(&self, team: &Team, now: Timestamp) -> Answer {
        let mut stats = Map::new();
        for endpoint in Endpoint::all() {
            let (family, action) = endpoint.name().rsplit_once('/').unwrap_or_default();
            let name = json!([family, action]).to_string();
            stats.insert(name, team.meter.stats(endpoint.name(), self.limits_of(endpoint), now));
        }
        Answer::json(200, &Value::from(stats))
    }
}
