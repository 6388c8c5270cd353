//! `leadgate local`: the same, staying up.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use leadgate_connectors::crm::attio::config as attio;
use leadgate_connectors::crm::close::config as close;
use leadgate_connectors::crm::hubspot::config as hubspot;
use leadgate_connectors::crm::pipedrive::config as pipedrive;
use leadgate_connectors::crm::salesforce::config as salesforce;
use leadgate_connectors::crm::zoho::config as zoho;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_enrichment::config::Tenant;
use leadgate_sandbox::kept::Folder;
use leadgate_sandbox::simulators::attio::AttioSetup;
use leadgate_sandbox::simulators::close::CloseSetup;
use leadgate_sandbox::simulators::pipedrive::PipedriveSetup;
use leadgate_sandbox::simulators::salesforce::SalesforceSetup;
use leadgate_sandbox::simulators::zoho::ZohoSetup;
use leadgate_sandbox::world::{Patience, Real, SIGNING_SECRET, Settings, World};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::terminal::count;
use crate::{Failure, Outcome, check, now};

/// Run the whole system on this machine, until interrupted.
///
/// What happened in it is gone then, unless --data names a folder to keep it in.
///
/// Webhooks are received at /hubspot/demo, or, with `--config infra/salesforce/leadgate.toml`, at /salesforce/demo;
/// simulated vendors are served below /simulators, under the vendors' own paths. A real key in the environment
/// (HUBSPOT_ACCESS_TOKEN, with HUBSPOT_CLIENT_SECRET for its webhooks; APOLLO_API_KEY) replaces that simulator by the real
/// service. LEADGATE_DYNAMODB_ENDPOINT and LEADGATE_SQS_ENDPOINT replace the embedded servers. With a real key, the clock and the faults can't be controlled, and webhooks are signed
/// by LEADGATE_SIGNING_SECRET, or by a secret that is made for this run, or for the folder.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The port to serve on, on loopback.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// How many credits each billing cycle starts with, instead of what infra/leadgate.toml says.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    credits: Option<u32>,
    /// Go by this configuration, instead of infra/leadgate.toml as it was when this tool was built. Its first tenant (by
    /// name) is the one that the simulated vendors serve.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep everything in this folder, and go on from there at the next start.
    ///
    /// Tables, messages, what the simulated vendors remember, the clock, and the secrets that are made for it: nothing of
    /// them is lost when the process is stopped or killed at any moment. (A power cut may lose what was written last: no
    /// write waits for the disk.) The folder is made if it isn't there. It is for one configuration and for one process at
    /// a time. Faults that were planned end with the process, and keys of real services are never kept.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Buy mobile numbers as well.
    ///
    /// They are delivered to /apollo/demo some five minutes later, by the world's clock. To have them now, turn it:
    /// curl -d '{"advance_seconds": 300}' -H 'Content-Type: application/json' localhost:8787/simulators/clock
    #[arg(long, conflicts_with = "config")]
    phones: bool,
}

/// How often the simulated CRM looks whether it has an event to deliver. It costs no request, and is soon enough for
/// whoever watches.
const DELIVERIES_EVERY: Duration = Duration::from_millis(100);
const WORKERS: usize = 4;
/// More deliveries than this don't overlap: what is new needn't wait for a backlog that was taken before it.
const ROUNDS_MAX: usize = 8;
/// How often it says what waits, if that has changed.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How often the simulated provider looks whether a delivery of what arrives later is due: soon after the clock is
/// turned, too.
const CALLBACKS_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let real = Real {
        hubspot_access_token: variable("HUBSPOT_ACCESS_TOKEN"),
        hubspot_client_secret: variable("HUBSPOT_CLIENT_SECRET"),
        apollo_api_key: variable("APOLLO_API_KEY"),
    };
    let mut settings = Settings {
        credits_per_cycle: arguments.credits.map(i64::from),
        start: now(),
        patience: Patience::Real,
        port: arguments.port,
        real: real.clone(),
        ..Settings::default()
    };
    if real.apollo_api_key.is_some() {
        settings = settings.capped();
    }
    if let Some(file) = &arguments.config {
        let config = check::read(file)?.map_err(|problems| format!("{} is not right:\n{problems}", file.display()))?;
        settings.config = check::text_of(file)?;
        let tenant = config.tenants.values().next().ok_or("the configuration has no tenant")?;
        settings.hubspot.portal_id = hubspot::Settings::of(&tenant.crm.own).portal_id;
        settings.salesforce = org_of(tenant, settings.salesforce);
        settings.pipedrive = company_of(tenant, settings.pipedrive);
        settings.attio = workspace_of(tenant, settings.attio);
        settings.close = organization_of(tenant, settings.close);
        settings.zoho = zoho_of(tenant, settings.zoho);
    }
    let folder = match &arguments.data {
        Some(data) => Some(Folder::open(data).await?),
        None => None,
    };
    set_secrets(&mut settings, folder.as_ref())?;
    let settings = if arguments.phones { settings.with_phones() } else { settings };
    let world = Arc::new(started(folder, settings).await?);
    introduce(&world, &real, arguments.data.as_deref());
    let working = [
        tokio::spawn(deliver(world.clone())),
        tokio::spawn(work(world.clone())),
        tokio::spawn(keep_schedule(world.clone())),
        tokio::spawn(call_back(world.clone())),
        tokio::spawn(say_what_waits(world.clone())),
    ];
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    working.iter().for_each(tokio::task::JoinHandle::abort);
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// An org that the tenant's configuration fits to. It is no tenant's of another CRM.
fn org_of(tenant: &Tenant, org: SalesforceSetup) -> SalesforceSetup {
    let salesforce::Settings { organization_id, client_id, username, integration_user_id, .. } =
        salesforce::Settings::of(&tenant.crm.own);
    SalesforceSetup {
        organization_id,
        client_id,
        username: username.unwrap_or(org.username),
        user_id: integration_user_id.unwrap_or(org.user_id),
        ..org
    }
}

/// A company that the tenant's configuration fits to. It is no tenant's of another CRM.
fn company_of(tenant: &Tenant, company: PipedriveSetup) -> PipedriveSetup {
    let pipedrive::Settings { company_id, user_id, .. } = pipedrive::Settings::of(&tenant.crm.own);
    PipedriveSetup { company_id, user_id: user_id.unwrap_or(company.user_id), ..company }
}

/// A workspace that the tenant's configuration fits to. It is no tenant's of another CRM.
fn workspace_of(tenant: &Tenant, workspace: AttioSetup) -> AttioSetup {
    let attio::Settings { workspace_id, people_object_id, actor_id } = attio::Settings::of(&tenant.crm.own);
    let actor_id = actor_id.unwrap_or(workspace.actor_id);
    AttioSetup { workspace_id, people_object_id, actor_id, ..workspace }
}

/// An organization that the tenant's configuration fits to. It is no tenant's of another CRM.
fn organization_of(tenant: &Tenant, organization: CloseSetup) -> CloseSetup {
    let close::Settings { organization_id, user_id } = close::Settings::of(&tenant.crm.own);
    CloseSetup { organization_id, user_id: user_id.unwrap_or(organization.user_id), ..organization }
}

/// An org at Zoho CRM that the tenant's configuration fits to. It is no tenant's of another CRM.
fn zoho_of(tenant: &Tenant, org: ZohoSetup) -> ZohoSetup {
    let zoho::Settings { channel_id, client_id } = zoho::Settings::of(&tenant.crm.own);
    ZohoSetup { channel_id, client_id, ..org }
}

/// The secrets of this run, or those of the folder: what is under way is signed with them, and people are known again by
/// them.
fn set_secrets(settings: &mut Settings, folder: Option<&Folder>) -> Result<(), Failure> {
    let secret = |name: &str| match folder {
        Some(folder) => folder.secret(name, made_up).map_err(Failure::from),
        None => made_up().map_err(Failure::from),
    };
    if settings.real.is_any() {
        settings.signing_secret = variable("LEADGATE_SIGNING_SECRET").map_or_else(|| secret("webhooks"), Ok)?;
        settings.callback_secret = secret("callbacks")?;
    }
    if folder.is_some() {
        settings.fingerprint_secret = secret("fingerprints")?;
    }
    Ok(())
}

/// Starts in the folder, if one was named.
async fn started(folder: Option<Folder>, settings: Settings) -> Result<World, Failure> {
    let port = settings.port;
    let started = match folder {
        Some(folder) => World::start_in(folder, settings).await,
        None => World::start(settings).await,
    };
    // What the system refuses at the start is the port.
    started.map_err(|error| if error.is::<std::io::Error>() { format!("port {port}: {error}").into() } else { error })
}

fn introduce(world: &World, real: &Real, data: Option<&Path>) {
    let party =
        |real: bool, path: &str| if real { "the real service".to_owned() } else { format!("{}{path}", world.url) };
    println!("webhooks:   {}", world.webhook_url());
    let secret = match (real.hubspot_client_secret.is_some(), real.is_any()) {
        (true, _) => "HUBSPOT_CLIENT_SECRET",
        (false, true) if data.is_some() => "LEADGATE_SIGNING_SECRET, or one of this folder that is not shown",
        (false, true) => "LEADGATE_SIGNING_SECRET, or one of this run that is not shown",
        (false, false) => SIGNING_SECRET,
    };
    println!("secret:     {secret}");
    let crm = world.tenant().crm.vendor.name;
    println!("{:<11} {}", format!("{crm}:"), party(real.hubspot_access_token.is_some(), &format!("/simulators/{crm}")));
    println!("apollo:     {}", party(real.apollo_api_key.is_some(), "/simulators/apollo/api/v1"));
    if let Some(callback) = world.tenant().provider.callback.as_ref().filter(|_| buys_numbers(world)) {
        println!("callbacks:  {}/TOKEN, minutes later by the world's clock", callback.url);
        if real.apollo_api_key.is_some() {
            println!("            (Apollo can't reach this machine: numbers are asked after instead)");
        }
    }
    let control = if real.is_any() { " (only shown: keys of real services are in the environment)" } else { "" };
    println!("clock:      {}/simulators/clock{control}", world.url);
    println!("events:     {}/simulators/eventbridge/events", world.url);
    if let Some(data) = data {
        println!("data:       {}", data.display());
    }
    println!("dynamodb:   {}", world.servers.dynamodb);
    println!("sqs:        {}", world.servers.sqs);
    println!("\nready; stop with Ctrl-C");
}

fn buys_numbers(world: &World) -> bool {
    !world.tenant().asynchronous_fields(&world.tenant().provider).is_empty()
}

/// The simulated provider tells of what has arrived, by the world's clock.
async fn call_back(world: Arc<World>) {
    loop {
        world.apollo.deliver_callbacks(world.http()).await;
        tokio::time::sleep(CALLBACKS_EVERY).await;
    }
}

/// The simulated CRM delivers its events: what happens while many are being delivered is not kept back for them.
async fn deliver(world: Arc<World>) {
    let mut rounds = JoinSet::new();
    loop {
        while rounds.try_join_next().is_some() {}
        if rounds.len() >= ROUNDS_MAX {
            rounds.join_next().await;
        }
        let crm = world.crm();
        rounds.spawn(async move { crm.deliver().await });
        tokio::time::sleep(DELIVERIES_EVERY).await;
    }
}

/// Says what waits, whenever that has changed.
async fn say_what_waits(world: Arc<World>) {
    let mut said = String::new();
    loop {
        tokio::time::sleep(STATUS_EVERY).await;
        let (events, messages) = (world.crm().pending(), world.waiting().await);
        let deferred = world.records.deferred(world.tenant_id(), DEFERRED_MAX).await.map_or(0, |keys| keys.len());
        let more = if deferred == DEFERRED_MAX { " or more" } else { "" };
        let status = format!(
            "status: {} to deliver, {} in the queue, {}{more} deferred",
            count(events, "webhook event"),
            count(messages, "message"),
            count(deferred, "lead")
        );
        if status != said {
            println!("{status}");
            said = status;
        }
    }
}

/// More deferred leads than this are not counted.
const DEFERRED_MAX: usize = 1000;

/// Works on what comes over the queue.
async fn work(world: Arc<World>) {
    world.pump.run(WORKERS).await;
}

/// Keeps the schedule, by the world's clock. A world that goes on begins with a run: what was left open when it ended is
/// not put off by every start.
async fn keep_schedule(world: Arc<World>) {
    if world.is_kept() {
        world.run_release().await;
    }
    loop {
        world.clock.reached(later(world.clock.now(), world.release_every())).await;
        world.run_release().await;
    }
}

/// A secret that is in no file, from the system's own source of chance.
fn made_up() -> std::io::Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// More than can be guessed.
const SECRET_BYTES: usize = 24;

#[expect(clippy::disallowed_methods, reason = "keys of real services come from the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use leadgate_enrichment::config::Config;

    use super::*;

    #[test]
    fn only_what_costs_real_credits_is_capped() {
        let caps = |settings: Settings| {
            let config = Config::parse(&settings.config, &settings.vendors()).expect("a good file");
            config.tenants.values().next().expect("a tenant").caps.per_day.clone()
        };
        assert_eq!(caps(Settings::default()), None);
        assert_eq!(caps(Settings::default().capped()).map(|cap| cap.to_string()).as_deref(), Some("500 credits"));
    }
}
