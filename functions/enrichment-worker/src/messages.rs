//! What becomes of each message, once it is known how its request ended: it is deleted, hidden, sent anew, or put into the
//! dead-letter queue.
//!
//! SQS moves a message to the dead-letter queue once it has been received so often, whatever the reason. So that trouble of
//! ours may last, a message that has used up half of that is sent anew, where its receives are counted from none: only one
//! that kills the function gets there by being received.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::queue::DELAY_MAX;
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::lead::request::Task;
use tracing::{error, warn};

use crate::EnrichmentWorker;
use crate::received::Message;

/// From the so-manieth receive on, a message is sent anew rather than hidden: half of the queue's `maxReceiveCount`, which
/// leaves as many for one that can't be sent.
pub const RECEIVES_MAX: u32 = 4;
/// For how long a message is hidden that should have been sent anew and couldn't be: twice as long each time, so that what
/// is left of its receives lasts for most of a day.
const UNSENT_PAUSE: Duration = Duration::from_secs(2 * 60 * 60);
/// The longest of these: SQS hides a message for twelve hours at most.
const UNSENT_PAUSE_MAX: Duration = Duration::from_secs(8 * 60 * 60);

/// By how much a wait may be cut short so as not to be sent anew for that alone.
const DELAY_SLACK: Duration = Duration::from_secs(30);

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// It was dealt with.
    Deleted,
    /// It stays, and comes again after about so long.
    Back(Duration),
    /// It is put on the queue anew, for when that is over.
    Anew(Duration),
    /// Trying again can't succeed: it is for an operator.
    DeadLetter,
}

impl EnrichmentWorker {
    /// Does it with all of them, and gives those that stay. If we die before one that was sent is deleted, there are two
    /// of it, which does no harm.
    pub(crate) async fn dispose<'m>(&self, messages: Vec<(&'m Message, Next)>) -> Vec<&'m Message> {
        let mut anew: BTreeMap<Duration, Vec<&Message>> = BTreeMap::new();
        let mut stay = Vec::new();
        for (message, next) in messages {
            match next {
                Next::Deleted => {}
                // Its receives are nearly used up: it is as if another had asked for the wait.
                Next::Back(_) if message.receives >= RECEIVES_MAX => anew.entry(DELAY_MAX).or_default().push(message),
                Next::Back(after) => stay.push((message, message.pause(after))),
                Next::Anew(after) => anew.entry(after).or_default().push(message),
                Next::DeadLetter => stay.extend(self.bury(message).await),
            }
        }
        for (after, messages) in anew {
            stay.extend(self.send_anew(messages, after).await);
        }
        for (message, pause) in &stay {
            self.hide(message, *pause).await;
        }
        stay.into_iter().map(|(message, _)| message).collect()
    }

    /// Those that could not be sent, with for how long they are to be hidden. What has to wait for longer than the queue
    /// delays a message says until when, and is sent anew as often as it comes before that.
    async fn send_anew<'m>(&self, messages: Vec<&'m Message>, after: Duration) -> Vec<(&'m Message, Duration)> {
        let not_before = (after > DELAY_MAX + DELAY_SLACK).then(|| later(self.clock.now(), after));
        let tasks = messages.iter().filter_map(|message| message.task.clone().ok());
        let tasks: Vec<Task> = tasks.map(|task| task.put_off(not_before)).collect();
        match self.queue.send_delayed(&tasks, after).await {
            Ok(()) => Vec::new(),
            Err(error) => {
                warn!(%error, "messages can't be sent anew: they stay");
                messages.into_iter().map(|message| (message, message.pause_unsent(after))).collect()
            }
        }
    }

    /// Puts it into the dead-letter queue at once: each receive until then would only find the same.
    async fn bury<'m>(&self, message: &'m Message) -> Option<(&'m Message, Duration)> {
        let sent: Result<(), StoreError> = self.dead_letters.send_text(&message.body).await;
        sent.err().map(|error| {
            error!(message = message.id, %error, "a message can't be put into the dead-letter queue: it stays");
            (message, message.pause_unsent(UNSENT_PAUSE))
        })
    }

    async fn hide(&self, message: &Message, after: Duration) {
        if after.is_zero() {
            return;
        }
        if let Err(error) = self.queue.hide(message.queue_arn.as_deref(), &message.receipt, after).await {
            let message = &message.id;
            warn!(message, %error, "the message stays hidden for the queue's own visibility time-out instead");
        }
    }
}

impl Message {
    /// How long it is still to wait, if it says so and that is not over.
    pub(crate) fn early_by(&self, now: Timestamp) -> Option<Duration> {
        let not_before = self.task.as_ref().ok()?.not_before()?;
        Some(until(now, not_before)).filter(|wait| !wait.is_zero())
    }

    /// How long to hide it, when there is no point in taking it up before `after`: twice as long each time it comes back.
    fn pause(&self, after: Duration) -> Duration {
        after.saturating_mul(1 << self.receives.saturating_sub(1).min(RECEIVES_MAX))
    }

    /// How long to hide it when it should have been sent and couldn't be.
    fn pause_unsent(&self, after: Duration) -> Duration {
        match self.receives.checked_sub(RECEIVES_MAX) {
            Some(beyond) => UNSENT_PAUSE.saturating_mul(1 << beyond.min(10)).min(UNSENT_PAUSE_MAX).max(after),
            None => self.pause(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The queue's `maxReceiveCount`: a test on the template compares it with [`RECEIVES_MAX`].
    const RECEIVES_OF_THE_QUEUE: u32 = 8;

    #[test]
    fn a_message_that_can_neither_be_dealt_with_nor_sent_outlasts_half_a_day() {
        let message = |receives| {
            let (id, receipt, body, task) = (String::new(), String::new(), String::new(), Err(String::new()));
            Message { id, receipt, queue_arn: None, body, receives, task }
        };
        let after = Duration::from_secs(65);
        assert_eq!([1, 2, 3].map(|receives| message(receives).pause(after)), [after, after * 2, after * 4]);
        let all: Duration = (1..RECEIVES_OF_THE_QUEUE).map(|receives| message(receives).pause_unsent(after)).sum();
        assert!(all > Duration::from_secs(12 * 60 * 60), "{all:?}");
        assert_eq!(message(u32::MAX).pause_unsent(after), UNSENT_PAUSE_MAX);
    }
}
