//! What the plan of each tenant fills now, and what it will change in a running ledger.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::Config;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::plan_change::{Change, changes, overlapping};
use leadgate_enrichment::credits::wallet::{ChangeReason, Wallet};
use leadgate_enrichment::ids::TenantId;
use leadgate_lambda::clock::SystemClock;
use serde_json::{Value, json};

use crate::books::{LOCAL, Ledger};
use crate::credits::{amounts, moment, signed};

/// A running ledger.
#[derive(clap::Args)]
pub(super) struct Against {
    /// Say what the file changes in a running `leadgate local` [at http://127.0.0.1:8787].
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = LOCAL)]
    #[arg(hide = !cfg!(feature = "sandbox"))]
    pub(super) local: Option<String>,
    /// Say what it changes in AWS: the name of the table with the credits.
    #[arg(long, value_name = "TABLE", conflicts_with = "local")]
    credits_table: Option<String>,
}

/// The plan of one tenant.
pub(super) struct Plan {
    tenant: TenantId,
    zone: TimeZone,
    due: Vec<Wallet>,
    /// Where it was compared, and what will be changed there.
    changes: Option<(String, Vec<String>)>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The plan of each tenant, compared if there is something to compare it with.
pub(super) async fn compared(config: &Config, against: &Against) -> Result<Vec<Plan>, Failure> {
    let ledger = match (&against.local, &against.credits_table) {
        (Some(url), _) => Some(Ledger::of_world(url).await?),
        (None, Some(table)) => Some(Ledger::of_aws(table).await?),
        (None, None) => None,
    };
    let now = ledger.as_ref().map_or_else(|| SystemClock::new().now(), |ledger| ledger.now);
    let mut plans = Vec::with_capacity(config.tenants.len());
    for tenant in config.tenants.values() {
        let due = tenant.wallets_due(now);
        let changes = match &ledger {
            Some(ledger) => {
                let there = ledger.credits.wallets(&tenant.id).await?;
                let moved = tenant.moved(&there, now).into_iter().map(|wallet| stays(&wallet, &tenant.time_zone));
                let (due, in_place) = tenant.in_place(&there, now);
                let changes = sentences(&due, &in_place, now, &tenant.time_zone);
                Some((ledger.place.clone(), moved.chain(changes).collect()))
            }
            None => None,
        };
        plans.push(Plan { tenant: tenant.id.clone(), zone: tenant.time_zone.clone(), due, changes });
    }
    Ok(plans)
}

/// What the release will do, a sentence each: what it closes, and what it does once that is closed.
fn sentences(due: &[Wallet], there: &[Wallet], now: Timestamp, zone: &TimeZone) -> Vec<String> {
    let first = changes(due, there, now);
    let mut said: Vec<String> = first.iter().map(|change| sentence(change, there, zone)).collect();
    let closed = |wallet: &Wallet| {
        let closes = |change: &Change| matches!(change, Change::Close { there, .. } if there.wallet == wallet.wallet);
        let expires = if first.iter().any(closes) { now } else { wallet.expires };
        Wallet { expires, ..wallet.clone() }
    };
    let closed: Vec<Wallet> = there.iter().map(closed).collect();
    if first.iter().any(|change| matches!(change, Change::Close { .. })) {
        said.extend(changes(due, &closed, now).iter().map(|change| sentence(change, &closed, zone)));
    }
    said
}

/// Said of a wallet whose provider has another place in the file now.
fn stays(wallet: &Wallet, zone: &TimeZone) -> String {
    format!(
        "{} stays as it is until {}: its provider has changed places with another in the file. Who is asked first belongs \
         into `waterfall.order`",
        wallet.wallet.0,
        moment(wallet.expires, zone)
    )
}

fn sentence(change: &Change, there: &[Wallet], zone: &TimeZone) -> String {
    let less_used = |due: &Wallet| match overlapping(due, there).is_empty() {
        true => String::new(),
        false => ", less what other wallets of the same kind have given since it begins".to_owned(),
    };
    match change {
        Change::Close { there, reason } => {
            let why = if *reason == ChangeReason::Removed { ": it is not configured" } else { "" };
            let left = amounts(&there.available.less(&Amounts::default()));
            format!("{} will be closed, and {left} in it taken back{why}", there.wallet.0)
        }
        Change::Open { due } => {
            let (name, granted, [opens, expires]) = (&due.wallet.0, amounts(&due.granted), days(due, zone));
            format!("{name} will be opened with {granted}, from {opens} until {expires}{}", less_used(due))
        }
        Change::Reopen { due, .. } => {
            format!(
                "{} will be open again with {} less what it has given{}",
                due.wallet.0,
                amounts(&due.granted),
                less_used(due)
            )
        }
        Change::Reschedule { due, .. } => {
            let [opens, expires] = days(due, zone);
            format!("{} will last from {opens} until {expires}", due.wallet.0)
        }
        Change::Regrant { there, by } => format!("{} will be changed by {}", there.wallet.0, signed(by)),
        Change::Recount { there, closed, .. } => {
            let back = signed(&closed.available);
            format!("{} will be counted again, as {} got {back} back", there.wallet.0, closed.wallet.0)
        }
    }
}

/// `plan-2026-01-01-2026-02-01: 2500 credits, from 2026-01-01 until 2026-02-01`.
fn life(wallet: &Wallet, zone: &TimeZone) -> String {
    let [opens, expires] = days(wallet, zone);
    format!("{}: {}, from {opens} until {expires}", wallet.wallet.0, amounts(&wallet.granted))
}

fn days(wallet: &Wallet, zone: &TimeZone) -> [String; 2] {
    [wallet.opens, wallet.expires].map(|at| moment(at, zone))
}

impl Plan {
    pub(super) fn text(&self) -> String {
        let due = self.due.iter().map(|wallet| format!("\n{}", life(wallet, &self.zone)));
        let mut text = format!("{} has these wallets now:{}", self.tenant, due.collect::<String>());
        if let Some((place, changes)) = &self.changes {
            let said = if changes.is_empty() { "nothing will change" } else { "the next release will change this" };
            text.push_str(&format!("\nIn {place}, {said}{}", if changes.is_empty() { "." } else { ":" }));
            changes.iter().for_each(|change| text.push_str(&format!("\n- {change}.")));
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let wallet = |wallet: &Wallet| {
            let grant: serde_json::Map<String, Value> = wallet
                .granted
                .iter()
                .map(|(bucket, amount)| (bucket.to_string(), json!(amount.to_decimal())))
                .collect();
            json!({ "wallet": wallet.wallet, "opens": wallet.opens, "expires": wallet.expires, "grant": grant })
        };
        json!({
            "tenant": self.tenant,
            "wallets": self.due.iter().map(wallet).collect::<Vec<_>>(),
            "changes": self.changes.as_ref().map(|(_, changes)| changes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadgate_connectors::registry;

    fn config(cycle: &str, grant: u32) -> Config {
        let file = include_str!("../../../leadgate.toml")
            .replace("cycle = \"monthly\"", &format!("cycle = \"{cycle}\""))
            .replace("grant = { credits = 2500 }", &format!("grant = {{ credits = {grant} }}"));
        Config::parse(&file, &registry::vendors()).expect("a good file")
    }

    #[test]
    fn it_says_what_is_due_and_what_a_changed_plan_will_do() {
        let now: Timestamp = "2026-03-10T00:00:00Z".parse().expect("an instant");
        let due = |config: &Config| config.tenants.values().next().expect("a tenant").wallets_due(now);
        let monthly = due(&config("monthly", 2500));
        let plan =
            Plan { tenant: "demo".parse().expect("a name"), zone: TimeZone::UTC, due: monthly.clone(), changes: None };
        let said =
            "demo has these wallets now:\nplan-2026-03-01-2026-04-01: 2500 credits, from 2026-03-01 until 2026-04-01";
        assert_eq!(plan.text(), said);

        let to = |config: &Config| sentences(&due(config), &monthly, now, &TimeZone::UTC);
        assert_eq!(to(&config("monthly", 2500)), [""; 0]);
        assert_eq!(to(&config("monthly", 2000)), ["plan-2026-03-01-2026-04-01 will be changed by -500 credits"]);
        assert_eq!(
            to(&config("annual", 30_000)),
            [
                "plan-2026-03-01-2026-04-01 will be closed, and 2500 credits in it taken back",
                "plan-2026-01-01-2027-01-01 will be opened with 30000 credits, from 2026-01-01 until 2027-01-01, less \
                 what other wallets of the same kind have given since it begins"
            ]
        );
    }
}
