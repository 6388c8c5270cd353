//! What arrives later: mobile numbers, and what a waterfall of other sources finds.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{days, later};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::asynchronous_wire;
use super::callbacks::Pending;
use super::endpoints::{self, EndpointName};
use super::ledger::{Charge, Item};
use super::people::{EmailStatus, Person};
use super::request::Request;
use super::{ApolloSetup, Team};
use crate::kept::{Table, Undelivered};
use crate::simulators::exchange::Answer;

/// For how long a result can be asked for (documented).
const KEPT: Duration = days(30);

/// When to ask again for a result that isn't there yet (documented).
const ASK_AGAIN_SECONDS: u32 = 10;

/// What a call asks for although it takes minutes to find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) phone: bool,
    pub(super) waterfall_email: bool,
    pub(super) waterfall_phone: bool,
    /// Where to say that it has been found. Nowhere, if it will only be asked for.
    pub(super) webhook_url: Option<String>,
}

impl Wanted {
    pub(super) fn is_waterfall(&self) -> bool {
        self.waterfall_email || self.waterfall_phone
    }

    pub(super) fn is_mobile(&self) -> bool {
        self.phone || self.waterfall_phone
    }
}

/// Everything that was promised.
#[derive(Default)]
pub(super) struct AsynchronousResults {
    pub(super) jobs: Table<i64, Job>,
    pub(super) outbox: Undelivered<Pending>,
    pub(super) polls: Polls,
}

/// How the poll endpoint answers, whatever there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Polls {
    /// As it should.
    #[default]
    Answered,
    /// 401.
    Unauthorized,
    /// 403: the key may not call it any more.
    Forbidden,
    /// 200, with something that is no answer.
    Garbled,
}

/// What is to be found, and for whom.
#[derive(Serialize, Deserialize)]
pub(super) struct Promise {
    /// Everybody who is known, once, with what they were asked for with.
    pub(super) people: Vec<(String, Person)>,
    pub(super) requested: usize,
    pub(super) missing: usize,
    /// What the people cost when they were looked up, in thousandths of a credit.
    pub(super) people_milli: i64,
    /// What was charged for numbers that may not be found.
    pub(super) advance_milli: i64,
}

/// A promise that was made.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) request_id: i64,
    pub(super) wanted: Wanted,
    pub(super) promise: Promise,
    pub(super) accepted: Timestamp,
    pub(super) due: Timestamp,
    #[serde(deserialize_with = "endpoints::named")]
    endpoint: EndpointName,
    call: u64,
    /// What a number cost when it was asked for.
    mobile_milli: i64,
    /// Asked for with another team's key, as this one sees it.
    is_foreign: bool,
    /// The result, once it has arrived.
    payload: Option<Value>,
}

/// What was found for one person.
pub(super) struct Found<'a> {
    pub(super) person: &'a Person,
    /// Whether their numbers are handed out.
    pub(super) phones: bool,
    pub(super) email: Option<&'a str>,
    /// Whether something was found that there were no credits for.
    pub(super) unpaid: bool,
}

/// A result, and what it costs beyond what was charged already.
pub(super) struct Outcome<'a> {
    pub(super) people: Vec<Found<'a>>,
    charges: Vec<Charge>,
    /// What the result says that it cost.
    pub(super) milli: i64,
}

/// What is said at once of what arrives later.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    request_id: Option<i64>,
    /// Whether the waterfall was accepted, where one was asked for.
    waterfall: Option<bool>,
    hides_email: bool,
}

impl Accepted {
    /// Whether a waterfall goes on, so that nothing can be said yet of what the call costs.
    pub(super) fn is_waterfall(&self) -> bool {
        self.waterfall == Some(true)
    }

    /// Leaves out what the waterfall will tell.
    pub(super) fn hide(&self, person: &mut Value) {
        if let Some(keys) = person.as_object_mut().filter(|_| self.hides_email) {
            keys.remove("email");
            keys.remove("email_status");
        }
    }

    /// Adds itself to an answer. The id is a number there, beyond what a float can hold.
    pub(super) fn tell(&self, answer: &mut Value) {
        match self.waterfall {
            Some(true) => {
                let message = "The waterfall enrichment has been accepted. The result will be sent to the webhook.";
                answer["waterfall"] = json!({ "status": "accepted", "message": message });
            }
            Some(false) => {
                let message = "The waterfall enrichment could not be started.";
                answer["waterfall"] = json!({ "status": "failed", "message": message });
            }
            None => {}
        }
        if let Some(request_id) = self.request_id {
            answer["request_id"] = json!(request_id);
        }
    }
}

impl Team {
    /// What is charged for numbers before anybody has looked for them.
    pub(super) fn charges_in_advance(
        &self,
        request: &Request<'_>,
        wanted: Option<&Wanted>,
        known: &[(String, &Person)],
    ) -> Vec<Charge> {
        let asynchronous = &request.setup.asynchronous;
        let is_due = asynchronous.charge_at_acceptance && wanted.is_some_and(Wanted::is_mobile);
        if is_due { self.charges(request, Item::Mobile, self.terms.mobile_milli, known) } else { Vec::new() }
    }

    /// Promises what is wanted. Nothing is promised where nobody is known.
    pub(super) fn accept(&mut self, request: &Request<'_>, wanted: Option<Wanted>, promise: Promise) -> Accepted {
        let (setup, Some(mut wanted)) = (request.setup, wanted) else { return Accepted::default() };
        let has_waterfall = setup.asynchronous.has_waterfalls && !promise.people.is_empty();
        let waterfall = wanted.is_waterfall().then_some(has_waterfall);
        if !has_waterfall {
            (wanted.waterfall_email, wanted.waterfall_phone) = (false, false);
        }
        if promise.people.is_empty() || !(wanted.phone || wanted.is_waterfall()) {
            return Accepted { waterfall, ..Accepted::default() };
        }
        let request_id = self.asynchronous.next_id(setup.seed);
        let is_stuck = chance(setup.seed, "stuck", request_id) < setup.asynchronous.stuck_share;
        let due = if is_stuck { Timestamp::MAX } else { later(request.at, setup.asynchronous.delay) };
        let callbacks = Pending::planned(setup, request_id, wanted.webhook_url.as_deref(), due);
        callbacks.into_iter().for_each(|pending| self.asynchronous.outbox.push(pending));
        let hides_email = wanted.waterfall_email;
        let (endpoint, call, accepted) = (request.endpoint.name(), request.call.index, request.at);
        let job = Job {
            request_id,
            wanted,
            promise,
            accepted,
            due,
            endpoint,
            call,
            mobile_milli: self.terms.mobile_milli,
            is_foreign: false,
            payload: None,
        };
        self.asynchronous.jobs.insert(request_id, job);
        Accepted { request_id: Some(request_id), waterfall, hides_email }
    }

    /// Lets everything arrive that is due, and charges for it.
    pub(super) fn arrive(&mut self, setup: &ApolloSetup, now: Timestamp) {
        let is_due = |job: &&Job| job.payload.is_none() && job.due <= now;
        let mut due: Vec<(Timestamp, u64, i64)> =
            self.asynchronous.jobs.values().filter(is_due).map(|job| (job.due, job.call, job.request_id)).collect();
        due.sort_unstable();
        for (_, _, request_id) in due {
            let Some(mut job) = self.asynchronous.jobs.remove(&request_id) else { continue };
            let outcome = self.outcome(setup, &job);
            let payload = asynchronous_wire::payload(&job, &outcome);
            let unpaid = outcome.people.iter().filter(|found| found.unpaid).count();
            self.ledger.unpaid += u64::try_from(unpaid).unwrap_or_default();
            outcome.charges.into_iter().for_each(|charge| self.charge(charge));
            job.payload = Some(payload);
            self.asynchronous.jobs.insert(request_id, job);
        }
    }

    /// The result of a promise; of one that hasn't arrived yet, what it would be now.
    pub(super) fn result_of(&self, setup: &ApolloSetup, request_id: i64) -> Option<Value> {
        let job = self.asynchronous.jobs.get(&request_id)?;
        Some(job.payload.clone().unwrap_or_else(|| asynchronous_wire::payload(job, &self.outcome(setup, job))))
    }

    /// `webhook_result/{request_id}`.
    pub(super) fn poll(&self, request_id: &str, now: Timestamp) -> Answer {
        let error = |status, code: &str| Answer::json(status, &json!({ "error_code": code }));
        match self.asynchronous.polls {
            Polls::Answered => {}
            Polls::Unauthorized => return Answer::text(401, "Invalid API key."),
            Polls::Forbidden => return error(403, "API_INACCESSIBLE"),
            Polls::Garbled => return Answer::text(200, "<html>One moment, please.</html>"),
        }
        let Ok(request_id) = request_id.parse::<i64>() else { return error(400, "invalid_request_id") };
        let job = self.asynchronous.jobs.get(&request_id).filter(|job| !job.is_foreign);
        let Some(job) = job else { return error(404, "request_id_unknown") };
        if later(job.accepted, KEPT) <= now {
            return error(410, "request_id_expired");
        }
        match &job.payload {
            Some(payload) => Answer::json(200, &asynchronous_wire::polled(job, payload)),
            None => {
                let pending = json!({ "error_code": "result_pending", "retry_after_seconds": ASK_AGAIN_SECONDS });
                Answer::json(404, &pending)
            }
        }
    }

    /// What is found, person by person, for as long as the credits last.
    fn outcome<'a>(&self, setup: &ApolloSetup, job: &'a Job) -> Outcome<'a> {
        let mut outcome = Outcome { people: Vec::new(), charges: Vec::new(), milli: 0 };
        let mut left = self.pool.left(job.due);
        for (asked, person) in &job.promise.people {
            let mut found = Found { person, phones: job.wanted.is_mobile(), email: None, unpaid: false };
            let mut is_paid = |item: Item, milli: i64| {
                let is_free = !self.terms.charge_repeats && self.ledger.has_charged(item, &person.id);
                if is_free || milli > left {
                    return is_free;
                }
                left -= milli;
                outcome.charges.push(job.charge(asked, person, item, milli));
                true
            };
            let is_charged = found.phones && !setup.asynchronous.charge_at_acceptance && person.mobile.is_some();
            if is_charged && !is_paid(Item::Mobile, job.mobile_milli) {
                (found.phones, found.unpaid) = (false, true);
            }
            if job.wanted.waterfall_email {
                found.email = own_email(person);
                if let Some(email) = person.other_email.as_deref().filter(|_| found.email.is_none()) {
                    let paid = is_paid(Item::Email, setup.asynchronous.waterfall_email_milli);
                    (found.email, found.unpaid) = (paid.then_some(email), found.unpaid || !paid);
                }
            }
            outcome.people.push(found);
        }
        // The answer to a waterfall said nothing of what the people cost: its result does, and the one of a number
        // is about the number alone.
        let people_milli = if job.wanted.is_waterfall() { job.promise.people_milli } else { 0 };
        let charged: i64 = outcome.charges.iter().map(|charge| charge.milli).sum();
        outcome.milli = people_milli + job.promise.advance_milli + charged;
        outcome
    }
}

/// In `0.0..1.0`: always the same for a request of a team, and another one for each thing that can happen to it.
pub(super) fn chance(seed: u64, of: &str, request_id: i64) -> f64 {
    let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(of);
    let digest = digest.chain_update(request_id.to_be_bytes()).finalize();
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / 65_536.0
}

/// The address that Apollo itself has, and has checked: no other source is asked then.
fn own_email(person: &Person) -> Option<&str> {
    person.email.as_deref().filter(|_| person.email_status == EmailStatus::Verified)
}

impl Job {
    fn charge(&self, asked: &str, person: &Person, item: Item, milli: i64) -> Charge {
        Charge {
            item,
            at: self.due,
            endpoint: self.endpoint,
            call: self.call,
            id: person.id.clone(),
            email: person.email.as_ref().map(|email| email.to_lowercase()),
            asked: asked.to_owned(),
            milli,
        }
    }
}

impl AsynchronousResults {
    /// From now on, whatever was asked for so far was asked for by another team.
    pub(super) fn disown(&mut self) {
        self.jobs.values_mut().for_each(|job| job.is_foreign = true);
    }

    /// Whether a number of the person with this address was promised and can't be polled for any more at `now`, or
    /// never arrives.
    pub(super) fn is_lost(&self, email: &str, now: Timestamp) -> bool {
        let of_them = |person: &Person| person.email.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(email));
        let about = |job: &&Job| job.promise.people.iter().any(|(asked, person)| asked == email || of_them(person));
        let gone = |job: &Job| job.is_foreign || later(job.accepted, KEPT) <= now || job.due == Timestamp::MAX;
        self.jobs.values().filter(about).any(gone)
    }

    /// The next id: any signed number of 64 bits, as Apollo's are. Every other one is negative and all are beyond 2^53,
    /// so that whoever takes them for floats or for sizes finds out.
    fn next_id(&self, seed: u64) -> i64 {
        let count = self.jobs.len() as u64;
        let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(count.to_be_bytes()).finalize();
        let digits = digest.iter().take(7).fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
        let number = (1 << 60) | digits;
        if count.is_multiple_of(2) { -number } else { number }
    }
}
