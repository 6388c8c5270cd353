//! What a team has at Apollo: mailboxes, credits, calls, and a key that is good or not. All free of charge. A key that
//! is limited to other endpoints is denied these.

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::provider::{Began, Told, Usage};
use reqwest::Method;
use serde::{Deserialize, Deserializer};

use super::exchange::{Apollo, Called, amount};
use crate::loose::fields::{count, list, map, object, text, truth};
use crate::loose::{Loose, Map, Scalar};

/// The most mailboxes that are read. Teams have a few per seller.
const MAILBOXES_MAX: usize = 1000;

/// The most endpoints whose figures are read: several times as many as Apollo has.
const ENDPOINTS_MAX: usize = 500;

/// The most kinds of credit that are read; ten are documented.
const CREDITS_MAX: usize = 50;

impl Apollo {
    /// The mailboxes that sequences can be sent from.
    pub async fn mailboxes(&self, timeout: Duration) -> Called<Vec<Mailbox>> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Mailboxes {
            #[serde(deserialize_with = "list::<_, _, MAILBOXES_MAX>")]
            email_accounts: Vec<Mailbox>,
        }
        let told = self.call(self.request(Method::GET, "email_accounts"), timeout).await;
        Told { reply: told.reply.map(|Mailboxes { email_accounts }| email_accounts), rates: told.rates }
    }

    /// What the team has used of its credits. Up to date within seconds (documented).
    pub async fn credit_usage(&self, timeout: Duration) -> Called<CreditUsage> {
        let request = self.request(Method::POST, "usage_stats/credit_usage_stats");
        self.call(request.json(&serde_json::json!({})), timeout).await
    }

    /// What the team has used of its limits, endpoint by endpoint.
    pub async fn call_usage(&self, timeout: Duration) -> Called<Vec<EndpointUsage>> {
        let request = self.request(Method::POST, "usage_stats/api_usage_stats");
        let told: Called<CallUsage> = self.call(request.json(&serde_json::json!({})), timeout).await;
        Told { reply: told.reply.map(|CallUsage(endpoints)| endpoints), rates: told.rates }
    }

    /// Whether the key is good. Says nothing about credits.
    pub async fn health(&self, timeout: Duration) -> Called<Health> {
        self.call(self.request(Method::GET, "auth/health"), timeout).await
    }
}

/// A mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Mailbox {
    /// Its id: what adding to a sequence wants.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// Whose it is.
    #[serde(deserialize_with = "text")]
    pub user_id: Option<String>,
    /// Its address.
    #[serde(deserialize_with = "text")]
    pub email: Option<String>,
    /// `gmail`, `microsoft`, …
    #[serde(deserialize_with = "text")]
    pub r#type: Option<String>,
    /// Whether it can be sent from.
    #[serde(deserialize_with = "truth")]
    pub active: Option<bool>,
    /// Whether it is its user's first choice.
    #[serde(deserialize_with = "truth")]
    pub default: Option<bool>,
    /// The most messages in a day.
    #[serde(deserialize_with = "count")]
    pub email_daily_threshold: Option<u64>,
    /// The most messages in an hour.
    #[serde(deserialize_with = "count")]
    pub max_outbound_emails_per_hour: Option<u64>,
    /// Seconds between messages.
    #[serde(deserialize_with = "count")]
    pub seconds_delay_between_emails: Option<u64>,
    /// Why it isn't active.
    #[serde(deserialize_with = "text")]
    pub inactive_reason: Option<String>,
    /// When its owner took Apollo's access away.
    #[serde(deserialize_with = "text")]
    pub revoked_at: Option<String>,
}

/// Credits, by kind, in the running cycle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CreditUsage {
    /// By Apollo's name of the kind: `lead_credit`, `direct_dial_credit`, … On plans with one pool `lead_credit` is
    /// that pool; the other figures are parts of it and are not to be added.
    #[serde(rename = "credit_usage_stats", deserialize_with = "map::<_, _, CREDITS_MAX>")]
    pub credits: BTreeMap<String, Credits>,
    /// The cycle that they count in.
    #[serde(rename = "current_credit_cycle", deserialize_with = "object")]
    pub cycle: Option<CreditCycle>,
}

/// Credits of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Credits {
    /// Granted for the cycle.
    #[serde(deserialize_with = "credits")]
    pub limit: Option<Milli>,
    /// Used.
    #[serde(deserialize_with = "credits")]
    pub consumed: Option<Milli>,
    /// Not used yet.
    #[serde(deserialize_with = "credits")]
    pub left_over: Option<Milli>,
}

/// A billing cycle, in Apollo's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CreditCycle {
    /// Its beginning.
    #[serde(deserialize_with = "text")]
    pub start_date: Option<String>,
    /// Its end.
    #[serde(deserialize_with = "text")]
    pub end_date: Option<String>,
}

impl CreditUsage {
    /// What all look-ups together have used, on plans with one pool.
    pub(super) fn pool(self) -> Option<Usage> {
        let used = self.credits.get("lead_credit")?.consumed?;
        let cycle = self.cycle?.start_date?;
        Some(Usage { began: Began::read(&cycle), cycle, used })
    }
}

/// How often an endpoint was called, and may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointUsage {
    /// The first part of its name: `api/v1/contacts`.
    pub path: String,
    /// The second: `search`.
    pub action: String,
    /// In the running day.
    pub day: Option<Calls>,
    /// In the running hour.
    pub hour: Option<Calls>,
    /// In the running minute.
    pub minute: Option<Calls>,
}

/// Calls in one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Calls {
    /// The most there may be.
    #[serde(deserialize_with = "count")]
    pub limit: Option<u64>,
    /// How many there were.
    #[serde(deserialize_with = "count")]
    pub consumed: Option<u64>,
    /// How many there may still be.
    #[serde(deserialize_with = "count")]
    pub left_over: Option<u64>,
}

/// Whether a key is good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Whether Apollo is well.
    #[serde(deserialize_with = "truth")]
    pub healthy: Option<bool>,
    /// Whether the key belongs to a user.
    #[serde(deserialize_with = "truth")]
    pub is_logged_in: Option<bool>,
}

/// An object with an endpoint's name as each key. A name is a pair in JSON, and that is in text.
struct CallUsage(Vec<EndpointUsage>);

impl<'de> Deserialize<'de> for CallUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Windows {
            day: Loose<Calls>,
            hour: Loose<Calls>,
            minute: Loose<Calls>,
        }
        let Map(endpoints) = Map::<Loose<Windows>, ENDPOINTS_MAX>::deserialize(deserializer)?;
        let usage = |(name, windows): (String, Loose<Windows>)| {
            let Windows { day, hour, minute } = windows.into_object()?;
            let (path, action) = serde_json::from_str(&name).unwrap_or((name, String::new()));
            let (day, hour, minute) = (day.into_object(), hour.into_object(), minute.into_object());
            Some(EndpointUsage { path, action, day, hour, minute })
        };
        Ok(Self(endpoints.into_iter().filter_map(usage).collect()))
    }
}

fn credits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Milli>, D::Error> {
    Ok(amount(&Scalar::deserialize(deserializer)?))
}
