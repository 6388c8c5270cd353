//! `leadgate demo --pattern signals`: signals into sequences, shown.

use std::process::ExitCode;

use comfy_table::Table;
use leadgate_sandbox::demo::signals::{self, Report, Request};

use crate::Outcome;
use crate::terminal::{count, fitted, object, say};

/// Runs it.
pub(super) async fn run(request: Request, json: bool) -> Outcome {
    if !json {
        let contacts = count(request.contacts, "contact");
        say(&format!(
            "{contacts} change jobs; an intent source tells of each, twice; a rule enrols them in a sequence. It tells \
             of some as well whom the CRM doesn't have: they are requested as new leads."
        ));
        println!();
    }
    let report = signals::run(request).await?;
    let complaints = report.complaints();
    if json {
        println!("{}", object(&report));
    } else {
        print_ends(&report);
        print_figures(&report);
    }
    for complaint in &complaints {
        eprintln!("leadgate: {complaint}");
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_ends(report: &Report) {
    let mut table = Table::new();
    table.set_header(["contacts", "what became of them"]);
    table.add_row([report.enrolled.to_string(), "enrolled, each once".to_owned()]);
    for (reason, contacts) in &report.skipped {
        table.add_row([contacts.to_string(), format!("not enrolled: {}", told(reason))]);
    }
    let unmatched = report.unmatched / 2;
    table.add_row([unmatched.to_string(), "not enrolled: no rule is for their signal".to_owned()]);
    println!("Who was enrolled, and who wasn't and why:\n{}\n", fitted(table));
}

fn told(reason: &str) -> String {
    let told = match reason {
        "do-not-contact" => "the CRM says not to contact them, some of them only since the signal",
        "stopped" => "they replied after the signal",
        "active-elsewhere" => "they are in another sequence",
        "unverified-email" => "the vendor doesn't vouch for their address",
        "same-company" => "a colleague of theirs is in the sequence",
        other => other,
    };
    told.to_owned()
}

fn print_figures(report: &Report) {
    let mut table = Table::new();
    let mut row = |what: &str, figures: String| {
        table.add_row([what.to_owned(), figures]);
    };
    row(
        "not in the CRM",
        format!(
            "{} people: {} had unsubscribed, {} were requested; the CRM has {} of these now, and {} of them were enrolled",
            report.not_in_crm,
            report.not_in_crm.saturating_sub(report.requested),
            report.requested,
            report.created,
            report.enrolled_once_created
        ),
    );
    let signals = count((report.queued + report.unmatched) / 2, "signal");
    row("told of", format!("{signals} in {}, each made twice", count(report.deliveries / 2, "delivery")));
    row(
        "in the sequence",
        format!(
            "{} by our lines, {} by the vendor's books; {} twice, {} who shouldn't be",
            report.enrolled, report.in_sequence, report.enrolled_twice, report.enrolled_in_spite
        ),
    );
    row("tasks", format!("{} by our lines, {} by the vendor's books", report.tasks, report.tasks_created));
    row("CRM", format!("{} say that they were enrolled", count(report.written_back, "contact")));
    row("no end", format!("{} lost", report.lost));
    row(
        "credits",
        format!(
            "{} spent on those who were requested, {} by the vendor's books; the enrolments cost nothing",
            report.credits_spent, report.credits_charged
        ),
    );
    row("calls", format!("{} to the vendor, {} throttled", report.calls, report.throttled));
    let seconds = |milliseconds: i64| std::time::Duration::from_millis(milliseconds.unsigned_abs()).as_secs_f64();
    row(
        "from signal to enrolment, of contacts in the CRM",
        format!(
            "{:.1} s for half of them, {:.1} s for 19 in 20 (the vendor takes 0.3 s for an answer)",
            seconds(report.latency_p50_ms),
            seconds(report.latency_p95_ms)
        ),
    );
    row("time", format!("{:.1} s", report.seconds));
    println!("{}", fitted(table));
}
