//! The door for signals: wired from the environment, then run.

use std::sync::Arc;

use lambda_http::{Error, Request, run, service_fn};
use leadgate_lambda::env::Environment;
use leadgate_lambda::telemetry;
use signal_webhook::SignalWebhook;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let webhook = Arc::new(SignalWebhook {
        config: environment.config.clone(),
        enrolments: environment.enrolments()?,
        queue: environment.enrolment_queue()?,
        secrets: environment.secrets(),
        fingerprints: environment.fingerprints()?,
        clock: environment.clock.clone(),
    });
    run(service_fn(async |request: Request| Ok::<_, Error>(Box::pin(webhook.handle(request)).await))).await
}
