//! What the world of a history is configured with, and how that can change.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::companies;
use super::crm::Crm;
use super::nights::Nights;
use super::numbers::Numbers;
use super::plan::{Limits, Plan};
use super::several::Several;
use super::signals;
use super::wide::Wide;
use leadgate_sandbox::world::Settings;

/// The provider's own pool, where it isn't the plan's: more than any history uses.
pub(super) const POOL_MILLI: i64 = 10_000_000;
/// 1 February 2026, in the first days of a history.
const FEBRUARY: Timestamp = Timestamp::constant(1_769_904_000, 0);
/// What a mobile number costs at first.
pub(super) const MOBILE: i64 = 8;
/// The name of a second tenant.
const NEIGHBOUR: &str = "neighbour";

/// What a deployment goes by.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    seed: u64,
    wide: Wide,
    crm: Crm,
    limits: Limits,
    numbers: Option<Numbers>,
    several: Option<Several>,
    nights: Option<Nights>,
    /// What each cycle starts with.
    pub(super) credits: i64,
    /// What a person costs in January, and from February on.
    pub(super) prices: (i64, i64),
    /// What a mobile number costs.
    pub(super) mobile: i64,
    /// Whether numbers have a price, and whether they are mapped.
    pub(super) has_mobile_price: bool,
    pub(super) has_mobile_field: bool,
    /// The first day of the first cycle, and how long one is.
    pub(super) anchor: &'static str,
    pub(super) cycle: &'static str,
    /// What may be spent beyond the plan.
    pub(super) overage: i64,
    /// Whether the same person again is free.
    pub(super) repeats_free: bool,
    pub(super) degrading: bool,
}

impl Terms {
    /// Those that a history begins with.
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            seed: plan.seed,
            wide: plan.wide,
            crm: plan.crm,
            limits: plan.limits,
            numbers: plan.numbers,
            several: plan.several.clone(),
            nights: plan.nights,
            credits: plan.credits,
            prices: plan.prices,
            mobile: MOBILE,
            has_mobile_price: true,
            has_mobile_field: plan.numbers.is_some() || plan.several.as_ref().is_some_and(Several::has_numbers),
            anchor: "2026-01-01",
            cycle: "monthly",
            overage: 0,
            repeats_free: plan.wide.free,
            degrading: plan.numbers.is_some_and(|numbers| numbers.degrading),
        }
    }

    /// The kinds of credit of the first provider, each with how many there are of it for `credits` of the first.
    pub(super) fn kinds(&self, credits: i64) -> Vec<(&'static str, i64)> {
        let mobile = self.wide.kinds.then_some(("mobile", credits));
        [("credits", credits)].into_iter().chain(mobile).collect()
    }

    /// The same with those of other providers.
    pub(super) fn all_kinds(&self, credits: i64) -> Vec<(&'static str, i64)> {
        let others = self.several.iter().flat_map(Several::kinds).map(|kind| (kind, credits));
        self.kinds(credits).into_iter().chain(others).collect()
    }

    /// The world that goes by them.
    pub(super) fn settings(&self) -> Settings {
        let mut settings = self.crm.served(Settings { seed: self.seed, ..Settings::default() });
        settings.config = self.config(&settings.config);
        if let Some(numbers) = self.numbers {
            settings = numbers.served(settings, self.seed);
        }
        if self.wide.neighbour {
            settings.config.push_str(&neighbour(&settings.config));
            settings.neighbour = NEIGHBOUR.parse().ok();
        }
        let (january, february) = self.prices;
        settings.apollo.unknown_share = 0.0;
        if let Some(several) = &self.several {
            settings = several.served(settings, self.crm);
        }
        if let Some(nights) = self.nights {
            settings = nights.served(settings);
        }
        if self.wide.signals {
            settings = signals::served(settings);
        }
        settings.apollo.pool_milli = if self.wide.exact { self.credits * 1000 } else { POOL_MILLI };
        settings.apollo.renews_monthly = self.wide.exact;
        settings.apollo.charge_repeats = !self.repeats_free;
        settings.apollo.price_milli = january * 1000;
        settings.apollo.next_price = Some((FEBRUARY, february * 1000));
        settings
    }

    /// The file, made from the one that ops teams start from.
    fn config(&self, example: &str) -> String {
        let (freshness, miss, give_up) = match self.wide.windows {
            Some(windows) => (windows.freshness, windows.miss, windows.give_up),
            // Nothing goes stale, nobody is given up on: what a lead's end may be is to be plain.
            None => (720, 720, 720),
        };
        let amounts = |credits| {
            let kinds = self.kinds(credits).into_iter().map(|(kind, amount)| format!("{kind} = {amount}"));
            format!("{{ {} }}", kinds.collect::<Vec<_>>().join(", "))
        };
        let mut plan = format!("grant = {}", amounts(self.credits));
        if self.overage > 0 {
            let _ = write!(plan, "\noverage = {{ limit = {}, price = \"0.10 USD\" }}", amounts(self.overage));
        }
        let flag = "last_enriched_property = \"leadgate_last_enriched\"";
        let has_flag = self.wide.windows.is_none_or(|windows| windows.flag);
        let mobile = if self.wide.kinds { "mobile" } else { "credits" };
        let edits = [
            ("freshness_days = 90", format!("freshness_days = {freshness}")),
            ("miss_days = 30", format!("miss_days = {miss}")),
            ("give_up_days = 180", format!("give_up_days = {give_up}")),
            ("floor = { credits = 0 }", format!("floor = {{ credits = {} }}", self.limits.floor)),
            ("cost = { credits = 8 }", format!("cost = {{ {mobile} = {} }}", self.mobile)),
            ("grant = { credits = 2500 }", plan),
            ("anchor = \"2026-01-01\"", format!("anchor = \"{}\"", self.anchor)),
            ("cycle = \"monthly\"", format!("cycle = \"{}\"", self.cycle)),
            (flag, if has_flag { flag.to_owned() } else { String::new() }),
            ("on_exhausted = \"defer\"", format!("on_exhausted = \"{}\"", self.on_exhausted())),
        ];
        let mut config = example.to_owned();
        for (from, to) in edits {
            config = config.replacen(from, &to, 1);
        }
        let (january, february) = self.prices;
        config = with_prices(&config, january, february);
        if !self.has_mobile_price {
            config = without_row(&config, "mobile");
        }
        if self.repeats_free {
            config = config.replace("field = \"person\"", "field = \"person\"\nrepeat = \"free\"");
        }
        let settings = Settings { config, ..Settings::default() };
        let settings = if self.has_mobile_field { settings.with_phones() } else { settings };
        let employers = self.numbers.is_some_and(|numbers| numbers.employers);
        let settings = if employers { settings.with_employers() } else { settings };
        let settings = if self.wide.companies { companies::served(settings, employers) } else { settings };
        format!("{}{}", settings.config, caps(self.limits))
    }

    fn on_exhausted(&self) -> &'static str {
        if self.degrading { "degrade" } else { "defer" }
    }
}

/// The price of January, and that of February under another name: what is bought says by which it was reckoned.
fn with_prices(config: &str, january: i64, february: i64) -> String {
    let Some((head, prices)) = config.split_once("[[prices]]") else { return config.to_owned() };
    let Some((row, rest)) = prices.split_once("\n\n") else { return config.to_owned() };
    let cost = |credits: i64| row.replace("credits = 1", &format!("credits = {credits}"));
    let february = cost(february).replace("2026-01-01", "2026-02-01").replace("2026-08", "february");
    format!("{head}[[prices]]{}\n\n[[prices]]{february}\n\n{rest}", cost(january))
}

/// The file without the prices of this.
fn without_row(config: &str, field: &str) -> String {
    let field = format!("field = \"{field}\"");
    let mut rows = config.split("[[prices]]");
    let mut left = rows.next().unwrap_or_default().to_owned();
    for row in rows {
        match row.split_once("\n\n") {
            Some((prices, rest)) if prices.contains(&field) => left.push_str(rest),
            _ => {
                left.push_str("[[prices]]");
                left.push_str(row);
            }
        }
    }
    left
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

/// The same tenant again, by another name.
fn neighbour(config: &str) -> String {
    let tenant = config.split_once("[tenants.demo]").map_or("", |(_, tenant)| tenant);
    let tenant = tenant.replace("tenants.demo", "tenants.neighbour").replace("/demo", "/neighbour");
    format!("\n[tenants.neighbour]{tenant}")
}
