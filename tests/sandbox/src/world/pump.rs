//! Plays the SQS event source mapping: polls, batches, invokes, deletes what was dealt with, and leaves the rest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName};
use crm_events::CrmEvents;
use enrichment_worker::EnrichmentWorker;
use enrolment_worker::EnrolmentWorker;
use feed_import::FeedImport;
use futures_util::future::join_all;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_lambda::invocation::Invocation;
use tam_build::TamBuild;
use tokio::task::JoinSet;

use super::clock::WorldClock;
use super::wire::Wire;

/// How many queues the worker has.
const WORKERS_QUEUES: usize = 2;
/// SQS gives at most this many at once.
const RECEIVE_MAX: i32 = 10;
/// How long an idle poller waits before it looks again.
const IDLE_PAUSE: Duration = Duration::from_millis(3);

/// The longest that SQS lets a poller wait for a message, in seconds.
const LONG_POLL_SECONDS: i32 = 20;
/// How long a poller waits before it asks a queue again that gave an error.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// A message is hidden for twelve hours at most.
const HIDDEN_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// SQS goes by seconds.
const TURN_MIN: Duration = Duration::from_secs(1);
/// The longer it takes, the bolder the clock is turned: it overshoots by an eighth of the wait at most.
const TURNS_PER_WAIT: u32 = 8;

/// The event source mappings between the queues and their functions.
pub struct Pump {
    sqs: Client,
    /// Where one poller serves all of them, those that come first are served first. After the worker's comes that of change
    /// events, if there are any.
    queue_urls: Vec<String>,
    worker: Mutex<Arc<EnrichmentWorker>>,
    crm_events: Mutex<Option<Arc<CrmEvents>>>,
    /// The queue of enrolments and its worker, if there are any.
    enrolments: Option<(String, Mutex<Arc<EnrolmentWorker>>)>,
    /// The queue of lists that are built at night and their function, if there are any.
    lists: Option<(String, Mutex<Arc<TamBuild>>)>,
    /// The queue of batches that have landed and their function, if there are any.
    batches: Option<(String, Mutex<Arc<FeedImport>>)>,
    wire: Arc<Wire>,
    clock: Arc<WorldClock>,
    /// From the template.
    pub(super) timeout: Duration,
    invocations: AtomicU64,
    busy: AtomicUsize,
    /// Every message that was ever received, by its id: it may be handed over once more when it is gone.
    received: Mutex<BTreeMap<String, Received>>,
    deaths: AtomicU64,
    finished: AtomicUsize,
}

/// A message that was received.
struct Received {
    /// Where it came from.
    queue_url: String,
    /// Its last receipt, while it is hidden: until it is deleted or shown again.
    receipt: Option<String>,
}

impl Pump {
    /// Between the worker's queues and the worker.
    pub fn new(
        sqs: Client,
        queue_urls: [String; WORKERS_QUEUES],
        worker: Arc<EnrichmentWorker>,
        wire: Arc<Wire>,
        clock: Arc<WorldClock>,
        timeout: Duration,
    ) -> Self {
        Self {
            sqs,
            queue_urls: queue_urls.into(),
            worker: Mutex::new(worker),
            crm_events: Mutex::default(),
            enrolments: None,
            lists: None,
            batches: None,
            wire,
            clock,
            timeout,
            invocations: AtomicU64::new(0),
            busy: AtomicUsize::new(0),
            received: Mutex::default(),
            deaths: AtomicU64::new(0),
            finished: AtomicUsize::new(0),
        }
    }

    /// The same, with a queue of change events.
    #[must_use]
    pub fn with_change_events(mut self, queue_url: &str, crm_events: Arc<CrmEvents>) -> Self {
        self.queue_urls.push(queue_url.to_owned());
        Self { crm_events: Mutex::new(Some(crm_events)), ..self }
    }

    /// The same, with a queue of enrolments.
    #[must_use]
    pub fn with_enrolments(mut self, queue_url: &str, worker: Arc<EnrolmentWorker>) -> Self {
        self.queue_urls.push(queue_url.to_owned());
        Self { enrolments: Some((queue_url.to_owned(), Mutex::new(worker))), ..self }
    }

    /// The same, with a queue of lists that are built at night.
    #[must_use]
    pub fn with_lists(mut self, queue_url: &str, build: Arc<TamBuild>) -> Self {
        self.queue_urls.push(queue_url.to_owned());
        Self { lists: Some((queue_url.to_owned(), Mutex::new(build))), ..self }
    }

    /// The same, with a queue of batches that have landed.
    #[must_use]
    pub fn with_batches(mut self, queue_url: &str, import: Arc<FeedImport>) -> Self {
        self.queue_urls.push(queue_url.to_owned());
        Self { batches: Some((queue_url.to_owned(), Mutex::new(import))), ..self }
    }

    /// From now on, this one is invoked for batches, if there are any.
    pub(super) fn deploy_batches(&self, import: &Arc<FeedImport>) {
        if let Some((_, deployed)) = &self.batches {
            *deployed.lock().unwrap_or_else(PoisonError::into_inner) = import.clone();
        }
    }

    /// From now on, this one is invoked for lists, if there are any.
    pub(super) fn deploy_lists(&self, build: &Arc<TamBuild>) {
        if let Some((_, deployed)) = &self.lists {
            *deployed.lock().unwrap_or_else(PoisonError::into_inner) = build.clone();
        }
    }

    /// From now on, this worker is invoked for enrolments, if there are any.
    pub(super) fn deploy_enrolments(&self, worker: &Arc<EnrolmentWorker>) {
        if let Some((_, deployed)) = &self.enrolments {
            *deployed.lock().unwrap_or_else(PoisonError::into_inner) = worker.clone();
        }
    }

    /// From now on, this worker is invoked.
    pub(super) fn deploy(&self, worker: Arc<EnrichmentWorker>) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = worker;
    }

    /// What is invoked for change events, if there are any.
    pub fn crm_events(&self) -> Option<Arc<CrmEvents>> {
        self.crm_events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on, these are invoked for change events, if there are any.
    pub(super) fn deploy_crm_events(&self, change: impl FnOnce(&CrmEvents) -> CrmEvents) {
        let mut crm_events = self.crm_events.lock().unwrap_or_else(PoisonError::into_inner);
        *crm_events = crm_events.as_ref().map(|old| Arc::new(change(old)));
    }

    /// Runs `workers` at a time for each queue, each of which waits until there are messages for it. It ends when it is
    /// dropped.
    pub async fn run(self: &Arc<Self>, workers: usize) {
        join_all(self.queue_urls.iter().map(|queue| self.run_on(queue, workers))).await;
    }

    async fn run_on(self: &Arc<Self>, queue: &str, workers: usize) {
        let poll = || self.clone().poll(queue.to_owned());
        let mut pollers = JoinSet::new();
        for _ in 0..workers {
            pollers.spawn(poll());
        }
        while pollers.join_next().await.is_some() {
            // A worker that panics is a failed run of the function: the others go on, and so does its poller.
            pollers.spawn(poll());
        }
    }

    async fn poll(self: Arc<Self>, queue: String) {
        loop {
            match self.ask(&queue, RECEIVE_MAX, LONG_POLL_SECONDS).await {
                Some(messages) if messages.is_empty() => {}
                Some(messages) => self.invoke(messages).await,
                None => tokio::time::sleep(ERROR_PAUSE).await,
            }
        }
    }

    /// Runs `workers` at a time until no message is in sight and none of them has any.
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
    pub async fn waiting_messages(&self) -> Option<usize> {
        self.waiting().await
    }

    pub(super) async fn waiting(&self) -> Option<usize> {
        let mut waiting = 0;
        for queue in &self.queue_urls {
            waiting += waiting_in(&self.sqs, queue).await?;
        }
        Some(waiting)
    }

    async fn poll_until_dry(self: Arc<Self>) {
        loop {
            let messages = self.receive().await;
            if messages.is_empty() {
                // Those that only ask the queue keep nobody waiting: many of them are never idle all at once.
                if self.busy.load(Ordering::SeqCst) == 0 {
                    return;
                }
                tokio::time::sleep(IDLE_PAUSE).await;
                continue;
            }
            self.busy.fetch_add(1, Ordering::SeqCst);
            self.invoke(messages).await;
            self.busy.fetch_sub(1, Ordering::SeqCst);
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

    /// The messages in sight on one of the queues, at most so many: a poller may get fewer than there are.
    pub async fn receive_at_most(&self, most: i32) -> Vec<Message> {
        for queue in &self.queue_urls {
            let messages = self.ask(queue, most, 0).await.unwrap_or_default();
            if !messages.is_empty() {
                return messages;
            }
        }
        Vec::new()
    }

    /// The messages in sight, or the next to show within so many seconds. `None` if SQS gives an error.
    async fn ask(&self, queue: &str, most: i32, wait_seconds: i32) -> Option<Vec<Message>> {
        let request = self.sqs.receive_message().queue_url(queue).max_number_of_messages(most);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = request.wait_time_seconds(wait_seconds).send().await.ok()?;
        let messages = answer.messages.unwrap_or_default();
        let mut all = self.received();
        for message in &messages {
            let received = Received { queue_url: queue.to_owned(), receipt: message.receipt_handle.clone() };
            all.insert(message.message_id.clone().unwrap_or_default(), received);
        }
        drop(all);
        Some(messages)
    }

    /// Invokes the worker with these messages, as Lambda does, and deletes what it doesn't report as failed. If it
    /// dies, or hasn't answered at its deadline, nothing is deleted.
    pub async fn invoke(&self, messages: Vec<Message>) {
        let number = self.invocations.fetch_add(1, Ordering::SeqCst);
        let began = self.clock.now();
        let deadline = later(began, self.timeout);
        let invocation = Invocation { id: format!("invocation-{number}"), began, deadline };
        let mut event = SqsEvent::default();
        let queue = self.queue_of(&messages);
        event.records = messages.iter().map(|message| event_of(message, &queue)).collect();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let enrolments = self.enrolments.as_ref().filter(|(url, _)| *url == queue);
        let enrolments = enrolments.map(|(_, worker)| worker.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let lists = self.lists.as_ref().filter(|(url, _)| *url == queue);
        let lists = lists.map(|(_, build)| build.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let batches = self.batches.as_ref().filter(|(url, _)| *url == queue);
        let batches = batches.map(|(_, import)| import.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let is_change = self.queue_urls.get(WORKERS_QUEUES) == Some(&queue);
        let crm_events = self.crm_events().filter(|_| is_change);
        let work = async {
            if let Some(lists) = lists {
                return Box::pin(lists.handle(event, &invocation)).await;
            }
            if let Some(batches) = batches {
                return Box::pin(batches.handle(event, &invocation)).await;
            }
            match (crm_events, enrolments) {
                (_, Some(enrolments)) => Box::pin(enrolments.handle(event, &invocation)).await,
                (Some(crm_events), _) => crm_events.handle(event).await,
                (None, None) => worker.handle(event, &invocation).await,
            }
        };
        let response = tokio::select! {
            biased;
            () = self.wire.death() => None,
            () = self.clock.reached(deadline) => None,
            response = work => Some(response),
        };
        let Some(response) = response else {
            self.deaths.fetch_add(1, Ordering::SeqCst);
            return;
        };
        let failed = |message: &&Message| {
            let id = message.message_id.as_deref().unwrap_or_default();
            !response.batch_item_failures.iter().any(|failure| failure.item_identifier == id)
        };
        let done: Vec<&Message> = messages.iter().filter(failed).collect();
        self.delete(&queue, &done).await;
    }

    /// Messages come together from one queue.
    fn queue_of(&self, messages: &[Message]) -> String {
        let first = messages.first().and_then(|message| message.message_id.as_ref());
        let queue = first.and_then(|id| Some(self.received().get(id)?.queue_url.clone()));
        queue.unwrap_or_else(|| self.queue_urls[0].clone())
    }

    async fn delete(&self, queue: &str, messages: &[&Message]) {
        if messages.is_empty() {
            return;
        }
        let entries = messages.iter().enumerate().map(|(i, message)| {
            let receipt = message.receipt_handle.clone().unwrap_or_default();
            DeleteMessageBatchRequestEntry::builder().id(i.to_string()).receipt_handle(receipt).build()
        });
        let entries: Result<Vec<_>, _> = entries.collect();
        let request = self.sqs.delete_message_batch().queue_url(queue).set_entries(entries.ok());
        let _ = request.send().await;
        self.finished.fetch_add(messages.len(), Ordering::SeqCst);
        let mut all = self.received();
        for message in messages {
            if let Some(received) = all.get_mut(message.message_id.as_deref().unwrap_or_default()) {
                received.receipt = None;
            }
        }
    }

    /// Shows every hidden message again: what happens when enough time has passed. SQS goes by the machine's clock,
    /// so turning the world's has to be told to it.
    pub async fn show_hidden(&self) -> usize {
        let hidden = self.take_hidden();
        for (queue_url, receipt) in &hidden {
            let request = self.sqs.change_message_visibility().queue_url(queue_url).receipt_handle(receipt);
            // One that is gone (to the dead-letter queue) needs no showing.
            let _ = request.visibility_timeout(0).send().await;
        }
        hidden.len()
    }

    /// Loses every hidden message: what happens to one that nobody could handle, or that has lain for too long.
    pub async fn lose_hidden(&self) -> usize {
        let hidden = self.take_hidden();
        for (queue_url, receipt) in &hidden {
            let _ = self.sqs.delete_message().queue_url(queue_url).receipt_handle(receipt).send().await;
        }
        hidden.len()
    }

    /// How many messages were received and neither deleted nor shown again.
    pub fn hidden_count(&self) -> usize {
        self.received().values().filter(|message| message.receipt.is_some()).count()
    }

    /// Where every hidden message lies, and its receipt. From now on none is.
    fn take_hidden(&self) -> Vec<(String, String)> {
        let mut all = self.received();
        all.values_mut().filter_map(|message| Some((message.queue_url.clone(), message.receipt.take()?))).collect()
    }

    /// How many messages have been dealt with.
    pub fn finished(&self) -> usize {
        self.finished.load(Ordering::SeqCst)
    }

    /// How often a worker died, or was ended at its deadline.
    pub fn deaths(&self) -> u64 {
        self.deaths.load(Ordering::SeqCst)
    }

    fn received(&self) -> MutexGuard<'_, BTreeMap<String, Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event_of(message: &Message, queue_url: &str) -> SqsMessage {
    let mut event = SqsMessage::default();
    event.message_id = message.message_id.clone();
    event.receipt_handle = message.receipt_handle.clone();
    event.body = message.body.clone();
    let attributes = message.attributes.iter().flatten();
    event.attributes = attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
    event.event_source = Some("aws:sqs".to_owned());
    let name = queue_url.rsplit('/').next().unwrap_or_default();
    event.event_source_arn = Some(format!("arn:aws:sqs:us-east-1:000000000000:{name}"));
    event
}

/// Messages of a queue in sight, hidden or delayed; `None` if SQS doesn't say.
pub(super) async fn waiting_in(sqs: &Client, queue_url: &str) -> Option<usize> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let request = sqs.get_queue_attributes().queue_url(queue_url).set_attribute_names(Some(names.to_vec()));
    let attributes = request.send().await.ok()?.attributes?;
    names.iter().map(|name| attributes.get(name)?.parse::<usize>().ok()).sum()
}
