//! Every call of a flow, broken in every way, one at a time: then redelivery and the sweeper finish, and the money, the
//! leads and the CRM must be right.

use std::time::Duration;

use super::lane::{Effort, Lane, Tried, try_all};
use super::scene::{End, Scene};
use super::violation::{Findings, Promise, Violation};
use super::way::Way;
use crate::simulators::fault::{Fault, FaultRule};
use crate::world::{Break, Call, Settings, StartError};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// A worker with one unit, of which the provider doesn't know one person.
    Unit,
    /// A worker with a unit that the credits suffice for only in part.
    Scarce,
    /// A worker whom the provider turns away, so that it frees what it held.
    TurnedAway,
    /// A worker that takes over from one that died right after this.
    TakeOver(Moment),
    /// The release, with parked leads to release and a hold to sweep whose messages are gone.
    Release,
    /// The webhook, with new leads and somebody who wants to be forgotten.
    Webhook,
}

/// Where the first of two workers died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It had claimed all records.
    Claimed,
    /// It had held the credits.
    Held,
    /// The provider had answered.
    Asked,
    /// It had kept the first answer.
    KeptOne,
    /// It had settled.
    Settled,
    /// It had told the CRM.
    Told,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Claimed, Self::Held, Self::Asked, Self::KeptOne, Self::Settled, Self::Told];

    /// Which of these calls of a whole run is the last before the moment.
    fn among(self, calls: &[Call]) -> Option<usize> {
        let first = |from: usize, ends: &str| (from..calls.len()).find(|index| calls[*index].operation.ends_with(ends));
        let asked = (0..calls.len()).find(|index| calls[*index].operation.starts_with("apollo"))?;
        match self {
            Self::Claimed => first(0, "batch/read")?.checked_sub(1),
            Self::Held => asked.checked_sub(1),
            Self::Asked => Some(asked),
            Self::KeptOne => first(asked, "PutItem"),
            Self::Settled => first(asked, "TransactWriteItems"),
            Self::Told => first(asked, "batch/update"),
        }
    }
}

impl Flow {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let mut flows = vec![Self::Unit, Self::Scarce, Self::TurnedAway, Self::Release, Self::Webhook];
        flows.extend(Moment::ALL.map(Self::TakeOver));
        flows
    }

    fn settings(self) -> Settings {
        let mut settings = Settings::default();
        // Whoever is made up is known, unless the scene says otherwise.
        settings.apollo.unknown_share = 0.0;
        settings.credits_per_cycle = match self {
            Self::Scarce | Self::Release => Some(2),
            _ => Some(100),
        };
        settings
    }

    /// Everything up to where the calls begin that are broken. For a takeover, `first` is the call after which the
    /// first worker died.
    async fn stage(self, lane: &mut Lane, first: usize) -> Result<Scene, StartError> {
        let mut scene = Scene::of(lane.world(self.settings()).await?);
        match self {
            Self::Unit | Self::TurnedAway | Self::TakeOver(_) => {
                [true, true, false].into_iter().for_each(|known| scene.lead(known))
            }
            Self::Scarce => [false, true, true, true].into_iter().for_each(|known| scene.lead(known)),
            Self::Release => [true, true].into_iter().for_each(|known| scene.lead(known)),
            Self::Webhook => {
                [true, true, true].into_iter().for_each(|known| scene.lead(known));
                scene.world.hubspot.privacy_delete(&scene.leads[2].contact);
                scene.leads[2].end = End::Erased;
                return Ok(scene);
            }
        }
        scene.world.hubspot.deliver().await;
        match self {
            Self::TakeOver(_) => scene.kill_the_worker(Way::DeathAfter.plan(first)).await,
            Self::Release => scene.leave_a_hold_and_park_the_rest().await,
            Self::TurnedAway => {
                let busy = FaultRule::next(Fault::Status(503, String::new()));
                scene.world.apollo.faults().add(busy.times(PROVIDER_ATTEMPTS));
            }
            _ => {}
        }
        Ok(scene)
    }

    /// The calls that are broken are those of this.
    async fn act(self, scene: &Scene) {
        match self {
            Self::Unit | Self::Scarce | Self::TurnedAway | Self::TakeOver(_) => drop(scene.world.pump.round().await),
            Self::Release => drop(scene.world.run_release_or_die().await),
            Self::Webhook => drop(scene.world.hubspot.deliver().await),
        }
    }

    /// The calls of a run in which nothing is broken.
    async fn calls(self, lane: &mut Lane, first: usize) -> Result<Vec<Call>, StartError> {
        let scene = self.stage(lane, first).await?;
        scene.world.wire.break_by(|_| None);
        self.act(&scene).await;
        Ok(scene.world.wire.mend())
    }
}

/// How often the worker calls a provider that says it is busy.
const PROVIDER_ATTEMPTS: u32 = 3;
/// A worker is gone for good when its claims have run out.
const GONE: Duration = Duration::from_secs(10 * 60);

impl Scene {
    /// The worker dies in this way, and is gone for so long that its messages are seen again.
    async fn kill_the_worker(&self, plan: impl FnMut(&Call) -> Option<Break> + Send + 'static) {
        self.world.wire.break_by(plan);
        self.world.pump.round().await;
        self.world.wire.mend();
        self.world.clock.turn(GONE);
        self.world.pump.show_hidden().await;
    }

    /// Two leads whose worker died when it had held credits, and whose messages are gone; three that there are no
    /// credits for; then the next cycle opens.
    async fn leave_a_hold_and_park_the_rest(&mut self) {
        let death = |call: &Call| call.operation.starts_with("apollo").then_some(Break::DeathBefore);
        self.world.wire.break_by(death);
        self.world.pump.round().await;
        self.world.wire.mend();
        self.world.pump.lose_hidden().await;
        [true, true, true].into_iter().for_each(|known| self.lead(known));
        self.world.hubspot.deliver().await;
        self.world.pump.round().await;
        self.world.next_cycle(1_000_000).await;
    }
}

/// One call of a flow, and the way in which it is broken.
#[derive(Debug, Clone)]
pub struct Point {
    flow: Flow,
    first: usize,
    call: Call,
    way: Way,
}

/// All the points of `flow`.
pub async fn points(flow: Flow) -> Result<Vec<Point>, StartError> {
    let mut lane = Lane::default();
    let mut first = 0;
    if let Flow::TakeOver(moment) = flow {
        let calls = Flow::Unit.calls(&mut lane, 0).await?;
        first = moment.among(&calls).ok_or_else(|| format!("a run without {moment:?}: {calls:?}"))?;
    }
    let calls = flow.calls(&mut lane, first).await?;
    let point = |call: &Call, way| Point { flow, first, call: call.clone(), way };
    let points =
        calls.iter().flat_map(|call| Way::all_for(&call.operation).into_iter().map(move |way| point(call, way)));
    Ok(points.collect())
}

/// Breaks each point, and gives how many there were and what was wrong.
pub async fn sweep(
    points: Vec<Point>,
    effort: Effort,
    done: &(dyn Fn() + Send + Sync),
) -> Result<(usize, Vec<Violation>), StartError> {
    let tried = try_all(points, effort, try_one, done).await?;
    let count = tried.len();
    Ok((count, tried.into_iter().flat_map(|tried: Tried<()>| tried.violations).collect()))
}

async fn try_one(mut lane: Lane, point: Point) -> Result<(Lane, Tried<()>), StartError> {
    let Point { flow, first, call, way } = &point;
    let scene = flow.stage(&mut lane, *first).await?;
    scene.world.wire.break_by(way.plan(call.index));
    flow.act(&scene).await;
    scene.world.wire.mend();
    scene.finish().await?;
    let books = scene.check().await;
    let (unknown, mut findings) = (books.unknown, Findings::default());
    // In a takeover, the first worker's death may have left an unknown outcome already.
    let may_be_unknown = way.may_leave_unknown(&call.operation) || matches!(flow, Flow::TakeOver(_) | Flow::Release);
    findings.check(unknown == 0 || may_be_unknown, Promise::Order, || {
        format!("{unknown} are spent on an unknown outcome, and nothing could have left one")
    });
    findings.extend(books.findings);
    let place = format!("{flow:?}, call {} ({}) broken by {way:?}", call.index, call.operation);
    let violations = findings.at(&place);
    if violations.is_empty() {
        lane.give_back(scene.world);
    }
    Ok((lane, Tried { result: (), violations }))
}
