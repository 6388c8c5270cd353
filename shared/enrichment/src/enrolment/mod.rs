//! Putting people into sequences of messages: the message that asks for it, what is remembered of it, and what is needed of
//! a vendor for it. No credit is spent here.

pub mod line;
pub mod request;
pub mod requested;
pub mod sequencer;

use std::time::Duration;

use strum::IntoStaticStr;

/// How a request to enrol one person ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolmentEnd {
    /// They are in the sequence by this request, and everything that belongs to it is done.
    Enrolled,
    /// They were not put into it, and won't be by this request.
    Skipped(SkipReason),
    /// Not now. Nothing about it is forgotten.
    Postponed {
        /// Why, in words without personal data.
        reason: String,
        /// After how long there is a point in trying again.
        after: Duration,
        /// Nothing is wrong: others are first, and it is sure to come to it.
        in_turn: bool,
    },
}

/// Why somebody isn't enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum SkipReason {
    /// This signal was dealt with before: it was delivered twice.
    Repeated,
    /// They were enrolled in this sequence not long ago.
    CoolingDown,
    /// They replied, unsubscribed or bounced since, or not long ago.
    Stopped,
    /// The CRM says that they are not to be contacted.
    DoNotContact,
    /// They asked to be forgotten.
    Erased,
    /// The CRM doesn't have them, so that nothing says that they may be contacted.
    NotInCrm,
    /// They were requested for the CRM, and it doesn't have them in time.
    NotInCrmInTime,
    /// The CRM has no e-mail address of theirs.
    NoEmail,
    /// The signal has waited for too long.
    TooOld,
    /// The configuration has no such rule any more.
    NoRule,
    /// The vendor has a contact of theirs by another address, so that it isn't clear who is meant.
    UnclearContact,
    /// The vendor refuses to hold a contact of theirs.
    RefusedContact,
    /// They were in the sequence before, by other means.
    AlreadyInSequence,
    /// They are in another sequence.
    ActiveElsewhere,
    /// They have been through another sequence.
    FinishedElsewhere,
    /// The vendor doesn't vouch for their address.
    UnverifiedEmail,
    /// They have changed jobs.
    JobChange,
    /// A colleague of theirs is in the sequence.
    SameCompany,
    /// They are another user's contact.
    OthersContact,
    /// The vendor leaves them out for a reason that isn't known here.
    LeftOut,
}

impl SkipReason {
    /// The word for it in logs and reports.
    pub fn word(self) -> &'static str {
        self.into()
    }
}
