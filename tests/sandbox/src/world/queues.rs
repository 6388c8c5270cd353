//! The embedded SQS, with messages that outlast the process: what was sent and not deleted is kept, and sent anew when
//! its queue is made at the next start.
//!
//! A message that was under way or delayed comes at once then, and its receives are counted from nothing: SQS promises
//! neither once nor when. One that was given up after too many receives is tried again, unless it was seen in the
//! dead-letter queue or was sent to it.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::Response;
use http_body_util::BodyExt;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_http::body::SqsResponseBody;
use rustack_sqs_http::dispatch::SqsHandler;
use rustack_sqs_model::error::{SqsError, SqsErrorCode};
use rustack_sqs_model::input::{
    CreateQueueInput, DeleteMessageBatchInput, DeleteMessageInput, PurgeQueueInput, ReceiveMessageInput,
    SendMessageBatchInput, SendMessageInput,
};
use rustack_sqs_model::operations::SqsOperation;
use rustack_sqs_model::output::{
    CreateQueueOutput, DeleteMessageBatchOutput, ReceiveMessageOutput, SendMessageBatchOutput, SendMessageOutput,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::kept::{Keep, Keeper, Kept, Part, StoreError, Table};

/// SQS, whose messages are kept.
pub(super) struct KeptQueues {
    sqs: Arc<RustackSqsHandler>,
    messages: Arc<Keeper<Messages>>,
}

/// A message, and the queue that it is on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Message {
    queue: String,
    sent: SendMessageInput,
}

/// The messages that were sent and not deleted, by their ids.
#[derive(Default)]
struct Messages {
    all: Table<String, Message>,
    /// The last receipt of each message that was received, and the other way round.
    receipts: HashMap<String, String>,
    messages: HashMap<String, String>,
    /// Received and deleted before their sender was answered.
    gone: HashSet<String>,
    /// The queues that have been made in this process.
    made: HashSet<String>,
}

impl Keep for Messages {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![("messages", &mut self.all)]
    }
}

type Answered = Result<Response<SqsResponseBody>, SqsError>;

impl SqsHandler for KeptQueues {
    fn handle_operation(&self, op: SqsOperation, body: Bytes) -> Pin<Box<dyn Future<Output = Answered> + Send>> {
        let (sqs, messages) = (self.sqs.clone(), self.messages.clone());
        Box::pin(async move {
            let (head, answer) = sqs.handle_operation(op, body.clone()).await?.into_parts();
            let answer = answer.collect().await.map_err(|error| unreadable(&error))?.to_bytes();
            if op == SqsOperation::CreateQueue {
                refill(&sqs, &messages, &read(&body)?, read(&answer)?).await?;
            } else {
                messages.lock().note(op, &body, &answer)?;
            }
            Ok(Response::from_parts(head, SqsResponseBody::from_bytes(answer)))
        })
    }
}

impl KeptQueues {
    /// With the messages that were kept here.
    pub(super) fn new(sqs: Arc<RustackSqsHandler>, part: Part) -> Result<Self, StoreError> {
        let messages = Keeper::<Messages>::default();
        messages.keep_in(part)?;
        Ok(Self { sqs, messages: Arc::new(messages) })
    }
}

/// Sends what was kept of a queue that is made. Each has a new id then.
async fn refill(
    sqs: &RustackSqsHandler,
    messages: &Keeper<Messages>,
    made: &CreateQueueInput,
    CreateQueueOutput { queue_url }: CreateQueueOutput,
) -> Result<(), SqsError> {
    let queue_url = queue_url.unwrap_or_default();
    let kept = messages.lock().of_new_queue(&made.queue_name);
    for (earlier, message) in kept {
        let sent = SendMessageInput { queue_url: queue_url.clone(), delay_seconds: None, ..message.sent.clone() };
        let body = serde_json::to_vec(&sent).map_err(|error| unreadable(&error))?;
        let answer = sqs.handle_operation(SqsOperation::SendMessage, body.into()).await?;
        let answer = answer.into_body().collect().await.map_err(|error| unreadable(&error))?.to_bytes();
        let SendMessageOutput { message_id, .. } = read(&answer)?;
        let mut messages = messages.lock();
        messages.all.remove(&earlier);
        messages.all.insert(message_id.unwrap_or_default(), message);
    }
    Ok(())
}

impl Messages {
    /// What is kept of a queue, and SQS doesn't have yet: nothing, if the queue was there already.
    fn of_new_queue(&mut self, queue: &str) -> Vec<(String, Message)> {
        if self.made.insert(queue.to_owned()) { self.of(queue) } else { Vec::new() }
    }

    fn of(&self, queue: &str) -> Vec<(String, Message)> {
        let of_queue = self.all.iter().filter(|(_, message)| message.queue == queue);
        of_queue.map(|(id, message)| (id.clone(), message.clone())).collect()
    }

    /// Notes what an operation that succeeded did to messages.
    fn note(&mut self, op: SqsOperation, body: &[u8], answer: &[u8]) -> Result<(), SqsError> {
        match op {
            SqsOperation::SendMessage => {
                let SendMessageOutput { message_id, .. } = read(answer)?;
                self.sent(message_id.unwrap_or_default(), read(body)?);
            }
            SqsOperation::SendMessageBatch => self.batch_sent(read(body)?, read(answer)?),
            SqsOperation::ReceiveMessage => self.received(&read(body)?, read(answer)?),
            SqsOperation::DeleteMessage => {
                let DeleteMessageInput { receipt_handle, .. } = read(body)?;
                self.deleted(&receipt_handle);
            }
            SqsOperation::DeleteMessageBatch => {
                let (asked, done): (DeleteMessageBatchInput, DeleteMessageBatchOutput) = (read(body)?, read(answer)?);
                let done: HashSet<String> = done.successful.into_iter().map(|entry| entry.id).collect();
                let done = asked.entries.iter().filter(|entry| done.contains(&entry.id));
                done.for_each(|entry| self.deleted(&entry.receipt_handle));
            }
            // Both name nothing but the queue.
            SqsOperation::PurgeQueue | SqsOperation::DeleteQueue => {
                let PurgeQueueInput { queue_url } = read(body)?;
                let all = self.of(queue_of(&queue_url));
                all.iter().for_each(|(id, _)| drop(self.all.remove(id)));
            }
            _ => {}
        }
        Ok(())
    }

    fn batch_sent(&mut self, asked: SendMessageBatchInput, done: SendMessageBatchOutput) {
        let mut ids: HashMap<String, String> =
            done.successful.into_iter().map(|entry| (entry.id, entry.message_id)).collect();
        for entry in asked.entries {
            let Some(id) = ids.remove(&entry.id) else { continue };
            let sent = SendMessageInput {
                queue_url: asked.queue_url.clone(),
                message_body: entry.message_body,
                delay_seconds: entry.delay_seconds,
                message_deduplication_id: entry.message_deduplication_id,
                message_group_id: entry.message_group_id,
                message_attributes: entry.message_attributes,
                message_system_attributes: entry.message_system_attributes,
            };
            self.sent(id, sent);
        }
    }

    fn sent(&mut self, id: String, sent: SendMessageInput) {
        if !self.gone.remove(&id) {
            let queue = queue_of(&sent.queue_url).to_owned();
            self.all.insert(id, Message { queue, sent });
        }
    }

    /// Remembers by which receipts these messages can be deleted, and where they are by now.
    fn received(&mut self, asked: &ReceiveMessageInput, answer: ReceiveMessageOutput) {
        let queue = queue_of(&asked.queue_url);
        for message in answer.messages {
            let (Some(id), Some(receipt)) = (message.message_id, message.receipt_handle) else { continue };
            if self.all.get(&id).is_some_and(|message| message.queue != queue)
                && let Some(moved) = self.all.get_mut(&id)
            {
                queue.clone_into(&mut moved.queue);
            }
            if let Some(earlier) = self.receipts.insert(id.clone(), receipt.clone()) {
                self.messages.remove(&earlier);
            }
            self.messages.insert(receipt, id);
        }
    }

    fn deleted(&mut self, receipt: &str) {
        let Some(id) = self.messages.remove(receipt) else { return };
        self.receipts.remove(&id);
        if self.all.remove(&id).is_none() {
            self.gone.insert(id);
        }
    }
}

/// The name of a queue: the last part of its URL.
fn queue_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> SqsError {
    SqsError::new(SqsErrorCode::InternalError, error.to_string())
}

#[cfg(test)]
mod tests;
