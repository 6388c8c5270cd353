//! Plays the SQS event source mapping: polls, batches, invokes, deletes what was dealt with, and leaves the rest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName};
use enrichment_worker::EnrichmentWorker;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_lambda::invocation::Invocation;

use super::clock::WorldClock;
use super::wire::Wire;

/// SQS gives at most this many at once.
const RECEIVE_MAX: i32 = 10;
/// How long an idle poller waits before it looks again.
const IDLE_PAUSE: Duration = Duration::from_millis(3);

/// A message is hidden for twelve hours at most.
const HIDDEN_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// SQS goes by seconds.
const TURN_MIN: Duration = Duration::from_secs(1);
/// The longer it takes, the bolder the clock is turned: it overshoots by an eighth of the wait at most.
const TURNS_PER_WAIT: u32 = 8;

/// The event source mapping between the enrichment queue and the worker.
pub struct Pump {
    sqs: Client,
    queue_url: String,
    worker: Mutex<Arc<EnrichmentWorker>>,
    wire: Arc<Wire>,
    clock: Arc<dyn Clock>,
    /// From the template.
    pub(super) timeout: Duration,
    invocations: AtomicU64,
    busy: AtomicUsize,
    /// Messages that were received and not deleted, by their ids, each with its last receipt.
    hidden: Mutex<BTreeMap<String, String>>,
    deaths: AtomicU64,
    finished: AtomicUsize,
}

impl Pump {
    /// Between this queue and this worker.
    pub fn new(
        sqs: Client,
        queue_url: String,
        worker: Arc<EnrichmentWorker>,
        wire: Arc<Wire>,
        clock: Arc<dyn Clock>,
        timeout: Duration,
    ) -> Self {
        Self {
            sqs,
            queue_url,
            worker: Mutex::new(worker),
            wire,
            clock,
            timeout,
            invocations: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            hidden: Mutex::default(),
            deaths: AtomicU64::new(0),
            finished: AtomicUsize::new(0),
        }
    }

    /// From now on, this worker is invoked.
    pub(super) fn deploy(&self, worker: Arc<EnrichmentWorker>) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = worker;
    }

    /// Runs `workers` at a time until no message is in sight and none of them is busy.
    pub async fn run_dry(self: &Arc<Self>, workers: usize) {
        let pollers = (0..workers).map(|_| tokio::spawn(self.clone().poll_until_dry()));
        for poller in pollers.collect::<Vec<_>>() {
            // A panic in the worker is a failed test, not a failed batch.
            if let Err(error) = poller.await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    /// Works off everything, and what isn't in sight once it is: the clock is turned to about when the next message
    /// shows. Whether nothing is left.
    pub async fn until_dry_turning(self: &Arc<Self>, workers: usize, clock: &WorldClock) -> bool {
        let (mut waited, mut finished) = (Duration::ZERO, self.finished());
        while waited < HIDDEN_MAX {
            self.run_dry(workers).await;
            if self.waiting().await == Some(0) {
                return true;
            }
            if finished != self.finished() {
                (waited, finished) = (Duration::ZERO, self.finished());
            }
            let step = (waited / TURNS_PER_WAIT).max(TURN_MIN);
            clock.turn(step);
            waited += step;
        }
        false
    }

    /// Messages in sight, hidden or delayed; `None` if SQS doesn't say.
    async fn waiting(&self) -> Option<usize> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.sqs.get_queue_attributes().queue_url(&self.queue_url);
        let attributes = request.set_attribute_names(Some(names.to_vec())).send().await.ok()?.attributes?;
        names.iter().map(|name| attributes.get(name)?.parse::<usize>().ok()).sum()
    }

    async fn poll_until_dry(self: Arc<Self>) {
        loop {
            self.busy.fetch_add(1, Ordering::SeqCst);
            let worked = self.round().await;
            self.busy.fetch_sub(1, Ordering::SeqCst);
            if worked {
                continue;
            }
            if self.busy.load(Ordering::SeqCst) == 0 {
                return;
            }
            tokio::time::sleep(IDLE_PAUSE).await;
        }
    }

    /// One batch. Whether there was one.
    pub async fn round(&self) -> bool {
        let messages = self.receive().await;
        if messages.is_empty() {
            return false;
        }
        self.invoke(messages).await;
        true
    }

    /// The messages in sight, at most ten.
    pub async fn receive(&self) -> Vec<Message> {
        self.receive_at_most(RECEIVE_MAX).await
    }

    /// The messages in sight, at most so many: a poller may get fewer than there are.
    pub async fn receive_at_most(&self, most: i32) -> Vec<Message> {
        let request = self.sqs.receive_message().queue_url(&self.queue_url).max_number_of_messages(most);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        let messages = request.send().await.ok().and_then(|answer| answer.messages).unwrap_or_default();
        let mut hidden = self.hidden();
        for message in &messages {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            hidden.insert(text(&message.message_id), text(&message.receipt_handle));
        }
        messages
    }

    /// Invokes the worker with these messages, as Lambda does, and deletes what it doesn't report as failed. If it
    /// dies, nothing is deleted.
    pub async fn invoke(&self, messages: Vec<Message>) {
        let number = self.invocations.fetch_add(1, Ordering::SeqCst);
        let invocation =
            Invocation { id: format!("invocation-{number}"), deadline: later(self.clock.now(), self.timeout) };
        let mut event = SqsEvent::default();
        event.records = messages.iter().map(event_of).collect();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let response = tokio::select! {
            biased;
            () = self.wire.death() => {
                self.deaths.fetch_add(1, Ordering::SeqCst);
                return;
            }
            response = worker.handle(event, &invocation) => response,
        };
        let failed = |message: &&Message| {
            let id = message.message_id.as_deref().unwrap_or_default();
            !response.batch_item_failures.iter().any(|failure| failure.item_identifier == id)
        };
        let done: Vec<&Message> = messages.iter().filter(failed).collect();
        self.delete(&done).await;
    }

    async fn delete(&self, messages: &[&Message]) {
        if messages.is_empty() {
            return;
        }
        let entries = messages.iter().enumerate().map(|(i, message)| {
            let receipt = message.receipt_handle.clone().unwrap_or_default();
            DeleteMessageBatchRequestEntry::builder().id(i.to_string()).receipt_handle(receipt).build()
        });
        let entries: Result<Vec<_>, _> = entries.collect();
        let request = self.sqs.delete_message_batch().queue_url(&self.queue_url).set_entries(entries.ok());
        let _ = request.send().await;
        self.finished.fetch_add(messages.len(), Ordering::SeqCst);
        let mut hidden = self.hidden();
        for message in messages {
            hidden.remove(message.message_id.as_deref().unwrap_or_default());
        }
    }

    /// Shows every hidden message again: what happens when enough time has passed. SQS goes by the machine's clock,
    /// so turning the world's has to be told to it.
    pub async fn show_hidden(&self) -> usize {
        let hidden = std::mem::take(&mut *self.hidden());
        for receipt in hidden.values() {
            let request = self.sqs.change_message_visibility().queue_url(&self.queue_url).receipt_handle(receipt);
            // One that is gone (to the dead-letter queue) needs no showing.
            let _ = request.visibility_timeout(0).send().await;
        }
        hidden.len()
    }

    /// Loses every hidden message: what happens to one that nobody could handle, or that has lain for too long.
    pub async fn lose_hidden(&self) -> usize {
        let hidden = std::mem::take(&mut *self.hidden());
        for receipt in hidden.values() {
            let _ = self.sqs.delete_message().queue_url(&self.queue_url).receipt_handle(receipt).send().await;
        }
        hidden.len()
    }

    /// How many messages were received and neither deleted nor shown again.
    pub fn hidden_count(&self) -> usize {
        self.hidden().len()
    }

    /// How many messages have been dealt with.
    pub fn finished(&self) -> usize {
        self.finished.load(Ordering::SeqCst)
    }

    /// How often a worker died.
    pub fn deaths(&self) -> u64 {
        self.deaths.load(Ordering::SeqCst)
    }

    fn hidden(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event_of(message: &Message) -> SqsMessage {
    let mut event = SqsMessage::default();
    event.message_id = message.message_id.clone();
    event.receipt_handle = message.receipt_handle.clone();
    event.body = message.body.clone();
    let attributes = message.attributes.iter().flatten();
    event.attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
    event.event_source = Some("aws:sqs".to_owned());
    event
}
