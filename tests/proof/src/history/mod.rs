//! Random histories: what may happen to leads happens in some order, with something broken now and then, until
//! everything comes to rest. Then what must be true is looked for.

mod again;
mod beside;
mod bulk;
mod changes;
mod companies;
mod crm;
mod crowd;
mod edits;
mod finish;
mod limits;
mod maker;
mod model;
mod neighbour;
mod nights;
mod numbers;
mod outage;
mod plan;
mod play;
mod pool;
mod seen;
mod sent;
mod several;
mod signals;
mod terms;
mod wallets;
mod wide;

use super::lane::{Effort, Lane, Tried, try_all};
use super::violation::{Findings, Promise, Violation};
use leadgate_sandbox::world::StartError;

use finish::finish;
use plan::Plan;
pub use plan::{CROWDED, DIRECTED};
use play::Play;
pub use wide::Kind;

/// What histories came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Histories played to their end.
    pub histories: usize,
    /// Operations in them.
    pub operations: usize,
    /// Leads in them.
    pub leads: usize,
    /// Lines settled as unknown.
    pub unknown_lines: usize,
    /// Histories in which mobile numbers are bought.
    pub with_numbers: usize,
    /// Histories in which several providers are asked.
    pub with_several: usize,
    /// Histories with something that most don't have.
    pub wide: usize,
    /// Workers that were disturbed at a run in which they asked for numbers that had been found.
    pub disturbed: usize,
}

/// Plays the histories of these seeds.
pub async fn play_all(
    seeds: impl IntoIterator<Item = u64>,
    effort: Effort,
    done: &(dyn Fn() + Send + Sync),
) -> Result<(Counts, Vec<Violation>), StartError> {
    let seeds: Vec<Seed> = seeds.into_iter().map(Seed).collect();
    let (mut counts, mut violations) = (Counts::default(), Vec::new());
    for tried in try_all(seeds, effort, play_one, done).await? {
        counts.histories += 1;
        counts.operations += tried.result.operations;
        counts.leads += tried.result.leads;
        counts.unknown_lines += tried.result.unknown_lines;
        counts.with_numbers += tried.result.with_numbers;
        counts.with_several += tried.result.with_several;
        counts.wide += tried.result.wide;
        counts.disturbed += tried.result.disturbed;
        violations.extend(tried.violations);
    }
    Ok((counts, violations))
}

#[derive(Debug, Clone, Copy)]
struct Seed(u64);

async fn play_one(mut lane: Lane, Seed(seed): Seed) -> Result<(Lane, Tried<Counts>), StartError> {
    let plan = Plan::of(seed);
    let mut play = Play::begin(&mut lane, &plan).await?;
    let mut findings = Findings::default();
    for operation in &plan.operations {
        let mut done = play.carry_out(operation, &mut findings).await;
        if done.is_ok() && operation.may_move_credits() {
            done = play.check_credits(&mut findings).await;
        }
        if let Err(error) = done {
            findings.note(Promise::Order, format!("the world can't be read: {error}"));
        }
    }
    let unknown_lines = match finish(&mut play, &mut findings).await {
        Ok(lines) => lines,
        Err(error) => {
            findings.note(Promise::Order, format!("the world can't be read: {error}"));
            0
        }
    };
    let counts = Counts {
        histories: 1,
        operations: plan.operations.len(),
        leads: play.leads.len(),
        unknown_lines,
        with_numbers: usize::from(plan.numbers.is_some()),
        with_several: usize::from(plan.several.is_some()),
        wide: usize::from(plan.wide.is_any()),
        disturbed: play.disturbed,
    };
    let violations = findings.at(&format!("seed {seed}: {plan:?}"));
    if violations.is_empty() {
        lane.give_back(play.world);
    }
    Ok((lane, Tried { result: counts, violations }))
}
