//! The proof: what is promised, tried against the code under every crash and interleaving that can be produced, and the
//! proof itself tried against code with bugs in it.

pub mod books;
pub mod crash;
mod flow;
pub mod history;
mod lane;
pub mod model;
pub mod mutant;
pub mod race;
mod scene;
mod violation;
mod way;

use std::time::Instant;

use serde::Serialize;

pub use lane::{Effort, Lane, Tried, try_all};
pub use mutant::Caught;
pub use violation::{Findings, Promise, Violation};

use leadgate_sandbox::world::StartError;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Random histories.
    pub histories: u64,
    /// The seed of the first; the others follow.
    pub seed: u64,
    /// Histories of this kind only.
    pub kind: Option<history::Kind>,
    /// Of the calls, each so-manieth is broken: 1 is all of them.
    pub each: usize,
    /// One part of it alone.
    pub only: Option<Part>,
    /// So many histories are tried against each planted bug, whatever else has found it; 0 for none.
    pub alone: usize,
}

/// A part of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Each call broken in each way, one at a time.
    CrashPoints,
    /// Random histories against a model.
    Histories,
    /// Many at once.
    Races,
    /// The purchase protocol on a small world, in every state that it can reach.
    Model,
    /// The proof itself, tried against code with bugs in it.
    PlantedBugs,
}

/// How far the proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// What is tried from now on, and how many cases of it there are.
    Part(&'static str, u64),
    /// One case is done.
    Case,
}

/// What was tried, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Calls broken, each in one way.
    pub crash_points: usize,
    /// Random histories played.
    pub histories: usize,
    /// Operations in them.
    pub operations: usize,
    /// Requests made in races.
    pub raced_requests: usize,
    /// States of the purchase model that were checked.
    pub model_states: usize,
    /// Mistakes seeded into the purchase model.
    pub model_mistakes: usize,
    /// Those that break a rule of it.
    pub model_mistakes_caught: usize,
    /// Times that more was held, spent or charged than there was.
    pub oversells: usize,
    /// Times that a record was charged for twice, other than after an outcome that nobody knows.
    pub double_charges: usize,
    /// Leads without an end.
    pub leads_lost: usize,
    /// Anything else that wasn't as it must be.
    pub other_violations: usize,
    /// Bugs planted.
    pub seeded_bugs: usize,
    /// Those that a violation gave away.
    pub seeded_bugs_caught: usize,
    /// Those that histories alone gave away; 0 if that wasn't tried.
    pub seeded_bugs_caught_by_histories: usize,
    /// How long it took.
    pub seconds: f64,
}

/// A proof that has run.
#[derive(Debug, Default)]
pub struct Proved {
    /// The figures.
    pub figures: Figures,
    /// What is wrong with the code, each with how to see it again.
    pub violations: Vec<Violation>,
    /// What became of each bug.
    pub bugs: Vec<Caught>,
    /// What became of each mistake in the purchase model.
    pub mistakes: Vec<model::Noticed>,
}

impl Proved {
    /// Whether the code kept its promises, and the proof saw every bug.
    pub fn holds(&self) -> bool {
        let Figures { seeded_bugs, seeded_bugs_caught, model_mistakes, model_mistakes_caught, .. } = self.figures;
        self.violations.is_empty() && seeded_bugs == seeded_bugs_caught && model_mistakes == model_mistakes_caught
    }
}

/// So many worlds side by side: more than there are cores, since each waits for its servers half of the time.
pub const ABREAST: usize = 4;

/// Who is told how far the proof is.
pub type Show<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Tries everything: crash points, histories, races, and then the proof itself.
pub async fn prove(request: Request, progress: Show<'_>) -> Result<Proved, StartError> {
    let started = Instant::now();
    let mut proved = Proved::default();
    let wanted = |part| request.only.is_none_or(|only| only == part);
    if wanted(Part::CrashPoints) {
        proved.break_calls(request.each, progress).await?;
    }
    if wanted(Part::Histories) {
        proved.play_histories(request, progress).await?;
    }
    if wanted(Part::Races) {
        proved.race(request, progress).await?;
    }
    if wanted(Part::Model) {
        proved.check_model(progress).await;
    }
    if wanted(Part::PlantedBugs) {
        proved.hunt_bugs(request, progress).await?;
    }
    proved.count_violations();
    proved.figures.seconds = started.elapsed().as_secs_f64();
    Ok(proved)
}

impl Proved {
    async fn break_calls(&mut self, each: usize, progress: Show<'_>) -> Result<(), StartError> {
        let mut points = Vec::new();
        for flow in crash::Flow::all() {
            points.extend(crash::points(flow).await?.into_iter().step_by(each.max(1)));
        }
        progress(Progress::Part("crash points", count(points.len())));
        let swept = crash::sweep(points, Effort::all(ABREAST), &|| progress(Progress::Case)).await?;
        self.figures.crash_points = swept.0;
        self.violations.extend(swept.1);
        Ok(())
    }

    async fn play_histories(
        &mut self,
        Request { histories, seed, kind, .. }: Request,
        progress: Show<'_>,
    ) -> Result<(), StartError> {
        progress(Progress::Part("histories", histories));
        let seeds: Vec<u64> = match kind {
            Some(kind) => kind.seeds(seed).take(usize::try_from(histories).unwrap_or(usize::MAX)).collect(),
            None => (seed..seed.saturating_add(histories)).chain([history::CROWDED]).collect(),
        };
        let (counts, found) = history::play_all(seeds, Effort::all(ABREAST), &|| progress(Progress::Case)).await?;
        (self.figures.histories, self.figures.operations) = (counts.histories, counts.operations);
        self.violations.extend(found);
        Ok(())
    }

    async fn race(&mut self, request: Request, progress: Show<'_>) -> Result<(), StartError> {
        let races = race::Race::all(race::Size::WHOLE);
        progress(Progress::Part("races", count(races.len())));
        let (requests, found) = race::run(races, request.seed, Effort::all(1), &|| progress(Progress::Case)).await?;
        self.figures.raced_requests = requests;
        self.violations.extend(found);
        Ok(())
    }

    async fn check_model(&mut self, progress: Show<'_>) {
        let worlds: Vec<model::World> = model::World::SMALL.into_iter().chain(model::World::LARGE).collect();
        progress(Progress::Part("model", count(model::cases(&worlds))));
        let proved = model::prove(&worlds, &|| progress(Progress::Case)).await;
        self.figures.model_states = proved.states;
        self.figures.model_mistakes = proved.mistakes.len();
        self.figures.model_mistakes_caught = proved.mistakes.iter().filter(|noticed| noticed.by.is_some()).count();
        self.mistakes = proved.mistakes;
        self.violations.extend(proved.violations);
    }

    async fn hunt_bugs(&mut self, request: Request, progress: Show<'_>) -> Result<(), StartError> {
        let bugs = mutant::bugs();
        progress(Progress::Part("planted bugs", count(bugs.len())));
        self.bugs = mutant::hunt_all(bugs, request.seed, request.alone, &|| progress(Progress::Case)).await?;
        self.figures.seeded_bugs = self.bugs.len();
        self.figures.seeded_bugs_caught = self.bugs.iter().filter(|bug| bug.by.is_some()).count();
        self.figures.seeded_bugs_caught_by_histories = self.bugs.iter().filter(|bug| bug.alone.is_some()).count();
        Ok(())
    }

    fn count_violations(&mut self) {
        let of = |promises: &[Promise]| self.violations.iter().filter(|found| promises.contains(&found.of)).count();
        self.figures.oversells = of(&[Promise::Credits]);
        self.figures.double_charges = of(&[Promise::Once]);
        self.figures.leads_lost = of(&[Promise::Leads]);
        self.figures.other_violations = of(&[Promise::Crm, Promise::Order]);
    }
}

fn count(cases: usize) -> u64 {
    u64::try_from(cases).unwrap_or(u64::MAX)
}
