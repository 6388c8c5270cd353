//! The worker's Lambda function: wired from the environment, then run.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use enrichment_worker::EnrichmentWorker;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use leadgate_lambda::env::Environment;
use leadgate_lambda::invocation::Invocation;
use leadgate_lambda::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let feed = environment.feed()?;
    let worker = Arc::new(EnrichmentWorker {
        config: environment.config.clone(),
        records: environment.records()?,
        credits: environment.credits()?,
        answers: environment.answers()?,
        limits: environment.limits()?,
        feed: feed.clone(),
        queue: environment.queues()?,
        dead_letters: environment.dead_letters()?,
        connections: environment.connections().with_batches(Arc::new(feed)),
        fingerprints: environment.fingerprints()?,
        clock: environment.clock.clone(),
    });
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let invocation = Invocation::of(&event.context, worker.clock.now());
        Ok::<_, Error>(Box::pin(worker.handle(event.payload, &invocation)).await)
    }))
    .await
}
