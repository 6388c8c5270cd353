//! What a CRM tells us, in our words.

use jiff::Timestamp;

use crate::fingerprint::Fingerprint;
use crate::ids::{RecordKey, RequestId};
use crate::lead::request::{EnrichmentRequest, Source};

/// One thing that a delivery tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrmEvent {
    /// The record may be worth enriching.
    Due(DueEvent),
    /// The person asked to be forgotten.
    PrivacyDeletion(RecordKey),
    /// The CRM has it no longer.
    Deletion(RecordKey),
    /// Nothing that we act on. Acknowledged and counted.
    Other,
}

/// An event that makes a record due, if it isn't fresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEvent {
    /// Which record.
    pub record: RecordKey,
    /// The same for each delivery of the event.
    pub request: RequestId,
    /// When it happened, by the CRM's clock.
    pub occurred_at: Timestamp,
    /// What happened.
    pub cause: Cause,
}

/// Why a record is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It is new.
    Created,
    /// A property was set, to a value with this fingerprint.
    Changed {
        /// The CRM's name for it.
        property: String,
        /// Of the new value.
        value: Fingerprint,
    },
    /// It was changed, and the CRM doesn't say in what.
    Edited,
    /// It is what others were merged into.
    Merged {
        /// The others, whose ids go on to name this record.
        from: Vec<RecordKey>,
    },
}

impl Cause {
    /// What a request that comes of it comes from.
    pub fn source(&self) -> Source {
        match self {
            Self::Created => Source::NewLead,
            Self::Changed { .. } | Self::Edited | Self::Merged { .. } => Source::Change,
        }
    }
}

impl From<DueEvent> for EnrichmentRequest {
    fn from(event: DueEvent) -> Self {
        let source = event.cause.source();
        let DueEvent { record, request, occurred_at, .. } = event;
        Self {
            record,
            request,
            source,
            occurred_at,
            not_before: None,
            queued_at: None,
            parked_since: None,
            bulk: false,
            found_for: None,
        }
    }
}
