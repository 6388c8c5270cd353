//! The same, in words.

use comfy_table::{CellAlignment, Table};
use jiff::Timestamp;
use leadgate_enrichment::credits::forecast::{CONFIDENCE_PERCENT, DAYS_MIN, Forecast};
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};

use super::account::{Account, Compared, Outlook};
use super::{Standing, held};
use crate::credits::words::{amount, amounts, day, deferred_for, kind, leads, listed, moment, signed, time, told_cost};
use crate::terminal::{count, fitted, fitted_text};

/// The first column with a figure in it.
const FIGURES_FROM: usize = 5;
/// More open holds than this are only counted.
const HOLDS_SHOWN: usize = 3;

impl Standing {
    pub(super) fn told(&self) -> String {
        let mut facts = Table::new();
        facts.add_row(["what waits", &self.told_waiting()]);
        facts.add_row(["held", &self.told_held()]);
        facts.add_row(["open holds", &self.told_holds()]);
        if !self.on_its_way.is_empty() {
            facts.add_row(["on its way", &self.told_on_its_way()]);
        }
        for account in &self.accounts {
            facts.add_row([&self.of("next grant", account), &self.told_next(account)]);
            for outlook in &account.outlooks {
                let told = self.told_outlook(outlook, account.next.at);
                facts.add_row(["forecast", &format!("{}: {told}", outlook.bucket)]);
            }
        }
        if let Some((since, cost)) = &self.cost {
            facts.add_row([format!("cost since {}", moment(*since, &self.zone)), told_cost(cost)]);
        }
        for wallet in &self.over {
            let left = amounts(&wallet.available);
            facts.add_row([
                "over",
                &format!("{}: {left} unused; the next release enters it as expired", wallet.wallet.0),
            ]);
        }
        let head = format!(
            "Credits of tenant {}, {}, {} ({}). They are burned from the top.",
            self.tenant,
            self.place,
            time(self.now, &self.zone),
            self.zone.iana_name().unwrap_or("local time"),
        );
        let tables = [self.wallet_table(), self.account_table(), facts].map(fitted).join("\n\n");
        format!("{}\n{tables}", fitted_text(&head))
    }

    /// Whose it is, where there are several providers.
    fn of(&self, what: &str, account: &Account) -> String {
        if self.accounts.len() > 1 { format!("{what}, {}", account.provider) } else { what.to_owned() }
    }

    fn account_table(&self) -> Table {
        let mut table = Table::new();
        table.set_header(["provider", "plan", "cycle", "available", "held", "spent", "compared with its own figure"]);
        for account in &self.accounts {
            let (grant, every) = &account.grant;
            let (cycle, present) = &account.cycle;
            let [from, to] = [present.opens, present.closes].map(|at| moment(at, &self.zone));
            let compared = account.compared.as_ref().map(|compared| self.told_compared(compared));
            table.add_row([
                account.provider.to_string(),
                format!("{}, {every}", amounts(grant)),
                format!("{cycle}, {from} to {to}"),
                amounts(&account.available),
                amounts(&account.held),
                match &account.spent_worth {
                    Some(worth) => format!("{}, {worth}", amounts(&account.spent)),
                    None => amounts(&account.spent),
                },
                compared.unwrap_or_else(|| "not yet".to_owned()),
            ]);
        }
        table
    }

    fn told_compared(&self, compared: &Compared) -> String {
        let at = time(compared.at, &self.zone);
        let used = compared.used.map(|used| format!(": {used} used in its cycle")).unwrap_or_default();
        match compared.drift.is_zero() {
            true => format!("{at}{used}, no drift"),
            false => format!("{at}{used}, {} beyond ours", signed(&compared.drift)),
        }
    }

    fn wallet_table(&self) -> Table {
        let mut table = Table::new();
        table.set_header([
            "wallet",
            "kind",
            "opens",
            "expires",
            "bucket",
            "granted",
            "available",
            "held",
            "spent",
            "expired",
        ]);
        for open in &self.wallets {
            let wallet = &open.wallet;
            let kind = match wallet.only {
                Some(only) => format!("{}, {} only", kind(wallet.kind), format!("{only:?}").to_lowercase()),
                None => kind(wallet.kind).to_owned(),
            };
            let name = if open.is_open { wallet.wallet.0.clone() } else { format!("{} (due)", wallet.wallet.0) };
            let life = [moment(wallet.opens, &self.zone), moment(wallet.expires, &self.zone)];
            for (bucket, _) in wallet.granted.iter() {
                let [opens, expires] = life.clone();
                let figures = FIGURES.map(|of| of(wallet).get(bucket).to_string());
                table.add_row(
                    [name.clone(), kind.clone(), opens, expires, bucket.to_string()].into_iter().chain(figures),
                );
            }
        }
        if self.wallets.len() > 1 {
            let totals = FIGURES.map(|of| self.total(of));
            for (bucket, _) in totals[0].iter() {
                let head = ["all", "", "", "", bucket.as_str()].map(str::to_owned);
                table.add_row(head.into_iter().chain(totals.iter().map(|sum| sum.get(bucket).to_string())));
            }
        }
        for column in table.column_iter_mut().skip(FIGURES_FROM) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn told_waiting(&self) -> String {
        let waiting = &self.waiting;
        if waiting.leads == 0 {
            return "no lead waits".to_owned();
        }
        let more = if waiting.more { "more than " } else { "" };
        let read: usize = waiting.reasons.iter().map(|(_, count)| count).sum();
        let first = if read < waiting.leads { format!("; of the first {read}") } else { String::new() };
        let reasons = waiting.reasons.iter();
        let (all, needs) = (leads(waiting.leads), amounts(&waiting.needs));
        if let [(reason, _)] = waiting.reasons[..]
            && read == waiting.leads
        {
            return format!("{all}, {}; up to {needs} for all", deferred_for(reason));
        }
        let reasons: Vec<String> =
            reasons.map(|(reason, count)| format!("{count} {}", deferred_for(*reason))).collect();
        format!("{more}{all}{first}: {}; up to {needs} for all", listed(&reasons))
    }

    fn told_held(&self) -> String {
        let (all, asynchronous) = (self.total(|wallet| &wallet.held), held(&self.on_its_way));
        match asynchronous.is_zero() {
            true => amounts(&all),
            false => format!("{}, of which {} for what is on its way", amounts(&all), amounts(&asynchronous)),
        }
    }

    fn told_on_its_way(&self) -> String {
        let held: usize = self.on_its_way.iter().map(|hold| hold.lines.len()).sum();
        let (purchases, since) = (self.on_its_way.len(), self.on_its_way.iter().map(|hold| hold.held_at).min());
        let since = since.map(|since| time(since, &self.zone)).unwrap_or_default();
        let (noun, purchases) = (self.noun.many, count(purchases, "purchase"));
        format!("{noun} for up to {}, in {purchases} since {since}; held until the provider's last answer", leads(held))
    }

    fn told_holds(&self) -> String {
        if self.holds.is_empty() {
            return "none".to_owned();
        }
        let one = |hold: &Hold| {
            let since = time(hold.held_at, &self.zone);
            format!(
                "{} for {} since {since}, purchase {}",
                amounts(&held([hold])),
                leads(hold.lines.len()),
                hold.purchase
            )
        };
        let mut lines: Vec<String> = self.holds.iter().take(HOLDS_SHOWN).map(one).collect();
        if self.holds.len() > HOLDS_SHOWN {
            lines.push(format!("and {} more", self.holds.len() - HOLDS_SHOWN));
        }
        lines.join("\n")
    }

    fn told_next(&self, account: &Account) -> String {
        let next = &account.next;
        let names: Vec<String> = next.wallets.iter().map(|wallet| wallet.wallet.0.clone()).collect();
        format!("{}: {} in {}", moment(next.at, &self.zone), amounts(&next.amounts()), listed(&names))
    }

    fn told_outlook(&self, outlook: &Outlook, next_grant: Timestamp) -> String {
        let next = moment(next_grant, &self.zone);
        let on = |at: Timestamp| day(at, &self.zone);
        let days = outlook.burn.days();
        let pace = format!(
            "at the burn of the last {} ({})",
            count(days, "day"),
            a_day(outlook.burn.per_day(), &outlook.bucket)
        );
        match &outlook.forecast {
            Forecast::UsedUp if outlook.available > Milli::ZERO => {
                format!("what is left goes to the leads that wait; more comes on {next}")
            }
            Forecast::UsedUp => format!("used up; more comes on {next}"),
            Forecast::TooLittleHistory => format!(
                "too little history for a forecast: {} on which there were credits, of {DAYS_MIN} needed",
                count(days, "whole day")
            ),
            Forecast::NothingBurns => format!("nothing was spent in the last {}", count(days, "day")),
            Forecast::RunsOut(end) => {
                let (early, on_day) = (on(end.early), on(end.at));
                let interval = match end.late {
                    Some(late) => format!("between {early} and {}", on(late)),
                    None => format!("on {early} or at any time after"),
                };
                format!("{pace} they run out on {on_day}; with {CONFIDENCE_PERCENT} % certainty {interval}")
            }
            Forecast::Lasts(end) if end.early < next_grant => {
                let early = on(end.early);
                format!("{pace} they last until the next grant on {next}, but may run out from {early} on")
            }
            Forecast::Lasts(_) => format!("{pace} they last beyond the next grant on {next}"),
        }
    }
}

const FIGURES: [fn(&Wallet) -> &Amounts; 5] = [
    |wallet| &wallet.granted,
    |wallet| &wallet.available,
    |wallet| &wallet.held,
    |wallet| &wallet.spent,
    |wallet| &wallet.expired,
];

/// A tenth of a credit is exact enough for a pace.
fn a_day(per_day: Milli, bucket: &Bucket) -> String {
    format!("{} a day", amount(Milli::new((per_day.get() + 50) / 100 * 100), bucket))
}
