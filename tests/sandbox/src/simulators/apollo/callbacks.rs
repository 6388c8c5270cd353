//! Saying that something has arrived: an unsigned POST to wherever the caller wanted it.
//!
//! Nothing is sent by itself, since the clock is turned by hand: a test delivers what is due, or takes the callbacks and
//! sends them early, late, twice, in another order or not at all.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::asynchronous::chance;
use super::{Apollo, ApolloSetup, Team};

/// The longest wait for an answer to a callback, by the machine's clock: so long that only a receiver that hangs is too
/// late. How long Apollo waits isn't documented.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// How much later a callback is tried again. When Apollo does isn't documented.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// A callback that has yet to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    /// What it is about. The body of a native one doesn't say so.
    pub request_id: i64,
    /// Where to.
    pub url: String,
    /// What is sent. Before it is due, this is what would be sent if it were.
    pub body: Value,
    /// When.
    pub due: Timestamp,
}

impl Callback {
    /// Makes it now, whether or not it is due, and says which status was answered, if any was.
    pub async fn post(&self, http: &reqwest::Client) -> Option<u16> {
        let request = http.post(&self.url).timeout(DEADLINE).json(&self.body);
        request.send().await.ok().map(|response| response.status().as_u16())
    }
}

/// A callback, without its body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    request_id: i64,
    url: String,
    due: Timestamp,
    attempts: u32,
}

impl Pending {
    /// The callbacks of a request: one, unless it is among those that are lost or made twice.
    pub(super) fn planned(setup: &ApolloSetup, request_id: i64, url: Option<&str>, due: Timestamp) -> Vec<Self> {
        let chance = chance(setup.seed, "callback", request_id);
        let copies = match chance {
            chance if chance < setup.asynchronous.lost_share => 0,
            chance if chance < setup.asynchronous.lost_share + setup.asynchronous.doubled_share => 2,
            _ => 1,
        };
        let one = |url: &str| Self { request_id, url: url.to_owned(), due, attempts: 0 };
        url.map(|url| vec![one(url); copies]).unwrap_or_default()
    }
}

impl Apollo {
    /// The callbacks that have yet to be made, due or not, in the order in which they will be due.
    pub fn pending_callbacks(&self) -> Vec<Callback> {
        self.callbacks(&self.team())
    }

    /// Takes the callbacks out of Apollo's hands: it makes none of them any more.
    pub fn take_callbacks(&self) -> Vec<Callback> {
        let mut team = self.team();
        let callbacks = self.callbacks(&team);
        team.asynchronous.outbox.clear();
        callbacks
    }

    /// Makes each callback that has yet to be made where `moved` says, if it says anything of its address.
    pub(crate) fn redirect_callbacks(&self, moved: impl Fn(&str) -> Option<String>) {
        for pending in self.team.lock().asynchronous.outbox.values_mut() {
            if let Some(url) = moved(&pending.url) {
                pending.url = url;
            }
        }
    }

    /// Makes the callbacks that are due, and says how many they were. One that isn't answered with 2xx is due again a
    /// minute later, a few times.
    pub async fn deliver_callbacks(&self, http: &reqwest::Client) -> usize {
        let due = self.take_due();
        let count = due.len();
        for (number, mut pending, callback) in due {
            let status = callback.post(http).await;
            pending.attempts += 1;
            let now = self.reception.clock.now();
            let mut team = self.team.lock();
            team.asynchronous.outbox.done(number);
            if status.is_none_or(|status| !(200..300).contains(&status))
                && pending.attempts < self.setup.asynchronous.attempts_max
            {
                pending.due = later(now, AGAIN_AFTER);
                team.asynchronous.outbox.push(pending);
            }
        }
        count
    }

    fn callbacks(&self, team: &Team) -> Vec<Callback> {
        let callback = |pending: &Pending| {
            let body = team.result_of(&self.setup, pending.request_id)?;
            Some(Callback { request_id: pending.request_id, url: pending.url.clone(), body, due: pending.due })
        };
        let mut callbacks: Vec<Callback> = team.asynchronous.outbox.waiting().filter_map(callback).collect();
        callbacks.sort_by_key(|callback| callback.due);
        callbacks
    }

    pub(super) fn take_due(&self) -> Vec<(u64, Pending, Callback)> {
        let now = self.reception.clock.now();
        let mut team = self.team();
        let mut due = team.asynchronous.outbox.take(|pending| pending.due <= now);
        due.sort_by_key(|(_, pending)| pending.due);
        let callback = |(number, pending): (u64, Pending)| {
            let body = team.result_of(&self.setup, pending.request_id)?;
            let Pending { request_id, url, due, .. } = pending.clone();
            Some((number, pending, Callback { request_id, url, body, due }))
        };
        due.into_iter().filter_map(callback).collect()
    }
}
