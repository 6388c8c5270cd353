//! Runs, from their start to what is kept of them.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{CREDITS, WEBHOOK_ID, wire};
use crate::simulators::account::{Found, Price, State};
use crate::simulators::apollo::Asked;
use crate::simulators::exchange::Call;

/// What one person who is found costs, in thousandths of a credit.
const PERSON_MILLI: i64 = 1000;

/// All runs of a workspace.
#[derive(Default)]
pub(super) struct Runs {
    pub(super) started: Vec<Run>,
    pub(super) delay: Duration,
    pub(super) retention: Option<Duration>,
    /// Where the webhook is told, and what deliveries are signed with.
    pub(super) registered: Option<(String, String)>,
    pub(super) outbox: Vec<Webhook>,
}

/// One of them.
pub(super) struct Run {
    pub(super) id: String,
    items: Vec<(String, Asked)>,
    call: Call,
    due: Timestamp,
    is_told: bool,
    /// Once it has ended.
    results: Option<Vec<Value>>,
}

/// A delivery that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// What is sent.
    pub body: String,
    /// What it is signed with.
    pub signature: String,
}

impl Webhook {
    /// Makes it, and says which status was answered, if any was.
    pub async fn post(&self, http: &reqwest::Client) -> Option<u16> {
        let request = http.post(&self.url).header("X-Clay-Signature", &self.signature);
        let request = request.header("content-type", "application/json").body(self.body.clone());
        request.send().await.ok().map(|response| response.status().as_u16())
    }
}

/// What a customer finds of a run.
pub(super) enum Standing<'a> {
    Unknown,
    Running { finished: usize, total: usize },
    Ended(&'a [Value]),
}

impl Runs {
    /// Starts a run, and gives its id.
    pub(super) fn start(&mut self, items: Vec<(String, Asked)>, call: &Call, is_told: bool, now: Timestamp) -> String {
        let id = format!("run_{}", self.started.len() + 1);
        let due = later(now, self.delay);
        self.started.push(Run { id: id.clone(), items, call: call.clone(), due, is_told, results: None });
        id
    }

    /// Ends the runs whose time has come, and charges for what they find.
    pub(super) fn finish(&mut self, state: &mut State, now: Timestamp) {
        for run in self.started.iter_mut().filter(|run| run.results.is_none() && run.due <= now) {
            run.results = Some(run.items.iter().map(|item| result(state, item, &run.call, run.due)).collect());
            if let Some((url, secret)) = self.registered.as_ref().filter(|_| run.is_told) {
                self.outbox.push(webhook(url, secret, &run.id, now));
            }
        }
    }

    pub(super) fn standing(&self, id: &str, now: Timestamp) -> Standing<'_> {
        let is_kept = |run: &&Run| self.retention.is_none_or(|kept| now < later(run.due, kept));
        match self.started.iter().filter(is_kept).find(|run| run.id == id) {
            None => Standing::Unknown,
            Some(Run { results: Some(results), .. }) => Standing::Ended(results),
            Some(run) => Standing::Running { finished: 0, total: run.items.len() },
        }
    }
}

/// What becomes of one item. One that can't be paid for fails, and the others don't.
fn result(state: &mut State, (id, asked): &(String, Asked), call: &Call, at: Timestamp) -> Value {
    match state.find(asked) {
        Found::Known(person) => {
            let price = Price { kind: CREDITS, endpoint: "routines/run", asked, person: &person, milli: PERSON_MILLI };
            match state.pay(&price, call, at) {
                true => json!({ "id": id, "status": "complete", "result": wire::person(&person) }),
                false => {
                    state.ledger.out_of_credits += 1;
                    let message = "Insufficient credits to run this action";
                    json!({ "id": id, "status": "failed", "error": { "message": message } })
                }
            }
        }
        Found::Unknown | Found::Suppressed | Found::Invalid => {
            json!({ "id": id, "status": "complete", "result": {} })
        }
    }
}

fn webhook(url: &str, secret: &str, run: &str, now: Timestamp) -> Webhook {
    let data = json!({ "routine_run_id": run });
    let body = json!({ "webhookId": WEBHOOK_ID, "createdAt": now.to_string(), "data": data }).to_string();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    let digits = hex::encode(mac.chain_update(body.as_bytes()).finalize().into_bytes());
    Webhook { url: url.to_owned(), body, signature: format!("sha256={digits}") }
}
