//! Looking people up, and charging for those who are known.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::later::{Accepted, Wanted};
use super::ledger::{Charge, Item};
use super::people::{Asked, Person};
use super::request::{self, failed, invalid_request};
use super::routes::Endpoint;
use super::wire;
use super::{ApolloSetup, Miss, OutOfCredits, Team};
use crate::simulators::exchange::{Answer, Call};

/// The most people in one call.
const DETAILS_MAX: usize = 10;

/// What of a call is the same for one person and for many.
pub(super) struct Purchase<'a> {
    pub(super) setup: &'a ApolloSetup,
    pub(super) endpoint: Endpoint,
    pub(super) call: u64,
    pub(super) at: Timestamp,
    pub(super) wanted: Option<Wanted>,
}

impl Team {
    /// `people/match`. The answer says nothing of what it cost.
    pub(super) fn match_one(&mut self, setup: &ApolloSetup, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
        let parameters = request::parameters(call)?;
        let wanted = request::wanted(&parameters)?;
        let asked = request::asked(&Value::from(parameters))?;
        let purchase = Purchase { setup, endpoint: Endpoint::Match, call: call.index, at: now, wanted };
        let bought = self.buy(&purchase, &[asked])?;
        let person = match bought.matches().pop() {
            Some(person) if !person.is_null() => person,
            _ => self.miss(setup.miss),
        };
        let mut answer = json!({ "person": person });
        bought.accepted.tell(&mut answer);
        Ok(Answer::json(200, &answer))
    }

    /// `people/bulk_match`. All or nothing: if the credits don't suffice for everybody who is known, nobody is bought.
    pub(super) fn match_many(&mut self, setup: &ApolloSetup, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
        let parameters = request::parameters(call)?;
        let wanted = request::wanted(&parameters)?;
        let details = parameters.get("details").and_then(Value::as_array).filter(|it| !it.is_empty());
        let details = details.ok_or_else(invalid_request)?;
        if details.len() > DETAILS_MAX {
            let message = format!("The number of records exceeds the limit of {DETAILS_MAX}.");
            return Err(failed(400, "RECORD_LIMIT_EXCEEDED", &message));
        }
        let asked = details.iter().map(request::asked).collect::<Result<Vec<Asked>, Answer>>()?;
        let purchase = Purchase { setup, endpoint: Endpoint::BulkMatch, call: call.index, at: now, wanted };
        self.buy(&purchase, &asked).map(|bought| Answer::json(200, &bulk(&bought)))
    }

    /// Finds everybody, charges once for each who is known, and hands them over.
    fn buy(&mut self, purchase: &Purchase<'_>, asked: &[Asked]) -> Result<Bought, Answer> {
        let people: Vec<Option<Person>> = asked.iter().map(|asked| self.directory.find(asked)).collect();
        let known = unique(asked, &people);
        let charges = self.charges(purchase, Item::Person, purchase.setup.price_milli, &known);
        let milli: i64 = charges.iter().map(|charge| charge.milli).sum();
        let in_advance = self.charges_in_advance(purchase, &known);
        let left = self.granted - self.spent;
        let needed = milli + in_advance.iter().map(|charge| charge.milli).sum::<i64>();
        if needed > left || (left <= 0 && purchase.setup.price_milli > 0) {
            self.ledger.out_of_credits += 1;
            return Err(insufficient(purchase.setup.out_of_credits));
        }
        let missing = people.iter().filter(|person| person.is_none()).count();
        self.ledger.people_asked += u64::try_from(asked.len()).unwrap_or_default();
        self.ledger.people_missed += u64::try_from(missing).unwrap_or_default();
        let charged = charges.len();
        charges.into_iter().for_each(|charge| self.charge(charge));
        let known = known.into_iter().map(|(asked, person)| (asked, person.clone())).collect();
        let accepted = self.accept(purchase, known, (asked.len(), missing), milli, &in_advance);
        in_advance.into_iter().for_each(|charge| self.charge(charge));
        Ok(Bought { people, charged, missing, milli, accepted })
    }

    /// What these people cost, each of them once.
    pub(super) fn charges(
        &self,
        purchase: &Purchase<'_>,
        item: Item,
        milli: i64,
        people: &[(String, &Person)],
    ) -> Vec<Charge> {
        let is_free = |id: &str| !purchase.setup.charge_repeats && self.ledger.has_charged(item, id);
        let charged = people.iter().filter(|(_, person)| !is_free(&person.id));
        let charge = |(asked, person): &(String, &Person)| Charge {
            item,
            at: purchase.at,
            endpoint: purchase.endpoint.name(),
            call: purchase.call,
            id: person.id.clone(),
            email: person.email.as_ref().map(|email| email.to_lowercase()),
            asked: asked.clone(),
            milli,
        };
        charged.map(charge).collect()
    }

    pub(super) fn charge(&mut self, charge: Charge) {
        self.spent += charge.milli;
        self.ledger.charge(charge);
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

/// Everybody who is known, once, with what they were asked for with.
fn unique<'a>(asked: &[Asked], people: &'a [Option<Person>]) -> Vec<(String, &'a Person)> {
    let mut seen = BTreeSet::new();
    let known = asked.iter().zip(people).filter_map(|(asked, person)| Some((asked.key(), person.as_ref()?)));
    known.filter(|(_, person)| seen.insert(person.id.as_str())).collect()
}

/// What came of one call.
struct Bought {
    /// In the order asked.
    people: Vec<Option<Person>>,
    charged: usize,
    missing: usize,
    milli: i64,
    accepted: Accepted,
}

impl Bought {
    /// In the order asked, with `null` for whoever isn't known.
    fn matches(&self) -> Vec<Value> {
        let one = |person: &Option<Person>| {
            let mut person = person.as_ref().map(wire::person)?;
            self.accepted.hide(&mut person);
            Some(person)
        };
        self.people.iter().map(|person| one(person).into()).collect()
    }
}

fn bulk(bought: &Bought) -> Value {
    let mut answer = json!({
        "status": "success",
        "error_code": null,
        "error_message": null,
        "total_requested_enrichments": bought.people.len(),
        "matches": bought.matches(),
    });
    if !bought.accepted.is_waterfall() {
        answer["unique_enriched_records"] = json!(bought.charged);
        answer["missing_records"] = json!(bought.missing);
        answer["credits_consumed"] = wire::credits(bought.milli);
    }
    bought.accepted.tell(&mut answer);
    answer
}

fn insufficient(answer: OutOfCredits) -> Answer {
    let status = match answer {
        OutOfCredits::PaymentRequired => 402,
        OutOfCredits::Forbidden => 403,
        OutOfCredits::Unprocessable => 422,
    };
    Answer::json(status, &json!({ "error": "Insufficient credits. Please upgrade your plan." }))
}
