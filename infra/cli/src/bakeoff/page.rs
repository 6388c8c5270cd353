//! A bake-off as one page that needs nothing beside it: no script, no font, no address.

use jiff::Timestamp;
use leadgate_enrichment::credits::Amounts;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Ended;
use super::compare::{Comparison, Provider, Share};
use super::journal::Plan;
use super::orders::{Order, Policy, Worth};
use super::text::{ORDERS_SHOWN, heading, interval, left_out, money, percent};
use crate::credits::amounts;

/// Readable in light and dark.
const STYLE: &str = include_str!("page.css");
/// As wide as a chart's bars can be, in pixels.
const BAR: f64 = 360.0;
/// The colours of the providers, in their order: apart from one another for those who don't see red and green, too.
const COLOURS: [&str; 7] = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999"];

pub(super) fn html(ended: &Ended, plan: &Plan, at: Timestamp, worth: Worth<'_>) -> String {
    let comparison = &ended.comparison;
    let title = format!("Bake-off: {}", plan.name);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p {
                    "Tenant " b { (plan.tenant) } ", " (at.strftime("%Y-%m-%d %H:%M UTC").to_string()) ". "
                    (comparison.sample) " people were chosen; every provider has answered about "
                    (comparison.told_by_all) " of them."
                }
                @for why in &ended.stopped { p.warning { "Not all were asked about: " (why) "." } }
                (known(comparison))
                (providers(comparison, worth))
                (fields(comparison))
                (segments(comparison))
                (overlap(comparison))
                (agreement(comparison))
                (orders(ended, plan))
                (method())
            }
        }
    };
    page.into_string()
}

fn colour(place: usize) -> &'static str {
    COLOURS[place % COLOURS.len()]
}

/// Bars with the interval that the share lies in.
fn known(comparison: &Comparison) -> Markup {
    html! {
        h2 { "Whom each knows" }
        p.note { "The line shows where the share among all your leads lies with a probability of 95 %." }
        table.chart {
            @for (i, it) in comparison.providers.iter().enumerate() {
                tr {
                    th { (it.provider) }
                    td { (bar(it.known, colour(i))) }
                    td.number { (percent(it.known)) " (" (interval(it.known)) ")" }
                }
            }
        }
    }
}

fn bar(share: Share, colour: &str) -> Markup {
    let width = |value: f64| format!("{:.1}", value * BAR);
    let (low, high) = share.interval().unwrap_or_default();
    html! {
        svg width=(BAR) height="20" role="img" aria-label=(percent(share)) {
            rect x="0" y="3" width=(BAR) height="14" fill="currentColor" opacity="0.08" {}
            rect x="0" y="3" width=(width(share.value().unwrap_or_default())) height="14" fill=(colour) {}
            line x1=(width(low)) x2=(width(high)) y1="10" y2="10" stroke="currentColor" stroke-width="2" {}
            @for end in [low, high] {
                line x1=(width(end)) x2=(width(end)) y1="5" y2="15" stroke="currentColor" stroke-width="2" {}
            }
        }
    }
}

fn providers(comparison: &Comparison, worth: Worth<'_>) -> Markup {
    let milliseconds = |value: Option<u64>| value.map_or_else(|| "\u{2013}".to_owned(), |value| format!("{value} ms"));
    let cost = |it: &Provider| worth(&it.spent).map(|micro| micro as f64);
    let credits = |spent: &Amounts| if spent.is_zero() { "nothing".to_owned() } else { amounts(spent) };
    html! {
        h2 { "What it cost" }
        table {
            tr { th { "provider" } th { "spent" } th { "per person known" } th { "per value" } th { "half of the calls within" }
                th { "95 % within" } th { "not told" } }
            @for it in &comparison.providers {
                tr {
                    th { (it.provider) }
                    td { @if let Some(micro) = cost(it) { (money(micro)) " (" (credits(&it.spent)) ")" } @else { (credits(&it.spent)) } }
                    td.number { (per(cost(it), it.known.count)) }
                    td.number { (per(cost(it), it.values)) }
                    td.number { (milliseconds(it.latency_p50_ms)) }
                    td.number { (milliseconds(it.latency_p95_ms)) }
                    td { (left_out(it.suppressed, it.invalid, it.unknown)) }
                }
            }
        }
    }
}

fn per(micro: Option<f64>, count: usize) -> String {
    let each = micro.filter(|_| count > 0).map(|micro| money(micro / count as f64));
    each.unwrap_or_else(|| "\u{2013}".to_owned())
}

/// A cell for each field and provider, the darker the more it fills.
fn fields(comparison: &Comparison) -> Markup {
    html! {
        h2 { "Who fills which field" }
        p.note { "Of those about whom the provider has answered. Hold the pointer over a cell for its interval." }
        table {
            tr { th { "field" } @for it in &comparison.providers { th { (it.provider) } } }
            @for field in &comparison.fields {
                tr {
                    th { (field.word()) }
                    @for it in &comparison.providers { (cell(it.fields.get(field).copied())) }
                }
            }
        }
    }
}

fn cell(share: Option<Share>) -> Markup {
    let Some(share) = share else { return html! { td.number.none { "\u{2013}" } } };
    let shade = share.value().unwrap_or_default() * 0.75;
    html! {
        td.number title=(interval(share)) style=(format!("background: rgb(68 119 170 / {shade:.2})")) { (percent(share)) }
    }
}

fn segments(comparison: &Comparison) -> Markup {
    let names = comparison.segments();
    html! {
        @if !names.is_empty() {
            h2 { "Whom each knows, by segment" }
            table {
                tr { th { "segment" } @for it in &comparison.providers { th { (it.provider) } } }
                @for name in names {
                    tr { th { (name) } @for it in &comparison.providers { (cell(it.known_by_segment.get(name).copied())) } }
                }
            }
        }
    }
}

fn overlap(comparison: &Comparison) -> Markup {
    let share = |people: usize| Share { count: people, of: comparison.told_by_all };
    html! {
        h2 { "Who is known by exactly whom" }
        table.chart {
            @for it in &comparison.overlap {
                tr {
                    th { @if it.known_by.is_empty() { "none of them" } @else { (it.known_by.join(" + ")) } }
                    td { (bar_alone(share(it.people))) }
                    td.number { (it.people) " (" (percent(share(it.people))) ")" }
                }
            }
        }
    }
}

fn bar_alone(share: Share) -> Markup {
    let width = format!("{:.1}", share.value().unwrap_or_default() * BAR);
    html! {
        svg width=(BAR) height="16" role="img" aria-label=(percent(share)) {
            rect x="0" y="1" width=(BAR) height="14" fill="currentColor" opacity="0.08" {}
            rect x="0" y="1" width=(width) height="14" fill="#777788" {}
        }
    }
}

fn agreement(comparison: &Comparison) -> Markup {
    html! {
        @if !comparison.agreement.is_empty() {
            h2 { "How often two of them say the same" }
            p.note { "Of those whom both tell it of, whatever is true. Capitals, and how an address begins and ends, don't count." }
            table {
                tr { th { "field" } @for pair in comparison.pairs() { th { (pair.join(" and ")) } } }
                @for field in &comparison.fields {
                    tr {
                        th { (field.word()) }
                        @for pair in comparison.pairs() { (cell(comparison.agreed(*field, pair))) }
                    }
                }
            }
        }
    }
}

fn orders(ended: &Ended, plan: &Plan) -> Markup {
    html! {
        h2 { "In which order to ask them" }
        @match &ended.orders {
            None => p.warning {
                "That can't be said: credits of different providers are worth different amounts, and what they are worth "
                "was not given."
            },
            Some(orders) => {
                p.note { "Reckoned from the answers that were given, the most for its price first." }
                @for policy in [Policy::UntilKnown, Policy::UntilFilled] {
                    h3 { (heading(policy)) }
                    (order_table(orders.iter().filter(|order| order.policy == policy), plan))
                }
            }
        }
    }
}

fn order_table<'o>(orders: impl Iterator<Item = &'o Order>, plan: &Plan) -> Markup {
    let shown: Vec<&Order> = orders.take(ORDERS_SHOWN).collect();
    let most = shown.iter().map(|order| order.values).max().unwrap_or_default().max(1) as f64;
    let place = |name: &str| plan.providers.iter().position(|it| it == name).unwrap_or_default();
    html! {
        table {
            tr { th { "order" } th { "values, by who adds them" } th { "known" } th { "values" } th { "cost" } th { "per value" }
                th { "per value that each adds" } }
            @for order in shown {
                tr {
                    th { (order.names().join(", ")) }
                    td {
                        svg width=(BAR) height="16" role="img" aria-label=(order.values) {
                            @for (before, step) in with_before(order) {
                                rect x=(format!("{:.1}", before as f64 / most * BAR)) y="1" height="14"
                                    width=(format!("{:.1}", step.values as f64 / most * BAR)) fill=(colour(place(&step.provider))) {
                                    title { (step.provider) ": " (step.values) }
                                }
                            }
                        }
                    }
                    td.number { (order.known) }
                    td.number { (order.values) }
                    td.number { (money(order.cost_micro as f64)) }
                    td.number { (order.per_value_micro().map_or_else(|| "\u{2013}".to_owned(), money)) }
                    td { @for step in &order.steps { div { (step.provider) ": " (per(Some(step.cost_micro as f64), step.values)) } } }
                }
            }
        }
    }
}

/// Each step, with how many values those before it add.
fn with_before(order: &Order) -> impl Iterator<Item = (usize, &super::orders::Step)> {
    order.steps.iter().scan(0, |before, step| {
        let there = *before;
        *before += step.values;
        Some((there, step))
    })
}

fn method() -> Markup {
    html! {
        h2 { "How to read it" }
        ul {
            li { "Intervals are Wilson's, at 95 %. Where two of them overlap widely, a larger sample may turn the order round." }
            li { "What arrives minutes later, such as mobile numbers of some providers, is not compared." }
            li { "Leads that were bought before are described by what that provider wrote into the CRM: it has an advantage. People of "
                "a file don't have it." }
            li { "How old a value is isn't said by the providers. Where two disagree, one of them is out of date, or wrong." }
            li { "A person of whom one provider may not say anything is not asked of the others, and is left out where providers are "
                "compared." }
        }
    }
}
