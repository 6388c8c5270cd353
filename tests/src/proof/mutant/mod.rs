//! The test of the tests: bugs, planted one at a time, each of which the proof has to catch.
//!
//! No line of the product is touched for it. A bug is made on the wire, between a function and whom it speaks to: a
//! condition is taken out of what is sent, or a call is answered as if it had been carried out and goes nowhere. To the
//! stores that is the same as a function that was written so.

mod bugs;
mod edit;

use serde_json::Value;

use super::crash::{self, Flow, Moment, Point};
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

/// A bug is usually caught by one of the first cases: what is begun beside it is begun for nothing.
const ABREAST: usize = 2;

impl Mutant {
    /// Whether breaking calls gives it away, which is looked for soonest.
    pub fn shows_in_crashes(&self) -> bool {
        matches!(self.first, Part::Crashes(_))
    }
}

/// Looks for each of `bugs`, one after the other.
pub async fn hunt_all(
    bugs: impl IntoIterator<Item = &'static Mutant>,
    seed: u64,
    done: &(dyn Fn() + Send + Sync),
) -> Result<Vec<Caught>, StartError> {
    let (mut hunter, mut caught) = (Hunter { seed, points: Vec::new() }, Vec::new());
    for bug in bugs {
        caught.push(hunter.hunt(bug).await?);
        done();
    }
    Ok(caught)
}

/// Whoever looks for bugs.
struct Hunter {
    seed: u64,
    /// The points of the flows that were broken so far. They are those of the code as it is, whatever the bug.
    points: Vec<(Flow, Vec<Point>)>,
}

impl Hunter {
    /// Looks for a bug: in the part of the proof that ought to see it, and then in the others.
    async fn hunt(&mut self, mutant: &'static Mutant) -> Result<Caught, StartError> {
        let Mutant { bug, first, .. } = mutant;
        let effort = Effort::until_caught(ABREAST, mutant);
        let others = [Part::Crashes(Flow::Unit), Part::Races, Part::Histories, Part::Crashes(Flow::Release)];
        for part in [*first].into_iter().chain(others.into_iter().filter(|part| part != first)) {
            let violations = self.try_part(part, effort).await?;
            if let Some(violation) = violations.into_iter().next() {
                return Ok(Caught { bug, by: Some(violation) });
            }
        }
        Ok(Caught { bug, by: None })
    }

    async fn try_part(&mut self, part: Part, effort: Effort) -> Result<Vec<Violation>, StartError> {
        let found = match part {
            Part::Races => race::run(Race::all(Size::SMALL), self.seed, effort, &|| {}).await?.1,
            Part::Crashes(flow) => crash::sweep(self.points_of(flow).await?, effort, &|| {}).await?.1,
            Part::Histories => {
                // By itself: whoever is caught by it is caught in every run.
                let directed = history::play_all([history::DIRECTED], effort, &|| {}).await?.1;
                if !directed.is_empty() {
                    return Ok(directed);
                }
                history::play_all(self.seed..self.seed + HISTORIES_MAX, effort, &|| {}).await?.1
            }
        };
        Ok(found)
    }

    async fn points_of(&mut self, flow: Flow) -> Result<Vec<Point>, StartError> {
        if let Some((_, points)) = self.points.iter().find(|(known, _)| *known == flow) {
            return Ok(points.clone());
        }
        let mut points = crash::points(flow).await?;
        points.truncate(POINTS_MAX);
        self.points.push((flow, points.clone()));
        Ok(points)
    }
}

/// A worker that takes over from one that died when the provider had charged.
const AFTER_A_CHARGE: Part = Part::Crashes(Flow::TakeOver(Moment::Asked));
