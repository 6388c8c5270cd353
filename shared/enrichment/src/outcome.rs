//! How a request ended. One of these, and one log line, for each message the worker takes up.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The CRM holds what was bought. Zero fields when people had filled them all in meanwhile.
    WrittenBack {
        /// How many fields we wrote.
        fields: usize,
    },
    /// Nothing was bought: the record was enriched within the freshness window, by us or by the CRM's own field.
    Fresh,
    /// Nothing was bought: no field of it wants a value.
    NothingWanted,
    /// The provider doesn't know the person.
    Unmatched,
    /// A provider is finding out who the person is: what it says arrives later.
    Pending,
    /// Parked until there are credits.
    Deferred {
        /// Why.
        reason: DeferReason,
        /// When they are expected at the latest.
        until: Timestamp,
    },
    /// Nothing was bought, and asking again would not help until the record changes.
    Refused(RefuseReason),
    /// Given up on.
    Failed(FailReason),
    /// Queued anew, because a provider's or a CRM's limits ask us to come back later. It is no fault of the
    /// message, and isn't counted as a failed attempt.
    Postponed {
        /// Why.
        reason: &'static str,
        /// When it will be taken up again.
        after: Duration,
    },
    /// In the dead-letter queue: something of it can't be read, or it belongs to nothing we know. Trying again would only
    /// find the same, until an operator mends it.
    DeadLettered {
        /// What.
        reason: &'static str,
    },
    /// Back on the queue, unchanged.
    Returned {
        /// Why.
        reason: &'static str,
        /// When it will be taken up again.
        after: Duration,
    },
}

/// Why a record is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeferReason {
    /// The wallets can't pay for it.
    Balance,
    /// They could, if others did not hold the credits at the moment.
    HeldByOthers,
    /// They could, but what is left is kept for new leads.
    Floor,
    /// The owner of the record in the CRM has used up what they may spend in this cycle.
    OwnerCap,
    /// Requests from the same source have used up what they may spend in this cycle.
    SourceCap,
    /// What may be spent in a day is used up.
    DayCap,
    /// The provider says that our credits with it are used up, whatever our ledger says.
    ProviderOutOfCredits,
    /// The provider refuses our key or plan.
    ProviderDenied,
    /// It may not be called again for longer than the queue can wait.
    ProviderLimit,
    /// Another provider is to be asked for what is still missing, and wasn't yet.
    NextStep,
    /// It has been asked for already, for another record of the same person, and hasn't arrived.
    AskedForAnother,
    /// The feed doesn't know it: the next batch may.
    NextBatch,
}

impl DeferReason {
    /// Whether it waits for a cap to lift.
    pub fn is_a_cap(self) -> bool {
        matches!(self, Self::OwnerCap | Self::SourceCap | Self::DayCap)
    }
}

/// Why a record can't be enriched as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefuseReason {
    /// Nothing in it tells who the person is.
    NoIdentity,
    /// The CRM doesn't have it any more.
    Gone,
    /// Records of its kind are not enriched, or not any more.
    NotEnriched,
    /// The person asked to be forgotten.
    Erased,
    /// A signal asked for it, and the CRM says that the person is not to be contacted.
    DoNotContact,
    /// A provider may not say anything of the person: the law, or the person, forbids it.
    Suppressed,
    /// The provider calls the request invalid.
    Invalid,
    /// It came round too often within the hour: the backstop against loops.
    TooManyHops,
    /// It waited for credits for longer than it is worth.
    TooOld,
}

/// Why a record was given up on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailReason {
    /// Its purchases ended in unknown outcomes as often as policy allows.
    OutcomeUnknown,
    /// The CRM refuses what was bought.
    WriteRejected,
    /// What was bought of a candidate has no address by which they could be found or created in the CRM.
    NoAddress,
    /// The CRM refuses the whole call, and would refuse it again: a mapping or a version that it doesn't know.
    CrmRefused,
}

impl Outcome {
    /// The word for it in logs and reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::WrittenBack { .. } => "written-back",
            Self::Fresh => "fresh",
            Self::NothingWanted => "nothing-wanted",
            Self::Unmatched => "unmatched",
            Self::Pending => "pending",
            Self::Deferred { .. } => "deferred",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Postponed { .. } => "postponed",
            Self::DeadLettered { .. } => "dead-lettered",
            Self::Returned { .. } => "returned",
        }
    }

    /// Whether the message must stay on the queue.
    pub fn is_returned(&self) -> bool {
        matches!(self, Self::Returned { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self {
            Self::WrittenBack { fields } => write!(f, "{word}: {fields} fields"),
            Self::Fresh | Self::NothingWanted | Self::Unmatched | Self::Pending => f.write_str(word),
            Self::Deferred { reason, until } => write!(f, "{word} until {until}: {reason:?}"),
            Self::Refused(reason) => write!(f, "{word}: {reason:?}"),
            Self::Failed(reason) => write!(f, "{word}: {reason:?}"),
            Self::DeadLettered { reason } => write!(f, "{word}: {reason}"),
            Self::Postponed { reason, after } | Self::Returned { reason, after } => {
                write!(f, "{word} for {} s: {reason}", after.as_secs())
            }
        }
    }
}
