//! All worlds and all mistakes, a few at a time.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::task::JoinSet;

use super::{Mistake, Seen, Trace, World, check, hunt};
use crate::{Promise, Violation};

/// What a search of several worlds found.
#[derive(Debug, Default)]
pub struct Proved {
    /// States that were checked, over all worlds.
    pub states: usize,
    /// How leads ended, and their numbers.
    pub ends: BTreeSet<String>,
    /// Rules that the protocol breaks.
    pub violations: Vec<Violation>,
    /// What became of each mistake.
    pub mistakes: Vec<Noticed>,
}

/// What became of a mistake.
#[derive(Debug)]
pub struct Noticed {
    /// Which.
    pub mistake: Mistake,
    /// The rule that it breaks, if it breaks one.
    pub by: Option<Box<Trace>>,
}

/// What is searched in one go.
#[derive(Debug, Clone, Copy)]
enum Case {
    World(World),
    Mistake(Mistake),
}

enum End {
    World(World, Result<Seen, Box<Trace>>),
    Mistake(Noticed),
}

/// How many cases `prove` tries in `worlds`.
pub(crate) fn cases(worlds: &[World]) -> usize {
    worlds.len() + Mistake::ALL.len()
}

/// Checks the protocol in each of `worlds`, and seeds each mistake.
pub async fn prove(worlds: &[World], done: &(dyn Fn() + Send + Sync)) -> Proved {
    let worlds = worlds.iter().copied().map(Case::World);
    let mut cases = worlds.chain(Mistake::ALL.into_iter().map(Case::Mistake));
    // A search takes a core and its memory, so that there are as many as cores.
    let abreast = available_parallelism().map_or(1, NonZero::get);
    let (mut proved, mut searches) = (Proved::default(), JoinSet::new());
    for case in cases.by_ref().take(abreast) {
        searches.spawn_blocking(move || case.run());
    }
    while let Some(end) = searches.join_next().await {
        if let Some(case) = cases.next() {
            searches.spawn_blocking(move || case.run());
        }
        match end {
            Ok(end) => proved.note(end),
            Err(error) => {
                let found = format!("a search of the model stopped: {error}");
                proved.violations.push(Violation { of: Promise::Order, found });
            }
        }
        done();
    }
    proved.mistakes.sort_by_key(|noticed| Mistake::ALL.iter().position(|mistake| *mistake == noticed.mistake));
    proved
}

impl Case {
    fn run(self) -> End {
        match self {
            Self::World(world) => End::World(world, check(world)),
            Self::Mistake(mistake) => End::Mistake(Noticed { mistake, by: hunt(mistake) }),
        }
    }
}

impl Proved {
    fn note(&mut self, end: End) {
        match end {
            End::World(_, Ok(seen)) => {
                self.states += seen.states;
                self.ends.extend(seen.ends);
            }
            End::World(world, Err(trace)) => {
                self.states += trace.states;
                let found = format!("the purchase model ({world}): {trace}");
                self.violations.push(Violation { of: trace.of, found });
            }
            End::Mistake(noticed) => self.mistakes.push(noticed),
        }
    }
}
