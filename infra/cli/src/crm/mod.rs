//! `leadgate crm`: what the CRM has to have for Leadgate.

pub(crate) mod live;
#[cfg(all(test, feature = "sandbox"))]
mod tests;

use std::process::ExitCode;

use clap::Subcommand;
use leadgate_enrichment::config::{RecordKind, Tenant};
use leadgate_enrichment::crm::Crm;
use leadgate_enrichment::crm::schema::{Named, Problem, Property, Takes, ValueKind, misfits};
use leadgate_enrichment::ids::ObjectType;
use serde_json::{Value, json};

use crate::books::{Books, Place};
use crate::terminal::{object, say};
use crate::{Failure, Outcome};

/// Prepare the CRM for Leadgate.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create the properties that the configuration names as Leadgate's own, where the CRM lacks them.
    ///
    /// These are last_enriched_property (a date and time), source_property and candidate_property (text). What is there
    /// already stays as it is, so that this may be run again. The access token needs the right to change properties.
    Setup {
        /// Say what is missing, and create nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// What became of one property of ours.
struct Prepared {
    property: String,
    what: &'static str,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    let Command::Setup { dry_run } = &arguments.command;
    let prepared = set_up(&books, *dry_run).await?;
    if arguments.json {
        let list: Vec<Value> =
            prepared.iter().map(|it| json!({ "property": it.property, "result": it.what })).collect();
        println!("{}", object(json!({ "tenant": books.tenant, "properties": list })));
        return Ok(ExitCode::SUCCESS);
    }
    if prepared.is_empty() {
        say(&format!(
            "{}: the configuration names no property of Leadgate's own: tenants.{0}.crm.last_enriched_property and \
             source_property would",
            books.tenant
        ));
    }
    prepared.iter().for_each(|it| say(&format!("{}: {} {}", books.tenant, it.property, it.what)));
    Ok(ExitCode::SUCCESS)
}

/// Creates what is missing of ours. What is there and takes something else is a failure: ours can't be written into it.
async fn set_up(books: &Books, dry_run: bool) -> Result<Vec<Prepared>, Failure> {
    let tenant = books.tenant();
    let crm = books.connections.crm(tenant).await?;
    let mut prepared = Vec::new();
    for tenant in tenant.mappings() {
        prepared.extend(set_up_one(&*crm, tenant, dry_run).await?);
    }
    Ok(prepared)
}

/// The same for records of one kind.
async fn set_up_one(crm: &dyn Crm, tenant: &Tenant, dry_run: bool) -> Result<Vec<Prepared>, Failure> {
    let ours: Vec<Named> = tenant.named_properties().into_iter().filter(|named| named.is_ours).collect();
    if ours.is_empty() {
        return Ok(Vec::new());
    }
    let there = properties(crm, &ours, tenant).await?;
    let (misfits, object) = (misfits(&ours, &there), object_of(tenant));
    let mut prepared = Vec::new();
    for named in &ours {
        let misfit = misfits.iter().find(|misfit| misfit.property == named.property);
        let what = match misfit.map(|misfit| &misfit.problem) {
            None => "is there",
            Some(Problem::Missing) if dry_run => "is missing: without --dry-run it is created",
            Some(Problem::Missing) => match crm.add_property(&object, &property(named)).await? {
                true => "is created",
                false => "is there",
            },
            Some(_) => return Err(misfit.map(ToString::to_string).unwrap_or_default().into()),
        };
        let property = match tenant.kind {
            RecordKind::Person => named.property.clone(),
            RecordKind::Company => format!("{} (of companies)", named.property),
        };
        prepared.push(Prepared { property, what });
    }
    Ok(prepared)
}

/// Whose properties a mapping names.
fn object_of(tenant: &Tenant) -> ObjectType {
    let company = tenant.crm.vendor.company.filter(|_| tenant.kind == RecordKind::Company);
    company.map_or(ObjectType::CONTACT, |company| company.object.clone())
}

fn property(named: &Named) -> Property {
    let takes = match named.writes {
        Some(ValueKind::Instant) => Takes::Instant,
        Some(ValueKind::Number) => Takes::Number,
        Some(ValueKind::Text) | None => Takes::Text { chars_max: None },
    };
    Property { name: named.property.clone(), takes, is_read_only: false }
}

/// The properties that the records of a mapping have, and those that related records have of which any is named.
async fn properties(crm: &dyn Crm, named: &[Named], tenant: &Tenant) -> Result<Vec<Property>, Failure> {
    const SILENT: &str = "this CRM doesn't say which properties it has: create them there by hand";
    let mut there = crm.properties(&object_of(tenant)).await?.ok_or(SILENT)?;
    for relation in tenant.crm.vendor.related {
        if named.iter().any(|named| named.property.starts_with(relation)) {
            let related = crm.properties(&ObjectType::known(relation.trim_end_matches('.'))).await?.ok_or(SILENT)?;
            let prefixed = |it: Property| Property { name: format!("{relation}{}", it.name), ..it };
            there.extend(related.into_iter().map(prefixed));
        }
    }
    Ok(there)
}
