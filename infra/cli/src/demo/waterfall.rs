//! `leadgate demo --waterfall`: several providers, shown.

use std::process::ExitCode;

use comfy_table::Table;
use leadgate_sandbox::demo::waterfall::{self, Provider, Report, Request, Trouble, What};

use crate::Outcome;
use crate::terminal::{count, fitted, object, say};

/// Runs it. `crm` is what people call the CRM.
pub(super) async fn run(request: Request, crm: &str, json: bool) -> Outcome {
    if !json {
        let appear = if request.leads == 1 { "appears" } else { "appear" };
        let leads = count(request.leads, "lead");
        say(&format!("{leads} {appear} in {crm}; three providers are asked about them, one after another."));
        println!();
    }
    let report = waterfall::run(request).await?;
    let complaints = report.complaints();
    if json {
        println!("{}", object(&report));
    } else {
        print_providers(&report.providers);
        print_troubles(&report.troubles);
        print_ends(&report);
    }
    for complaint in &complaints {
        eprintln!("leadgate: {complaint}");
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_providers(providers: &[Provider]) {
    let mut table = Table::new();
    table.set_header([
        "provider",
        "asked about",
        "leads written",
        "fields filled",
        "our ledger",
        "its own books",
        "credits a lead",
    ]);
    for provider in providers {
        let fields: Vec<String> = provider.fields.iter().map(|(name, filled)| format!("{name}: {filled}")).collect();
        table.add_row([
            provider.name.to_owned(),
            provider.people_asked.to_string(),
            provider.leads_written.to_string(),
            fields.join("\n"),
            format!("{} spent", provider.spent),
            format!("{} charged", provider.charged),
            provider.per_lead.to_string(),
        ]);
    }
    println!("Who was asked, in this order, and who filled which fields:\n{}\n", fitted(table));
}

fn print_troubles(troubles: &[Trouble]) {
    let mut table = Table::new();
    table.set_header(["what went wrong", "leads that appeared meanwhile", "what became of them"]);
    for trouble in troubles {
        table.add_row([happened(trouble), trouble.leads.to_string(), became(trouble)]);
    }
    println!("What went wrong:\n{}\n", fitted(table));
}

fn happened(Trouble { provider, what, .. }: &Trouble) -> String {
    match what {
        What::RanDry => format!("{provider} ran dry"),
        What::RefusedTheKey => format!("{provider} refused the key for two hours"),
        What::Suppressed => format!("{provider} may not say anything of some people"),
    }
}

fn became(trouble: &Trouble) -> String {
    let Trouble { provider, what, sold_by_the_next, waited, written_later, unmatched_later, refused, .. } = trouble;
    let waited = format!("{waited} waited: {written_later} written later, {unmatched_later} unknown to all providers");
    match what {
        What::RanDry => format!("{sold_by_the_next} of those whom it knows were bought from the next one; {waited}"),
        What::RefusedTheKey => waited,
        What::Suppressed => format!("{refused} refused, and {provider} was the last to be asked about them"),
    }
}

fn print_ends(report: &Report) {
    let mut table = Table::new();
    let Report { written_back, unmatched, refused, lost, failed, cycles, seconds, .. } = report;
    let ended = format!("{written_back} written back, {unmatched} unknown to all providers, {refused} refused");
    table.add_row(["at the end".to_owned(), ended]);
    table.add_row(["no end".to_owned(), format!("{lost} lost, {failed} failed")]);
    table.add_row(["time".to_owned(), format!("{seconds:.1} s, {}", count(*cycles, "billing cycle"))]);
    println!("{}", fitted(table));
}
