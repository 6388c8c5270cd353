//! Looking people up, and charging for those who are known.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::asynchronous::{Accepted, Promise, Wanted};
use super::ledger::{Charge, Item};
use super::people::{Asked, EmailStatus, Person};
use super::request::{Parameters, Request, checked, failed, invalid_request, not_found};
use super::{ApolloSetup, Miss, OutOfCredits, Team, wire};
use crate::simulators::exchange::Answer;

/// The most people in one call.
const DETAILS_MAX: usize = 10;

/// The email that stands for one that nobody has paid for: the same for everybody (documented).
const LOCKED_EMAIL: &str = "email_not_unlocked@domain.com";

impl Team {
    /// `people/match`. The answer says nothing of what it cost.
    pub(super) fn match_one(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let wanted = parameters.wanted()?;
        let bought = self.buy(request, &[parameters.asked()?], wanted)?;
        let person = match self.matches(&bought).pop() {
            Some(person) if !person.is_null() => person,
            _ => self.miss(request.setup.miss),
        };
        let mut answer = json!({ "person": person });
        bought.accepted.tell(&mut answer);
        Ok(Answer::json(200, &answer))
    }

    /// `people/bulk_match`. All or nothing: if the credits don't suffice for everybody who is known, nobody is bought.
    pub(super) fn match_many(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let wanted = parameters.wanted()?;
        let details = parameters.objects("details")?;
        if details.is_empty() {
            return Err(invalid_request());
        }
        if details.len() > DETAILS_MAX {
            let message = format!("The number of records exceeds the limit of {DETAILS_MAX}.");
            return Err(failed(400, "RECORD_LIMIT_EXCEEDED", &message));
        }
        let asked = details.iter().map(Parameters::asked).collect::<Result<Vec<Asked>, Answer>>()?;
        let bought = self.buy(request, &asked, wanted)?;
        let waterfall = bought.accepted.is_waterfall();
        let matches = self.matches(&bought).into_iter().map(|person| wire::one_of_several(person, waterfall));
        Ok(Answer::json(200, &bulk(&bought, matches.collect())))
    }

    /// `people/{id}`. A checked address is locked here, unless the person is a contact of the team.
    pub(super) fn show_person(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        checked(request.id)?;
        let asked = Asked { id: Some(request.id.to_owned()), ..Asked::default() };
        let person = self.directory.find(&asked).ok_or_else(not_found)?;
        let charges = self.charges(request, Item::Person, self.person_milli(request), &[(asked.key(), &person)]);
        self.pay(request.setup, charges, request.at)?;
        let mut shown = self.person(&person);
        let is_contact = !shown["contact_id"].is_null();
        if let Some(keys) = shown.as_object_mut().filter(|_| !is_contact) {
            if person.email.is_some() && person.email_status == EmailStatus::Verified {
                keys.insert("email".to_owned(), json!(LOCKED_EMAIL));
            }
            keys.retain(|key, _| !["contact_id", "contact", "revealed_for_current_team"].contains(&key.as_str()));
        }
        Ok(Answer::json(200, &json!({ "person": shown })))
    }

    /// Finds everybody, charges once for each who is known, and hands them over.
    fn buy(&mut self, request: &Request<'_>, asked: &[Asked], wanted: Option<Wanted>) -> Result<Bought, Answer> {
        let people: Vec<Option<Person>> = asked.iter().map(|asked| self.directory.find(asked)).collect();
        let known = unique(asked, &people);
        let charges = self.charges(request, Item::Person, self.person_milli(request), &known);
        let (milli, charged) = (charges.iter().map(|charge| charge.milli).sum(), charges.len());
        let in_advance = self.charges_in_advance(request, wanted.as_ref(), &known);
        let advance_milli = in_advance.iter().map(|charge| charge.milli).sum();
        self.pay(request.setup, charges.into_iter().chain(in_advance).collect(), request.at)?;
        let missing = people.iter().filter(|person| person.is_none()).count();
        self.ledger.people_asked += u64::try_from(asked.len()).unwrap_or_default();
        self.ledger.people_missed += u64::try_from(missing).unwrap_or_default();
        let known = known.into_iter().map(|(asked, person)| (asked, person.clone())).collect();
        let promise = Promise { people: known, requested: asked.len(), missing, people_milli: milli, advance_milli };
        let accepted = self.accept(request, wanted, promise);
        Ok(Bought { people, charged, missing, milli, accepted })
    }

    /// What these people cost, each of them once.
    pub(super) fn charges(
        &self,
        request: &Request<'_>,
        item: Item,
        milli: i64,
        people: &[(String, &Person)],
    ) -> Vec<Charge> {
        let is_free = |id: &str| !self.terms.charge_repeats && self.ledger.has_charged(item, id);
        let charged = people.iter().filter(|(_, person)| !is_free(&person.id));
        let charge = |(asked, person): &(String, &Person)| {
            let email = person.email.as_ref().map(|email| email.to_lowercase());
            Charge { email, ..request.charge(item, &person.id, asked, milli) }
        };
        charged.map(charge).collect()
    }

    /// Charges for all of it, or for nothing. A team that has used up its credits buys nothing, not even what is free.
    pub(super) fn pay(&mut self, setup: &ApolloSetup, charges: Vec<Charge>, at: Timestamp) -> Result<(), Answer> {
        let milli: i64 = charges.iter().map(|charge| charge.milli).sum();
        let left = self.pool.left(at);
        if milli > left || (left <= 0 && setup.price_milli > 0) {
            self.ledger.out_of_credits += 1;
            return Err(insufficient(setup.out_of_credits));
        }
        charges.into_iter().for_each(|charge| self.charge(charge));
        Ok(())
    }

    /// What a person costs now.
    fn person_milli(&self, request: &Request<'_>) -> i64 {
        self.terms.person_milli.unwrap_or_else(|| request.setup.price_at(request.at))
    }

    pub(super) fn charge(&mut self, charge: Charge) {
        self.pool.take(charge.milli, charge.at);
        self.ledger.charge(charge);
    }

    /// In the order asked, with `null` for whoever isn't known.
    fn matches(&self, bought: &Bought) -> Vec<Value> {
        let one = |person: &Option<Person>| {
            let mut person = self.person(person.as_ref()?);
            bought.accepted.hide(&mut person);
            Some(person)
        };
        bought.people.iter().map(|person| one(person).into()).collect()
    }

    /// A person, with the contact that the team has of them.
    fn person(&self, person: &Person) -> Value {
        let mut shown = wire::person(person);
        if let Some(contact) = self.contacts.of_person(&person.id) {
            shown["contact_id"] = json!(contact.id);
            shown["contact"] = contact.wire();
        }
        shown
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

fn bulk(bought: &Bought, matches: Vec<Value>) -> Value {
    let mut answer = json!({
        "status": "success",
        "error_code": null,
        "error_message": null,
        "total_requested_enrichments": bought.people.len(),
        "matches": matches,
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
