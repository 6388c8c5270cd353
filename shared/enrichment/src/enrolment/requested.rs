//! What is remembered of somebody whom the CRM didn't have when a signal came, and who was requested for it. The enrichment
//! worker finds or creates them there; the enrolment looks for them again, for a limited time.
//!
//! | step | dies right after | the next worker |
//! | --- | --- | --- |
//! | request | the request is on the queue | sends the same request again: the second of the two does nothing |
//! | write down | it is known that they were requested | looks for them in the CRM, and requests nothing |

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use super::SkipReason;
use crate::clock::{days, later};

/// The CRM is asked for the person so often after the request, at most.
pub const LOOKS_MAX: u32 = 24;
/// And for no longer than this.
pub const WAIT_MAX: Duration = days(1);
/// Before it is asked for the first time. Each time after takes twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// But no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// What is remembered of a person and a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// When they were requested.
    #[serde(with = "millisecond::required")]
    pub at: Timestamp,
    /// How often the CRM has been asked for them since, in vain.
    pub looks: u32,
    /// When it is asked again.
    #[serde(with = "millisecond::required")]
    pub next_at: Timestamp,
    /// The word of the [`SkipReason`] for which they aren't waited for any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<String>,
}

impl Requested {
    /// They were requested now.
    pub fn now(now: Timestamp) -> Self {
        Self { at: now, looks: 0, next_at: later(now, FIRST_WAIT), ended: None }
    }

    /// The same, when the CRM was asked for them once more and doesn't have them.
    #[must_use]
    pub fn looked_in_vain(self, now: Timestamp) -> Self {
        let looks = self.looks.saturating_add(1);
        if looks >= LOOKS_MAX || later(self.at, WAIT_MAX) <= now {
            return Self { looks, ..self }.skipped(SkipReason::NotInCrmInTime);
        }
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(looks)).min(LONGEST_WAIT);
        Self { looks, next_at: later(now, wait), ..self }
    }

    /// The same, not waited for any more.
    #[must_use]
    pub fn skipped(self, reason: SkipReason) -> Self {
        Self { ended: Some(reason.word().to_owned()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_waited_for_longer_each_time_and_neither_too_often_nor_too_long() {
        let start = Timestamp::from_second(1_700_000_000).expect("in range");
        let mut one = Requested::now(start);
        let mut waits = Vec::new();
        while one.ended.is_none() {
            let looked_at = one.next_at;
            one = one.looked_in_vain(looked_at);
            waits.push(one.next_at.duration_since(looked_at).as_secs());
        }
        assert_eq!(waits[..4], [60, 120, 240, 480]);
        assert_eq!(waits[10], 3600);
        assert_eq!((one.looks, one.ended.as_deref()), (LOOKS_MAX, Some("not-in-crm-in-time")));
        assert!(one.next_at < later(start, WAIT_MAX), "{}", one.next_at);
        let late = Requested::now(start).looked_in_vain(later(start, WAIT_MAX));
        assert_eq!((late.looks, late.ended.as_deref()), (1, Some("not-in-crm-in-time")), "a worker that comes late");
    }
}
