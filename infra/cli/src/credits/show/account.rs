//! Where the credits of one provider stand: each has a plan, cycles and kinds of credit of its own.

use jiff::Timestamp;
use leadgate_enrichment::config::{OnExhausted, ProviderConnection};
use leadgate_enrichment::credits::cycle::BillingCycle;
use leadgate_enrichment::credits::forecast::{Burn, CONFIDENCE_PERCENT, DAYS_MAX, Forecast, forecast};
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::money::CurrencyAmount;
use leadgate_enrichment::credits::price::Action;
use leadgate_enrichment::credits::wallet::{Wallet, due};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::ProviderName;
use leadgate_enrichment::purchase::reconciliation::Remembered;
use serde_json::{Map, Value, json};

use super::Open;
use crate::books::Books;
use crate::credits::Failure;
use crate::credits::words::{decimals, in_currency};

/// Where the credits of one provider stand.
pub(super) struct Account {
    pub(super) provider: ProviderName,
    /// What the plan grants, and how often, in the word of the configuration.
    pub(super) grant: (Amounts, &'static str),
    /// How long its billing cycles are, likewise, and the present one.
    pub(super) cycle: (&'static str, BillingCycle),
    /// Over all wallets that are open or due.
    pub(super) available: Amounts,
    pub(super) held: Amounts,
    pub(super) spent: Amounts,
    /// What that is worth, where all of it has a value.
    pub(super) spent_worth: Option<CurrencyAmount>,
    pub(super) next: NextGrant,
    pub(super) outlooks: Vec<Outlook>,
    /// `None` where it was never compared: it has no figure, its key may not ask for it, or the first hour isn't over.
    pub(super) compared: Option<Compared>,
}

/// The next credits that come by themselves.
pub(super) struct NextGrant {
    pub(super) at: Timestamp,
    pub(super) wallets: Vec<Wallet>,
}

/// How long one kind of credit lasts.
pub(super) struct Outlook {
    pub(super) bucket: Bucket,
    pub(super) available: Milli,
    pub(super) burn: Burn,
    pub(super) forecast: Forecast,
}

/// The last comparison with the provider's own usage figure.
pub(super) struct Compared {
    pub(super) at: Timestamp,
    /// What it said was used in its cycle, in credits.
    pub(super) used: Option<Milli>,
    /// What that moved more than our ledger, or less, since the comparison before. Nothing where they agree.
    pub(super) drift: Amounts,
}

/// What is known of all of a tenant's credits.
pub(super) struct Told<'a> {
    pub(super) books: &'a Books,
    pub(super) entries: &'a [Entry],
    pub(super) wallets: &'a [Open],
    /// The most that all who wait can cost.
    pub(super) needs: &'a Amounts,
}

impl Told<'_> {
    pub(super) fn account(&self, provider: &ProviderConnection, compared: Option<Compared>) -> Account {
        let (plan, now) = (&provider.plan, self.books.now);
        let next = next_grant(provider, now);
        let pays = |open: &&Open| open.wallet.only.is_none_or(|only| only == Action::Match);
        let own = |of: fn(&Wallet) -> &Amounts| -> Amounts {
            self.own(provider, &self.wallets.iter().map(|open| of(&open.wallet)).sum())
        };
        let for_people = self.wallets.iter().filter(pays).map(|open| &open.wallet.available).sum();
        let outlooks = self.own(provider, &for_people);
        let outlooks = outlooks.iter().map(|(bucket, available)| self.outlook(provider, bucket, available, next.at));
        let spent = own(|wallet| &wallet.spent);
        let values = self.books.tenant().values.as_ref().filter(|values| values.lacks(&spent).is_empty());
        Account {
            provider: provider.name(),
            grant: (plan.grant.clone(), plan.grants.cadence().word()),
            cycle: (plan.calendar.cadence().word(), plan.calendar.cycle_at(now)),
            available: own(|wallet| &wallet.available),
            held: own(|wallet| &wallet.held),
            spent_worth: values.map(|values| values.worth_in_currency(&spent)),
            spent,
            outlooks: outlooks.collect(),
            next,
            compared,
        }
    }

    fn outlook(&self, provider: &ProviderConnection, bucket: &Bucket, available: Milli, next: Timestamp) -> Outlook {
        let [person, asynchronous] = self.books.worst(provider);
        let least = match self.books.tenant().on_exhausted {
            OnExhausted::Defer => [&person, &asynchronous].into_iter().sum::<Amounts>(),
            OnExhausted::Degrade => person,
        };
        let burn = Burn::of(self.entries, bucket, least.get(bucket), DAYS_MAX, self.books.now);
        let forecast = forecast(&burn, available - self.needs.get(bucket), self.books.now, next);
        Outlook { bucket: bucket.clone(), available, burn, forecast }
    }

    fn own(&self, provider: &ProviderConnection, amounts: &Amounts) -> Amounts {
        let own = amounts.iter().filter(|(bucket, _)| self.books.tenant().is_credit_of(provider, bucket));
        own.map(|(bucket, amount)| (bucket.clone(), amount)).collect()
    }
}

/// The last comparison of each provider, in their order.
pub(super) async fn compared(books: &Books, entries: &[Entry]) -> Result<Vec<Option<Compared>>, Failure> {
    let tenant = books.tenant();
    let mut all = Vec::new();
    for provider in tenant.paid_providers() {
        let mark = books.credits.mark(&tenant.id, &Remembered::mark(tenant, provider)).await?;
        let remembered = mark.and_then(|mark| Remembered::read(&mark.value, provider));
        let compared = remembered.and_then(|remembered| {
            let at = Timestamp::from_millisecond(remembered.at).ok()?;
            Some(Compared { at, used: remembered.used, drift: drift_at(at, books, provider, entries) })
        });
        all.push(compared);
    }
    Ok(all)
}

/// What was entered by the comparison of this moment.
fn drift_at(at: Timestamp, books: &Books, provider: &ProviderConnection, entries: &[Entry]) -> Amounts {
    let of_then = entries.iter().filter_map(|entry| match entry {
        Entry::Drift { amounts, at: entered } if *entered == at => Some(amounts),
        _ => None,
    });
    let own = of_then.flat_map(Amounts::iter).filter(|(bucket, _)| books.tenant().is_credit_of(provider, bucket));
    own.map(|(bucket, amount)| (bucket.clone(), amount)).collect()
}

/// The plan's, or that of a pack which comes with each billing cycle, whichever is first.
fn next_grant(provider: &ProviderConnection, now: Timestamp) -> NextGrant {
    let plan = &provider.plan;
    let packs = (!plan.packs.is_empty()).then(|| plan.calendar.cycle_at(now).closes);
    let at = packs.into_iter().fold(plan.grants.cycle_at(now).closes, Timestamp::min);
    let today: Vec<Wallet> = due(plan, now);
    let mut wallets = due(plan, at);
    wallets.retain(|wallet| !today.iter().any(|due| due.wallet == wallet.wallet));
    NextGrant { at, wallets }
}

impl NextGrant {
    pub(super) fn amounts(&self) -> Amounts {
        self.wallets.iter().map(|wallet| &wallet.granted).sum()
    }
}

impl Account {
    pub(super) fn json(&self) -> Value {
        let (grant, every) = &self.grant;
        let (cycle, present) = &self.cycle;
        let compared = self.compared.as_ref().map(|compared| {
            json!({
                "at": compared.at, "used": compared.used.map(Milli::to_decimal), "drift": decimals(&compared.drift),
            })
        });
        json!({
            "provider": self.provider,
            "plan": { "grant": decimals(grant), "grant_every": every },
            "cycle": { "every": cycle, "opens": present.opens, "closes": present.closes },
            "available": decimals(&self.available),
            "held": decimals(&self.held),
            "spent": decimals(&self.spent),
            "spent_worth": self.spent_worth.as_ref().map(in_currency),
            "next_grant": { "at": self.next.at, "amounts": decimals(&self.next.amounts()) },
            "forecast": self.outlooks.iter().map(Outlook::json).collect::<Vec<_>>(),
            "compared": compared,
        })
    }
}

impl Outlook {
    pub(super) fn json(&self) -> Value {
        let (word, run_out) = match &self.forecast {
            Forecast::UsedUp => ("used-up", None),
            Forecast::TooLittleHistory => ("too-little-history", None),
            Forecast::NothingBurns => ("nothing-burns", None),
            Forecast::RunsOut(run_out) => ("runs-out", Some(run_out)),
            Forecast::Lasts(run_out) => ("lasts", Some(run_out)),
        };
        let mut json = Map::new();
        json.insert("bucket".to_owned(), json!(self.bucket));
        json.insert("forecast".to_owned(), json!(word));
        json.insert("days".to_owned(), json!(self.burn.days()));
        json.insert("per_day".to_owned(), json!(self.burn.per_day().to_decimal()));
        if let Some(run_out) = run_out {
            json.insert("at".to_owned(), json!(run_out.at));
            json.insert("early".to_owned(), json!(run_out.early));
            json.insert("late".to_owned(), json!(run_out.late));
            json.insert("confidence_percent".to_owned(), json!(CONFIDENCE_PERCENT));
        }
        Value::Object(json)
    }
}
