//! The enrichment queue, and the one beside it for requests that come in bulk.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{BatchResultErrorEntry, QueueAttributeName, SendMessageBatchRequestEntry};
use futures_util::future::try_join_all;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::lead::new_lead::NewLead;
use leadgate_enrichment::lead::request::{CallEnded, Collect, EnrichmentRequest, Task};
use leadgate_enrichment::retry::Backoff;
use serde::Serialize;

use crate::error::StoreError;

/// The most messages in one SendMessageBatch: SQS's limit.
const BATCH_MAX: usize = 10;
/// How many SendMessageBatch calls are made side by side: a CRM's delivery has a hundred events, and waits for the answer.
const SENDS_AT_ONCE: usize = 10;
/// The longest a message can be delayed: SQS's limit.
pub const DELAY_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest a message can be hidden: SQS's limit is twelve hours in all, counted from when it was received.
const HIDE_MAX: Duration = Duration::from_secs(11 * 60 * 60);

/// Sends and hides messages.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
    bulk_url: String,
    clock: Arc<dyn Clock>,
}

impl Queue {
    /// The queue at `url`, for everything.
    pub fn new(client: Client, url: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        let url = url.into();
        Self { client, bulk_url: url.clone(), url, clock }
    }

    /// The same, with another for what comes in bulk.
    #[must_use]
    pub fn with_bulk(self, url: impl Into<String>) -> Self {
        Self { bulk_url: url.into(), ..self }
    }

    /// Puts every request on the queue, or says that it could not. Entries that fail are tried again, a few times;
    /// after an error some may be on the queue and some not, so the caller must let its own caller try again.
    pub async fn send(&self, requests: &[EnrichmentRequest]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let requests: Vec<EnrichmentRequest> = requests.iter().map(|request| request.clone().queued(now)).collect();
        self.send_to_both(requests, |request| request.bulk, None).await
    }

    /// The same for messages of any kind, out of sight for `delay`, as far as SQS delays messages.
    pub async fn send_delayed(&self, tasks: &[Task], delay: Duration) -> Result<(), StoreError> {
        self.send_to_both(tasks, |task| task.is_bulk(), Some(delay.min(DELAY_MAX))).await
    }

    /// The same for people whom another system tells of.
    pub async fn send_new_leads(&self, leads: &[NewLead]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let queued = |lead: &NewLead| NewLead { queued_at: lead.queued_at.or(Some(now)), ..lead.clone() };
        self.send_to_both(leads.iter().map(queued), |lead| lead.bulk, None).await
    }

    /// One message, whatever is in it.
    pub async fn send_text(&self, body: &str) -> Result<(), StoreError> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(drop).map_err(|error| StoreError::from_sdk(SENDING, &error))
    }

    /// The same for calls that a provider says have ended.
    pub async fn send_ended(&self, calls: &[CallEnded]) -> Result<(), StoreError> {
        self.send_all(&self.url, calls, None).await
    }

    /// Messages that aren't about records, out of sight for `delay`, as far as SQS delays messages.
    pub async fn send_messages<T: Serialize>(&self, messages: &[T], delay: Option<Duration>) -> Result<(), StoreError> {
        self.send_all(&self.url, messages, delay.map(|delay| delay.min(DELAY_MAX))).await
    }

    /// The same for hints that something may have arrived.
    pub async fn send_hints(&self, hints: &[Collect]) -> Result<(), StoreError> {
        self.send_all(&self.url, hints, None).await
    }

    /// What comes in bulk to its own queue, after the others.
    async fn send_to_both<T: Serialize>(
        &self,
        messages: impl IntoIterator<Item = T>,
        is_bulk: impl Fn(&T) -> bool,
        delay: Option<Duration>,
    ) -> Result<(), StoreError> {
        let (bulk, others): (Vec<T>, Vec<T>) = messages.into_iter().partition(is_bulk);
        self.send_all(&self.url, &others, delay).await?;
        self.send_all(&self.bulk_url, &bulk, delay).await
    }

    async fn send_all<T: Serialize>(
        &self,
        url: &str,
        messages: &[T],
        delay: Option<Duration>,
    ) -> Result<(), StoreError> {
        for batches in messages.chunks(BATCH_MAX * SENDS_AT_ONCE) {
            try_join_all(batches.chunks(BATCH_MAX).map(|batch| self.send_batch(url, batch, delay))).await?;
        }
        Ok(())
    }

    async fn send_batch<T: Serialize>(
        &self,
        url: &str,
        messages: &[T],
        delay: Option<Duration>,
    ) -> Result<(), StoreError> {
        let seconds = delay.map(|delay| i32::try_from(delay.as_secs()).unwrap_or(i32::MAX));
        let entry = |message: (usize, &T)| entry(message, seconds);
        let mut entries = messages.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        for attempts_made in 1.. {
            let batch = self.client.send_message_batch().queue_url(url).set_entries(Some(entries.clone()));
            let answer = batch.send().await.map_err(|error| StoreError::from_sdk(SENDING, &error))?;
            if answer.failed().is_empty() {
                return Ok(());
            }
            let failed: Vec<&str> = answer.failed().iter().map(BatchResultErrorEntry::id).collect();
            entries.retain(|entry| failed.contains(&entry.id()));
            let Some(wait) = Backoff::IN_FUNCTION.wait(attempts_made, self.clock.jitter()) else { break };
            self.clock.sleep(wait).await;
        }
        Err(StoreError::exhausted(SENDING, format!("SQS refused {} of {} messages", entries.len(), messages.len())))
    }

    /// About how many messages wait, delayed ones included, without those that are being worked on: in the queue for what
    /// comes in bulk, or in the other.
    pub async fn depth(&self, bulk: bool) -> Result<u64, StoreError> {
        let url = if bulk { &self.bulk_url } else { &self.url };
        let counted =
            [QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::ApproximateNumberOfMessagesDelayed];
        let request = self.client.get_queue_attributes().queue_url(url).set_attribute_names(Some(counted.to_vec()));
        let doing = "counting what waits";
        let answer = request.send().await.map_err(|error| StoreError::from_sdk(doing, &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| attributes.get(name).and_then(|count| count.parse::<u64>().ok());
        counted
            .iter()
            .map(|name| count(name).ok_or_else(|| StoreError::unreadable(doing, format!("no {name} in the answer"))))
            .sum()
    }

    /// Keeps a message that was received from the queue with this ARN, and is not going to be deleted, out of sight for
    /// `duration`.
    pub async fn hide(&self, queue_arn: Option<&str>, receipt: &str, duration: Duration) -> Result<(), StoreError> {
        let seconds = i32::try_from(duration.min(HIDE_MAX).as_secs()).unwrap_or(i32::MAX);
        let url = self.url_of(queue_arn);
        let request = self.client.change_message_visibility().queue_url(url).receipt_handle(receipt);
        let sent = request.visibility_timeout(seconds).send().await;
        sent.map(drop).map_err(|error| StoreError::from_sdk("hiding a message", &error))
    }

    /// An ARN and a URL both end with the queue's name.
    fn url_of(&self, arn: Option<&str>) -> &str {
        let name = arn.and_then(|arn| arn.rsplit(':').next());
        if name == self.bulk_url.rsplit('/').next() { &self.bulk_url } else { &self.url }
    }
}

const SENDING: &str = "sending to the queue";

fn entry<T: Serialize>(
    (index, message): (usize, &T),
    delay: Option<i32>,
) -> Result<SendMessageBatchRequestEntry, StoreError> {
    let body = serde_json::to_string(message).map_err(|error| StoreError::unreadable(SENDING, error))?;
    let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body);
    let entry = entry.set_delay_seconds(delay).build();
    entry.map_err(|error| StoreError::unreadable(SENDING, error))
}
