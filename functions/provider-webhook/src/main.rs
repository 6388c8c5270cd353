//! The webhook's Lambda function: wired from the environment, then run.

use std::sync::Arc;

use lambda_http::{Error, Request, run, service_fn};
use leadgate_connectors::registry::Inbound;
use leadgate_lambda::env::Environment;
use leadgate_lambda::telemetry;
use provider_webhook::ProviderWebhook;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let webhook = Arc::new(ProviderWebhook {
        vendors: Inbound::shipped(),
        config: environment.config.clone(),
        records: environment.records()?,
        credits: environment.credits()?,
        queue: environment.queue()?,
        secrets: environment.secrets(),
        fingerprints: environment.fingerprints()?,
        clock: environment.clock.clone(),
    });
    run(service_fn(async |request: Request| Ok::<_, Error>(Box::pin(webhook.handle(request)).await))).await
}
