//! Everything that is stored: for those who look for what shouldn't be.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{StartError, World};

/// SQS gives at most this many at once.
const RECEIVE_MAX: i32 = 10;
/// More messages than any test leaves on a queue, in receives.
const RECEIVES_MAX: usize = 50;

impl World {
    /// Every item of every table and every message of every queue, in text, each with where it lies. Messages stay, and are
    /// out of sight for a while.
    pub async fn everything_stored(&self) -> Result<Vec<String>, StartError> {
        let names = &self.site.names;
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.servers.dynamodb_config(self.servers.http.clone()));
        let mut all = Vec::new();
        for table in [&names.records, &names.credits, &names.answers, &names.limits, &names.feed, &names.lists] {
            let mut pages = dynamodb.scan().table_name(table).into_paginator().items().send();
            while let Some(item) = pages.next().await {
                all.push(format!("{table}: {}", in_text(&item?)));
            }
        }
        let queues =
            [&names.queue_url, &names.bulk_queue_url, &names.dead_letter_queue_url, &names.change_event_queue_url];
        for queue in queues {
            for _ in 0..RECEIVES_MAX {
                let received = self.sqs.receive_message().queue_url(queue).max_number_of_messages(RECEIVE_MAX).send();
                let messages = received.await?.messages.unwrap_or_default();
                if messages.is_empty() {
                    break;
                }
                all.extend(messages.into_iter().map(|it| format!("{queue}: {}", it.body.unwrap_or_default())));
            }
        }
        Ok(all)
    }
}

fn in_text(item: &std::collections::HashMap<String, AttributeValue>) -> String {
    format!("{:?}", item.iter().collect::<BTreeMap<_, _>>())
}
