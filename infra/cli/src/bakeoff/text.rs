//! A bake-off on a terminal.

use comfy_table::Table;

use super::compare::{Comparison, Share};
use super::orders::{Order, Policy};
use super::{Ended, Quote, shown};
use crate::credits::amounts;
use crate::terminal::fitted;

/// How many orders are shown of each policy.
pub(super) const ORDERS_SHOWN: usize = 3;

/// What it can cost at most, before anything is bought.
pub(super) fn quote(quotes: &[Quote], people: usize) -> Vec<String> {
    let mut table = Table::new();
    table.set_header(["provider", "people to ask about", "costs at most", "worth at most"]);
    for quote in quotes {
        let worth = quote.worst_micro.map_or_else(|| "-".to_owned(), |micro| money(micro as f64));
        table.add_row([quote.provider.to_owned(), quote.people.to_string(), amounts(&quote.worst), worth]);
    }
    vec![format!("The sample has {people} people."), fitted(table)]
}

/// All that was found.
pub(super) fn lines(ended: &Ended) -> Vec<String> {
    let comparison = &ended.comparison;
    let mut parts = vec![format!(
        "{} were chosen; every provider has answered about {} of them.",
        comparison.sample, comparison.told_by_all
    )];
    parts.push(fitted(providers(ended)));
    parts.push("\nWho fills which field, of those about whom it has answered, with the interval of 95 %:".to_owned());
    parts.push(fitted(fields(comparison)));
    if comparison.providers.iter().any(|it| !it.known_by_segment.is_empty()) {
        parts.push("\nWhom each knows, by segment:".to_owned());
        parts.push(fitted(segments(comparison)));
    }
    if !comparison.agreement.is_empty() {
        parts.push("\nHow often two of them say the same, of those whom both tell it of:".to_owned());
        parts.push(fitted(agreement(comparison)));
    }
    match &ended.orders {
        Some(orders) => {
            for policy in [Policy::UntilKnown, Policy::UntilFilled] {
                parts.push(format!("\n{}", heading(policy)));
                parts.push(fitted(order_table(orders, policy)));
            }
        }
        None => parts.push(
            "Which order is best can't be said: credits of different providers are worth different amounts. Give --value, or a `value` in each plan."
                .to_owned(),
        ),
    }
    parts.extend(ended.stopped.iter().map(|why| format!("Not all were asked about: {why}. Run it again to go on.")));
    parts.push(format!("\nAs a page: {}", shown(&ended.page)));
    parts
}

pub(super) fn heading(policy: Policy) -> &'static str {
    match policy {
        Policy::UntilKnown => "If the next one is asked about whom none before it knows (waterfall.order):",
        Policy::UntilFilled => "If the next one is asked while something is missing that it tells (waterfall.fields):",
    }
}

fn providers(ended: &Ended) -> Table {
    let mut table = Table::new();
    table.set_header(["provider", "knows", "95 %", "alone", "spent", "per value", "p50 ms", "p95 ms", "not told"]);
    for it in &ended.comparison.providers {
        let micro = ended.worth(&it.spent);
        let spent = match micro {
            Some(micro) => format!("{} ({})", money(micro as f64), amounts(&it.spent)),
            None => amounts(&it.spent),
        };
        let per_value = micro.filter(|_| it.values > 0).map(|micro| money(micro as f64 / it.values as f64));
        let milliseconds = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        table.add_row([
            it.provider.clone(),
            percent(it.known),
            interval(it.known),
            it.known_by_it_alone.count.to_string(),
            spent,
            per_value.unwrap_or_else(|| "-".to_owned()),
            milliseconds(it.latency_p50_ms),
            milliseconds(it.latency_p95_ms),
            left_out(it.suppressed, it.invalid, it.unknown),
        ]);
    }
    table
}

/// Those of whom a provider told nothing, and why.
pub(super) fn left_out(suppressed: usize, invalid: usize, unknown: usize) -> String {
    let all = [(suppressed, "suppressed"), (invalid, "refused as invalid"), (unknown, "unknown whether charged")];
    let said: Vec<String> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if said.is_empty() { "-".to_owned() } else { said.join(", ") }
}

fn fields(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    let mut header = vec!["field".to_owned()];
    header.extend(comparison.providers.iter().map(|it| it.provider.clone()));
    table.set_header(header);
    for field in &comparison.fields {
        let mut row = vec![field.word().to_owned()];
        row.extend(comparison.providers.iter().map(|it| {
            it.fields
                .get(field)
                .map_or_else(|| "-".to_owned(), |share| format!("{} ({})", percent(*share), interval(*share)))
        }));
        table.add_row(row);
    }
    table
}

fn segments(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    let mut header = vec!["segment".to_owned()];
    header.extend(comparison.providers.iter().map(|it| it.provider.clone()));
    table.set_header(header);
    for name in comparison.segments() {
        let mut row = vec![name.to_owned()];
        row.extend(comparison.providers.iter().map(|it| {
            let share = it.known_by_segment.get(name);
            share.map_or_else(|| "-".to_owned(), |share| format!("{} of {}", percent(*share), share.of))
        }));
        table.add_row(row);
    }
    table
}

fn agreement(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    let mut header = vec!["field".to_owned()];
    header.extend(comparison.pairs().iter().map(|pair| pair.join(" and ")));
    table.set_header(header);
    for field in &comparison.fields {
        let of = |pair: &&[String; 2]| comparison.agreed(*field, pair);
        let shown = |same: Share| format!("{} of {}", percent(same), same.of);
        let cells =
            comparison.pairs().iter().map(|pair| of(pair).map_or_else(|| "-".to_owned(), shown)).collect::<Vec<_>>();
        table.add_row([vec![field.word().to_owned()], cells].concat());
    }
    table
}

fn order_table(orders: &[Order], policy: Policy) -> Table {
    let mut table = Table::new();
    table.set_header(["order", "known", "values", "cost", "per value", "what each adds"]);
    for order in orders.iter().filter(|order| order.policy == policy).take(ORDERS_SHOWN) {
        let step = |step: &super::orders::Step| {
            format!("{}: +{} for {}", step.provider, step.values, money(step.cost_micro as f64))
        };
        table.add_row([
            order.names().join(", "),
            order.known.to_string(),
            order.values.to_string(),
            money(order.cost_micro as f64),
            order.per_value_micro().map_or_else(|| "-".to_owned(), money),
            order.steps.iter().map(step).collect::<Vec<_>>().join("\n"),
        ]);
    }
    table
}

pub(super) fn percent(share: Share) -> String {
    share.value().map_or_else(|| "-".to_owned(), |value| format!("{:.0} %", value * 100.0))
}

pub(super) fn interval(share: Share) -> String {
    let (low, high) = share.interval().unwrap_or_default();
    format!("{:.0}\u{2013}{:.0} %", low * 100.0, high * 100.0)
}

/// An amount of millionths, with as many decimals as it takes to tell small ones apart.
pub(super) fn money(micro: f64) -> String {
    let units = micro / 1e6;
    if units.abs() >= 1.0 || units == 0.0 { format!("{units:.2}") } else { format!("{units:.4}") }
}
