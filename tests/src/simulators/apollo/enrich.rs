//! Looking people up, and charging for those who are known.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ledger::Charge;
use super::people::{Asked, Person, text};
use super::routes::Endpoint;
use super::wire;
use super::{ApolloSetup, Miss, OutOfCredits, Team};
use crate::simulators::exchange::{Answer, Call};

/// The most people in one call.
const DETAILS_MAX: usize = 10;

/// What can be asked for and is delivered later. This simulator doesn't do that.
const LATER: [&str; 3] = ["reveal_phone_number", "run_waterfall_email", "run_waterfall_phone"];

/// What of a call is the same for one person and for many.
struct Purchase<'a> {
    setup: &'a ApolloSetup,
    endpoint: Endpoint,
    call: u64,
    at: Timestamp,
}

impl Team {
    /// `people/match`. The answer says nothing of what it cost.
    pub(super) fn match_one(&mut self, setup: &ApolloSetup, call: &Call, now: Timestamp) -> Answer {
        let parameters = match parameters(call) {
            Ok(parameters) => parameters,
            Err(answer) => return answer,
        };
        let asked = match Asked::deserialize(Value::from(parameters)).map_err(|_| invalid_request()).and_then(checked) {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let purchase = Purchase { setup, endpoint: Endpoint::Match, call: call.index, at: now };
        match self.buy(&purchase, &[asked]) {
            Ok(bought) => match bought.people.first().and_then(Option::as_ref) {
                Some(person) => Answer::json(200, &json!({ "person": wire::person(person) })),
                None => Answer::json(200, &json!({ "person": self.miss(setup.miss) })),
            },
            Err(answer) => answer,
        }
    }

    /// `people/bulk_match`. All or nothing: if the credits don't suffice for everybody who is known, nobody is bought.
    pub(super) fn match_many(&mut self, setup: &ApolloSetup, call: &Call, now: Timestamp) -> Answer {
        let parameters = match parameters(call) {
            Ok(parameters) => parameters,
            Err(answer) => return answer,
        };
        let Some(details) = parameters.get("details").and_then(Value::as_array).filter(|it| !it.is_empty()) else {
            return invalid_request();
        };
        if details.len() > DETAILS_MAX {
            let message = format!("The number of records exceeds the limit of {DETAILS_MAX}.");
            return failed(400, "RECORD_LIMIT_EXCEEDED", &message);
        }
        let asked = details.iter().map(|one| Asked::deserialize(one).map_err(|_| invalid_request()).and_then(checked));
        let asked: Vec<Asked> = match asked.collect() {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let purchase = Purchase { setup, endpoint: Endpoint::BulkMatch, call: call.index, at: now };
        match self.buy(&purchase, &asked) {
            Ok(bought) => Answer::json(200, &bulk(&bought)),
            Err(answer) => answer,
        }
    }

    /// Finds everybody, charges once for each who is known, and hands them over.
    fn buy(&mut self, purchase: &Purchase<'_>, asked: &[Asked]) -> Result<Bought, Answer> {
        let people: Vec<Option<Person>> = asked.iter().map(|asked| self.directory.find(asked)).collect();
        let charges = self.charges(purchase, asked, &people);
        let milli: i64 = charges.iter().map(|charge| charge.milli).sum();
        let left = self.granted - self.spent;
        if milli > left || (left <= 0 && purchase.setup.price_at(purchase.at) > 0) {
            self.ledger.out_of_credits += 1;
            return Err(insufficient(purchase.setup.out_of_credits));
        }
        let missing = people.iter().filter(|person| person.is_none()).count();
        self.ledger.people_asked += u64::try_from(asked.len()).unwrap_or_default();
        self.ledger.people_missed += u64::try_from(missing).unwrap_or_default();
        self.spent += milli;
        let charged = charges.len();
        charges.into_iter().for_each(|charge| self.ledger.charge(charge));
        Ok(Bought { people, charged, missing, milli })
    }

    fn charges(&self, purchase: &Purchase<'_>, asked: &[Asked], people: &[Option<Person>]) -> Vec<Charge> {
        let mut seen = BTreeSet::new();
        let mut charges = Vec::new();
        for (asked, person) in asked.iter().zip(people) {
            let Some(person) = person.as_ref().filter(|person| seen.insert(person.id.as_str())) else { continue };
            if !purchase.setup.charge_repeats && self.ledger.has_charged(&person.id) {
                continue;
            }
            charges.push(Charge {
                at: purchase.at,
                endpoint: purchase.endpoint.path(),
                call: purchase.call,
                person_id: person.id.clone(),
                email: person.email.as_ref().map(|email| email.to_lowercase()),
                asked: asked.key(),
                milli: purchase.setup.price_at(purchase.at),
            });
        }
        charges
    }

    fn miss(&mut self, miss: Miss) -> Value {
        self.misses += 1;
        match miss {
            Miss::Null => Value::Null,
            Miss::Blank => wire::nobody(),
            Miss::Alternate if self.misses % 2 == 1 => Value::Null,
            Miss::Alternate => wire::nobody(),
        }
    }
}

/// What came of one call.
struct Bought {
    /// In the order asked.
    people: Vec<Option<Person>>,
    charged: usize,
    missing: usize,
    milli: i64,
}

fn bulk(bought: &Bought) -> Value {
    let matches: Vec<Value> = bought.people.iter().map(|person| person.as_ref().map(wire::person).into()).collect();
    json!({
        "status": "success",
        "error_code": null,
        "error_message": null,
        "total_requested_enrichments": bought.people.len(),
        "unique_enriched_records": bought.charged,
        "missing_records": bought.missing,
        "credits_consumed": wire::credits(bought.milli),
        "matches": matches,
    })
}

/// The parameters of a call: from the query, where Apollo wants nearly all of them, and from a JSON body, which it takes
/// as well.
fn parameters(call: &Call) -> Result<Map<String, Value>, Answer> {
    let query = call.query.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let mut parameters: Map<String, Value> = query.collect();
    if !call.body.is_empty() {
        let body: Map<String, Value> = call.json().map_err(|_| invalid_request())?;
        parameters.extend(body);
    }
    let is_on = |name: &str| parameters.get(name).is_some_and(|value| value == true || value == "true");
    match LATER.into_iter().find(|name| is_on(name)) {
        Some(name) => Err(failed(400, "INVALID_REQUEST", &format!("{name} is not simulated"))),
        None => Ok(parameters),
    }
}

/// An id that isn't one of Apollo's is an error. Everything else may be anything.
fn checked(asked: Asked) -> Result<Asked, Answer> {
    let is_id = |id: &str| id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text(&asked.id) {
        Some(id) if !is_id(id) => Err(Answer::json(422, &json!({ "error": format!("{id} is not a valid ID") }))),
        _ => Ok(asked),
    }
}

fn invalid_request() -> Answer {
    failed(400, "INVALID_REQUEST", "The request's parameters are misconfigured.")
}

fn failed(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "status": "failed", "error_code": code, "error_message": message }))
}

fn insufficient(answer: OutOfCredits) -> Answer {
    let status = match answer {
        OutOfCredits::PaymentRequired => 402,
        OutOfCredits::Forbidden => 403,
        OutOfCredits::Unprocessable => 422,
    };
    Answer::json(status, &json!({ "error": "Insufficient credits. Please upgrade your plan." }))
}
