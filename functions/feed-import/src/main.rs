//! The feed import's Lambda function: wired from the environment, then run.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use feed_import::FeedImport;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use leadgate_feed::PIECE_ROWS;
use leadgate_lambda::env::Environment;
use leadgate_lambda::invocation::Invocation;
use leadgate_lambda::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let environment = Environment::read()?;
    let import = Arc::new(FeedImport {
        config: environment.config.clone(),
        feed: environment.feed()?,
        bucket: environment.feed_bucket()?,
        queue: environment.feed_queue()?,
        dead_letters: environment.feed_dead_letters()?,
        clock: environment.clock.clone(),
        piece_rows: PIECE_ROWS,
    });
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let invocation = Invocation::of(&event.context, import.clock.now());
        Ok::<_, Error>(Box::pin(import.handle(event.payload, &invocation)).await)
    }))
    .await
}
