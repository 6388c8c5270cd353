//! Who is bought for when the credits, or a cap, don't go round.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Tenant;
use crate::credits::Amounts;
use crate::credits::cap::{Limit, MoneyLimit, Used};
use crate::credits::money::CurrencyAmount;
use crate::credits::wallet::Wallet;
use crate::lead::request::Source;
use crate::outcome::DeferReason;

/// A limit to what may be spent within a time, beside what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Its name, with the time it is for: `day#2026-01-15`, `owner#123#2026-01-01`.
    pub name: String,
    /// The most within that time.
    pub limit: Limit,
    /// What is said when it is reached.
    pub reason: DeferReason,
    /// When it begins anew.
    pub lifts: Timestamp,
}

/// The caps that one record counts towards at `now`.
pub fn caps(tenant: &Tenant, source: Source, owner: Option<&str>, now: Timestamp) -> Vec<Cap> {
    let (limits, cycle) = (&tenant.caps, tenant.provider.plan.calendar.cycle_at(now));
    let (values, money) = (tenant.values.as_ref(), &limits.money);
    let limit = |credits: Option<&Amounts>, most: Option<&CurrencyAmount>| {
        let money = most.zip(values).map(|(most, values)| MoneyLimit { most: most.amount, values: values.clone() });
        let is_any = credits.is_some() || money.is_some();
        is_any.then(|| Limit { credits: credits.cloned().unwrap_or_default(), money })
    };
    let mut caps = Vec::new();
    if let Some(limit) = limit(limits.per_day.as_ref(), money.per_day.as_ref()) {
        let (name, lifts) = day(&tenant.time_zone, now);
        caps.push(Cap { name: format!("day#{name}"), limit, reason: DeferReason::DayCap, lifts });
    }
    if let Some(limit) = limit(limits.per_source.get(&source), money.per_source.get(&source)) {
        let name = format!("source#{}#{}", source.word(), cycle.first_day);
        caps.push(Cap { name, limit, reason: DeferReason::SourceCap, lifts: cycle.closes });
    }
    if let Some((limit, owner)) = limit(limits.per_owner.as_ref(), money.per_owner.as_ref()).zip(owner) {
        let name = format!("owner#{owner}#{}", cycle.first_day);
        caps.push(Cap { name, limit, reason: DeferReason::OwnerCap, lifts: cycle.closes });
    }
    caps
}

fn day(time_zone: &TimeZone, now: Timestamp) -> (String, Timestamp) {
    let today = now.to_zoned(time_zone.clone()).date();
    let tomorrow = today.tomorrow().ok().and_then(|day| day.to_zoned(time_zone.clone()).ok());
    (today.to_string(), tomorrow.map_or(Timestamp::MAX, |midnight| midnight.timestamp()))
}

/// What there is to spend from.
#[derive(Debug, Clone, Default)]
pub struct Balances {
    /// Over all wallets.
    pub available: Amounts,
    /// Reserved by others at the moment.
    pub held: Amounts,
    /// What lower sources have to leave for new leads.
    pub floor: Amounts,
    /// What has been spent and held towards each cap.
    pub used: BTreeMap<String, Used>,
}

impl Balances {
    /// Of these wallets.
    pub fn of(wallets: &[Wallet], floor: &Amounts, used: BTreeMap<String, Used>) -> Self {
        let available = wallets.iter().map(|wallet| &wallet.available).sum();
        let held = wallets.iter().map(|wallet| &wallet.held).sum();
        Self { available, held, floor: floor.clone(), used }
    }
}

/// One who wants to be bought for.
#[derive(Debug, Clone)]
pub struct Demand<'a> {
    /// The most it can cost.
    pub worst: &'a Amounts,
    /// The most that a part of it can cost, for one who takes that now rather than wait for the whole.
    pub part: Option<&'a Amounts>,
    /// Where it comes from.
    pub source: Source,
    /// What it counts towards.
    pub caps: &'a [Cap],
}

/// What becomes of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It can be paid for, together with those before it.
    Whole,
    /// A part of it can, and the rest has to wait.
    Part(DeferReason),
    /// It has to wait.
    Wait(DeferReason),
}

/// Decides on each demand, taken in order.
pub fn choose(demands: &[Demand<'_>], balances: &Balances) -> Vec<Choice> {
    let mut need = Amounts::default();
    let mut used = balances.used.clone();
    let mut decide = |demand: &Demand<'_>| {
        let Some(reason) = take(demand, demand.worst, balances, &mut need, &mut used) else { return Choice::Whole };
        match demand.part.map(|part| take(demand, part, balances, &mut need, &mut used)) {
            Some(None) => Choice::Part(reason),
            Some(Some(reason)) => Choice::Wait(reason),
            None => Choice::Wait(reason),
        }
    };
    demands.iter().map(&mut decide).collect()
}

/// Takes `worst` for the demand, or says why it can't be taken.
fn take(
    demand: &Demand<'_>,
    worst: &Amounts,
    balances: &Balances,
    need: &mut Amounts,
    used: &mut BTreeMap<String, Used>,
) -> Option<DeferReason> {
    let plus = |amounts: &Amounts, more: &Amounts| [amounts, more].into_iter().sum::<Amounts>();
    let nothing = Used::default();
    let reached = |cap: &&Cap| cap.limit.is_too_low_for(used.get(&cap.name).unwrap_or(&nothing), worst);
    if let Some(cap) = demand.caps.iter().find(reached) {
        return Some(cap.reason);
    }
    let total = plus(need, worst);
    // What another provider's credits are kept for is no reason to wait for this one's.
    let floor = || balances.floor.of_kinds_in(worst);
    let with_floor = if demand.source.leaves_floor() { plus(&total, &floor()) } else { total.clone() };
    if !balances.available.covers(&with_floor) {
        let all = plus(&balances.available, &balances.held);
        return Some(if balances.available.covers(&total) {
            DeferReason::Floor
        } else if all.covers(&total) {
            DeferReason::HeldByOthers
        } else {
            DeferReason::Balance
        });
    }
    for cap in demand.caps {
        cap.limit.count(used.entry(cap.name.clone()).or_default(), worst);
    }
    *need = total;
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::{Bucket, Milli};

    fn amounts(milli: i64) -> Amounts {
        Amounts::one(Bucket::new("credits"), Milli::new(milli))
    }

    fn cap(name: &str, limit: i64) -> Cap {
        let limit = Limit { credits: amounts(limit), money: None };
        Cap { name: name.into(), limit, reason: DeferReason::OwnerCap, lifts: Timestamp::MAX }
    }

    #[test]
    fn each_is_told_why_it_waits_and_one_who_waits_does_not_hold_up_the_next() {
        let (one, two, nine) = (amounts(1), amounts(2), amounts(9));
        let ada = [cap("ada", 1)];
        let demand = |worst, source, caps| Demand { worst, part: None, source, caps };
        let lead = |worst| demand(worst, Source::NewLead, &[]);
        let balances = Balances { available: amounts(4), held: amounts(2), floor: amounts(1), used: BTreeMap::new() };
        let demands = [
            demand(&one, Source::NewLead, &ada[..]),
            demand(&one, Source::NewLead, &ada[..]),
            lead(&two),
            demand(&one, Source::Change, &[][..]),
            lead(&two),
            lead(&one),
            lead(&nine),
        ];
        use DeferReason::{Balance, Floor, HeldByOthers, OwnerCap};
        let wait = Choice::Wait;
        let expected = [
            Choice::Whole,
            wait(OwnerCap),
            Choice::Whole,
            wait(Floor),
            wait(HeldByOthers),
            Choice::Whole,
            wait(Balance),
        ];
        assert_eq!(choose(&demands, &balances), expected);
    }

    #[test]
    fn a_cap_counts_what_was_used_before_and_only_what_it_names() {
        let used = BTreeMap::from([("ada".to_owned(), Used { credits: amounts(1), ..Used::default() })]);
        let balances = Balances { available: amounts(9), used, ..Balances::default() };
        let (worst, caps, other) = (amounts(1), [cap("ada", 1)], [cap("bob", 1)]);
        let demand = |caps| Demand { worst: &worst, part: None, source: Source::NewLead, caps };
        assert_eq!(choose(&[demand(&caps[..])], &balances), [Choice::Wait(DeferReason::OwnerCap)]);
        assert_eq!(choose(&[demand(&other[..])], &balances), [Choice::Whole]);
        let limit = Limit { credits: Amounts::one(Bucket::new("mobile"), Milli::ZERO), money: None };
        let mobile = Cap { limit, ..cap("ada", 0) };
        assert_eq!(choose(&[demand(&[mobile][..])], &balances), [Choice::Whole]);
    }

    #[test]
    fn one_who_takes_a_part_leaves_what_it_does_not_take() {
        let (whole, part, one) = (amounts(9), amounts(1), amounts(1));
        let demand = |worst, part| Demand { worst, part, source: Source::NewLead, caps: &[] };
        let demands =
            [demand(&whole, Some(&part)), demand(&whole, None), demand(&one, None), demand(&whole, Some(&part))];
        let balances = Balances { available: amounts(2), ..Balances::default() };
        use DeferReason::Balance;
        let expected = [Choice::Part(Balance), Choice::Wait(Balance), Choice::Whole, Choice::Wait(Balance)];
        assert_eq!(choose(&demands, &balances), expected);
    }
}
