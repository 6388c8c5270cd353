//! The ways in which a call can be broken.

use leadgate_sandbox::world::{Break, Call};

/// A way to break a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It never gets there.
    Refused,
    /// It never gets there, and neither do the next two: as often as the SDK tries.
    Down,
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// It is carried out, and so are the next two, and all their answers are lost.
    AnswersLost,
    /// The caller dies before it.
    DeathBefore,
    /// The caller dies after it.
    DeathAfter,
    /// The caller dies while it is under way: it is carried out when others are at work already.
    LandsLate,
    /// The caller is ended there, because its time is over.
    Deadline,
    /// The other side throttles.
    Throttled,
    /// DynamoDB finds another transaction on one of the items.
    Conflict,
    /// The vendor is busy.
    Busy,
    /// DynamoDB reads some of the keys that it is asked for, and leaves the others.
    Unprocessed,
    /// What is read is as it was before the last write, where that may be.
    Stale,
}

/// For how many calls a way lasts that outlasts the SDK's own attempts.
const ATTEMPTS: usize = 3;
/// What lands late does so when others have made so many calls.
const LATE: usize = 3;

/// The providers, as they are named on the wire and in the ledger.
pub(super) const PROVIDERS: [&str; 4] = ["apollo", "pdl", "hunter", "lusha"];

/// Whether a call is one to a provider.
pub(super) fn is_of_a_provider(operation: &str) -> bool {
    let vendor = operation.split(' ').next();
    vendor.is_some_and(|vendor| PROVIDERS.contains(&vendor))
}

impl Way {
    /// All the ways in which this call can be broken.
    pub(super) fn all_for(operation: &str) -> Vec<Self> {
        let mut ways = vec![Self::Refused, Self::AnswerLost, Self::DeathBefore, Self::DeathAfter];
        match operation.split(' ').next() {
            Some("dynamodb" | "sqs" | "eventbridge") => ways.extend([Self::Throttled, Self::Down, Self::AnswersLost]),
            _ => ways.push(Self::Busy),
        }
        match operation {
            "dynamodb TransactWriteItems" => ways.extend([Self::Conflict, Self::LandsLate]),
            "dynamodb PutItem" | "dynamodb UpdateItem" | "sqs SendMessageBatch" => ways.push(Self::LandsLate),
            "dynamodb BatchGetItem" => ways.push(Self::Unprocessed),
            _ => {}
        }
        ways
    }

    /// The plan that breaks the `at`th call in this way.
    pub(super) fn plan(self, at: usize) -> impl FnMut(&Call) -> Option<Break> + Send + 'static {
        let last = if matches!(self, Self::Down | Self::AnswersLost) { at + ATTEMPTS - 1 } else { at };
        move |call| (at..=last).contains(&call.index).then(|| self.of(&call.operation))
    }

    fn of(self, operation: &str) -> Break {
        match (self, operation.split(' ').next()) {
            (Self::Refused | Self::Down, _) => Break::Refused,
            (Self::AnswerLost | Self::AnswersLost, _) => Break::AnswerLost,
            (Self::DeathBefore, _) => Break::DeathBefore,
            // Whoever plans it ends the caller by the clock; where nobody does, it dies.
            (Self::DeathAfter | Self::Deadline, _) => Break::DeathAfter,
            (Self::LandsLate, _) => Break::DeathThenLands { calls: LATE },
            (Self::Unprocessed, _) => Break::Unprocessed { read: 1 },
            (Self::Stale, _) => Break::Stale,
            (Self::Conflict, Some("dynamodb")) if operation.ends_with("TransactWriteItems") => {
                Break::transaction_conflict()
            }
            (Self::Throttled | Self::Conflict | Self::Busy, Some("dynamodb" | "eventbridge")) => Break::throttled(),
            (Self::Throttled | Self::Conflict | Self::Busy, Some("sqs")) => Break::queue_throttled(),
            (Self::Throttled | Self::Conflict | Self::Busy, _) => Break::Answered(503, String::new()),
        }
    }

    /// The same, or where that may leave us not knowing what was charged, one of which we do know.
    pub(super) fn gently(self, operation: &str) -> Break {
        if self.may_leave_unknown(operation) { Self::Busy.of(operation) } else { self.of(operation) }
    }

    /// Whether the caller is gone afterwards.
    pub(super) fn is_death(self) -> bool {
        matches!(self, Self::DeathBefore | Self::DeathAfter | Self::LandsLate | Self::Deadline)
    }

    /// Whether what is broken so may leave us not knowing what was charged: a charging call without an answer, a
    /// worker that is gone, a store that could not be told.
    pub(super) fn may_leave_unknown(self, operation: &str) -> bool {
        match self {
            _ if self.is_death() => true,
            Self::Down | Self::AnswersLost => true,
            Self::Refused | Self::AnswerLost => is_of_a_provider(operation),
            _ => false,
        }
    }
}
