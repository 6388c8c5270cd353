//! What the vendor with the sequences doesn't do as the rule says: a mailbox that can't be sent from, a task of which nobody
//! knows whether it is there.

use std::time::Duration;

use leadgate_enrichment::enrolment::line::TaskState;
use leadgate_sandbox::simulators::apollo::mailbox_id;
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Break, MAILBOXES, World};

use super::{contacts, ends, in_sequence, nothing_is_spent, tell, world_of_signals};

/// The mailboxes that people are sent to from, each once.
fn sent_from(world: &World) -> Vec<String> {
    let all = world.apollo.contacts();
    let mut used: Vec<String> = all.iter().flat_map(|it| &it.enrolments).map(|it| it.mailbox_id.clone()).collect();
    used.sort();
    used.dedup();
    used
}

#[tokio::test]
async fn a_mailbox_that_is_inactive_is_left_out_and_the_others_send() {
    let world = world_of_signals(|_| {}).await;
    world.apollo.add_mailbox(MAILBOXES[0], false);
    let contacts = contacts(&world, 4);
    tell(&world, "1", &contacts).await;
    world.settle_down(2).await;
    assert_eq!((in_sequence(&world).len(), sent_from(&world)), (4, vec![mailbox_id(MAILBOXES[1])]));
    nothing_is_spent(&world).await;
}

#[tokio::test]
async fn without_a_mailbox_that_can_be_sent_from_people_wait_for_one() {
    let world = world_of_signals(|_| {}).await;
    MAILBOXES.iter().for_each(|mailbox| drop(world.apollo.add_mailbox(mailbox, false)));
    let contacts = contacts(&world, 2);
    tell(&world, "1", &contacts).await;
    for _ in 0..3 {
        world.pump.run_dry(1).await;
        world.clock.turn(Duration::from_secs(20 * 60));
    }
    assert_eq!((in_sequence(&world).len(), world.waiting().await), (0, 1));
    world.apollo.add_mailbox(MAILBOXES[1], true);
    world.settle_down(1).await;
    assert_eq!((in_sequence(&world).len(), sent_from(&world)), (2, vec![mailbox_id(MAILBOXES[1])]));
}

/// Two contacts, enrolled by a worker that hears no answer to the creation of their tasks; then the vendor is set so.
async fn unheard(set: impl FnOnce(&World)) -> Vec<Option<TaskState>> {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 2);
    tell(&world, "1", &contacts).await;
    world.wire.break_by(|call| call.operation.ends_with("tasks/bulk_create").then_some(Break::AnswerLost));
    world.pump.round().await;
    let calls = world.wire.mend();
    assert!(calls.iter().any(|call| call.operation.ends_with("tasks/bulk_create")), "{calls:?}");
    set(&world);
    world.settle_down(1).await;
    assert_eq!((in_sequence(&world).len(), world.apollo.tasks().len()), (2, 2));
    ends(&world).await.into_values().flatten().map(|ended| ended.task).collect()
}

#[tokio::test]
async fn a_task_that_may_be_there_is_found_and_not_created_again() {
    assert_eq!(unheard(|_| {}).await, [Some(TaskState::Created); 2]);
}

#[tokio::test]
async fn where_the_vendor_does_not_say_which_tasks_there_are_none_is_created_again() {
    let tasks = unheard(|world| {
        let denied = |path: &str| path.ends_with("tasks/search").then(|| Fault::Status(403, String::new()));
        world.apollo.faults().decide_by(move |call| denied(&call.path));
    });
    assert_eq!(tasks.await, [Some(TaskState::Unknown); 2]);
}
