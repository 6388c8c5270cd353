//! `leadgate demo --pattern tam`: a list of accounts that is built at night, shown.

use std::process::ExitCode;

use comfy_table::Table;
use leadgate_sandbox::demo::tam::{self, Report, Request};

use super::people;
use crate::Outcome;
use crate::terminal::{count, fitted, object, say};

/// Runs it.
pub(super) async fn run(request: Request, json: bool) -> Outcome {
    if !json {
        let accounts = count(request.accounts, "account");
        say(&format!(
            "A search goes through {accounts}. Those that fit are looked into at night, within the night's budget."
        ));
        println!();
    }
    let report = tam::run(request).await?;
    let complaints = report.complaints();
    if json {
        println!("{}", object(&report));
    } else {
        print_nights(&report);
        print_figures(&report);
    }
    for complaint in &complaints {
        eprintln!("leadgate: {complaint}");
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_nights(report: &Report) {
    let mut table = Table::new();
    table.set_header(["night", "pages", "accounts looked into", "people asked for", "credits", "ended"]);
    for night in &report.nights {
        let ended = match night.stopped.as_str() {
            "at-the-end" => "all was read".to_owned(),
            "budget" => "the budget was used up".to_owned(),
            other => other.replace('-', " "),
        };
        let figures = [night.pages, night.searched, night.requested].map(|figure| figure.to_string());
        let used = format!("{} of {}", night.used, report.budget);
        table.add_row(std::iter::once(night.run.clone()).chain(figures).chain([used, ended]));
    }
    println!("Each night goes on where the one before stopped:\n{}\n", fitted(table));
}

fn print_figures(report: &Report) {
    let mut table = Table::new();
    let mut row = |what: &str, figures: String| {
        table.add_row([what.to_owned(), figures]);
    };
    let (pages, accounts) = (count(report.pages, "page"), count(report.accounts, "account"));
    row("search", format!("{accounts} on {pages}, {} fit", report.fitting));
    row("people", format!("{} found there, {} asked for, each once", report.people, report.requested));
    row("bought", format!("{} by our ledger; {} unknown to the provider", report.bought, report.unmatched));
    row("CRM", format!("{} there; {} of them twice", people(report.in_crm), report.in_crm_twice));
    row("no end", format!("{} lost; {} charged for twice", report.lost, report.charged_twice));
    let ledger = &report.credits;
    row(
        "credits, our ledger",
        format!(
            "{} granted = {} spent + {} held + {} expired + {} available",
            ledger.granted, ledger.spent, ledger.held, ledger.expired, ledger.available
        ),
    );
    row("", format!("{} spent on pages, {} on people", report.spent_on_pages, report.spent_on_people));
    row(
        "credits, the provider's",
        format!(
            "{} charged for pages, {} for people; {}, {} throttled",
            report.charged_for_pages,
            report.charged_for_people,
            count(report.calls, "call"),
            report.throttled
        ),
    );
    row("time", format!("{:.1} s", report.seconds));
    println!("{}", fitted(table));
}
