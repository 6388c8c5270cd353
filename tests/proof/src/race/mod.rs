//! Many at once on the same credits, the same lead, the same purchase: exactly what may happen happens, no more and no
//! less.

mod store;
mod world;

use fastrand::Rng;

use super::lane::{Effort, Lane, Tried, try_all};
use super::violation::Violation;
use leadgate_sandbox::world::{Settings, StartError};

/// How much goes on in a race at the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Who work at the same time.
    pub workers: usize,
    /// What there is to spend.
    pub credits: i64,
    /// People to be bought. A third of them the provider doesn't know.
    pub requests: usize,
}

impl Size {
    /// What is promised for.
    pub const WHOLE: Self = Self { workers: 64, credits: 1000, requests: 5000 };
    /// Enough to see a bug.
    pub const SMALL: Self = Self { workers: 16, credits: 40, requests: 200 };
}

/// What is raced for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Race {
    /// Holds and settlements, straight at the store.
    Store(Size),
    /// Whole workers, for a cycle's credits that don't suffice.
    Cycle,
    /// Workers that all have a message for the same lead.
    OneLead,
    /// A worker that is in the middle of its work, and others that have a message for its lead.
    LivingClaim,
    /// Workers that take over from a dead one, each a part of what it had bought.
    OnePurchase,
}

impl Race {
    /// All of them.
    pub fn all(size: Size) -> Vec<Self> {
        vec![Self::Store(size), Self::Cycle, Self::OneLead, Self::LivingClaim, Self::OnePurchase]
    }

    fn settings(self) -> Settings {
        let mut settings = Settings::default();
        settings.apollo.unknown_share = 0.0;
        settings.credits_per_cycle = match self {
            // Two wallets, so that holds have slices of both: the rest is in a pack.
            Self::Store(size) => Some(size.credits / 2),
            Self::Cycle => Some(world::CYCLE_CREDITS),
            Self::OneLead | Self::LivingClaim | Self::OnePurchase => Some(100),
        };
        settings
    }
}

/// Runs the races, and gives how many requests were made in them and what was wrong.
pub async fn run(
    races: Vec<Race>,
    seed: u64,
    effort: Effort,
    done: &(dyn Fn() + Send + Sync),
) -> Result<(usize, Vec<Violation>), StartError> {
    let try_one = move |lane, race| run_one(lane, race, seed);
    let tried = try_all(races, effort, try_one, done).await?;
    let requests = tried.iter().map(|tried: &Tried<usize>| tried.result).sum();
    Ok((requests, tried.into_iter().flat_map(|tried| tried.violations).collect()))
}

async fn run_one(mut lane: Lane, race: Race, seed: u64) -> Result<(Lane, Tried<usize>), StartError> {
    let world = lane.world(race.settings()).await?;
    let (requests, findings) = match race {
        Race::Store(size) => (size.requests, store::race(&world, size, Rng::with_seed(seed)).await?),
        Race::Cycle => world::for_a_cycle(&world).await?,
        Race::OneLead => world::for_one_lead(&world).await?,
        Race::LivingClaim => world::for_a_living_claim(&world).await?,
        Race::OnePurchase => world::for_one_purchase(&world).await?,
    };
    let violations = findings.at(&format!("{race:?} (seed {seed})"));
    if violations.is_empty() {
        lane.give_back(world);
    }
    Ok((lane, Tried { result: requests, violations }))
}
