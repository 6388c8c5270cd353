//! The test of the tests: bugs, planted one at a time, each of which the proof has to catch.
//!
//! No line of the product is touched for it. A bug is made on the wire, between a function and whom it speaks to: a
//! condition is taken out of what is sent, or a call is answered as if it had been carried out and goes nowhere. To the
//! stores that is the same as a function that was written so.

mod bugs;
mod edit;
mod endings;
mod logic;
mod numbers;
mod plans;
mod steps;

use serde_json::Value;

use super::crash::{self, Flow, Moment, Point};
use super::history::{self, Kind};
use super::lane::Effort;
use super::race::{self, Race, Size};
use super::violation::Violation;
use leadgate_sandbox::world::{Call, Rewrite, StartError};

/// All of them.
pub fn bugs() -> Vec<&'static Mutant> {
    [bugs::BUGS, logic::BUGS, numbers::BUGS, plans::BUGS, endings::BUGS, steps::BUGS].into_iter().flatten().collect()
}

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
    /// Histories that have something that most don't.
    HistoriesOf(Kind),
    /// The one history with thousands of parked leads.
    Crowded,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Races => "races",
            Self::Crashes(_) => "crash points",
            Self::Histories | Self::HistoriesOf(_) | Self::Crowded => "histories",
        }
    }
}

/// What became of a bug.
#[derive(Debug, Clone)]
pub struct Caught {
    /// What it makes of a function.
    pub bug: &'static str,
    /// The first violation that it led to, if it led to one.
    pub by: Option<Violation>,
    /// Which part of the proof found it.
    pub part: Option<&'static str>,
    /// By which of the histories that were tried alone it was found, counted from 1. `None` when they didn't find it, or
    /// weren't tried.
    pub alone: Option<usize>,
}

/// How many crash points, and how many histories, a bug may hide from. The flows that are tried for every bug are cut
/// short; one that is tried for a bug of its own is tried whole.
const POINTS_MAX: usize = 40;
const OWN_POINTS_MAX: usize = 400;
const HISTORIES_MAX: u64 = 300;
const HISTORIES_OF_A_KIND_MAX: usize = 120;

/// A bug is usually caught by one of the first cases: what is begun beside it is begun for nothing.
const ABREAST: usize = 2;

impl Mutant {
    /// Whether breaking calls gives it away, which is looked for soonest.
    pub fn shows_in_crashes(&self) -> bool {
        matches!(self.first, Part::Crashes(_))
    }
}

/// Looks for each of `bugs`, one after the other. If `alone` isn't 0, so many histories are tried against each as well,
/// whatever else has found it.
pub async fn hunt_all(
    bugs: impl IntoIterator<Item = &'static Mutant>,
    seed: u64,
    alone: usize,
    done: &(dyn Fn() + Send + Sync),
) -> Result<Vec<Caught>, StartError> {
    let (mut hunter, mut caught) = (Hunter { seed, points: Vec::new() }, Vec::new());
    for bug in bugs {
        let by_any = hunter.hunt(bug).await?;
        caught.push(Caught { alone: hunter.hunt_alone(bug, alone).await?, ..by_any });
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
                return Ok(Caught { bug, by: Some(violation), part: Some(part.name()), alone: None });
            }
        }
        Ok(Caught { bug, by: None, part: None, alone: None })
    }

    /// Looks for it in histories alone: first that which isn't made up, and then of each kind the first, the second and
    /// so on.
    async fn hunt_alone(&self, mutant: &'static Mutant, most: usize) -> Result<Option<usize>, StartError> {
        let mut kinds: Vec<_> = Kind::ALL.into_iter().map(|kind| kind.seeds(self.seed)).collect();
        let made_up = std::iter::from_fn(|| Some(kinds.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>()));
        let seeds = [history::DIRECTED, history::CROWDED].into_iter().chain(made_up.flatten()).take(most);
        let (counts, found) = history::play_all(seeds, Effort::until_caught(ABREAST, mutant), &|| {}).await?;
        Ok((!found.is_empty()).then_some(counts.histories))
    }

    async fn try_part(&mut self, part: Part, effort: Effort) -> Result<Vec<Violation>, StartError> {
        let found = match part {
            Part::Races => race::run(Race::all(Size::SMALL), self.seed, effort, &|| {}).await?.1,
            Part::Crashes(flow) => crash::sweep(self.points_of(flow).await?, effort, &|| {}).await?.1,
            Part::Crowded => history::play_all([history::CROWDED], effort, &|| {}).await?.1,
            Part::HistoriesOf(kind) => {
                let seeds = kind.seeds(self.seed).take(HISTORIES_OF_A_KIND_MAX);
                history::play_all(seeds, effort, &|| {}).await?.1
            }
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
        let is_for_all = matches!(flow, Flow::Unit | Flow::Release);
        points.truncate(if is_for_all { POINTS_MAX } else { OWN_POINTS_MAX });
        self.points.push((flow, points.clone()));
        Ok(points)
    }
}

/// A worker that takes over from one that died when the provider had charged.
const AFTER_A_CHARGE: Part = Part::Crashes(Flow::TakeOver(Moment::Asked));
