//! `leadgate tam plan`: what a list comes to before anything of it is bought.

use std::process::ExitCode;
use std::time::Duration;

use leadgate_enrichment::icp::Icp;
use leadgate_enrichment::icp::forecast::{Basis, Costs, Forecast};
use leadgate_enrichment::provider::prospecting::SearchReply;
use serde_json::{Value, json};

use super::{icp, people};
use crate::books::Books;
use crate::credits::{amounts, decimals};
use crate::terminal::{count, object, say};
use crate::{Failure, Outcome};

/// How long the provider may take to count.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many of a hundred accounts fit, where there are rules and nobody has said.
const FIT_PERCENT_ASSUMED: u8 = 50;

/// Of which profile, and what is known beforehand.
#[derive(clap::Args)]
pub(super) struct What {
    /// The profile's name in the configuration.
    name: String,
    /// How many accounts the search finds, as the provider's own application says [default: asked where that is free,
    /// otherwise as many as one search shows].
    #[arg(long, value_name = "NUMBER")]
    accounts: Option<u64>,
    /// How many of a hundred accounts fit the rules [default: 50; all, where there are no rules].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(0..=100))]
    fit_percent: Option<u8>,
}

/// Where a number is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Given,
    Asked,
    Assumed,
}

impl From {
    fn word(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Asked => "asked",
            Self::Assumed => "assumed",
        }
    }
}

/// What it comes to, and what that rests on.
pub(super) struct Plan<'b> {
    books: &'b Books,
    icp: &'b Icp,
    costs: Costs,
    basis: Basis,
    accounts_from: From,
    fit_from: From,
    forecast: Forecast,
}

pub(super) async fn run(books: &Books, what: &What, as_json: bool) -> Outcome {
    let plan = plan(books, what).await?;
    if as_json {
        println!("{}", object(plan.json()));
    } else {
        plan.lines().iter().for_each(|line| say(line));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn plan<'b>(books: &'b Books, what: &What) -> Result<Plan<'b>, Failure> {
    let icp = icp(books, &what.name)?;
    let costs = books.config.search_costs(books.tenant(), icp, books.now);
    let costs = costs.ok_or("no price is in force for a page of organizations: see [[prices]] and price_sets")?;
    let (accounts, accounts_from) = match what.accounts {
        Some(accounts) => (accounts, From::Given),
        None if costs.page.is_zero() => (total(books, icp).await?, From::Asked),
        None => (icp.ceiling.results_max(), From::Assumed),
    };
    let (fit_percent, fit_from) = match what.fit_percent {
        Some(percent) => (percent, From::Given),
        None if icp.fit.is_empty() => (100, From::Given),
        None => (FIT_PERCENT_ASSUMED, From::Assumed),
    };
    let basis = Basis { accounts, fit_percent };
    let forecast = Forecast::of(icp, basis, &costs);
    Ok(Plan { books, icp, costs, basis, accounts_from, fit_from, forecast })
}

/// How many accounts the provider counts, which costs nothing here.
async fn total(books: &Books, icp: &Icp) -> Result<u64, Failure> {
    let connection = books.tenant().provider_named(icp.provider.as_str());
    let connection = connection.ok_or_else(|| format!("{} isn't configured", icp.provider))?;
    let prospector = books.connections.prospector(connection).await?;
    let wrong = |what: &str, reason: &str| -> Failure { format!("{} {what}: {reason}", icp.provider).into() };
    match prospector.find_accounts(&icp.accounts, 1, TIMEOUT).await.reply {
        SearchReply::Found(page) => Ok(page.total),
        SearchReply::Throttled { .. } => Err(wrong("has no call left", "try again later, or name --accounts")),
        SearchReply::OutOfCredits => {
            Err(wrong("wants credits for counting", "give a page its price, or name --accounts"))
        }
        SearchReply::Denied(reason) => Err(wrong("refuses the search", &reason)),
        SearchReply::Invalid(reason) => Err(wrong("can't search so", &reason)),
        SearchReply::Transient(reason) | SearchReply::Unknown(reason) => Err(wrong("gave no answer", &reason)),
    }
}

impl Plan<'_> {
    pub(super) fn lines(&self) -> Vec<String> {
        let Self { icp, costs, basis, forecast, .. } = self;
        let per_search = icp.ceiling.results_max();
        let mut lines = vec![format!(
            "{}: accounts that {} finds, and up to {} at each.",
            icp.name,
            icp.provider,
            people(u64::from(icp.people_per_account))
        )];
        lines.push(match self.accounts_from {
            From::Given => format!("  {} are found, as you say.", count(basis.accounts, "account")),
            From::Asked => format!("  {} are found: {} was asked, at no cost.", count(basis.accounts, "account"), icp.provider),
            From::Assumed => format!(
                "  Assumed: {} are found, as many as one search shows. Asking costs {}: say what {}'s application counts, with --accounts.",
                count(basis.accounts, "account"), amounts(&costs.page), icp.provider
            ),
        });
        lines.push(match self.fit_from {
            From::Assumed => format!(
                "  Assumed: {} of 100 fit the rules. Say what you expect, with --fit-percent.",
                basis.fit_percent
            ),
            _ => format!("  {} of 100 fit.", basis.fit_percent),
        });
        lines.push(format!(
            "At most it takes {} of accounts, {} of people and {}.",
            count(forecast.pages, "page"),
            searches(forecast.accounts_that_fit),
            people(forecast.people)
        ));
        if forecast.searches > 1 {
            lines.push(format!(
                "  One search shows {per_search} accounts: it is split into {} at least, by employees, place and industry.",
                forecast.searches
            ));
        }
        lines.push(format!(
            "At most it costs {} for searching and {} for people, {} each: {} in all{}.",
            amounts(&forecast.searching),
            amounts(&forecast.buying),
            amounts(&costs.person),
            amounts(&forecast.total()),
            self.money().map(|money| format!(", {money}")).unwrap_or_default()
        ));
        lines.push(match forecast.nights {
            Some(nights) => {
                format!("With {} a night, that is {} at most.", amounts(&icp.budget), count(nights, "night"))
            }
            None => format!("A budget of {} a night pays for nothing of it.", amounts(&icp.budget)),
        });
        lines
    }

    /// What it is worth, where the credits have a value.
    fn money(&self) -> Option<String> {
        let (values, total) = (self.books.tenant().values.as_ref()?, self.forecast.total());
        values.lacks(&total).is_empty().then(|| values.worth_in_currency(&total).to_string())
    }

    pub(super) fn json(&self) -> Value {
        let Self { icp, costs, basis, forecast, .. } = self;
        json!({
            "icp": icp.name, "tenant": self.books.tenant, "provider": icp.provider,
            "accounts": basis.accounts, "accounts_are": self.accounts_from.word(),
            "fit_percent": basis.fit_percent, "fit_percent_is": self.fit_from.word(),
            "searches": forecast.searches, "pages": forecast.pages,
            "searches_of_people": forecast.accounts_that_fit, "people": forecast.people,
            "page_costs": decimals(&costs.page), "person_costs": decimals(&costs.person),
            "searching": decimals(&forecast.searching), "buying": decimals(&forecast.buying),
            "total": decimals(&forecast.total()), "money": self.money(),
            "budget": decimals(&icp.budget), "nights": forecast.nights,
        })
    }
}

fn searches(many: u64) -> String {
    count(many, "search")
}
