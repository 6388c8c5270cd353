//! What is remembered of one contact and one sequence: whether an enrolment is under way and how far it has come, when the
//! last was, and which signals have been dealt with. It is written before and after each call that can't be taken back, so
//! that a worker may die anywhere:
//!
//! | state | dies right after | the next worker |
//! | --- | --- | --- |
//! | claimed | nothing was sent | claims anew once the claim has run out |
//! | enrolling | the vendor may have enrolled the contact | asks the vendor, and goes on from what it says |
//! | enrolled, task to do | the contact is in the sequence | creates the task |
//! | enrolled, task begun | the task may be there | waits until the vendor would show it, and looks for it there; where that can't be known, it is unknown and isn't created again |
//! | enrolled, task created | all but what may be repeated is done | repeats that, and closes |

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::SkipReason;
use crate::clock::later;

/// So many signals are remembered of a contact and a sequence. One is dealt with once for as long as it is among them.
pub const ENDED_MAX: usize = 40;

/// What is remembered of one contact and one sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Counts writes: each names the count that it was decided on.
    pub rev: u64,
    /// How far an enrolment has come.
    #[serde(default)]
    pub state: State,
    /// When the last enrolment was.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub enrolled_at: Option<Timestamp>,
    /// The signals that have been dealt with, the last at the end. At most [`ENDED_MAX`].
    #[serde(default)]
    pub ended: Vec<Ended>,
}

/// How far an enrolment has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// None is under way.
    #[default]
    Idle,
    /// A worker has the right to enrol, and has sent nothing.
    Claimed(Claim),
    /// The vendor may have been told.
    Enrolling(Claim, Place),
    /// The contact is in the sequence, and what belongs to that isn't done yet.
    Enrolled(Claim, Place, TaskState),
}

/// The right to work on a contact and a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// For which signal.
    pub signal: String,
    /// When that arrived.
    #[serde(with = "millisecond::required")]
    pub arrived_at: Timestamp,
    /// The run of the function that has it.
    pub by: String,
    /// Until when.
    #[serde(with = "millisecond::required")]
    pub until: Timestamp,
}

/// The contact's place in the sequence, by the vendor's ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The contact.
    pub contact: String,
    /// The mailbox that is sent from.
    pub mailbox: String,
}

/// How far the seller's task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// The rule has none.
    None,
    /// It is still to be created.
    ToDo,
    /// The vendor may have been told.
    Begun,
    /// It is there.
    Created,
    /// It can't be known whether it is there: a person has to look.
    Unknown,
    /// The vendor refuses it.
    Refused,
}

/// A signal that has been dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Which.
    pub signal: String,
    /// When it arrived.
    #[serde(with = "millisecond::required")]
    pub arrived_at: Timestamp,
    /// When the contact was enrolled, or it was decided not to.
    #[serde(with = "millisecond::required")]
    pub at: Timestamp,
    /// [`ENROLLED`], or the word of a [`SkipReason`].
    pub how: String,
    /// What became of the task, if the contact was enrolled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub task: Option<TaskState>,
}

/// The word for a signal whose contact was enrolled.
pub const ENROLLED: &str = "enrolled";

/// What a worker may do about a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Nothing: it has been dealt with.
    Repeated,
    /// Nothing: another worker is at it, until then.
    Busy(Timestamp),
    /// End it so: the last enrolment was not long ago.
    CoolingDown,
    /// Write this, and begin.
    Claim(Line),
    /// Write this, and go on from where another worker stopped. It may have been at work for another signal.
    Resume(Line),
}

impl Line {
    /// What may be done about the signal that `claim` names, at `now`.
    pub fn begin(&self, claim: Claim, cool_down: Duration, now: Timestamp) -> Begin {
        if self.ended.iter().any(|ended| ended.signal == claim.signal) {
            return Begin::Repeated;
        }
        let takes_over =
            |old: &Claim| Claim { signal: old.signal.clone(), arrived_at: old.arrived_at, ..claim.clone() };
        let resumed = match &self.state {
            State::Claimed(old) | State::Enrolling(old, _) | State::Enrolled(old, ..) if now < old.until => {
                return Begin::Busy(old.until);
            }
            State::Enrolling(old, place) => State::Enrolling(takes_over(old), place.clone()),
            State::Enrolled(old, place, task) => State::Enrolled(takes_over(old), place.clone(), *task),
            State::Idle | State::Claimed(_) => {
                let is_cooling = self.enrolled_at.is_some_and(|at| now < later(at, cool_down));
                return match is_cooling {
                    true => Begin::CoolingDown,
                    false => Begin::Claim(Self { state: State::Claimed(claim), ..self.clone() }),
                };
            }
        };
        Begin::Resume(Self { state: resumed, ..self.clone() })
    }

    /// The claim under which something is under way.
    pub fn claim(&self) -> Option<&Claim> {
        match &self.state {
            State::Idle => None,
            State::Claimed(claim) | State::Enrolling(claim, _) | State::Enrolled(claim, ..) => Some(claim),
        }
    }

    /// The contact's place in the sequence, if the vendor was or may have been told of one.
    pub fn place(&self) -> Option<&Place> {
        match &self.state {
            State::Enrolling(_, place) | State::Enrolled(_, place, _) => Some(place),
            State::Idle | State::Claimed(_) => None,
        }
    }

    /// The same, about to be told to the vendor. Nothing that isn't claimed changes.
    #[must_use]
    pub fn enrolling(self, place: Place) -> Self {
        let state = match self.state {
            State::Claimed(claim) | State::Enrolling(claim, _) => State::Enrolling(claim, place),
            other => other,
        };
        Self { state, ..self }
    }

    /// The same, as the contact is in the sequence since `at`.
    #[must_use]
    pub fn enrolled(self, task: TaskState, at: Timestamp) -> Self {
        match self.state {
            State::Enrolling(claim, place) => {
                Self { state: State::Enrolled(claim, place, task), enrolled_at: Some(at), ..self }
            }
            other => Self { state: other, ..self },
        }
    }

    /// The same, with the task in this state.
    #[must_use]
    pub fn with_task(self, task: TaskState) -> Self {
        match self.state {
            State::Enrolled(claim, place, _) => Self { state: State::Enrolled(claim, place, task), ..self },
            other => Self { state: other, ..self },
        }
    }

    /// The same, which nobody else takes up before then.
    #[must_use]
    pub fn held_until(mut self, at: Timestamp) -> Self {
        if let State::Claimed(claim) | State::Enrolling(claim, _) | State::Enrolled(claim, ..) = &mut self.state {
            claim.until = claim.until.max(at);
        }
        self
    }

    /// How far the task has come, of an enrolment whose contact is in the sequence.
    pub fn task(&self) -> Option<TaskState> {
        if let State::Enrolled(_, _, task) = self.state { Some(task) } else { None }
    }

    /// The same, with its claim given up: another worker may go on at once.
    #[must_use]
    pub fn given_back(mut self) -> Self {
        if let State::Claimed(claim) | State::Enrolling(claim, _) | State::Enrolled(claim, ..) = &mut self.state {
            claim.until = Timestamp::UNIX_EPOCH;
        }
        self
    }

    /// The same, when all that belongs to its enrolment is done.
    #[must_use]
    pub fn done(self, now: Timestamp) -> Self {
        let State::Enrolled(Claim { signal, arrived_at, .. }, _, task) = self.state.clone() else { return self };
        let at = self.enrolled_at.unwrap_or(now);
        self.with_ended(Ended { signal, arrived_at, at, how: ENROLLED.to_owned(), task: Some(task) })
    }

    /// The same, when a signal ends without an enrolment.
    #[must_use]
    pub fn skipped(self, signal: &str, arrived_at: Timestamp, reason: SkipReason, now: Timestamp) -> Self {
        let ended = Ended { signal: signal.to_owned(), arrived_at, at: now, how: reason.word().to_owned(), task: None };
        self.with_ended(ended)
    }

    fn with_ended(mut self, ended: Ended) -> Self {
        self.ended.push(ended);
        let too_many = self.ended.len().saturating_sub(ENDED_MAX);
        self.ended.drain(..too_many);
        Self { state: State::Idle, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn claim(signal: &str, by: &str, until: i64) -> Claim {
        Claim { signal: signal.to_owned(), arrived_at: at(1), by: by.to_owned(), until: at(until) }
    }

    fn place() -> Place {
        Place { contact: "c".to_owned(), mailbox: "m".to_owned() }
    }

    fn claimed(line: &Line, signal: &str, now: i64) -> Line {
        match line.begin(claim(signal, "run", now + 10), Duration::from_secs(100), at(now)) {
            Begin::Claim(line) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_signal_enrols_once_and_another_waits_for_the_cool_down() {
        let line = claimed(&Line::default(), "s", 10).enrolling(place()).enrolled(TaskState::ToDo, at(12));
        let line = line.with_task(TaskState::Created).done(at(13));
        assert_eq!((&line.state, line.enrolled_at, line.ended[0].at), (&State::Idle, Some(at(12)), at(12)));
        let begin = |signal: &str, now| line.begin(claim(signal, "next", now + 10), Duration::from_secs(100), at(now));
        assert_eq!(begin("s", 5000), Begin::Repeated, "a month later, too");
        assert_eq!(begin("t", 111), Begin::CoolingDown);
        assert!(matches!(begin("t", 112), Begin::Claim(_)));
    }

    #[test]
    fn what_another_left_is_taken_over_once_its_claim_has_run_out() {
        let begin = |line: &Line, now| line.begin(claim("s", "next", now + 10), Duration::ZERO, at(now));
        let line = claimed(&Line::default(), "s", 10);
        assert_eq!(begin(&line, 19), Begin::Busy(at(20)));
        assert!(matches!(begin(&line, 20), Begin::Claim(_)), "nothing was sent");
        let line = line.enrolling(place());
        let Begin::Resume(next) = begin(&line, 20) else { panic!("the vendor may have been told") };
        assert_eq!((next.place(), next.claim().map(|it| it.by.as_str())), (Some(&place()), Some("next")));
        let line = next.enrolled(TaskState::ToDo, at(21));
        let task = |line: &Line| match begin(line, 40) {
            Begin::Resume(next) => next.task(),
            other => panic!("{other:?}"),
        };
        assert_eq!(task(&line), Some(TaskState::ToDo));
        let begun = line.clone().with_task(TaskState::Begun).held_until(at(35));
        assert_eq!(task(&begun), Some(TaskState::Begun));
        assert_eq!(begin(&begun, 34), Begin::Busy(at(35)), "the vendor may not show it yet");
        assert_eq!(task(&line.with_task(TaskState::Created)), Some(TaskState::Created));
    }

    #[test]
    fn what_is_given_back_can_be_taken_up_at_once() {
        let line = claimed(&Line::default(), "s", 10).enrolling(place()).given_back();
        assert!(matches!(line.begin(claim("s", "next", 30), Duration::ZERO, at(11)), Begin::Resume(_)));
    }

    #[test]
    fn an_item_stays_small() {
        let skip =
            |line: Line, i: usize| line.skipped(&format!("{i:020}"), at(1), SkipReason::FinishedElsewhere, at(2));
        let line = (0..100).fold(Line::default(), skip);
        assert_eq!(line.ended.len(), ENDED_MAX);
        assert_eq!(line.ended[ENDED_MAX - 1].signal, format!("{:020}", 99));
        assert!(serde_json::to_string(&line).expect("JSON").len() < 6000);
    }
}
