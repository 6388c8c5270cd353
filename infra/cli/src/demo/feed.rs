//! `leadgate demo --pattern feed`: a batch of local businesses is taken in, and leads are sent to it or to the paid provider.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use comfy_table::Table;
use leadgate_connectors::provider::datalane;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::lead::record::{Record, Said};
use leadgate_sandbox::simulators::apollo::ApolloSetup;
use leadgate_sandbox::simulators::batches::{Business, write_batch};
use leadgate_sandbox::world::{Settings, World};
use serde::Serialize;

use super::bulk::{Folder, WORKERS, credits};
use crate::feed::{TakenIn, take_in};
use crate::terminal::{count, fitted, object, say};
use crate::{Failure, Outcome};

/// So many rows there are for a lead, and at least.
const ROWS_PER_LEAD: u64 = 5;
const ROWS_MIN: u64 = 1_000;
/// One in so many of the local leads is of a business that the feed doesn't have.
const NOT_IN_THE_FEED_EVERY: usize = 5;
/// Local businesses by the feed first, and all others by the paid provider alone.
const WATERFALL: &str = r#"order = ["apollo"]
[[tenants.demo.waterfall.routes]]
name = "local businesses"
when = [{ lacks = "domain" }, { lacks = "linkedin_url" }]
order = ["datalane", "apollo"]
"#;

/// What was shown.
#[derive(Debug, Default, Serialize)]
struct Report {
    pattern: &'static str,
    /// Of the batch.
    rows: u64,
    businesses: u64,
    rows_rejected: u64,
    /// What the second import of the same file wrote, in write units.
    written_again: f64,
    leads: usize,
    /// Leads whose route begins with the feed, and those of them that it told of.
    routed_to_the_feed: usize,
    told_by_the_feed: usize,
    /// Leads that the provider was paid for, and those that nobody knows.
    bought: usize,
    unmatched: usize,
    /// Leads that the feed told of, and whose record in the CRM says so.
    with_provenance: usize,
    /// Leads that the feed told of, and that were paid for all the same.
    paid_in_vain: usize,
    /// In credits, of our ledger and of the provider's own books.
    spent: i64,
    charged: i64,
    /// Leads without an end.
    lost: usize,
    seconds: f64,
}

struct Lead {
    contact: String,
    email: String,
    is_local: bool,
}

/// Runs it with so many leads.
pub(super) async fn run(leads: usize, seed: u64, json: bool) -> Outcome {
    if !json {
        let appear = count(leads, "lead");
        say(&format!(
            "{appear}: half of them of local businesses, which a feed delivers in batches at no credit's cost."
        ));
        println!();
    }
    let report = play(leads, seed).await?;
    let complaints = report.complaints();
    match json {
        true => println!("{}", object(&report)),
        false => report.print(),
    }
    for complaint in &complaints {
        eprintln!("leadgate: {complaint}");
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(leads: usize, seed: u64) -> Result<Report, Failure> {
    let world = World::start(settings(leads, seed)).await?;
    let (folder, started) = (Folder::new()?, Instant::now());
    let file = folder.0.join("businesses.csv");
    let rows = ROWS_MIN.max(u64::try_from(leads).unwrap_or(u64::MAX).saturating_mul(ROWS_PER_LEAD));
    write_batch(rows, 1, &mut std::io::BufWriter::new(std::fs::File::create(&file)?))?;
    let import = async || -> Result<TakenIn, Failure> {
        let (file, local) = (file.display().to_string(), format!("--local={}", world.url));
        let parsed = crate::Arguments::try_parse_from(["leadgate", "feed", "import", &file, &local])?;
        let crate::Command::Feed(arguments) = parsed.command else { return Err("that is the command".into()) };
        take_in(&arguments).await
    };
    let first = import().await?;
    let again = import().await?;
    let mut report = Report {
        pattern: "feed",
        rows: first.counts.rows,
        businesses: first.counts.new,
        rows_rejected: first.counts.rejected,
        written_again: again.write_units,
        leads,
        ..Report::default()
    };
    let leads = appear(&world, leads, rows);
    while world.hubspot.deliver().await.events > 0 {
        world.settle_down(WORKERS).await;
    }
    report.seconds = started.elapsed().as_secs_f64();
    report.close_the_books(&world, &leads).await?;
    Ok(report)
}

fn settings(leads: usize, seed: u64) -> Settings {
    let credits = i64::try_from(2 * leads).unwrap_or(i64::MAX / 1000).max(1);
    let apollo = ApolloSetup { pool_milli: credits * 1000, seed, ..ApolloSetup::default() };
    let settings = Settings { credits_per_cycle: Some(credits), seed, apollo, ..Settings::default() };
    let (table, asked_by) = ("[tenants.demo.feed]\n", "asked_by = { phone = \"phone\" }\n");
    let config = settings.config.replacen("# source_property", "source_property", 1);
    let config = config.replacen(table, &format!("{table}{asked_by}"), 1);
    Settings { config, ..settings }.with_beside(&[datalane::VENDOR.name], WATERFALL)
}

/// Every other lead is of a local business, told by its telephone and who runs it: the address is one that all the world can have.
fn appear(world: &World, leads: usize, rows: u64) -> Vec<Lead> {
    let lead = |i: usize| {
        let is_local = i.is_multiple_of(2);
        if !is_local {
            let email = format!("first{i}.last{i}@engine.example");
            let contact = world.hubspot.create_contact([("email", email.as_str())]);
            return Lead { contact, email, is_local };
        }
        let number = u64::try_from(i / 2 + 1).unwrap_or_default();
        let is_there = !(i / 2).is_multiple_of(NOT_IN_THE_FEED_EVERY);
        let business = Business::numbered(if is_there { number } else { rows + number }, 1);
        let ([first, last], email) = (&business.owner, format!("owner{i}@gmail.com"));
        let known = [("email", email.as_str()), ("firstname", first), ("lastname", last), ("phone", &business.phone)];
        Lead { contact: world.hubspot.create_contact(known), email: email.clone(), is_local }
    };
    (0..leads).map(lead).collect()
}

impl Report {
    async fn close_the_books(&mut self, world: &World, leads: &[Lead]) -> Result<(), Failure> {
        let mut spent = Amounts::default();
        for entry in world.credits.entries(world.tenant_id()).await? {
            if let Entry::Purchase { lines, .. } = entry {
                lines.iter().for_each(|line| spent += &line.cost);
            }
        }
        self.spent = credits(&spent);
        self.charged = world.apollo.ledger().credits_charged / 1000;
        for lead in leads {
            self.routed_to_the_feed += usize::from(lead.is_local);
            let Some(record) = world.record(&lead.contact).await else {
                self.lost += 1;
                continue;
            };
            self.lost += usize::from(!record.state.has_ended());
            let charges = world.apollo.charges_of(&lead.email);
            self.bought += usize::from(charges > 0);
            self.unmatched += usize::from(record.is_miss());
            if is_told_by_the_feed(&record) {
                self.told_by_the_feed += 1;
                self.paid_in_vain += usize::from(charges > 0);
                let card = world.hubspot.contact(&lead.contact);
                let source = card.and_then(|card| card.value("leadgate_source").map(str::to_owned));
                let says_so = source.is_some_and(|source| source.starts_with(datalane::VENDOR.name));
                self.with_provenance += usize::from(says_so);
            }
        }
        Ok(())
    }

    /// What must not be.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut unless = |right: bool, complaint: String| complaints.extend((!right).then_some(complaint));
        let Self { spent, charged, told_by_the_feed: told, bought, unmatched, leads, .. } = self;
        unless(spent == charged, format!("our ledger has {spent} credits spent, the provider charged {charged}"));
        unless(self.written_again == 0.0, format!("the second import wrote {} units", self.written_again));
        unless(self.businesses + self.rows_rejected == self.rows, "not every row was taken in or rejected".to_owned());
        unless(self.lost == 0, format!("{} have no end", count(self.lost, "lead")));
        unless(self.paid_in_vain == 0, format!("{} were paid for that the feed told of", self.paid_in_vain));
        unless(
            told + bought + unmatched == *leads,
            format!("of {leads} leads, {told} were told of, {bought} bought and {unmatched} unknown"),
        );
        let provenance = self.with_provenance;
        unless(provenance == *told, format!("{told} were told of by the feed, and {provenance} say so in the CRM"));
        complaints
    }

    fn print(&self) {
        let mut table = Table::new();
        let mut row = |what: &str, figures: String| {
            table.add_row([what.to_owned(), figures]);
        };
        let (rows, businesses) = (count(self.rows, "row"), self.businesses);
        row("batch", format!("{rows}: {businesses} businesses taken in, {} rejected", self.rows_rejected));
        row("the same file again", format!("{:.0} write units", self.written_again));
        let elsewhere = self.leads - self.routed_to_the_feed;
        row("routes", format!("{} to the feed first, {elsewhere} to the provider", self.routed_to_the_feed));
        row(
            "told by the feed",
            format!("{}, {} of them say so in the CRM", self.told_by_the_feed, self.with_provenance),
        );
        row("bought", format!("{} by the provider's books; {} known to nobody", self.bought, self.unmatched));
        row("no end", format!("{} lost, {} paid for in vain", self.lost, self.paid_in_vain));
        row("credits, our ledger", format!("{} spent", self.spent));
        row("credits, the provider's", format!("{} charged", self.charged));
        row("time", format!("{:.1} s", self.seconds));
        println!("{}", fitted(table));
    }
}

fn is_told_by_the_feed(record: &Record) -> bool {
    let mut asked = record.progress.iter().flat_map(|progress| &progress.asked);
    asked.any(|asked| asked.provider.as_str() == datalane::VENDOR.name && asked.said == Said::Hit)
}
