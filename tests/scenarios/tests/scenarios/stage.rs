//! Worlds with a few leads in them.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::apollo::Asked;
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Break, Leftover, Settings, With, World};
use tokio::sync::Notify;

use crate::books::at_rest;

/// A world in which a scenario is played. When that is over, no hold may be open, and no message on a queue, unless the
/// scenario says that it leaves it.
pub(crate) struct Stage {
    world: World,
    left: Mutex<BTreeSet<Leftover>>,
}

impl Stage {
    /// This world, from now on.
    pub(crate) fn of(world: World) -> Self {
        Self { world, left: Mutex::default() }
    }

    /// The scenario ends with this on purpose.
    pub(crate) fn leaves_behind(&self, left: Leftover) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).insert(left);
    }
}

impl Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What a scenario that fails leaves behind says nothing.
        if std::thread::panicking() {
            return;
        }
        let mut leftovers = self.world.leftovers().expect("what is left can be counted");
        let expected = self.left.get_mut().unwrap_or_else(PoisonError::into_inner);
        leftovers.retain(|left, _| !expected.contains(left));
        assert!(leftovers.is_empty(), "the scenario leaves behind what it doesn't say that it leaves: {leftovers:?}");
    }
}

/// Says in which row of a table a scenario failed.
pub(crate) struct Row<T: Debug>(pub(crate) T);

impl<T: Debug> Drop for Row<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("that was with {:?}", self.0);
        }
    }
}

/// A world with the default settings.
pub(crate) async fn world() -> Stage {
    world_with(|_| {}).await
}

/// A world with settings of its own.
pub(crate) async fn world_with(set: impl FnOnce(&mut Settings)) -> Stage {
    world_of(|settings| settings, set).await
}

/// A world in which numbers are bought as well, with settings of its own.
pub(crate) async fn world_with_numbers(set: impl FnOnce(&mut Settings)) -> Stage {
    world_with(|settings| {
        with_numbers(settings);
        set(settings);
    })
    .await
}

/// A world with this CRM, and settings of its own.
pub(crate) async fn world_of(crm: With, set: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = crm(Settings::default());
    // People whom a scenario makes up are known, unless the scenario says otherwise.
    settings.apollo.unknown_share = 0.0;
    set(&mut settings);
    started(settings).await
}

/// A world with these settings.
pub(crate) async fn started(settings: Settings) -> Stage {
    Stage::of(World::start(settings).await.expect("a world starts"))
}

/// So many leads, not told about yet.
pub(crate) fn leads(world: &World, count: usize) -> Vec<String> {
    let crm = world.crm();
    (0..count).map(|i| crm.create_person(&[("email", format!("first{i}.last{i}@engine.example"))])).collect()
}

/// So many leads, on the queue.
pub(crate) async fn queued_leads(world: &World, count: usize) -> Vec<String> {
    let leads = leads(world, count);
    let delivered = world.crm().deliver().await;
    assert_eq!((delivered.rejected.len(), delivered.unanswered), (0, 0), "{delivered:?}");
    leads
}

/// Has the provider take its time over the next call. Tells when it has been asked, and lets it go on.
pub(crate) fn slow_provider(world: &World) -> (Arc<Notify>, mpsc::Sender<()>) {
    let (asked, (go_on, wait)) = (Arc::new(Notify::new()), mpsc::channel::<()>());
    let (told, wait) = (asked.clone(), Mutex::new(Some(wait)));
    world.apollo.on_call(move |_| {
        let first = wait.lock().expect("nobody panics").take();
        if let Some(wait) = first {
            told.notify_one();
            let _ = wait.recv();
        }
    });
    (asked, go_on)
}

/// Where the leads stand.
pub(crate) async fn states(world: &World, leads: &[String]) -> Vec<StateName> {
    let states = world.states(leads).await.expect("the records can be read");
    assert!(states.unknown.is_empty(), "leads without a record: {:?}", states.unknown);
    leads.iter().map(|lead| states.records[lead].state.name()).collect()
}

/// Where this lead stands.
pub(crate) async fn stands(world: &World, lead: &str) -> StateName {
    world.record(lead).await.expect("a record").state.name()
}

/// Checks that each lead has what the provider knows of it.
pub(crate) fn all_enriched(world: &World, leads: &[String]) {
    let crm = world.crm();
    for lead in leads {
        let card = crm.card(lead).expect("the record");
        let asked = Asked::email(card.get("email").expect("an address"));
        let person = world.apollo.whom(&asked).expect("a person that the provider knows");
        assert_eq!(card.get("jobtitle"), Some(&person.title), "{lead} has the provider's job title");
    }
}

/// From now on, the CRM takes nothing.
pub(crate) fn refuse_writes(world: &World) {
    world.hubspot.faults().decide_by(|call| {
        let writes = call.path.ends_with("batch/update") || call.method == "PATCH";
        let body = r#"{"status":"error","message":"a rule of the portal","category":"VALIDATION_ERROR"}"#;
        writes.then(|| Fault::Status(400, body.to_owned()))
    });
}

/// Has numbers bought as well, and everybody has one that may be called.
pub(crate) fn with_numbers(settings: &mut Settings) {
    *settings = settings.clone().with_phones();
    (settings.apollo.mobile_share, settings.apollo.do_not_call_share) = (1.0, 0.0);
}

/// Has another secret sign deliveries beside the first, as while one replaces the other.
pub(crate) fn with_two_signing_secrets(settings: &mut Settings) {
    let both = "\"leadgate/demo/crm-signing\", \"leadgate/demo/crm-signing-next\"";
    settings.config = settings.config.replace("\"leadgate/demo/crm-signing\"", both);
}

/// Leads of whom the CRM tells, and whose first is told of `again` and again: each is bought once.
pub(crate) async fn bought_once_however_often_told(world: &World, again: impl AsyncFn(&str) -> u16) {
    let leads = queued_leads(world, 5).await;
    assert_eq!(again(&leads[0]).await, 200);
    world.settle_down(3).await;
    for _ in 0..3 {
        assert_eq!(again(&leads[0]).await, 200, "it is taken, and does nothing");
        world.crm().deliver().await;
        world.settle_down(3).await;
    }
    all_enriched(world, &leads);
    assert_eq!((at_rest(world).await.spent, world.apollo.ledger().records_charged), (5000, 5));
}

/// Has e-mail addresses looked for in other sources, too, and written to `property`.
pub(crate) fn with_waterfall_email(settings: &mut Settings, property: &str) {
    let price = "\n[[prices]]\nversion = \"apollo-2026-08\"\nprovider = \"apollo\"\naction = \"match\"\n\
                 field = \"waterfall-email\"\nfrom = \"2026-01-01\"\ncharge_on = \"match\"\ncost = { credits = 4 }\n";
    let config = settings.config.replacen("\n[[prices]]", &format!("{price}\n[[prices]]"), 1);
    let config = config.replacen("callback_url =", "waterfall = [\"email\"]\ncallback_url =", 1);
    settings.config = format!("{config}\n{property} = {{ from = \"email\" }}\n");
}

/// Every way for a call to break.
pub(crate) const WAYS_TO_BREAK: [Break; 4] = [Break::Refused, Break::AnswerLost, Break::DeathBefore, Break::DeathAfter];

/// The calls of a round in which nothing breaks, by what they do.
pub(crate) async fn calls_of_a_round(world: &World) -> Vec<String> {
    world.wire.break_by(|_| None);
    world.pump.round().await;
    world.wire.mend().into_iter().map(|call| call.operation).collect()
}

/// A round in which this call breaks.
pub(crate) async fn round_that_breaks(world: &World, at: usize, how: &Break) {
    let broken = how.clone();
    world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
    world.pump.round().await;
    world.wire.mend();
}
