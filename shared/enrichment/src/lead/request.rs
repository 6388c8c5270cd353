//! The message on the queue: a request to have one record enriched.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use crate::ids::{ProviderName, PurchaseId, RecordKey, RequestId, TenantId};
use crate::lead::candidate::FoundFor;
use crate::lead::new_lead::NewLead;
pub use crate::lead::source::Source;
use crate::provider::AsynchronousId;

/// What `crm-webhook` and `deferral-release` queue and the worker takes up. Names, no personal data: it may lie in a
/// dead-letter queue for two weeks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrichmentRequest {
    /// Which record.
    pub record: RecordKey,
    /// The same however often it is queued.
    pub request: RequestId,
    /// Where the request comes from.
    pub source: Source,
    /// When the CRM says it arose.
    #[serde(with = "millisecond::required")]
    pub occurred_at: Timestamp,
    /// Not to be taken up before: another has asked for a longer wait than the queue can delay a message.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// When it was first put on the queue. A message that is sent anew keeps it, so that its age can be told.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub queued_at: Option<Timestamp>,
    /// Of a request that the release has queued: since when the record was parked. It takes up that parking and no later
    /// one, however often it is received.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub parked_since: Option<Timestamp>,
    /// One of many that came at once: it goes over the bulk queue, so that a lead that comes alone doesn't wait behind it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub bulk: bool,
    /// Of a candidate: which search has found them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub found_for: Option<FoundFor>,
}

/// From so many on, requests that come at once are bulk. Two batches of the worker are dealt with in a moment; an import
/// fills a CRM's deliveries with a hundred events each.
pub const BULK_MIN: usize = 20;

impl EnrichmentRequest {
    /// The same requests, marked as bulk if there are many of them.
    #[must_use]
    pub fn together(requests: Vec<Self>) -> Vec<Self> {
        let bulk = requests.len() >= BULK_MIN;
        requests.into_iter().map(|request| Self { bulk: request.bulk || bulk, ..request }).collect()
    }

    /// The same, on the queue since `now` unless it has been there before.
    #[must_use]
    pub fn queued(self, now: Timestamp) -> Self {
        Self { queued_at: self.queued_at.or(Some(now)), ..self }
    }

    /// For a person whom a search has found, in a run that was begun then. The same however often that run asks for them.
    pub fn of_candidate(record: RecordKey, found_for: FoundFor, begun_at: Timestamp) -> Self {
        Self {
            request: RequestId::derive(&record, &format!("tam/{}/{}", found_for.icp, found_for.run)),
            record,
            source: Source::Tam,
            occurred_at: begun_at,
            not_before: None,
            queued_at: None,
            parked_since: None,
            bulk: true,
            found_for: Some(found_for),
        }
    }

    /// For a person who has just been found or created in the CRM, as this record.
    pub fn of_new_lead(lead: &NewLead, record: RecordKey) -> Self {
        Self {
            request: RequestId::derive(&record, &format!("new-lead/{}", lead.event)),
            record,
            source: lead.source,
            occurred_at: lead.occurred_at,
            not_before: None,
            queued_at: lead.queued_at,
            parked_since: None,
            bulk: lead.bulk,
            found_for: None,
        }
    }

    /// Both in one: the later event, from the source that goes first.
    #[must_use]
    pub fn joined(self, other: &Self) -> Self {
        let (source, bulk) = (self.source.min(other.source), self.bulk && other.bulk);
        let latest = if other.occurred_at > self.occurred_at { other.clone() } else { self };
        Self { source, bulk, ..latest }
    }
}

/// A message on the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Task {
    /// A request.
    Enrich(EnrichmentRequest),
    /// To see whether something has arrived.
    Collect(Collect),
    /// To see what a call has come to that a provider says has ended.
    Ended(CallEnded),
    /// To find or create a person in the CRM.
    Create(NewLead),
}

/// A provider says that a call has ended, by its own name for it. Which purchase it is of is seen by its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallEnded {
    /// Whose.
    pub tenant: TenantId,
    /// Who says so.
    pub provider: ProviderName,
    /// Which.
    pub ended: AsynchronousId,
    /// Not to be taken up before.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// When it was put on the queue.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub queued_at: Option<Timestamp>,
}

impl CallEnded {
    /// Whether both are about the same call.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.tenant, &self.provider, &self.ended) == (&other.tenant, &other.provider, &other.ended)
    }
}

/// A hint that what a purchase waits for may have arrived, or the time to ask. Only a hint: what there is, is asked
/// for at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// Whose.
    pub tenant: TenantId,
    /// The purchase of what arrives later.
    pub collect: PurchaseId,
    /// Not to be taken up before.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// When it was put on the queue. What was asked for after that has seen what it hints at.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub queued_at: Option<Timestamp>,
}

impl Collect {
    /// Whether both are about the same purchase.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.tenant, &self.collect) == (&other.tenant, &other.collect)
    }
}

impl Task {
    /// Before when it is not to be taken up, if it says so.
    pub fn not_before(&self) -> Option<Timestamp> {
        match self {
            Self::Enrich(request) => request.not_before,
            Self::Collect(hint) => hint.not_before,
            Self::Ended(call) => call.not_before,
            Self::Create(lead) => lead.not_before,
        }
    }

    /// Whether it goes over the bulk queue.
    pub fn is_bulk(&self) -> bool {
        matches!(self, Self::Enrich(EnrichmentRequest { bulk: true, .. }) | Self::Create(NewLead { bulk: true, .. }))
    }

    /// The same, not to be taken up before then.
    #[must_use]
    pub fn put_off(self, not_before: Option<Timestamp>) -> Self {
        match self {
            Self::Enrich(request) => Self::Enrich(EnrichmentRequest { not_before, ..request }),
            Self::Collect(hint) => Self::Collect(Collect { not_before, ..hint }),
            Self::Ended(call) => Self::Ended(CallEnded { not_before, ..call }),
            Self::Create(lead) => Self::Create(NewLead { not_before, ..lead }),
        }
    }

    /// Reads a message. An error says where it isn't one, in words that hold nothing of the message.
    pub fn read(body: &str) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| format!("line {}, column {}", error.line(), error.column());
        let collect = serde_json::from_str(body).map(Self::Collect);
        let create = |_| serde_json::from_str(body).map(Self::Create);
        let ended = |_| serde_json::from_str(body).map(Self::Ended);
        collect.or_else(ended).or_else(create).or_else(|_| serde_json::from_str(body).map(Self::Enrich)).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_not_before_when_only_if_it_has_to() {
        let request =
            r#"{"record":"acme#crm#contact#1","request":"00000000000000000001","source":"change","occurred_at":5}"#;
        let hint = r#"{"tenant":"acme","collect":"1768471200000-0123456789abcdef-later"}"#;
        let lead = r#"{"tenant":"acme","new_lead":"0123456789abcdef","told_by":"form","event":"1","person":"x","occurred_at":5}"#;
        let ended = r#"{"tenant":"acme","provider":"data","ended":"run_1"}"#;
        for body in [request, hint, ended, lead] {
            let task = Task::read(body).expect("a message of ours");
            assert_eq!(task.not_before(), None);
            assert_eq!(serde_json::to_string(&task).ok().as_deref(), Some(body));
            let at = Timestamp::from_millisecond(7).ok();
            let put_off = serde_json::to_string(&task.clone().put_off(at)).unwrap_or_default();
            assert!(put_off.ends_with(r#","not_before":7}"#), "{put_off}");
            assert_eq!(Task::read(&put_off), Ok(task.put_off(at)));
        }
    }
}
