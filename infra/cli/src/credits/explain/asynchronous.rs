//! What a story says of what arrives later.

use leadgate_enrichment::credits::ledger::{Evidence, Hold, HoldLine, LineResult};
use leadgate_enrichment::lead::record::Record;

use super::facts::{Bought, Facts, Taken};
use super::sentences::{freed, paid};
use crate::credits::words::{self, amounts, listed, time};

/// How its purchase ended, for one of its leads. `record` is the lead's, if nothing was bought for it since.
pub(super) fn settled(bought: &Bought<'_>, call: &Taken<'_>, record: Option<&Record>, facts: &Facts<'_>) -> String {
    let (line, worst, noun) = (bought.line, facts.held_for(bought), facts.noun().one);
    let end = match line.result {
        LineResult::Hit => format!("The {noun} arrived"),
        LineResult::Miss | LineResult::Pending => missed(bought, call, facts),
        LineResult::Unknown => {
            return format!(
                "Whether the provider found the {noun} and charged for it can't be known. {}, and counts as spent \
                 (purchase {}).",
                paid(bought, words::evidence(bought.evidence, line.result)),
                bought.purchase,
            );
        }
    };
    let cost = paid(bought, evidence(bought.evidence, line.result));
    let written = record.filter(|_| line.result == LineResult::Hit).map(|record| written(record, bought, facts));
    format!(
        "{end} (purchase {}). {cost}.{}{}",
        bought.purchase,
        freed(&line.cost, worst.as_ref()),
        written.unwrap_or_default()
    )
}

/// Why there is nothing.
fn missed(bought: &Bought<'_>, call: &Taken<'_>, facts: &Facts<'_>) -> String {
    let noun = facts.noun().one;
    let person = call.bought_at_once().map(|at_once| at_once.line.result);
    if person == Some(LineResult::Miss) {
        format!("No {noun} is looked for where nobody is known")
    } else if bought.evidence == Evidence::Reported {
        format!("No {noun} was found")
    } else {
        format!("No {noun} came")
    }
}

/// How we know what it cost. Where nothing came, the prices alone say it.
pub(super) fn evidence(how: Evidence, result: LineResult) -> &'static str {
    match (how, result) {
        (Evidence::Inferred | Evidence::Assumed, LineResult::Miss) => "going by the prices",
        _ => words::evidence(how, result),
    }
}

/// What the CRM has of it.
fn written(record: &Record, bought: &Bought<'_>, facts: &Facts<'_>) -> String {
    if record.awaits(bought.purchase).is_some() {
        return " It is on its way to the CRM.".to_owned();
    }
    if record.erased_at.is_some() {
        return " Nothing of it is kept: the person asked to be forgotten.".to_owned();
    }
    let names: Vec<String> =
        record.written.keys().filter(|name| facts.is_filled_asynchronously(name)).cloned().collect();
    let why = "was filled in meanwhile, or may not be written";
    match (names.is_empty(), names.iter().any(|name| facts.is_asynchronous(name))) {
        (true, _) => format!(" The CRM has none of it from us: it {why}."),
        (false, true) => format!(" From us the CRM has {}.", listed(&names)),
        (false, false) => {
            format!(" From us the CRM has {}, but not the {} itself: it {why}.", listed(&names), facts.noun().one)
        }
    }
}

/// A hold that is still open although what came at once has been settled.
pub(super) fn open(
    hold: &Hold,
    line: &HoldLine,
    at_once: &Bought<'_>,
    record: Option<&Record>,
    facts: &Facts<'_>,
) -> String {
    let (noun, held, purchase) = (facts.noun(), amounts(&line.worst), &hold.purchase);
    let zone = &facts.tenant.time_zone;
    let with_the_rest = format!("when the last of the {} that were asked for with it is here", noun.many);
    if record.is_some_and(|record| record.awaits(purchase).is_some()) {
        let since = time(purchase.made_at(), zone);
        return format!(
            "The {} is on its way since {since}: {held} held for it (purchase {purchase}), until the provider's last \
             answer.",
            noun.one
        );
    }
    match at_once.line.result {
        LineResult::Unknown => format!(
            "Nobody knows whether the {} was looked for: {held} held for it (purchase {purchase}), to be counted as \
             spent {with_the_rest}, or after a day.",
            noun.one
        ),
        LineResult::Hit | LineResult::Miss | LineResult::Pending => format!(
            "No {} is on its way for this lead: {held} still held (purchase {purchase}), to be freed {with_the_rest}.",
            noun.one
        ),
    }
}
