//! The story of a lead.

use jiff::Timestamp;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::ledger::Hold;
use leadgate_enrichment::record::{Record, State};
use serde_json::{Value, json};

use super::facts::{Bought, Facts};
use super::{Step, Story, sentences};
use crate::credits::export::{word_for, word_of};
use crate::credits::words::{amounts, decimals, time};

pub(super) fn story(key: &RecordKey, record: Option<&Record>, facts: &Facts<'_>) -> Story {
    let bought: Vec<Bought<'_>> = facts.bought(key).collect();
    let hold = facts.hold(key);
    let mut steps = Vec::new();
    let waited = record.and_then(|record| wish(record, &bought, &mut steps));
    let from_bought = bought.iter().flat_map(|bought| &bought.parts).filter_map(|part| part.wallet);
    let from_hold = hold.into_iter().flat_map(|hold| &hold.slices).map(|slice| &slice.wallet);
    steps.extend(facts.grants(from_bought.chain(from_hold)));
    for each in &bought {
        let worst = facts.held_for(each);
        let after_waiting = waited == Some(each.held_at);
        steps.push(Step { at: each.held_at, what: sentences::held(each, worst.as_ref(), after_waiting) });
        steps.push(Step { at: each.settled_at, what: sentences::settled(each, worst.as_ref()) });
    }
    steps.extend(hold.map(|hold| open(hold, key)));
    steps.extend(record.into_iter().flat_map(|record| ends(record, &bought, hold, facts)));
    steps.sort_by_key(|step| step.at);
    Story {
        head: head(key, record, facts),
        steps,
        lines: Vec::new(),
        json: json(key, record, &bought, facts),
        zone: facts.tenant.time_zone.clone(),
    }
}

fn head(key: &RecordKey, record: Option<&Record>, facts: &Facts<'_>) -> String {
    let Some(record) = record else { return format!("{key}: only the ledger still knows of it.") };
    let since = time(record.since, &facts.tenant.time_zone);
    format!("{key}: {} since {since}.", sentences::word(record.state))
}

/// How it began, and why it had to wait, if it did. Gives when the waiting ended.
fn wish(record: &Record, bought: &[Bought<'_>], steps: &mut Vec<Step>) -> Option<Timestamp> {
    steps.push(Step { at: record.occurred_at?, what: sentences::wished(record)? });
    let waited = record.waited.as_ref()?;
    steps.push(Step { at: waited.since, what: sentences::waited(waited) });
    bought.iter().map(|bought| bought.held_at).find(|held_at| *held_at >= waited.since)
}

fn open(hold: &Hold, key: &RecordKey) -> Step {
    let worst = hold.lines.iter().find(|line| line.record == *key).map(|line| line.worst.clone()).unwrap_or_default();
    let (purchase, others) = (&hold.purchase, sentences::with_others(hold.lines.len()));
    let held = amounts(&worst);
    let what = format!(
        "Taken up in purchase {purchase}{others}: {held} held for it, the most it can cost (prices {}). \
         Not settled yet.",
        hold.price_version
    );
    Step { at: hold.held_at, what }
}

/// Where it stands, and what else the record remembers.
fn ends(record: &Record, bought: &[Bought<'_>], hold: Option<&Hold>, facts: &Facts<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(claim) = record.claim.as_ref().filter(|_| record.state != State::Written) {
        let paid = bought.iter().any(|bought| *bought.purchase == claim.purchase);
        if !paid && hold.is_none() {
            let what = format!("Taken up in purchase {}, of which nothing was spent.", claim.purchase);
            steps.push(Step { at: claim.since, what });
        }
    }
    if let Some(at) = record.erased_at {
        let what = "The person asked to be forgotten: what was personal is gone.".to_owned();
        steps.push(Step { at, what });
    }
    // What the provider said is kept before the purchase is settled, and only then is it over.
    let settled = bought.iter().map(|bought| bought.settled_at).max();
    let at = settled.map_or(record.since, |settled| settled.max(record.since));
    steps.push(Step { at, what: sentences::stands(record, facts) });
    steps
}

fn json(key: &RecordKey, record: Option<&Record>, bought: &[Bought<'_>], facts: &Facts<'_>) -> Value {
    let purchase = |bought: &Bought<'_>| {
        let worst = facts.held_for(bought);
        let from = bought.parts.iter().map(|part| {
            let amount = decimals(&Amounts::one(part.bucket.clone(), part.amount));
            json!({ "wallet": part.wallet, "amounts": amount })
        });
        json!({
            "purchase": bought.purchase,
            "held_at": bought.held_at,
            "held": worst.as_ref().map(decimals),
            "settled_at": bought.settled_at,
            "result": word_for(bought.line.result),
            "evidence": word_of(bought.evidence),
            "cost": decimals(&bought.line.cost),
            "from": from.collect::<Vec<_>>(),
            "price_version": bought.price_version,
        })
    };
    json!({
        "record": key,
        "state": record.map(|record| record.state),
        "since": record.map(|record| record.since),
        "request": record.and_then(|record| record.request.as_ref()),
        "deferral": record.and_then(|record| record.deferral.as_ref()).map(|deferral| json!({
            "reason": deferral.reason, "since": deferral.since, "not_before": deferral.not_before,
            "until": deferral.until, "needs": decimals(&deferral.worst),
        })),
        "purchases": bought.iter().map(purchase).collect::<Vec<_>>(),
    })
}
