//! The test of the tests: bugs, planted one at a time, each of which the proof has to catch.
//!
//! No line of the product is touched for it. A bug is made on the wire, between a function and whom it speaks to: a
//! condition is taken out of what is sent, or a call is answered as if it had been carried out and goes nowhere. To the
//! stores that is the same as a function that was written so.

mod bugs;
mod edit;

use serde_json::Value;

use super::crash::{self, Flow, Moment};
use super::history;
use super::lane::Effort;
use super::race::{self, Race, Size};
use super::violation::Violation;
use crate::world::{Call, Rewrite, StartError};

pub use bugs::BUGS;

/// A bug.
#[derive(Debug)]
pub struct Mutant {
    /// What it makes of a function, in a few words.
    pub bug: &'static str,
    /// What of the proof is tried first.
    first: Part,
    /// What it makes of a call.
    pub rewrite: fn(&Call, &Value) -> Option<Rewrite>,
}

/// A part of the proof, small enough to be tried for each bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Races,
    Crashes(Flow),
    Histories,
}

/// What became of a bug.
#[derive(Debug, Clone)]
pub struct Caught {
    /// What it makes of a function.
    pub bug: &'static str,
    /// The first violation that it led to, if it led to one.
    pub by: Option<Violation>,
}

/// How many crash points, and how many histories, a bug may hide from.
const POINTS_MAX: usize = 40;
const HISTORIES_MAX: u64 = 300;

impl Mutant {
    /// Whether breaking calls gives it away, which is looked for soonest.
    pub fn shows_in_crashes(&self) -> bool {
        matches!(self.first, Part::Crashes(_))
    }

    /// Looks for it: in the part of the proof that ought to see it, and then in the others.
    pub async fn hunt(&'static self, seed: u64, abreast: usize) -> Result<Caught, StartError> {
        let effort = Effort::until_caught(abreast, self);
        let others = [Part::Crashes(Flow::Unit), Part::Races, Part::Histories, Part::Crashes(Flow::Release)];
        for part in [self.first].into_iter().chain(others.into_iter().filter(|part| *part != self.first)) {
            let violations = part.run(seed, effort).await?;
            if let Some(violation) = violations.into_iter().next() {
                return Ok(Caught { bug: self.bug, by: Some(violation) });
            }
        }
        Ok(Caught { bug: self.bug, by: None })
    }
}

/// Looks for each of them, one after the other.
pub async fn hunt_all(seed: u64, done: &(dyn Fn() + Send + Sync)) -> Result<Vec<Caught>, StartError> {
    let mut caught = Vec::with_capacity(BUGS.len());
    for bug in BUGS {
        caught.push(bug.hunt(seed, super::ABREAST).await?);
        done();
    }
    Ok(caught)
}

impl Part {
    async fn run(self, seed: u64, effort: Effort) -> Result<Vec<Violation>, StartError> {
        let found = match self {
            Self::Races => race::run(Race::all(Size::SMALL), seed, effort, &|| {}).await?.1,
            Self::Crashes(flow) => {
                let mut points = crash::points(flow).await?;
                points.truncate(POINTS_MAX);
                crash::sweep(points, effort, &|| {}).await?.1
            }
            Self::Histories => {
                // By itself: whoever is caught by it is caught in every run.
                let directed = history::play_all([history::DIRECTED], effort, &|| {}).await?.1;
                if !directed.is_empty() {
                    return Ok(directed);
                }
                history::play_all(seed..seed + HISTORIES_MAX, effort, &|| {}).await?.1
            }
        };
        Ok(found)
    }
}

/// A worker that takes over from one that died when the provider had charged.
const AFTER_A_CHARGE: Part = Part::Crashes(Flow::TakeOver(Moment::Asked));
