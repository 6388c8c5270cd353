//! The vendor's contact of each, and whether those whom another worker left are in the sequence.

use leadgate_enrichment::enrolment::SkipReason;
use leadgate_enrichment::enrolment::line::{Place, TaskState};
use leadgate_enrichment::enrolment::sequencer::{Prospect, SequencerCall};

use crate::batch::{Batch, Outcomes, Work};
use crate::call::{call, later_than};
use crate::check::Checked;

/// Somebody whom the vendor has a contact of.
pub(crate) struct Contactable<'m> {
    pub(crate) work: Work<'m>,
    pub(crate) contact: String,
}

/// Those of whom the vendor may have been told are looked up there: whoever is in the sequence has been enrolled. Gives
/// those who are still to be, and those who are.
pub(crate) async fn look_up_left_ones<'m>(
    batch: &Batch<'_>,
    claimed: Vec<Checked<'m>>,
    outcomes: &mut Outcomes,
) -> (Vec<(Work<'m>, Prospect)>, Vec<Work<'m>>) {
    let (mut open, mut enrolled, mut found, mut skipped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Checked { work, verdict } in claimed {
        if work.line.task().is_some() {
            enrolled.push(work);
            continue;
        }
        if let Some(Place { contact, .. }) = work.line.place().cloned() {
            let (sequence, sequencer) = (&batch.rule.sequence, &batch.sequencer);
            let is_in = |timeout| sequencer.is_in_sequence(&contact, sequence, timeout);
            match call(batch, SequencerCall::IsInSequence, is_in).await {
                Ok(true) => {
                    found.push(work);
                    continue;
                }
                Ok(false) => {}
                Err(error) => {
                    batch.give_back(vec![work], &later_than(&error), outcomes).await;
                    continue;
                }
            }
        }
        match verdict {
            Ok(prospect) => open.push((work, prospect)),
            Err(reason) => skipped.push((work, reason)),
        }
    }
    batch.skip(skipped, outcomes).await;
    let (task, now) = (first_task(batch), batch.now());
    let found = found.into_iter().map(|work| Work { line: work.line.enrolled(task, now), ..work }).collect();
    enrolled.extend(batch.write(found, outcomes).await);
    (open, enrolled)
}

/// Where the seller's task stands of somebody who was just enrolled.
pub(crate) fn first_task(batch: &Batch<'_>) -> TaskState {
    if batch.rule.task.is_some() { TaskState::ToDo } else { TaskState::None }
}

/// Finds the contact of each, or has the vendor create it.
pub(crate) async fn find_or_create<'m>(
    batch: &Batch<'_>,
    open: Vec<(Work<'m>, Prospect)>,
    outcomes: &mut Outcomes,
) -> Vec<Contactable<'m>> {
    if open.is_empty() {
        return Vec::new();
    }
    let (works, people): (Vec<_>, Vec<_>) = open.into_iter().unzip();
    let find = |timeout| batch.sequencer.find_or_create(&people, timeout);
    let contacts = match call(batch, SequencerCall::FindOrCreate, find).await {
        Ok(contacts) => contacts,
        Err(error) => {
            batch.give_back(works, &later_than(&error), outcomes).await;
            return Vec::new();
        }
    };
    let (mut there, mut unclear) = (Vec::new(), Vec::new());
    for (work, contact) in works.into_iter().zip(contacts) {
        match contact {
            Some(contact) => there.push(Contactable { work, contact }),
            None => unclear.push((work, SkipReason::UnclearContact)),
        }
    }
    batch.skip(unclear, outcomes).await;
    there
}
