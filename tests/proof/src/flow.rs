//! What is broken: the flows of the product, each with how it is set up and what is done in it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::lane::Lane;
use super::scene::{End, POOL_MILLI, Scene};
use super::way::Way;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, Call, Settings, StartError};

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
    /// A worker with a unit that wants numbers as well: of four people one has none, one has typed one in and one is
    /// unknown.
    Numbers,
    /// The side door and the worker behind it: the numbers have been found, and the provider says so.
    Arrival,
    /// The release and the worker behind it: the numbers have been found, and nobody says so.
    Silence,
    /// A worker that looks up where people work, for people of whom one is unknown.
    Employers,
    /// A worker with a unit whose last number can't be paid for, so that the person is bought alone.
    Degraded,
    /// The release and the worker, with the number of one who was bought alone, when there are credits for it.
    Rest,
    /// A worker with a unit that three providers are asked about: each of them knows one person whom those before it don't,
    /// and nobody knows the last.
    Steps,
    /// Two workers at the same time, with one message each.
    Meeting(Over),
}

/// What two workers meet over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Two hints that the same numbers have been found.
    Hint,
    /// Two records about the same person.
    Person,
    /// Two people who work for the same employer.
    Employer,
}

impl Over {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hint, Self::Person, Self::Employer];
}

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is broken in this way.
    Broken(Way),
    /// Whoever made it stands still, until another worker has done all its work.
    Overtaken,
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
    pub(super) fn among(self, calls: &[Call]) -> Option<usize> {
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

/// Longer than a purchase can't be asked after again, and less than a worker has.
const OVERTAKEN_AFTER: Duration = Duration::from_secs(35);

impl Flow {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let mut flows = vec![Self::Unit, Self::Scarce, Self::TurnedAway, Self::Release, Self::Webhook];
        flows.extend(Moment::ALL.map(Self::TakeOver));
        flows.extend([
            Self::Numbers,
            Self::Arrival,
            Self::Silence,
            Self::Employers,
            Self::Degraded,
            Self::Rest,
            Self::Steps,
        ]);
        flows.extend(Over::ALL.map(Self::Meeting));
        flows
    }

    /// All that can happen, at each of these calls of it. Two ask about the same person at the same time only while
    /// the first of them has credits reserved for it: who comes sooner or later buys for itself.
    pub(super) fn troubles(self, calls: &[Call]) -> Vec<(Call, Trouble)> {
        let moves = |call: &Call| call.operation.ends_with("TransactWriteItems");
        let asked = calls.iter().position(|call| call.operation.starts_with("apollo")).unwrap_or(calls.len());
        let held = calls[..asked].iter().rposition(moves).unwrap_or(asked);
        let settled = calls[asked..].iter().position(moves).map_or(calls.len(), |index| asked + index);
        // A worker stands still before its call goes out: after the one that holds, up to the one that settles.
        let while_held = (held + 1).min(calls.len())..(settled + 1).min(calls.len());
        let calls = if self == Self::Meeting(Over::Person) { &calls[while_held] } else { calls };
        let troubles = |call: &Call| match self {
            Self::Meeting(_) => vec![Trouble::Overtaken],
            _ => Way::all_for(&call.operation).into_iter().map(Trouble::Broken).collect(),
        };
        calls.iter().flat_map(|call| troubles(call).into_iter().map(move |trouble| (call.clone(), trouble))).collect()
    }

    /// Whether trouble at a call of it may leave us not knowing what was charged. Asking for what has arrived costs
    /// nothing, and is done again. Before the provider was called, only a death leaves that: who takes over can't tell.
    pub(super) fn may_leave_unknown(self, trouble: Trouble, operation: &str, was_called: bool) -> bool {
        match (self, trouble) {
            // The first worker's death may have left an unknown outcome already.
            (Self::TakeOver(_) | Self::Release, _) => true,
            (Self::Arrival | Self::Silence, _) | (_, Trouble::Overtaken) => false,
            (_, Trouble::Broken(way)) => way.may_leave_unknown(operation) && (was_called || way.is_death()),
        }
    }

    fn settings(self) -> Settings {
        let mut settings = match self {
            Self::Numbers | Self::Arrival | Self::Silence | Self::Meeting(Over::Hint) => {
                Settings::default().with_phones()
            }
            Self::Degraded | Self::Rest => Settings::default().with_phones().degrading(),
            Self::Employers | Self::Meeting(Over::Employer) => Settings::default().with_employers(),
            Self::Steps => Settings::default().with_beside(&STEPS[1..], &format!("order = {STEPS:?}")),
            _ => Settings::default(),
        };
        // Whoever is made up is known and has a number, unless the scene says otherwise.
        settings.apollo.unknown_share = 0.0;
        settings.accounts.all().into_iter().for_each(|account| account.unknown_share = 0.0);
        settings.apollo.mobile_share = 1.0;
        settings.apollo.do_not_call_share = 0.0;
        settings.apollo.asynchronous.lost_share = if self == Self::Silence { 1.0 } else { 0.0 };
        settings.apollo.asynchronous.doubled_share = if self == Self::Meeting(Over::Hint) { 1.0 } else { 0.0 };
        settings.credits_per_cycle = match self {
            Self::Scarce | Self::Release => Some(2),
            // Two people with their numbers, and one more person.
            Self::Degraded | Self::Rest => Some(20),
            _ => Some(100),
        };
        settings
    }

    /// Everything up to where the calls begin that are broken. For a takeover, `first` is the call after which the
    /// first worker died.
    pub(super) async fn stage(self, lane: &mut Lane, first: usize) -> Result<Scene, StartError> {
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
            Self::Numbers => scene.leads_with_numbers(true),
            Self::Arrival | Self::Silence | Self::Meeting(Over::Hint) => scene.leads_with_numbers(false),
            Self::Meeting(Over::Employer) => [true, true].into_iter().for_each(|known| scene.lead(known)),
            Self::Meeting(Over::Person) => (0..2).for_each(|_| scene.namesake()),
            Self::Employers => {
                [true, true, false].into_iter().for_each(|known| scene.lead(known));
                scene.leads[2].end = End::OfAnEmployer;
            }
            Self::Degraded | Self::Rest => [true, true, true].into_iter().for_each(|known| scene.lead(known)),
            Self::Steps => (0..=STEPS.len()).for_each(|unknown_to| scene.lead_unknown_to(&STEPS[..unknown_to])),
        }
        scene.world.hubspot.deliver().await;
        match self {
            Self::TakeOver(_) => scene.kill_the_worker(Way::DeathAfter.plan(first)).await,
            Self::Release => scene.leave_a_hold_and_park_the_rest().await,
            Self::TurnedAway => {
                let busy = FaultRule::next(Fault::Status(503, String::new()));
                scene.world.apollo.faults().add(busy.times(PROVIDER_ATTEMPTS));
            }
            Self::Arrival => scene.find_numbers(FOUND).await,
            Self::Silence => scene.find_numbers(MISSED).await,
            Self::Meeting(Over::Hint) => {
                scene.find_numbers(FOUND).await;
                scene.world.apollo.deliver_callbacks(scene.world.http()).await;
            }
            Self::Rest => {
                scene.world.pump.round().await;
                scene.world.clock.turn(FOUND);
                scene.world.settle_down(1).await;
                scene.world.next_cycle(POOL_MILLI).await;
            }
            _ => {}
        }
        Ok(scene)
    }

    /// The calls that are broken are those of this.
    pub(super) async fn act(self, scene: &Scene) {
        let world = &scene.world;
        match self {
            Self::Release => drop(world.run_release_or_die().await),
            Self::Webhook => drop(world.hubspot.deliver().await),
            Self::Arrival => {
                world.apollo.deliver_callbacks(world.http()).await;
                world.pump.round().await;
            }
            Self::Silence | Self::Rest => {
                world.run_release_or_die().await;
                world.pump.round().await;
            }
            Self::Meeting(_) => world.pump.invoke(world.pump.receive_at_most(1).await).await,
            _ => drop(world.pump.round().await),
        }
    }

    /// The same, but before the `at`th call goes out its worker stands still until another one has worked on all the rest.
    pub(super) async fn act_overtaken(self, scene: &Scene, at: usize) {
        let world = &scene.world;
        let is_there = Arc::new(Notify::new());
        let tell = is_there.clone();
        world.wire.break_by(move |call| {
            if call.index == at {
                tell.notify_one();
            }
            None
        });
        let mut first = pin!(self.act(scene));
        let has_ended = tokio::select! {
            biased;
            () = is_there.notified() => false,
            () = &mut first => true,
        };
        // Nobody polls the first one meanwhile. Of two hints, the second is dealt with once the purchase may be asked after
        // again.
        if self == Self::Meeting(Over::Hint) {
            world.clock.turn(OVERTAKEN_AFTER);
        }
        world.pump.round().await;
        if !has_ended {
            first.await;
        }
        world.wire.mend();
    }

    /// The calls of a run in which nothing is broken.
    pub(super) async fn calls(self, lane: &mut Lane, first: usize) -> Result<Vec<Call>, StartError> {
        let scene = self.stage(lane, first).await?;
        scene.world.wire.break_by(|_| None);
        self.act(&scene).await;
        Ok(scene.world.wire.mend())
    }
}

/// Who is asked one after another. None of them charges for those whom it doesn't know.
const STEPS: [&str; 3] = ["apollo", "pdl", "hunter"];
/// How often the worker calls a provider that says it is busy.
const PROVIDER_ATTEMPTS: u32 = 3;
/// A worker is gone for good when its claims have run out.
const GONE: Duration = Duration::from_secs(10 * 60);
/// The provider has found what it looked for.
const FOUND: Duration = Duration::from_secs(6 * 60);
/// It has, and we would have heard of it.
const MISSED: Duration = Duration::from_secs(11 * 60);

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
        self.world.next_cycle(POOL_MILLI).await;
    }

    /// People who want their numbers. Whoever has typed one in has done so before anything was bought, or while it was
    /// on its way.
    fn leads_with_numbers(&mut self, typed_before: bool) {
        [true, true, true, !typed_before].into_iter().for_each(|known| self.lead(known));
        self.world.apollo.set_mobile(&self.leads[1].email, None);
        if typed_before {
            self.type_number(2);
        }
    }

    /// The worker has bought, the provider has had so much time, and somebody has typed in a number and somebody else
    /// has asked to be forgotten meanwhile.
    async fn find_numbers(&mut self, after: Duration) {
        self.world.pump.round().await;
        self.type_number(2);
        self.world.hubspot.privacy_delete(&self.leads[3].contact);
        self.leads[3].end = End::Erased;
        self.world.hubspot.deliver().await;
        self.world.clock.turn(after);
    }
}
