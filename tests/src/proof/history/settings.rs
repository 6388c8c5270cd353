//! The world of a history.

use jiff::Timestamp;

use super::plan::{Limits, Plan};
use crate::world::Settings;

/// The provider's own pool: more than any history uses.
pub(super) const POOL_MILLI: i64 = 10_000_000;
/// 1 February 2026, in the first days of a history.
const FEBRUARY: Timestamp = Timestamp::constant(1_769_904_000, 0);

/// Nothing goes stale within a history, nobody is given up on, and nothing goes in circles: what a lead's end may be
/// is to be plain.
pub(super) fn settings(plan: &Plan) -> Settings {
    let mut settings = Settings { seed: plan.seed, credits_per_cycle: Some(plan.credits), ..Settings::default() };
    let (january, february) = plan.prices;
    let floor = format!("floor = {{ credits = {} }}", plan.limits.floor);
    let long = [
        ("freshness_days = 90", "freshness_days = 720"),
        ("miss_days = 30", "miss_days = 720"),
        ("give_up_days = 180", "give_up_days = 720"),
        ("floor = { credits = 0 }", &floor),
    ];
    for (from, to) in long {
        settings.config = settings.config.replace(from, to);
    }
    settings.config = with_prices(&settings.config, january, february);
    if let Some(numbers) = plan.numbers {
        settings = numbers.switched_on(settings, plan.seed);
    }
    settings.config.push_str(&caps(plan.limits));
    settings.apollo.unknown_share = 0.0;
    settings.apollo.pool_milli = POOL_MILLI;
    settings.apollo.price_milli = january * 1000;
    settings.apollo.next_price = Some((FEBRUARY, february * 1000));
    settings.hubspot.duplicate_share = 0.25;
    settings.hubspot.seed = plan.seed;
    settings
}

/// The price of January, and that of February under another name: what is bought says by which it was reckoned.
fn with_prices(config: &str, january: i64, february: i64) -> String {
    let Some((head, prices)) = config.split_once("[[prices]]") else { return config.to_owned() };
    let Some((row, rest)) = prices.split_once("\n\n") else { return config.to_owned() };
    let cost = |credits: i64| row.replace("credits = 1", &format!("credits = {credits}"));
    let february = cost(february).replace("2026-01-01", "2026-02-01").replace("2026-08", "february");
    format!("{head}[[prices]]{}\n\n[[prices]]{february}\n\n{rest}", cost(january))
}

fn caps(limits: Limits) -> String {
    let row = |name: &str, cap: Option<i64>| cap.map(|cap| format!("{name} = {{ credits = {cap} }}\n"));
    let rows = [
        row("per_day", limits.per_day),
        row("per_owner", limits.per_owner),
        row("per_source.change", limits.per_change),
    ];
    let rows: String = rows.into_iter().flatten().collect();
    format!("\n[tenants.demo.caps]\n{rows}")
}
