//! `leadgate local`: the same, staying up.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_tests::world::{Patience, Real, SIGNING_SECRET, Settings, World};

use crate::Outcome;

/// Run the whole system on this machine, until interrupted.
///
/// Webhooks are received at /hubspot/demo; simulated vendors are served below /simulators, under the vendors' own
/// paths. A real key in the environment (HUBSPOT_ACCESS_TOKEN, with HUBSPOT_CLIENT_SECRET for its webhooks;
/// APOLLO_API_KEY) replaces that simulator by the real service. LEADGATE_DYNAMODB_ENDPOINT and LEADGATE_SQS_ENDPOINT
/// replace the embedded servers.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The port to serve on, on loopback.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// How many credits each billing cycle starts with, instead of what infra/leadgate.toml says.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    credits: Option<u32>,
    /// Buy mobile numbers as well.
    ///
    /// They are delivered to /apollo/demo some five minutes later, by the world's clock. To have them now, turn it:
    /// curl -d '{"advance_seconds": 300}' -H 'Content-Type: application/json' localhost:8787/simulators/clock
    #[arg(long)]
    phones: bool,
}

/// How often the simulated CRM looks whether it has an event to deliver. It costs no request, and is soon enough for
/// whoever watches.
const DELIVERIES_EVERY: Duration = Duration::from_millis(100);
const WORKERS: usize = 4;
/// How often the simulated provider looks whether a delivery of what arrives later is due: soon after the clock is
/// turned, too.
const CALLBACKS_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let real = Real {
        hubspot_access_token: variable("HUBSPOT_ACCESS_TOKEN"),
        hubspot_client_secret: variable("HUBSPOT_CLIENT_SECRET"),
        apollo_api_key: variable("APOLLO_API_KEY"),
    };
    let settings = Settings {
        credits_per_cycle: arguments.credits.map(i64::from),
        start: now(),
        patience: Patience::Real,
        port: arguments.port,
        real: real.clone(),
        ..Settings::default()
    };
    let settings = if arguments.phones { settings.with_phones() } else { settings };
    let world = Arc::new(World::start(settings).await.map_err(|error| format!("port {}: {error}", arguments.port))?);
    introduce(&world, &real);
    let working = [
        tokio::spawn(deliver(world.clone())),
        tokio::spawn(work(world.clone())),
        tokio::spawn(keep_schedule(world.clone())),
        tokio::spawn(call_back(world.clone())),
    ];
    tokio::signal::ctrl_c().await?;
    working.iter().for_each(tokio::task::JoinHandle::abort);
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn introduce(world: &World, real: &Real) {
    let party =
        |real: bool, path: &str| if real { "the real service".to_owned() } else { format!("{}{path}", world.url) };
    println!("webhooks:   {}", world.webhook_url());
    let secret = if real.hubspot_client_secret.is_some() { "HUBSPOT_CLIENT_SECRET" } else { SIGNING_SECRET };
    println!("secret:     {secret}");
    println!("hubspot:    {}", party(real.hubspot_access_token.is_some(), "/simulators/hubspot"));
    println!("apollo:     {}", party(real.apollo_api_key.is_some(), "/simulators/apollo/api/v1"));
    if let Some(callback) = world.tenant().provider.callback.as_ref().filter(|_| buys_numbers(world)) {
        println!("callbacks:  {}/TOKEN, minutes later by the world's clock", callback.url);
        if real.apollo_api_key.is_some() {
            println!("            (Apollo can't reach this machine: numbers are asked after instead)");
        }
    }
    println!("clock:      {}/simulators/clock", world.url);
    println!("events:     {}/simulators/eventbridge/events", world.url);
    println!("dynamodb:   {}", world.servers.dynamodb);
    println!("sqs:        {}", world.servers.sqs);
    println!("\nready; stop with Ctrl-C");
}

fn buys_numbers(world: &World) -> bool {
    !world.tenant().later_fields().is_empty()
}

/// The simulated provider tells of what has arrived, by the world's clock.
async fn call_back(world: Arc<World>) {
    loop {
        world.apollo.deliver_callbacks(world.http()).await;
        tokio::time::sleep(CALLBACKS_EVERY).await;
    }
}

/// The simulated CRM delivers what it has to tell.
async fn deliver(world: Arc<World>) {
    loop {
        world.hubspot.deliver().await;
        tokio::time::sleep(DELIVERIES_EVERY).await;
    }
}

/// Works on what comes over the queue.
async fn work(world: Arc<World>) {
    world.pump.run(WORKERS).await;
}

/// Keeps the schedule, by the world's clock.
async fn keep_schedule(world: Arc<World>) {
    loop {
        world.clock.reached(later(world.clock.now(), world.release_every())).await;
        world.run_release().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "keys of real services come from the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "the local world starts at the present")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
