//! The messages of one invocation, and what becomes of each: it is deleted, or sent anew with those who are left.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use leadgate_aws::queue::DELAY_MAX;
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::enrolment::EnrolmentEnd;
use leadgate_enrichment::enrolment::request::{EnrolmentRequest, Subject};
use leadgate_enrichment::enrolment::sequencer::CONTACTS_MAX;
use leadgate_enrichment::ids::TenantId;
use tracing::{error, warn};

use crate::batch::{Entry, Outcomes};
use crate::call::TROUBLE;
use crate::{EnrolmentWorker, is_given_up};

/// By how much a wait may be cut short so as not to be sent anew for that alone.
const DELAY_SLACK: Duration = Duration::from_secs(30);

pub(crate) struct Received {
    messages: Vec<Message>,
}

struct Message {
    id: String,
    receipt: String,
    queue_arn: Option<String>,
    body: String,
    /// Nothing, if it is none of ours.
    request: Option<EnrolmentRequest>,
    /// How long it is still to wait.
    early_by: Duration,
}

impl Received {
    pub(crate) fn read(event: SqsEvent, now: Timestamp) -> Self {
        let message = |message: aws_lambda_events::sqs::SqsMessage| {
            let body = message.body.unwrap_or_default();
            let request: Option<EnrolmentRequest> = serde_json::from_str(&body).ok();
            let not_before = request.as_ref().and_then(|request| request.not_before);
            Message {
                id: message.message_id.unwrap_or_default(),
                receipt: message.receipt_handle.unwrap_or_default(),
                queue_arn: message.event_source_arn,
                early_by: not_before.map_or(Duration::ZERO, |at| until(now, at)),
                body,
                request,
            }
        };
        Self { messages: event.records.into_iter().map(message).collect() }
    }

    /// The people of all messages, by what is to be done with them; no more at once than go into one call.
    pub(crate) fn by_rule(&self) -> Vec<Vec<Entry<'_>>> {
        let mut by_rule: BTreeMap<(&TenantId, &str), Vec<Entry<'_>>> = BTreeMap::new();
        for (number, message) in self.messages.iter().enumerate().filter(|(_, message)| message.early_by.is_zero()) {
            let Some(request) = &message.request else { continue };
            let entries = by_rule.entry((&request.tenant, &request.rule)).or_default();
            entries.extend(request.people.iter().map(|subject| Entry { message: number, request, subject }));
        }
        let entries = by_rule.into_values();
        entries.flat_map(|entries| entries.chunks(CONTACTS_MAX).map(<[_]>::to_vec).collect::<Vec<_>>()).collect()
    }
}

impl EnrolmentWorker {
    /// Does it with all of them, and gives the ids of those that stay. If we die before one that was sent anew is deleted,
    /// there are two of it, which does no harm.
    pub(crate) async fn dispose(&self, received: &Received, outcomes: &Outcomes) -> Vec<String> {
        let mut stay = Vec::new();
        for (number, message) in received.messages.iter().enumerate() {
            let Some(request) = &message.request else {
                error!(message = message.id, "not a message of ours: it is in the dead-letter queue");
                stay.extend(self.bury(message).await);
                continue;
            };
            let Left { people, after, in_turn } = left_of(number, message, request, outcomes);
            if people.is_empty() {
                continue;
            }
            if !in_turn && is_given_up(request.arrived_at, self.clock.now()) {
                error!(message = message.id, tenant = %request.tenant, "nothing could be done about it for a month: it is in the dead-letter queue");
                stay.extend(self.bury(message).await);
                continue;
            }
            let not_before = (after > DELAY_MAX + DELAY_SLACK).then(|| later(self.clock.now(), after));
            let anew = request.with_people(people, not_before);
            if let Err(error) = self.queue.send_messages(&[anew], Some(after)).await {
                warn!(message = message.id, %error, "a message can't be sent anew: it stays");
                self.hide(message, after.max(TROUBLE)).await;
                stay.push(message.id.clone());
            }
        }
        stay
    }

    async fn bury(&self, message: &Message) -> Option<String> {
        let error = self.dead_letters.send_text(&message.body).await.err()?;
        error!(message = message.id, %error, "a message can't be put into the dead-letter queue: it stays");
        self.hide(message, TROUBLE).await;
        Some(message.id.clone())
    }

    async fn hide(&self, message: &Message, after: Duration) {
        if let Err(error) = self.queue.hide(message.queue_arn.as_deref(), &message.receipt, after).await {
            warn!(message = message.id, %error, "the message stays hidden for the queue's own visibility time-out instead");
        }
    }
}

/// Those of a message who are to come again, and after how long.
struct Left {
    people: Vec<Subject>,
    after: Duration,
    /// Nothing is wrong with any of them.
    in_turn: bool,
}

/// Who has no end comes again at once.
fn left_of(number: usize, message: &Message, request: &EnrolmentRequest, outcomes: &Outcomes) -> Left {
    if !message.early_by.is_zero() {
        return Left { people: request.people.clone(), after: message.early_by, in_turn: true };
    }
    let (mut people, mut after, mut all_in_turn) = (Vec::new(), None::<Duration>, true);
    for subject in &request.people {
        let wait = match outcomes.of(number, subject) {
            Some(EnrolmentEnd::Enrolled | EnrolmentEnd::Skipped(_)) => continue,
            Some(EnrolmentEnd::Postponed { after, in_turn, .. }) => {
                all_in_turn &= in_turn;
                *after
            }
            None => {
                all_in_turn = false;
                TROUBLE
            }
        };
        people.push(subject.clone());
        after = Some(after.map_or(wait, |after| after.min(wait)));
    }
    Left { people, after: after.unwrap_or_default(), in_turn: all_in_turn }
}
