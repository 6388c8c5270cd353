//! The worker that enrols: wired from the environment, then run.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use enrolment_worker::EnrolmentWorker;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use leadgate_lambda::env::Environment;
use leadgate_lambda::invocation::Invocation;
use leadgate_lambda::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let worker = Arc::new(EnrolmentWorker {
        config: environment.config.clone(),
        records: environment.records()?,
        enrolments: environment.enrolments()?,
        limits: environment.limits()?,
        requests: environment.bulk_queue()?,
        queue: environment.enrolment_queue()?,
        dead_letters: environment.enrolment_dead_letters()?,
        connections: environment.connections(),
        fingerprints: environment.fingerprints()?,
        clock: environment.clock.clone(),
    });
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let invocation = Invocation::of(&event.context, worker.clock.now());
        Ok::<_, Error>(Box::pin(worker.handle(event.payload, &invocation)).await)
    }))
    .await
}
