//! Many records at once, and what may go wrong between them.

use std::sync::Mutex;
use std::time::Duration;

use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Settings, World};

use super::{done, typed, undone, value};
use crate::books::Books;
use crate::undo::undo;

const EVER: [&str; 2] = ["--since", "2026-01-01T00:00:00Z"];
/// More than HubSpot takes in one call, and less than twice as many.
const LEADS: usize = 130;

async fn leads(world: &World, count: usize) -> Vec<String> {
    let email = |number: usize| format!("first{number}.last{number}@engine.example");
    let leads: Vec<String> =
        (0..count).map(|number| world.hubspot.create_contact([("email", email(number))])).collect();
    world.hubspot.deliver().await;
    world.settle_down(3).await;
    assert!(leads.iter().all(|lead| value(world, lead, "jobtitle").is_some()));
    leads
}

fn titles(world: &World, leads: &[String]) -> usize {
    leads.iter().filter(|lead| value(world, lead, "jobtitle").is_some()).count()
}

fn calls(world: &World) -> [u64; 3] {
    let counters = world.hubspot.counters();
    ["batch_read", "batch_update", "update"].map(|operation| counters.of(operation))
}

#[tokio::test]
async fn a_batch_takes_a_call_to_read_and_one_to_write() {
    let world = super::world(|_| {}).await;
    let leads = leads(&world, LEADS).await;
    world.hubspot.edit(&leads[7], "jobtitle", "Queen");
    let before = calls(&world);
    let arguments = typed(&world, &EVER);
    let (books, told) = (Books::find(&arguments.place).await.expect("books"), Mutex::new(Vec::new()));
    let progress = |done: usize, of: usize| told.lock().expect("no panic").push((done, of));
    let done = undo(&books, &arguments, &*world.clock, &progress).await.expect("undone");
    assert_eq!((done.records.len(), done.stopped), (LEADS, None));
    assert_eq!(titles(&world, &leads), 1, "what a person typed stays");
    let after = calls(&world);
    assert_eq!([0, 1, 2].map(|at| after[at] - before[at]), [2, 2, 0]);
    assert_eq!(*told.lock().expect("no panic"), [(100, LEADS), (LEADS, LEADS)]);

    let again = undone(&world, &EVER).await.expect("a repeat");
    assert!(again.iter().all(|it| it.restored.is_empty()), "what is put back is left alone");
    assert_eq!([0, 1, 2].map(|at| calls(&world)[at] - after[at]), [2, 0, 0]);
}

#[tokio::test]
async fn a_run_that_stops_half_way_is_finished_by_the_next() {
    let world = super::world(|_| {}).await;
    let leads = leads(&world, LEADS).await;
    // The second batch: the token isn't accepted any more, which takes an operator to mend.
    let unauthorized = FaultRule::on("batch/update", Fault::Status(401, String::new()));
    let reads = world.hubspot.counters().of("batch_read");
    let hubspot = std::sync::Arc::downgrade(&world.hubspot);
    world.hubspot.on_call(move |call| {
        if let Some(hubspot) = hubspot.upgrade().filter(|_| call.path.ends_with("batch/read"))
            && hubspot.counters().of("batch_read") > reads
        {
            hubspot.faults().add(unauthorized.clone());
        }
    });
    let stopped = done(&world, &EVER).await.expect("a part");
    assert_eq!((stopped.records.len(), titles(&world, &leads)), (100, 30));
    assert!(stopped.stopped.is_some_and(|why| why.contains("401")));
    world.hubspot.on_call(|_| {});
    world.hubspot.faults().clear();
    let rest = undone(&world, &EVER).await.expect("the rest");
    assert_eq!((rest.len(), titles(&world, &leads)), (LEADS, 0));
    assert_eq!(rest.iter().filter(|it| !it.restored.is_empty()).count(), 30);
}

#[tokio::test]
async fn what_the_crm_doesnt_take_for_now_is_taken_later() {
    let throttle = Fault::Throttle { retry_after: Some(Duration::from_secs(20)) };
    let faults = [throttle, Fault::Status(503, String::new()), Fault::DropAfterWork, Fault::DropBeforeWork];
    for (number, fault) in faults.into_iter().enumerate() {
        for place in ["batch/read", "batch/update"] {
            let world = super::world(|_| {}).await;
            let leads = leads(&world, 3).await;
            world.hubspot.faults().add(FaultRule::on(place, fault.clone()).times(2));
            let done = undone(&world, &EVER).await.expect("undone");
            assert_eq!((done.len(), titles(&world, &leads)), (3, 0), "{number}, {place}");
            let restored = |property: &str| {
                done.iter().all(|it| it.restored.iter().any(|restored| restored == property) && it.left.is_empty())
            };
            assert!(restored("jobtitle") && restored("leadgate_last_enriched"), "{number}, {place}: {done:?}");
        }
    }
}

/// A CRM that writes one record with a call, and has enough of it after some.
#[tokio::test]
async fn what_has_no_answer_is_tried_again() {
    let mut settings = Settings::default().with_close();
    settings.apollo.unknown_share = 0.0;
    let world = World::start(settings).await.expect("a world starts");
    let email = |number: usize| format!("first{number}.last{number}@engine.example");
    let contacts: Vec<String> = (0..5).map(|number| world.close.create_contact([("email", email(number))])).collect();
    world.close.deliver().await;
    world.settle_down(1).await;
    let titles = || {
        let titles = contacts.iter().filter_map(|id| world.close.contact(id)?.value("title"));
        titles.filter(|title| !title.is_empty()).count()
    };
    assert_eq!(titles(), 5);
    let writes = std::sync::atomic::AtomicU32::new(0);
    world.close.faults().decide_by(move |call| {
        let is_third = call.method == "PUT" && writes.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2;
        is_third.then(|| Fault::Throttle { retry_after: Some(Duration::from_secs(1)) })
    });
    let done = undone(&world, &EVER).await.expect("undone");
    assert_eq!((done.len(), titles()), (5, 0));
    assert!(done.iter().all(|it| !it.restored.is_empty() && it.left.is_empty()), "{done:?}");
}
