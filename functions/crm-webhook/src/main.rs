//! The webhook's Lambda function: wired from the environment, then run.

use std::sync::Arc;

use crm_webhook::CrmWebhook;
use lambda_http::{Error, Request, run, service_fn};
use leadgate_connectors::registry::Inbound;
use leadgate_gate::Gate;
use leadgate_lambda::env::Environment;
use leadgate_lambda::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let webhook = Arc::new(CrmWebhook {
        vendors: Inbound::shipped(),
        config: environment.config.clone(),
        gate: Gate { records: environment.records()?, queue: environment.queues()?, clock: environment.clock.clone() },
        secrets: environment.secrets(),
        fingerprints: environment.fingerprints()?,
        clock: environment.clock.clone(),
    });
    run(service_fn(async |request: Request| Ok::<_, Error>(Box::pin(webhook.handle(request)).await))).await
}
