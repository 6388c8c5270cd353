//! Wallets: balances with a life.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use crate::config::Tenant;
use crate::credits::Amounts;
use crate::price::Action;

/// The name of a wallet within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WalletId(pub String);

/// Where a wallet's credits come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WalletKind {
    /// Free for one action, period by period.
    Allowance,
    /// To try things with, once.
    Trial,
    /// The plan's grant for one period.
    Plan,
    /// Bought on top: once, or with each cycle.
    Pack,
    /// Permitted beyond what was bought, and billed.
    Overage,
}

impl WalletKind {
    /// Lower is burned first: what is free before what was bought, and what is billed last.
    fn priority(self) -> u8 {
        match self {
            Self::Allowance => 0,
            Self::Trial => 5,
            Self::Plan => 10,
            Self::Pack => 20,
            Self::Overage => 90,
        }
    }
}

/// A balance with a life. `granted = available + held + spent + expired`, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Its name.
    pub wallet: WalletId,
    /// Where its credits come from.
    pub kind: WalletKind,
    /// The one action that it pays for, if it doesn't pay for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Action>,
    /// The first instant at which it may be spent from.
    #[serde(with = "millisecond::required")]
    pub opens: Timestamp,
    /// The first instant at which it may not be spent from any more.
    #[serde(with = "millisecond::required")]
    pub expires: Timestamp,
    /// Put in.
    pub granted: Amounts,
    /// Free to hold.
    pub available: Amounts,
    /// Reserved by open holds.
    pub held: Amounts,
    /// Gone.
    pub spent: Amounts,
    /// Gone unused.
    #[serde(default)]
    pub expired: Amounts,
}

impl Wallet {
    /// A wallet in which nothing has been touched yet.
    pub fn open(wallet: WalletId, kind: WalletKind, opens: Timestamp, expires: Timestamp, granted: Amounts) -> Self {
        let nothing = Amounts::default;
        Self {
            wallet,
            kind,
            only: None,
            opens,
            expires,
            available: granted.clone(),
            granted,
            held: nothing(),
            spent: nothing(),
            expired: nothing(),
        }
    }

    /// Whether credits in it may be held at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.opens <= now && now < self.expires
    }
}

/// The wallets that may pay for `action` at `now`, in burn order: priority, then earliest expiry, then age.
pub fn burn_order(mut wallets: Vec<Wallet>, action: Action, now: Timestamp) -> Vec<Wallet> {
    wallets.retain(|wallet| wallet.is_open(now) && wallet.only.is_none_or(|only| only == action));
    wallets.sort_by(|a, b| {
        let order = |w: &Wallet| (w.kind.priority(), w.expires, w.opens);
        order(a).cmp(&order(b)).then_with(|| a.wallet.cmp(&b.wallet))
    });
    wallets
}

/// The wallets that are to be open at `now`, each as it is when it opens. Whoever first needs one opens it, and
/// opening it again changes nothing: no job has to run at midnight, and nothing is carried over by accident.
pub fn due(tenant: &Tenant, now: Timestamp) -> Vec<Wallet> {
    let plan = &tenant.plan;
    let period = plan.grants.cycle_at(now);
    let name = WalletId(format!("plan-{}", period.first_day));
    let mut due = vec![Wallet::open(name, WalletKind::Plan, period.opens, period.closes, plan.grant.clone())];
    if let Some(trial) = &plan.trial {
        let (opens, expires) = (trial.opens, trial.expires);
        due.push(Wallet::open(WalletId("trial".into()), WalletKind::Trial, opens, expires, trial.grant.clone()));
    }
    for allowance in &plan.allowances {
        let period = allowance.calendar.cycle_at(now);
        let name = WalletId(format!("allowance-{}-{}", allowance.name, period.first_day));
        let grant = allowance.grant.clone();
        let wallet = Wallet::open(name, WalletKind::Allowance, period.opens, period.closes, grant);
        due.push(Wallet { only: Some(allowance.action), ..wallet });
    }
    let cycle = plan.calendar.cycle_at(now);
    for pack in &plan.packs {
        let (opens, expires) = (cycle.opens.max(pack.from), cycle.closes.min(pack.until));
        let name = WalletId(format!("pack-{}-{}", pack.name, cycle.first_day));
        due.push(Wallet::open(name, WalletKind::Pack, opens, expires, pack.grant.clone()));
    }
    if let Some(overage) = &plan.overage {
        let name = WalletId(format!("overage-{}", cycle.first_day));
        due.push(Wallet::open(name, WalletKind::Overage, cycle.opens, cycle.closes, overage.limit.clone()));
    }
    due.retain(|wallet| wallet.is_open(now));
    due
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::credits::{Bucket, Milli};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn wallet(name: &str, kind: WalletKind, expires: i64) -> Wallet {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let amounts = Amounts::one(Bucket::new("credits"), Milli::new(5));
        Wallet::open(WalletId(name.to_owned()), kind, at(0), at(expires), amounts)
    }

    #[test]
    fn wallets_burn_by_priority_then_expiry_and_closed_ones_not_at_all() {
        let now = Timestamp::from_second(50).expect("in range");
        let free = Wallet { only: Some(Action::Match), ..wallet("free", WalletKind::Allowance, 900) };
        let wallets = vec![
            wallet("late", WalletKind::Plan, 900),
            wallet("gone", WalletKind::Trial, 50),
            wallet("billed", WalletKind::Overage, 60),
            wallet("soon", WalletKind::Plan, 100),
            wallet("pack", WalletKind::Pack, 60),
            free,
        ];
        let order =
            |action| burn_order(wallets.clone(), action, now).into_iter().map(|w| w.wallet.0).collect::<Vec<_>>();
        assert_eq!(order(Action::Match), ["free", "soon", "late", "pack", "billed"]);
        assert_eq!(order(Action::EnrichOrganization), ["soon", "late", "pack", "billed"], "not what it is free for");
    }

    #[test]
    fn each_wallet_is_due_in_its_own_time_whatever_the_billing_cycle() {
        let text = crate::config::EXAMPLE.replace(
            "cycle = \"monthly\"",
            "cycle = \"annual\"\ngrant_every = \"monthly\"\ntrial = { from = \"2026-01-31\", grant = { credits = 100 } }\n\
             overage = { limit = { credits = 50 }, price = \"0.10 USD\" }\n\
             allowances = [{ name = \"free\", action = \"match\", every = \"monthly\", grant = { credits = 10 } }]\n\
             packs = [{ name = \"extra\", from = \"2026-03-10\", grant = { credits = 500 } }]",
        );
        let config = Config::parse(&text).expect("a good file");
        let tenant = config.tenants.values().next().expect("a tenant");
        let due = |now| due(tenant, at(now)).into_iter().map(|wallet| wallet.wallet.0).collect::<Vec<_>>();
        assert_eq!(
            due("2026-02-01T00:00:00Z"),
            ["plan-2026-01-31", "trial", "allowance-free-2026-01-31", "overage-2026-01-31"]
        );
        assert_eq!(
            due("2026-03-10T00:00:00Z"),
            ["plan-2026-02-28", "allowance-free-2026-02-28", "pack-extra-2026-01-31", "overage-2026-01-31"]
        );
    }
}
