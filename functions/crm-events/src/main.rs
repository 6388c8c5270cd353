//! The Lambda function for change events: wired from the environment, then run.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use crm_events::CrmEvents;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use leadgate_connectors::registry::Inbound;
use leadgate_gate::Gate;
use leadgate_lambda::env::Environment;
use leadgate_lambda::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let events = Arc::new(CrmEvents {
        vendors: Inbound::shipped(),
        config: environment.config.clone(),
        gate: Gate { records: environment.records()?, queue: environment.queues()?, clock: environment.clock.clone() },
        fingerprints: environment.fingerprints()?,
    });
    run(service_fn(async |event: LambdaEvent<SqsEvent>| Ok::<_, Error>(Box::pin(events.handle(event.payload)).await)))
        .await
}
