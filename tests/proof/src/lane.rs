//! Many small worlds, one after the other and several side by side.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinError, JoinSet};

use super::mutant::Mutant;
use super::violation::{Findings, Promise, Violation};
use leadgate_sandbox::world::{Servers, Settings, Site, StartError, World};

/// The embedded DynamoDB remembers the tokens of all transactions for ten minutes and goes through them at each: new
/// servers are cheaper than a long memory.
const WORLDS_PER_SERVERS: usize = 100;

/// Where one world after the other is started.
#[derive(Default)]
pub struct Lane {
    /// The bug that is planted in each of them.
    pub mutant: Option<&'static Mutant>,
    servers: Option<Arc<Servers>>,
    site: Option<Site>,
    worlds: usize,
}

impl Lane {
    /// A lane whose worlds have this bug.
    pub fn with(mutant: Option<&'static Mutant>) -> Self {
        Self { mutant, ..Self::default() }
    }

    /// A new world.
    pub async fn world(&mut self, settings: Settings) -> Result<World, StartError> {
        if self.worlds.is_multiple_of(WORLDS_PER_SERVERS) {
            (self.servers, self.site) = (None, None);
        }
        self.worlds += 1;
        let site = match self.site.take() {
            Some(site) => site,
            None => {
                let servers = match self.servers.take() {
                    Some(servers) => servers,
                    None => Arc::new(Servers::start().await?),
                };
                self.servers = Some(servers.clone());
                Site::new(servers).await?
            }
        };
        let world = World::start_at(site, settings).await?;
        if let Some(mutant) = self.mutant {
            world.wire.rewrite_by(mutant.rewrite);
        }
        Ok(world)
    }

    /// Takes back where a world stood that came to rest. One in which something is left, on its queues or in its
    /// tables, is not to be given back.
    pub fn give_back(&mut self, world: World) {
        self.site = Some(world.leave());
    }
}

/// What one case came to.
pub struct Tried<T> {
    /// What it found out.
    pub result: T,
    /// What it found wrong.
    pub violations: Vec<Violation>,
}

/// How cases are tried.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// So many side by side.
    pub abreast: usize,
    /// The bug that is planted in all of them.
    pub mutant: Option<&'static Mutant>,
    /// Whether one violation is enough.
    pub stop_at_first: bool,
}

impl Effort {
    /// All of them, against the code as it is.
    pub fn all(abreast: usize) -> Self {
        Self { abreast, mutant: None, stop_at_first: false }
    }

    /// Until this bug is caught.
    pub fn until_caught(abreast: usize, mutant: &'static Mutant) -> Self {
        Self { abreast, mutant: Some(mutant), stop_at_first: true }
    }
}

/// Tries `cases`, each in a lane, which `try_one` gives back. A panic in a case is a violation of it.
pub async fn try_all<C, T, F>(
    cases: Vec<C>,
    effort: Effort,
    try_one: impl Fn(Lane, C) -> F + Send + Sync + Clone + 'static,
    done: &(dyn Fn() + Send + Sync),
) -> Result<Vec<Tried<T>>, StartError>
where
    C: std::fmt::Debug + Send + 'static,
    T: Default + Send + 'static,
    F: Future<Output = Result<(Lane, Tried<T>), StartError>> + Send + 'static,
{
    let cases = Arc::new(Mutex::new(VecDeque::from(cases)));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    // What is still being tried ends with this.
    let mut lanes = JoinSet::new();
    for _ in 0..effort.abreast {
        let (cases, try_one, tell) = (cases.clone(), try_one.clone(), tell.clone());
        lanes.spawn(async move {
            let mut lane = Lane::with(effort.mutant);
            loop {
                let next = cases.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(case) = next else { break };
                let name = format!("{case:?}");
                let mut trial = JoinSet::new();
                trial.spawn(try_one(std::mem::take(&mut lane), case));
                let Some(tried) = trial.join_next().await else { break };
                let tried = tried.unwrap_or_else(|error| Ok((Lane::with(effort.mutant), panicked(&name, error))));
                let tried = tried.map(|(back, tried)| {
                    lane = back;
                    tried
                });
                if tell.send(tried).is_err() {
                    break;
                }
            }
        });
    }
    drop(tell);
    let mut all = Vec::new();
    while let Some(tried) = told.recv().await {
        all.push(tried?);
        done();
        if effort.stop_at_first && all.last().is_some_and(|tried: &Tried<T>| !tried.violations.is_empty()) {
            break;
        }
    }
    Ok(all)
}

fn panicked<T: Default>(case: &str, error: JoinError) -> Tried<T> {
    let mut findings = Findings::default();
    findings.note(Promise::Order, error.to_string());
    Tried { result: T::default(), violations: findings.at(case) }
}
