//! What a world still holds when the work in it is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use leadgate_aws::credits::Credits;
use leadgate_aws::table::Database;
use tokio::runtime::Builder;

use super::pump::waiting_in;
use super::{StartError, World};

/// Something that work which is done doesn't leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leftover {
    /// Credits are held for a purchase that isn't settled.
    OpenHolds,
    /// Messages are on the worker's queues, in sight or not.
    Messages,
    /// Messages were given up on.
    DeadLetters,
}

impl World {
    /// What is left in it, and how much of each. A thread with connections of its own asks the servers, so that it can be
    /// told where nothing can be awaited: while the world is dropped.
    pub fn leftovers(&self) -> Result<BTreeMap<Leftover, usize>, StartError> {
        let asked = thread::scope(|scope| {
            let asking = scope.spawn(|| Builder::new_current_thread().enable_all().build()?.block_on(self.count()));
            asking.join()
        });
        asked.unwrap_or_else(|_| Err("what is left could not be counted".into()))
    }

    async fn count(&self) -> Result<BTreeMap<Leftover, usize>, StartError> {
        let http = leadgate_aws::https::client();
        let names = &self.site.names;
        let client = aws_sdk_dynamodb::Client::new(&self.servers.dynamodb_config(http.clone()));
        let database = Database { client, usage: Arc::default(), clock: self.clock.clone() };
        let credits = Credits::new(&database, &names.credits);
        let mut holds = 0;
        for tenant in self.config.tenants.keys() {
            holds += credits.open_holds_apart(tenant).await?.len();
        }
        let sqs = aws_sdk_sqs::Client::new(&self.servers.sqs_config(http));
        let waiting = async |queue| waiting_in(&sqs, queue).await.ok_or("SQS doesn't say what is on a queue");
        let mut messages = 0;
        let queues = [
            &names.queue_url,
            &names.bulk_queue_url,
            &names.change_event_queue_url,
            &names.enrolment_queue_url,
            &names.list_queue_url,
        ];
        for queue in queues {
            messages += waiting(queue).await?;
        }
        let mut dead_letters = 0;
        for queue in
            [&names.dead_letter_queue_url, &names.enrolment_dead_letter_queue_url, &names.list_dead_letter_queue_url]
        {
            dead_letters += waiting(queue).await?;
        }
        let counts =
            [(Leftover::OpenHolds, holds), (Leftover::Messages, messages), (Leftover::DeadLetters, dead_letters)];
        Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
    }
}
