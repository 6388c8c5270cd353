//! When to leave a provider alone that fails again and again.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::later;

/// So many failures in a row are not chance any more.
pub const FAILURES_MAX: u32 = 5;
/// How long a provider is left alone at first. Most restarts are over by then.
const REST_MIN: Duration = Duration::from_secs(30);
/// How long at most: a lead should not wait for much longer than the provider was down.
const REST_MAX: Duration = Duration::from_secs(15 * 60);
/// How long the others wait for a probe's end before another is made. Longer than the longest call.
const PROBE_LIFE: Duration = Duration::from_secs(45);

/// How a provider has been answering. While all is well it is the default, and isn't stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Counts changes.
    pub rev: u64,
    /// Failures since the last answer.
    failures: u32,
    /// How often it has opened since the last answer.
    opened: u32,
    /// Until when the provider is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// The one call that is let through after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<Probe>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Probe {
    by: u64,
    since: Timestamp,
}

/// What a breaker says to a request to make a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// Go ahead.
    Free,
    /// Keep the breaker like this, and go ahead: this is the one call that finds out.
    Probe(Breaker),
    /// Not before that.
    NotBefore(Timestamp),
}

impl Breaker {
    /// Whether a call may be made. `by` is the caller's own number for it, which no other caller has.
    pub fn passage(&self, by: u64, now: Timestamp) -> Passage {
        let Some(until) = self.until else { return Passage::Free };
        let known = self.probe.as_ref().map_or(until, |probe| later(probe.since, PROBE_LIFE));
        if now < known {
            return Passage::NotBefore(known);
        }
        Passage::Probe(Self { rev: self.rev + 1, probe: Some(Probe { by, since: now }), ..self.clone() })
    }

    /// After the provider answered call `by`, whatever it said; `None` when that is nothing new. While it is left
    /// alone only the probe's answer counts: others may have been under way since before.
    pub fn answered(&self, by: u64) -> Option<Self> {
        let heard = self.until.is_none() || self.is_probe(by);
        (heard && self.failures > 0).then(|| Self { rev: self.rev + 1, ..Self::default() })
    }

    /// After call `by` failed; `None` when that is nothing new.
    pub fn failed(&self, by: u64, now: Timestamp) -> Option<Self> {
        if self.until.is_some() && !self.is_probe(by) {
            return None;
        }
        let failures = self.failures.saturating_add(1);
        let next = Self { rev: self.rev + 1, failures, probe: None, ..self.clone() };
        if failures < FAILURES_MAX {
            return Some(next);
        }
        let rest = REST_MIN.saturating_mul(1 << self.opened.min(16)).min(REST_MAX);
        Some(Self { opened: self.opened.saturating_add(1), until: Some(later(now, rest)), ..next })
    }

    /// Whether an answer would be news.
    pub fn is_worried(&self) -> bool {
        self.failures > 0
    }

    fn is_probe(&self, by: u64) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.by == by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_357_400 + second).expect("in range")
    }

    fn open() -> Breaker {
        let fail = |breaker: Breaker, by| breaker.failed(by, at(0)).expect("news");
        (0..u64::from(FAILURES_MAX)).fold(Breaker::default(), fail)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_only_then() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.answered(0), None, "all is well: nothing to write");
        for by in 0..20 {
            breaker = breaker.failed(by, at(0)).expect("news");
            if by % 4 == 3 {
                breaker = breaker.answered(by).expect("news");
            }
            assert_eq!(breaker.passage(99, at(0)), Passage::Free);
        }
        assert_eq!(open().passage(99, at(29)), Passage::NotBefore(at(30)));
    }

    #[test]
    fn one_probe_passes_and_its_answer_closes_it() {
        let breaker = open();
        let Passage::Probe(half) = breaker.passage(7, at(30)) else { panic!("no probe") };
        assert_eq!(half.passage(8, at(31)), Passage::NotBefore(at(75)));
        assert_eq!(half.answered(6), None, "an older call's answer proves nothing");
        let closed = half.answered(7).expect("news");
        assert_eq!(closed.passage(8, at(31)), Passage::Free);
        assert!(!closed.is_worried() && closed.rev > half.rev);
        let Passage::Probe(_) = half.passage(8, at(75)) else { panic!("a dead probe stops all calls") };
    }

    #[test]
    fn each_probe_that_fails_doubles_the_rest_up_to_a_limit() {
        let (mut breaker, mut now, mut rests) = (open(), 30, Vec::new());
        for by in 10..20 {
            let Passage::Probe(half) = breaker.passage(by, at(now)) else { panic!("no probe") };
            assert_eq!(half.failed(99, at(now)), None, "what was under way is no news");
            breaker = half.failed(by, at(now)).expect("news");
            let Passage::NotBefore(until) = breaker.passage(99, at(now)) else { panic!("still open") };
            let rest = until.duration_since(at(now)).as_secs();
            rests.push(rest);
            now += rest;
        }
        assert_eq!(rests, [60, 120, 240, 480, 900, 900, 900, 900, 900, 900]);
    }
}
