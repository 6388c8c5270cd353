//! The call that enrols, and what the vendor says of each.

use leadgate_enrichment::enrolment::SkipReason;
use leadgate_enrichment::enrolment::sequencer::{ContactEnd, Enrolment, SequencerCall, SequencerError};
use tracing::error;

use crate::batch::{Batch, Outcomes, Work, postponed};
use crate::call::{MINUTES, TROUBLE, call, later_than};
use crate::contacts::first_task;
use crate::mailboxes::Group;

/// Enrols those of one mailbox, and gives those who are in the sequence now.
pub(crate) async fn enrol<'m>(batch: &Batch<'_>, group: Group<'m>, outcomes: &mut Outcomes) -> Vec<Work<'m>> {
    let Group { mailbox, works } = group;
    let rule = batch.rule;
    let enrolment = Enrolment {
        sequence: rule.sequence.clone(),
        mailbox,
        contacts: works.iter().filter_map(|work| Some(work.line.place()?.contact.clone())).collect(),
        allow: rule.allow.iter().copied().collect(),
        owner: rule.owner.clone(),
    };
    let ends = match call(batch, SequencerCall::Enrol, |timeout| batch.sequencer.enrol(&enrolment, timeout)).await {
        Ok(ends) => ends,
        Err(failed) => {
            if let SequencerError::Invalid(reason) | SequencerError::Denied(reason) = &failed {
                let (tenant, sequence) = (&batch.tenant.id, &rule.sequence);
                error!(%tenant, sequence, reason, "nobody can be enrolled: mend the rule, the sequence or its mailbox");
            }
            batch.give_back(works, &later_than(&failed), outcomes).await;
            return Vec::new();
        }
    };
    let (mut enrolled, mut skipped) = (Vec::new(), Vec::new());
    let (task, now) = (first_task(batch), batch.now());
    for work in works {
        let end = work.line.place().and_then(|place| ends.get(&place.contact)).copied().unwrap_or(ContactEnd::Untold);
        match end {
            ContactEnd::Enrolled => enrolled.push(Work { line: work.line.enrolled(task, now), ..work }),
            // By what an earlier run told the vendor.
            ContactEnd::LeftOut(SkipReason::AlreadyInSequence) if work.was_told => {
                enrolled.push(Work { line: work.line.enrolled(task, now), ..work });
            }
            ContactEnd::LeftOut(reason) => skipped.push((work, reason)),
            ContactEnd::NotYet => {
                let end = postponed("the vendor is at work on the contact", MINUTES);
                batch.give_back(vec![work], &end, outcomes).await;
            }
            // The next worker asks whether they are in it.
            ContactEnd::Untold => {
                let end = postponed("the vendor says nothing of the contact", TROUBLE);
                batch.give_back(vec![work], &end, outcomes).await;
            }
        }
    }
    batch.skip(skipped, outcomes).await;
    batch.write(enrolled, outcomes).await
}
