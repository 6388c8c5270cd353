//! The seller's task about each who was enrolled. The vendor tells no duplicates, so that one of which it isn't known whether
//! it is there is looked for before it is created again.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::enrolment::line::TaskState;
use leadgate_enrichment::enrolment::sequencer::{SellerTask, SequencerCall, SequencerError, TaskThere};
use tracing::{error, info};

use crate::batch::{Batch, Outcomes, Work, postponed};
use crate::call::{call, later_than};
use crate::follow::contacts;

/// How long the vendor may not show a task that it has created. Nothing is documented; seconds, as of its other searches.
const SEARCH_LAG: Duration = Duration::from_secs(2 * 60);
/// So many pages of tasks are looked through: a thousand tasks that are due later than the enrolment was.
const PAGES_MAX: u32 = 10;
/// Clocks differ: a task that seems to be older than the enrolment by less than this may be of it.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Of those whose task may be there, finds out whether it is: it was created, or is still to be. Where that can't be known, it
/// stays unknown.
pub(crate) async fn look_for_left_ones<'m>(
    batch: &Batch<'_>,
    enrolled: Vec<Work<'m>>,
    outcomes: &mut Outcomes,
) -> Vec<Work<'m>> {
    let (begun, mut done): (Vec<_>, Vec<_>) =
        enrolled.into_iter().partition(|work| work.line.task() == Some(TaskState::Begun));
    if begun.is_empty() {
        return done;
    }
    let since = begun.iter().filter_map(|work| work.line.enrolled_at).min().unwrap_or_else(|| batch.now());
    let there = match tasks_since(batch, since).await {
        Ok(there) => there,
        Err(SequencerError::Denied(reason) | SequencerError::Invalid(reason)) => {
            error!(tenant = %batch.tenant.id, reason, "the vendor doesn't say which tasks there are: none is created again");
            None
        }
        Err(failed) => {
            batch.give_back(begun, &later_than(&failed), outcomes).await;
            return done;
        }
    };
    for work in begun {
        let state = match &there {
            Some(there) if has_task(&work, there) => TaskState::Created,
            Some(_) => TaskState::ToDo,
            None => TaskState::Unknown,
        };
        info!(tenant = %batch.tenant.id, record = %work.record, ?state, "a task that may be there was looked for");
        done.push(Work { line: work.line.with_task(state), ..work });
    }
    done
}

/// All tasks that have to be done after a time. An enrolment's task is due after the enrolment. `None` if there are too many to
/// see all of them.
async fn tasks_since(batch: &Batch<'_>, since: Timestamp) -> Result<Option<Vec<TaskThere>>, SequencerError> {
    let mut there = Vec::new();
    for page in 1..=PAGES_MAX {
        let found = call(batch, SequencerCall::Tasks, |timeout| batch.sequencer.tasks(page, timeout)).await?;
        let is_past = found.tasks.last().and_then(|task| task.due).is_some_and(|due| later(due, CLOCK_SKEW) < since);
        there.extend(found.tasks);
        if found.is_last || is_past {
            return Ok(Some(there));
        }
    }
    error!(tenant = %batch.tenant.id, "there are too many tasks to look through: none is created again");
    Ok(None)
}

/// Whether there is a task about the contact that isn't older than the enrolment. One of which the age isn't said counts: rather
/// no task than two.
fn has_task(work: &Work<'_>, there: &[TaskThere]) -> bool {
    let contact = work.line.place().map(|place| &place.contact);
    let is_of_it = |created: Timestamp| work.line.enrolled_at.is_none_or(|at| at <= later(created, CLOCK_SKEW));
    let mut of_contact = there.iter().filter(|task| task.contact.as_ref() == contact);
    of_contact.any(|task| task.created_at.is_none_or(is_of_it))
}

/// Creates the tasks that are still to be created. It is written down first that the vendor is about to be told.
pub(crate) async fn create<'m>(batch: &Batch<'_>, enrolled: Vec<Work<'m>>, outcomes: &mut Outcomes) -> Vec<Work<'m>> {
    let (due, mut done): (Vec<_>, Vec<_>) =
        enrolled.into_iter().partition(|work| work.line.task() == Some(TaskState::ToDo));
    let Some(task) = task_of(batch).filter(|_| !due.is_empty()) else {
        // A rule that has none any more creates none.
        done.extend(due.into_iter().map(|work| Work { line: work.line.with_task(TaskState::None), ..work }));
        return done;
    };
    let shown_by = later(batch.now(), SEARCH_LAG);
    let begun = |work: Work<'m>| Work { line: work.line.with_task(TaskState::Begun).held_until(shown_by), ..work };
    let begun = batch.write(due.into_iter().map(begun).collect(), outcomes).await;
    if begun.is_empty() {
        return done;
    }
    let contacts = contacts(&begun);
    let create = |timeout| batch.sequencer.create_tasks(&contacts, &task, timeout);
    let state = match call(batch, SequencerCall::CreateTasks, create).await {
        Ok(()) => TaskState::Created,
        Err(SequencerError::Unknown(reason)) => {
            error!(tenant = %batch.tenant.id, reason, "it isn't known whether tasks were created: they are looked for");
            let end = postponed("the vendor may not show a task yet", SEARCH_LAG);
            begun.iter().for_each(|work| outcomes.end(&work.entry, end.clone()));
            return done;
        }
        Err(SequencerError::Invalid(reason)) => {
            error!(tenant = %batch.tenant.id, reason, "the vendor refuses tasks: mend the rule's owner or task");
            TaskState::Refused
        }
        Err(failed) => {
            // Nothing was created.
            let back = begun.into_iter().map(|work| Work { line: work.line.with_task(TaskState::ToDo), ..work });
            batch.give_back(back.collect(), &later_than(&failed), outcomes).await;
            return done;
        }
    };
    done.extend(begun.into_iter().map(|work| Work { line: work.line.with_task(state), ..work }));
    done
}

/// What the rule has a seller do, if it has.
fn task_of(batch: &Batch<'_>) -> Option<SellerTask> {
    let (task, owner) = (batch.rule.task.as_ref()?, batch.rule.owner.clone()?);
    Some(SellerTask {
        owner,
        kind: task.kind,
        due: later(batch.now(), task.due),
        priority: task.priority,
        note: task.note.clone(),
    })
}
