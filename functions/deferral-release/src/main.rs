//! The release's Lambda function: wired from the environment, then run.

use std::sync::Arc;

use deferral_release::DeferralRelease;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use leadgate_lambda::env::Environment;
use leadgate_lambda::invocation::Invocation;
use leadgate_lambda::telemetry;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let release = Arc::new(DeferralRelease {
        config: environment.config.clone(),
        records: environment.records()?,
        credits: environment.credits()?,
        queue: environment.queues()?,
        feed: environment.feed()?,
        connections: environment.connections(),
        events: environment.events()?,
        clock: environment.clock.clone(),
    });
    // What the schedule sends says nothing: the tables know what there is to do.
    run(service_fn(async |event: LambdaEvent<Value>| {
        let invocation = Invocation::of(&event.context, release.clock.now());
        let report = Box::pin(release.handle(&invocation)).await;
        report.checked().map_err(Error::from)
    }))
    .await
}
