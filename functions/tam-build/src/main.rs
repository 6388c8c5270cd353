//! The nightly build's Lambda function: wired from the environment, then run.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use leadgate_lambda::env::Environment;
use leadgate_lambda::invocation::Invocation;
use leadgate_lambda::telemetry;
use serde_json::Value;
use tam_build::TamBuild;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let build = Arc::new(TamBuild {
        config: environment.config.clone(),
        records: environment.records()?,
        credits: environment.credits()?,
        lists: environment.lists()?,
        limits: environment.limits()?,
        requests: environment.bulk_queue()?,
        queue: environment.list_queue()?,
        dead_letters: environment.list_dead_letters()?,
        connections: environment.connections(),
        clock: environment.clock.clone(),
    });
    // What comes from the queue has records; what comes from the schedule says nothing but that a night begins.
    run(service_fn(async |event: LambdaEvent<Value>| {
        if event.payload.get("Records").is_none() {
            build.begin().await?;
            return Ok::<_, Error>(Value::Null);
        }
        let messages: SqsEvent = serde_json::from_value(event.payload)?;
        let invocation = Invocation::of(&event.context, build.clock.now());
        Ok(serde_json::to_value(build.handle(messages, &invocation).await)?)
    }))
    .await
}
