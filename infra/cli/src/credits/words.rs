//! Amounts, times and names as people say them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadgate_enrichment::credits::ledger::{Evidence, LineResult, PurchaseKind, ResolvedAs};
use leadgate_enrichment::credits::money::{CurrencyAmount, Money};
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::credits::wallet::{ChangeReason, WalletKind};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::outcome::{DeferReason, FailReason, RefuseReason};
use leadgate_enrichment::purchase::cost::Cost;
use serde_json::{Value, json};

/// How wide a text is set at most, in columns.
pub(super) const WIDTH: u16 = 120;

/// A wallet that expires later than this never does, to people.
const NEVER_SECOND: i64 = 200_000_000_000;

/// An instant, to the second, where the tenant is.
pub(super) fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// An instant that usually is a midnight: only the day, where it is one.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    if at.as_second() > NEVER_SECOND {
        return "never".to_owned();
    }
    let local = at.to_zoned(zone.clone());
    let midnight = local.time() == jiff::civil::Time::midnight();
    local.strftime(if midnight { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" }).to_string()
}

/// The day that an instant is on.
pub(super) fn day(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string()
}

/// The first instant of a day.
pub(crate) fn first_instant(day: Date, zone: &TimeZone) -> Timestamp {
    day.to_zoned(zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

/// `3 credits`, `1 export credit`, `3 extra_credits`.
pub(super) fn amount(amount: Milli, bucket: &Bucket) -> String {
    let noun = if amount.get().abs() == 1000 { "credit" } else { "credits" };
    match bucket.as_str() {
        "credits" => format!("{amount} {noun}"),
        kind if kind.ends_with("credits") => format!("{amount} {kind}"),
        kind => format!("{amount} {kind} {noun}"),
    }
}

/// `3 email credits and 1 export credit`; what is zero is not said.
pub(crate) fn amounts(amounts: &Amounts) -> String {
    let some = amounts.iter().filter(|(_, each)| *each != Milli::ZERO);
    let said: Vec<String> = some.map(|(bucket, each)| amount(each, bucket)).collect();
    match said.len() {
        0 => "no credits".to_owned(),
        _ => listed(&said),
    }
}

/// The same with a sign: `+3 credits`.
pub(crate) fn signed(amounts: &Amounts) -> String {
    let some = amounts.iter().filter(|(_, each)| *each != Milli::ZERO);
    let sign = |each: Milli| if each > Milli::ZERO { "+" } else { "" };
    let said: Vec<String> = some.map(|(bucket, each)| format!("{}{}", sign(each), amount(each, bucket))).collect();
    if said.is_empty() { "0".to_owned() } else { said.join(", ") }
}

/// What is taken away, for signs and sums.
pub(super) fn negative(amounts: &Amounts) -> Amounts {
    Amounts::default().minus(amounts)
}

/// `a, b and c`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 lead`, `7 leads`.
pub(super) fn leads(count: usize) -> String {
    crate::terminal::count(count, "lead")
}

/// What arrives later, as people call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noun {
    pub(super) one: &'static str,
    pub(super) many: &'static str,
}

/// Numbers, unless nothing but addresses is bought of others.
pub(super) fn noun(fields: &[PricedField]) -> Noun {
    if fields.contains(&PricedField::PersonLater) {
        return Noun { one: "answer", many: "answers" };
    }
    let is_address = |field: &PricedField| *field == PricedField::EmailOfOthers;
    match (fields.iter().any(is_address), fields.iter().all(is_address)) {
        (true, true) => Noun { one: "e-mail address", many: "e-mail addresses" },
        (true, false) => Noun { one: "number or address", many: "numbers and addresses" },
        (false, _) => Noun { one: "number", many: "numbers" },
    }
}

/// Whether a purchase is of what comes at once or of what arrives later, for a script.
pub(super) fn arrives(kind: PurchaseKind) -> &'static str {
    if kind.is_asynchronous() { "later" } else { "at-once" }
}

/// Amounts in JSON: credits, by kind.
pub(crate) fn decimals(amounts: &Amounts) -> BTreeMap<String, f64> {
    amounts.iter().map(|(bucket, each)| (bucket.to_string(), each.to_decimal())).collect()
}

/// `0.25 USD for 10 leads asked about: 0.025 USD for each of 10 written, 0.0041 USD for each of 61 fields filled`.
pub(crate) fn told_cost(cost: &Cost) -> String {
    let of = |amount: Money| format!("{amount} {}", cost.currency);
    let averages = cost.per_written_lead().zip(cost.per_field()).map(|(lead, field)| {
        let (lead, field) = (of(lead), of(field));
        format!(": {lead} for each of {} written, {field} for each of {} fields filled", cost.written, cost.fields)
    });
    let without: Vec<String> = cost.without.iter().map(ToString::to_string).collect();
    let without = if without.is_empty() { String::new() } else { format!("; no value of {}", listed(&without)) };
    let averages = averages.unwrap_or_default();
    format!("{} for {} asked about{averages}{without}", of(cost.spent), leads(cost.leads))
}

/// The same in JSON.
pub(super) fn cost_json(since: Timestamp, cost: &Cost) -> Value {
    json!({
        "since": since, "currency": cost.currency, "spent": cost.spent.to_decimal(), "leads": cost.leads,
        "written": cost.written, "fields": cost.fields, "without": cost.without,
        "per_written_lead": cost.per_written_lead().map(Money::to_decimal),
        "per_field": cost.per_field().map(Money::to_decimal),
    })
}

/// Money in JSON: an amount by its currency.
pub(super) fn in_currency(money: &CurrencyAmount) -> BTreeMap<String, f64> {
    BTreeMap::from([(money.currency.to_string(), money.amount.to_decimal())])
}

pub(super) fn kind(kind: WalletKind) -> &'static str {
    match kind {
        WalletKind::Allowance => "allowance",
        WalletKind::Trial => "trial",
        WalletKind::Plan => "plan",
        WalletKind::Pack => "pack",
        WalletKind::Overage => "overage",
    }
}

/// Why the configuration changed a wallet.
pub(super) fn plan_change(reason: ChangeReason) -> &'static str {
    match reason {
        ChangeReason::Superseded => "another period is configured: what was left was taken back",
        ChangeReason::Removed => "not configured any more: what was left was taken back",
        ChangeReason::CarriedOver => "what the wallets before it have given in the same period",
        ChangeReason::GrantChanged => "another grant is configured",
        ChangeReason::Reopened => "configured again: open again with what it has not given yet",
        ChangeReason::Rescheduled => "it opens or closes at another time now",
    }
}

/// What the provider's figures say of an unknown outcome.
pub(super) fn resolution(outcome: ResolvedAs) -> &'static str {
    match outcome {
        ResolvedAs::Charged => "by the provider's figures, what was unknown was charged",
        ResolvedAs::NotCharged => "by the provider's figures, what was unknown was not charged, and was given back",
        ResolvedAs::ChargedInPart => {
            "by the provider's figures, what was unknown was charged in part, and the rest was given back"
        }
    }
}

pub(super) fn source(source: Source) -> &'static str {
    match source {
        Source::NewLead => "a new contact",
        Source::Change => "a changed contact",
        Source::Bulk => "an operator's run over many",
        Source::Signal => "a signal about somebody new",
        Source::Tam => "a nightly search",
    }
}

/// Why a lead waits: `it waits because …`.
pub(crate) fn deferral(reason: DeferReason) -> &'static str {
    match reason {
        DeferReason::Balance => "the wallets could not pay for it",
        DeferReason::HeldByOthers => "the credits there were held for other leads",
        DeferReason::Floor => "what was left is kept for new leads",
        DeferReason::OwnerCap => "its owner in the CRM had reached their cap for the cycle",
        DeferReason::SourceCap => "leads that come in this way had reached their cap for the cycle",
        DeferReason::DayCap => "the day's cap was reached",
        DeferReason::ProviderOutOfCredits => "the provider says that our credits with it are used up",
        DeferReason::ProviderDenied => "the provider refuses our key or plan",
        DeferReason::NextStep => "another provider is to be asked for what is missing",
        DeferReason::AskedForAnother => {
            "the same was asked for already, for another record of this person, and hasn't arrived"
        }
        DeferReason::NextBatch => "the feed doesn't know it yet",
        DeferReason::ProviderLimit => "the provider may not be called again for a while",
    }
}

/// The same in a count: `5 for want of credits`.
pub(super) fn deferred_for(reason: DeferReason) -> &'static str {
    match reason {
        DeferReason::Balance => "for want of credits",
        DeferReason::HeldByOthers => "for credits that others hold",
        DeferReason::Floor => "for credits above the floor for new leads",
        DeferReason::OwnerCap => "for their owner's cap to lift",
        DeferReason::SourceCap => "for their source's cap to lift",
        DeferReason::DayCap => "for the day's cap to lift",
        DeferReason::ProviderOutOfCredits => "for credits at the provider",
        DeferReason::ProviderDenied => "for the provider to accept our key or plan",
        DeferReason::NextStep => "for the next run",
        DeferReason::AskedForAnother => "for what was asked for another record of the same person",
        DeferReason::NextBatch => "for the next batch of the feed",
        DeferReason::ProviderLimit => "for the provider's limits to lift",
    }
}

pub(crate) fn refusal(reason: RefuseReason) -> &'static str {
    match reason {
        RefuseReason::NoIdentity => "nothing in it tells who the person is",
        RefuseReason::Gone => "the CRM doesn't have it any more",
        RefuseReason::NotEnriched => "records of its kind are not enriched",
        RefuseReason::Erased => "the person asked to be forgotten",
        RefuseReason::DoNotContact => "the CRM says not to contact the person of whom a signal told",
        RefuseReason::Suppressed => "a provider may not say anything of the person",
        RefuseReason::Invalid => "the provider calls the request invalid",
        RefuseReason::TooManyHops => "it came round too often within an hour, as if in a loop",
        RefuseReason::TooOld => "it waited for credits for longer than it is worth",
    }
}

pub(crate) fn failure(reason: FailReason) -> &'static str {
    match reason {
        FailReason::OutcomeUnknown => "its purchases ended in unknown outcomes as often as policy allows",
        FailReason::WriteRejected => "the CRM refuses the values",
        FailReason::NoAddress => "the provider has no address by which the person could be found in the CRM",
        FailReason::CrmRefused => "the CRM refuses the whole call: a mapping or its API version is wrong",
    }
}

/// How we know what it cost. One line of a purchase may be assumed while the others are inferred.
pub(super) fn evidence(evidence: Evidence, result: LineResult) -> &'static str {
    match (evidence, result) {
        (Evidence::Reported, _) => "as the provider reported",
        (Evidence::Inferred, _) => "inferred from what came back and the prices",
        (Evidence::Assumed, LineResult::Unknown) => "assumed to be the most it can cost",
        (Evidence::Assumed, _) => {
            "inferred from what came back and the prices, since the call was only partly answered"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PricedField::{EmailOfOthers, Mobile, MobileOfOthers};

    #[test]
    fn what_arrives_later_is_called_by_what_it_is() {
        let one = |fields: &[PricedField]| noun(fields).one;
        assert_eq!([one(&[Mobile]), one(&[MobileOfOthers]), one(&[])], ["number"; 3]);
        assert_eq!(one(&[EmailOfOthers]), "e-mail address");
        assert_eq!(one(&[Mobile, EmailOfOthers]), "number or address");
    }
}
