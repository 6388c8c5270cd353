//! Who was asked about, and when: an outcome may be unknown only if a call was sent, or whoever was to send it is gone.

use jiff::Timestamp;
use leadgate_enrichment::credits::ledger::LineResult;
use serde_json::{Value, json};

use super::play::Play;
use super::seen::Moment;
use crate::books::{Books, Goods};
use crate::violation::{Findings, Promise};
use leadgate_sandbox::simulators::{self, Ending};

/// A hold that was made, and for which contacts.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) at: Moment,
    pub(super) purchase: String,
}

/// A call that was sent, and that may have been carried out.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) at: Moment,
    pub(super) when: Timestamp,
    /// Who was asked.
    pub(super) provider: &'static str,
    /// It did its work, and ended it by itself.
    pub(super) was_answered: bool,
    pub(super) emails: Vec<String>,
    /// For each of them, all that it asks with.
    pub(super) with: Vec<String>,
}

/// The holds that a transaction makes.
pub(super) fn held(body: &Value) -> impl Iterator<Item = String> {
    let writes = body["TransactItems"].as_array().into_iter().flatten();
    let purchase = |write: &Value| {
        let item = &write["Put"]["Item"];
        let name = item["item"]["S"].as_str()?;
        name.starts_with("hold#").then(|| item["purchase"]["S"].as_str().map(str::to_owned))?
    };
    writes.filter_map(purchase).collect::<Vec<_>>().into_iter()
}

/// Whether a call that ended so may have been carried out. One that asks about one person is answered with an error where
/// that person isn't known, or nothing may be said of them.
pub(super) fn may_have_answered(ending: Ending) -> bool {
    !ending.was_turned_away || matches!(ending.status, Some(404 | 451))
}

/// Where Apollo keeps a team's own contacts.
const OWN_CONTACTS: &str = "api/v1/contacts";

/// The addresses of those whom a call asks about, each with all that it asks with. None, if it isn't about people.
pub(super) fn people(call: &simulators::Call) -> Option<(Vec<String>, Vec<String>)> {
    let is_about_people = ["/people/", "/person/", "/contacts/", "/combined/"];
    // What a sequencer is told of its own contacts is no question.
    let is_about_people =
        is_about_people.iter().any(|part| call.path.contains(part)) && !call.path.contains(OWN_CONTACTS);
    is_about_people.then_some(())?;
    let body: Value = call.json().unwrap_or_default();
    let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    let params = list("requests").into_iter().map(|request| request["params"].clone());
    let of_query = call.parameter("email").map(|email| json!({ "email": email }));
    let all = list("details").into_iter().chain(list("contacts")).chain(params).chain(of_query).chain([body.clone()]);
    Some(all.filter_map(|one| Some((one["email"].as_str()?.to_lowercase(), one.to_string()))).unzip())
}

/// How many outcomes in a row may be unknown: the first, and that of the one new try.
pub(super) const UNKNOWNS_MAX: usize = 2;

impl Play {
    /// Nobody is tried again and again: an event about a lead leads to two unknown outcomes at most, of each step.
    pub(super) fn check_tries(&self, books: &Books, findings: &mut Findings) {
        let most = UNKNOWNS_MAX * self.world.tenant().waterfalls().map(|it| it.steps.len()).max().unwrap_or_default();
        for lead in &self.leads {
            let unknowns = books.lines_of(Goods::People, &lead.contact).unknowns;
            let mut events: Vec<_> = self.told.iter().filter(|it| it.object_id.to_string() == lead.contact).collect();
            events.dedup_by_key(|event| event.key());
            // Which changes are events is known of one CRM only: elsewhere, each may be one.
            let events = self.runs + if events.is_empty() { 1 + lead.edits } else { events.len() };
            findings.check(unknowns <= most * events, Promise::Credits, || {
                format!("contact {} was tried {unknowns} times, with {events} events about it", lead.contact)
            });
        }
    }

    /// Of each person whose outcome counts as unknown: that a call about them was sent after the hold was made, and not
    /// plainly turned away, or that the run that made the hold was cut short.
    pub(super) fn check_unknowns(&self, books: &Books, findings: &mut Findings) {
        if self.wide.outages {
            // Where nothing can be read for hours, nobody can tell how far a run came.
            return;
        }
        let (holds, asked) = (self.seen.holds(), self.seen.asked());
        for purchase in books.purchases.iter().filter(|purchase| purchase.goods == Goods::People) {
            let Some(held) = holds.iter().find(|held| held.purchase == purchase.id) else { continue };
            if self.cut_short.iter().any(|(from, to)| (*from..=*to).contains(&held.at)) {
                continue;
            }
            let unknown = |result, cost: bool| result == LineResult::Unknown && cost;
            for line in purchase.lines.iter().filter(|line| unknown(line.result, !line.cost.is_zero())) {
                let Some(lead) = self.leads.iter().find(|lead| lead.contact == line.subject.id) else { continue };
                let about = |asked: &&Asked| lead.emails.iter().any(|email| asked.emails.contains(email));
                let sent = asked.iter().filter(about).any(|asked| asked.at > held.at);
                findings.check(sent, Promise::Credits, || {
                    format!(
                        "{} of purchase {} counts as unknown, and no call was sent for it",
                        line.subject, purchase.id
                    )
                });
            }
        }
    }
}
