//! What becomes of a message about a list.

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use leadgate_enrichment::icp::list::ListStep;
use leadgate_lambda::invocation::Invocation;
use tracing::{error, warn};

use crate::{TROUBLE, TamBuild};

/// What becomes of it.
pub(crate) enum End {
    /// It was dealt with.
    Done,
    /// It stays, and comes again after so long.
    Back(Duration),
    /// Trying again can't succeed: it is for an operator.
    DeadLetter,
}

impl TamBuild {
    /// Deals with a message, and gives its id if it stays.
    pub(crate) async fn one(&self, message: SqsMessage, invocation: &Invocation) -> Option<String> {
        let body = message.body.unwrap_or_default();
        let end = match serde_json::from_str::<ListStep>(&body) {
            Ok(step) => Box::pin(self.take_on(&step, invocation)).await,
            Err(_) => {
                error!("not a message of ours: it is in the dead-letter queue");
                End::DeadLetter
            }
        };
        let after = match end {
            End::Done => return None,
            End::Back(after) => after,
            End::DeadLetter => match self.dead_letters.send_text(&body).await {
                Ok(()) => return None,
                Err(error) => {
                    error!(%error, "a message can't be put into the dead-letter queue: it stays");
                    TROUBLE
                }
            },
        };
        // One that can't be sent anew is hidden instead, and counted as received once more.
        if let Ok(step) = serde_json::from_str::<ListStep>(&body) {
            match self.queue.send_messages(&[step], Some(after)).await {
                Ok(()) => return None,
                Err(error) => warn!(%error, "a message can't be sent anew: it stays"),
            }
        }
        let receipt = message.receipt_handle.unwrap_or_default();
        if let Err(error) = self.queue.hide(message.event_source_arn.as_deref(), &receipt, after).await {
            warn!(%error, "the message stays hidden for the queue's own visibility time-out instead");
        }
        Some(message.message_id.unwrap_or_default())
    }
}
