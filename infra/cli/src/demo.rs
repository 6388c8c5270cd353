//! `leadgate demo`: the main job, shown.

mod bulk;
mod feed;
mod signals;
mod tam;
mod waterfall;

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use comfy_table::{Cell, Table};
use indicatif::{ProgressBar, ProgressStyle};
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::demo::{self, DemoCrm, Progress, Report, Request, Story};

use crate::terminal::{count, fitted, object, say};
use crate::{Outcome, credits};

/// Watch leads being enriched within their credits, on this machine, against simulated vendors.
///
/// Leads appear in a simulated CRM, which tells of them (of about one in ten twice) to the real functions; these buy from a simulated Apollo over real DynamoDB and SQS APIs, and write back. Then the clock is
/// turned to the next billing cycle, in which the leads that the credits could not pay for are finished. With --waterfall,
/// several providers are asked instead. Exits with an error if our ledger and a provider's differ, or if any lead has no
/// end.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many leads appear.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    leads: u32,
    /// How many credits each billing cycle starts with; three for every five leads, or 27 with --phones, unless said
    /// otherwise.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    credits: Option<u32>,
    /// The CRM in which the leads appear: contacts of HubSpot, told with signed webhooks, leads of Salesforce, told
    /// with Outbound Messages, persons of Pipedrive, told with a password, people of Attio, contacts of Close, or leads of
    /// Zoho CRM.
    #[arg(long, value_enum, default_value_t)]
    crm: Crm,
    /// Where chance starts from: the same seed makes the same leads.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Buy mobile numbers as well: they cost eight times as much, and arrive minutes later.
    #[arg(long)]
    phones: bool,
    /// Ask three providers, one after another, each paid from its own credits: one of them runs dry, one refuses the key for a
    /// while, and one may not say anything of some people.
    #[arg(long, conflicts_with_all = ["phones", "credits"])]
    waterfall: bool,
    /// Another pattern than leads that appear: records that are in the CRM already (bulk), or leads of local businesses that a feed delivers in batches (feed), or changes of jobs that put
    /// contacts into a sequence, at no credit's cost (signals), or a list of accounts that is built at night, of which --leads
    /// says how many a search finds (tam).
    #[arg(long, value_enum, conflicts_with_all = ["phones", "credits", "crm", "waterfall"])]
    pattern: Option<Pattern>,
    /// Print one JSON object, as the last line, instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The CRMs that there are simulators of.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Crm {
    #[default]
    Hubspot,
    Salesforce,
    Pipedrive,
    Attio,
    Close,
    Zoho,
}

/// What can be shown beside the main job.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Pattern {
    /// `leadgate enrich`: many records that are in the CRM already, under a budget.
    Bulk,
    /// A batch of local businesses is taken in, and leads of such businesses are told of by it at no credit's cost.
    Feed,
    /// Contacts who change jobs are put into a sequence.
    Signals,
    /// Accounts are searched at night, and people who fit are bought and created in the CRM, under a budget.
    Tam,
}

impl Crm {
    fn simulated(self) -> (DemoCrm, &'static str) {
        match self {
            Self::Hubspot => (DemoCrm::HubSpot, "HubSpot"),
            Self::Salesforce => (DemoCrm::Salesforce, "Salesforce"),
            Self::Pipedrive => (DemoCrm::Pipedrive, "Pipedrive"),
            Self::Attio => (DemoCrm::Attio, "Attio"),
            Self::Close => (DemoCrm::Close, "Close"),
            Self::Zoho => (DemoCrm::Zoho, "Zoho CRM"),
        }
    }
}

/// What a lead costs at worst with a mobile number.
const PERSON_AND_NUMBER: u32 = 9;

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let per_lead = if arguments.phones { PERSON_AND_NUMBER } else { 1 };
    let credits = arguments.credits.unwrap_or((arguments.leads * 3 / 5).max(1) * per_lead);
    let Arguments { leads, seed, phones, .. } = *arguments;
    match arguments.pattern {
        Some(Pattern::Bulk) => return bulk::run(leads as usize, seed, arguments.json).await,
        Some(Pattern::Feed) => return Box::pin(feed::run(leads as usize, seed, arguments.json)).await,
        Some(Pattern::Signals) => {
            let request = demo::signals::Request { contacts: leads as usize, seed };
            return Box::pin(signals::run(request, arguments.json)).await;
        }
        Some(Pattern::Tam) => {
            let request = demo::tam::Request { accounts: leads, seed };
            return Box::pin(tam::run(request, arguments.json)).await;
        }
        None => {}
    }
    let (crm, name) = arguments.crm.simulated();
    if arguments.waterfall {
        let request = demo::waterfall::Request { crm, leads: leads as usize, seed };
        return waterfall::run(request, name, arguments.json).await;
    }
    let request = Request { crm, leads: leads as usize, credits: credits.into(), seed, phones };
    if !arguments.json {
        let (appear, credits) = (if leads == 1 { "appears" } else { "appear" }, count(credits, "credit"));
        let head =
            format!("{} {appear} in {name}; each billing cycle starts with {credits}.", count(request.leads, "lead"));
        say(&head);
        println!();
    }
    let bar = progress_bar(arguments);
    let shown = demo::run(request, &|progress| show(&bar, progress)).await?;
    bar.finish_and_clear();
    let complaints = shown.report.complaints();
    if arguments.json {
        println!("{}", object(&shown.report));
    } else {
        print_stories(&shown.stories);
        if let Some(told) = shown.waited.as_ref().and_then(credits::explain_waited) {
            println!("What `leadgate credits explain` tells of one that waited:\n{told}\n");
        }
        print_figures(&shown.report);
    }
    for complaint in &complaints {
        eprintln!("leadgate: {complaint}");
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn progress_bar(arguments: &Arguments) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::from(arguments.leads));
    let style = ProgressStyle::with_template("{msg:32} {bar:40} {pos} messages, {elapsed}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Delivering => bar.set_message("webhooks are delivered"),
        Progress::Working(done) => bar.set_position(done as u64),
        Progress::Awaiting(numbers) => bar.set_message(format!("on their way: {}", count(numbers, "number"))),
        Progress::NextCycle(waiting) => bar.set_message(format!("next cycle; waiting: {}", count(waiting, "lead"))),
    }
}

/// The fields that the leads come with and get, in the order of a business card.
const SHOWN: [&str; 7] = ["firstname", "lastname", "jobtitle", "company", "city", "industry", "mobilephone"];

fn print_stories(stories: &[Story]) {
    let mut table = Table::new();
    table.set_header(["lead", "before", "after", "what happened"]);
    for story in stories {
        let email = story.before.get("email").map_or("", String::as_str);
        let new = |name: &&&str| story.after.get(**name) != story.before.get(**name);
        let after: Vec<String> = SHOWN.iter().filter(new).filter_map(|name| line(name, &story.after)).collect();
        let before: Vec<String> = SHOWN.iter().filter_map(|name| line(name, &story.before)).collect();
        table.add_row([
            Cell::new(format!("{}\n{email}", story.contact)),
            Cell::new(before.join("\n")),
            Cell::new(after.join("\n")),
            Cell::new(happened(story)),
        ]);
    }
    println!("A lead of each kind:\n{}\n", fitted(table));
}

fn line(name: &str, properties: &std::collections::BTreeMap<String, String>) -> Option<String> {
    Some(format!("{name}: {}", properties.get(name)?))
}

fn happened(story: &Story) -> &'static str {
    let own_title = story.before.contains_key("jobtitle");
    match story.states {
        (StateName::Written, _) if own_title => "enriched; the job title they gave themselves stays",
        (StateName::Written, _) => "enriched",
        (StateName::Unmatched, _) => "Apollo doesn't know them: no credit was spent",
        (StateName::Deferred, StateName::Written) => "waited for credits, enriched next cycle",
        (StateName::Deferred, StateName::Unmatched) => "waited for credits, then Apollo didn't know them",
        (StateName::Deferred, StateName::Refused) => "waited for credits for too long: given up",
        (StateName::Deferred, _) => "waits for credits",
        _ => "see the figures",
    }
}

/// `1 person`, `2 people`.
fn people(number: u64) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{number} people") }
}

fn print_figures(report: &Report) {
    let mut table = Table::new();
    let mut row = |what: &str, figures: String| {
        table.add_row([what.to_owned(), figures]);
    };
    let twice = report.events_sent.saturating_sub(report.leads);
    row("webhook events", format!("{} sent ({twice} of them twice), {} accepted", report.events_sent, report.accepted));
    row(
        "first cycle",
        format!(
            "{} written back, {} unknown to the provider, {} deferred",
            report.written_back, report.unmatched, report.deferred
        ),
    );
    row(
        "later cycles",
        format!(
            "{} of {} finished, in {} more; {} given up after too long a wait",
            report.released,
            count(report.deferred, "deferred lead"),
            count(report.cycles - 1, "cycle"),
            report.given_up
        ),
    );
    row("no end", format!("{} lost, {} failed; {} refused", report.lost, report.failed, report.refused));
    if let Some(written) = report.phones_written {
        let charged = report.provider.phones_charged;
        row("mobile numbers", format!("{written} written, each when it arrived; {charged} charged for"));
    }
    let ledger = &report.credits;
    row(
        "credits, our ledger",
        format!(
            "{} granted = {} spent + {} held + {} expired + {} available",
            ledger.granted, ledger.spent, ledger.held, ledger.expired, ledger.available
        ),
    );
    if let Some(cost) = &report.cost {
        row("in money", credits::told_cost(&cost.exact));
    }
    let provider = &report.provider;
    row(
        "credits, the provider's",
        format!(
            "{} charged for {}, in {}; {} throttled",
            provider.credits_charged,
            people(provider.records_charged),
            count(provider.calls, "call"),
            provider.throttled
        ),
    );
    row(
        "CRM writes",
        format!("{} in {}", count(report.crm.records_written, "record"), count(report.crm.writes, "call")),
    );
    let aws = &report.aws;
    row(
        "AWS",
        format!(
            "{} write units, {} read units, {} SQS requests; {} write units per lead written back, {} per lead parked",
            aws.write_units,
            aws.read_units,
            aws.sqs_requests,
            aws.write_units_per_written_lead,
            aws.write_units_per_deferred_lead
        ),
    );
    row("time", format!("{:.1} s, {:.0} leads per second", report.seconds, report.leads_per_second));
    println!("{}", fitted(table));
}
