//! Wallets: balances with a life.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use crate::credits::Amounts;
use crate::credits::cycle::BillingCycle;
use crate::credits::plan::Plan;
use crate::credits::price::Action;

/// The name of a wallet within its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WalletId(pub String);

impl WalletId {
    /// The name of a wallet that lasts as long as `cycle`. Both of its days are in it, so that a cycle of another
    /// length which opens on the same day is another wallet.
    fn of_cycle(series: &str, cycle: &BillingCycle) -> Self {
        Self(format!("{series}-{}-{}", cycle.first_day, cycle.next_first_day))
    }

    /// The name without the period at its end: what wallets that follow one another have in common.
    pub fn series(&self) -> &str {
        without_day(without_day(&self.0))
    }
}

/// `plan-2026-01-31` → `plan`. A name that doesn't end with a day stays as it is.
fn without_day(name: &str) -> &str {
    let head = name.len().checked_sub(DAY_LENGTH).and_then(|at| name.split_at_checked(at));
    match head.map(|(head, day)| (head.strip_suffix('-'), day.parse::<Date>())) {
        Some((Some(head), Ok(_))) => head,
        _ => name,
    }
}

/// `2026-01-31`
const DAY_LENGTH: usize = 10;

/// Why the configuration moved a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeReason {
    /// Another period is in force: what was unused was taken back.
    Superseded,
    /// It is not configured any more: what was unused was taken back.
    Removed,
    /// What other wallets of its series have given, or were adjusted by, in the same period.
    CarriedOver,
    /// Another grant is configured.
    GrantChanged,
    /// It was closed, and is configured again.
    Reopened,
    /// It opens or closes at another time than before. Moves no balance.
    Rescheduled,
}

impl ChangeReason {
    /// The word used in keys and exports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Removed => "removed",
            Self::CarriedOver => "carried-over",
            Self::GrantChanged => "grant-changed",
            Self::Reopened => "reopened",
            Self::Rescheduled => "rescheduled",
        }
    }
}

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
    /// What the configuration has granted so far, and what it has not been able to take back. Absent in a wallet that
    /// was filled by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured: Option<Amounts>,
    /// Open holds are still to be moved into it: nothing else may be held from it before that.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub carrying: bool,
}

fn is_unset(flag: &bool) -> bool {
    !*flag
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
            configured: None,
            carrying: false,
        }
    }

    /// The same wallet, as one that goes by the configuration.
    fn by_configuration(self) -> Self {
        Self { configured: Some(self.granted.clone()), ..self }
    }

    /// What it has in common with the wallets before and after it, of which at most one is open at a time. `None` for a
    /// wallet that was filled by hand: the configuration has no say in it.
    pub fn series(&self) -> Option<&str> {
        // A wallet that was opened before wallets kept what they are configured with goes by its name: by hand, only
        // `grant-…` and `pack-…` are opened.
        let is_configured = self.configured.is_some()
            || match self.kind {
                WalletKind::Plan => self.wallet.0.starts_with("plan-"),
                WalletKind::Pack => false,
                WalletKind::Allowance | WalletKind::Trial | WalletKind::Overage => true,
            };
        is_configured.then(|| self.wallet.series())
    }

    /// Whether a purchase that may be at work until `until` may hold credits in it at `now`. What is held in a cycle is
    /// charged in it, unless it arrives later, and nothing is held in a wallet any more once it has closed.
    pub fn is_spendable(&self, now: Timestamp, until: Timestamp) -> bool {
        self.is_open(now) && until < self.expires && !self.carrying
    }

    /// Whether `other` was open within its period, and belongs to the same series: what that one gave counts against the
    /// grant of this one.
    pub fn takes_the_place_of(&self, other: &Self) -> bool {
        let is_another = self.wallet != other.wallet && self.series().is_some() && self.series() == other.series();
        is_another && other.opens < self.expires && self.opens < other.expires
    }

    /// Whether it has opened and not closed at `now`.
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

/// The wallets that are to be open at `now`, each as it is when it opens with all of its grant.
pub fn due(plan: &Plan, now: Timestamp) -> Vec<Wallet> {
    if plan.granted().is_empty() {
        return Vec::new();
    }
    let prefix = &plan.prefix;
    let in_cycle = |series: &str, kind, cycle: &BillingCycle, grant: &Amounts| {
        Wallet::open(
            WalletId::of_cycle(&format!("{prefix}{series}"), cycle),
            kind,
            cycle.opens,
            cycle.closes,
            grant.clone(),
        )
    };
    let mut due = vec![in_cycle("plan", WalletKind::Plan, &plan.grants.cycle_at(now), &plan.grant)];
    if let Some(trial) = &plan.trial {
        let (opens, expires) = (trial.opens, trial.expires);
        due.push(Wallet::open(
            WalletId(format!("{prefix}trial")),
            WalletKind::Trial,
            opens,
            expires,
            trial.grant.clone(),
        ));
    }
    for allowance in &plan.allowances {
        let (series, cycle) = (format!("allowance-{}", allowance.name), allowance.calendar.cycle_at(now));
        let wallet = in_cycle(&series, WalletKind::Allowance, &cycle, &allowance.grant);
        due.push(Wallet { only: Some(allowance.action), ..wallet });
    }
    let cycle = plan.calendar.cycle_at(now);
    for pack in &plan.packs {
        let wallet = in_cycle(&format!("pack-{}", pack.name), WalletKind::Pack, &cycle, &pack.grant);
        due.push(Wallet { opens: cycle.opens.max(pack.from), expires: cycle.closes.min(pack.until), ..wallet });
    }
    if let Some(overage) = &plan.overage {
        due.push(in_cycle("overage", WalletKind::Overage, &cycle, &overage.limit));
    }
    due.retain(|wallet| wallet.is_open(now));
    due.into_iter().map(Wallet::by_configuration).collect()
}

/// Of the wallets that are due, those that may be opened by the first purchase that needs them: they are not there yet,
/// and no other wallet of their series is open. Everything else is a change of the plan, which is made in one place
/// only: while an old and a new configuration are both at work, two workers would open one against the other.
pub fn unopened(due: &[Wallet], there: &[Wallet], now: Timestamp) -> Vec<Wallet> {
    let is_open = |due: &Wallet| there.iter().any(|wallet| wallet.is_open(now) && wallet.series() == due.series());
    let is_there = |due: &Wallet| there.iter().any(|wallet| wallet.wallet == due.wallet);
    due.iter().filter(|due| !is_there(due) && !is_open(due)).cloned().collect()
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
        let text = crate::config::example::FILE.replace(
            "cycle = \"monthly\"",
            "cycle = \"annual\"\ngrant_every = \"monthly\"\ntrial = { from = \"2026-01-31\", grant = { credits = 100 } }\n\
             overage = { limit = { credits = 50 }, price = \"0.10 USD\" }\n\
             allowances = [{ name = \"free\", action = \"match\", every = \"monthly\", grant = { credits = 10 } }]\n\
             packs = [{ name = \"extra\", from = \"2026-03-10\", grant = { credits = 500 } }]",
        );
        let config = Config::parse(&text, &crate::config::example::vendors()).expect("a good file");
        let tenant = config.tenants.values().next().expect("a tenant");
        let due =
            |now| due(&tenant.provider.plan, at(now)).into_iter().map(|wallet| wallet.wallet.0).collect::<Vec<_>>();
        assert_eq!(
            due("2026-02-01T00:00:00Z"),
            [
                "plan-2026-01-31-2026-02-28",
                "trial",
                "allowance-free-2026-01-31-2026-02-28",
                "overage-2026-01-31-2027-01-31"
            ]
        );
        assert_eq!(
            due("2026-03-10T00:00:00Z"),
            [
                "plan-2026-02-28-2026-03-31",
                "allowance-free-2026-02-28-2026-03-31",
                "pack-extra-2026-01-31-2027-01-31",
                "overage-2026-01-31-2027-01-31"
            ]
        );
    }

    #[test]
    fn a_name_without_its_period_is_the_series() {
        for (name, series) in [
            ("plan-2026-01-01-2026-02-01", "plan"),
            ("plan-2026-01-01", "plan"),
            ("pack-q1-2026-2026-01-01-2026-02-01", "pack-q1-2026"),
            ("trial", "trial"),
            ("grant-7", "grant-7"),
        ] {
            assert_eq!(WalletId(name.to_owned()).series(), series);
        }
    }
}
