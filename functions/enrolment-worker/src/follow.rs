//! What belongs to an enrolment: the seller's task, the contact's stage, and a word in the CRM.

use std::collections::BTreeMap;

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::enrolment::EnrolmentEnd;
use leadgate_enrichment::enrolment::line::TaskState;
use leadgate_enrichment::enrolment::sequencer::{SequencerCall, SequencerError};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use tracing::{error, info, warn};

use crate::batch::{Batch, Outcomes, Work, in_turn, postponed};
use crate::call::{TROUBLE, call, later_than};
use crate::resolve::crm_trouble;
use crate::tasks;

/// Does it for all of them, and closes.
pub(crate) async fn follow(batch: &Batch<'_>, enrolled: Vec<Work<'_>>, outcomes: &mut Outcomes) {
    let enrolled = Box::pin(tasks::look_for_left_ones(batch, enrolled, outcomes)).await;
    let with_tasks = tasks::create(batch, enrolled, outcomes).await;
    if with_tasks.is_empty() {
        return;
    }
    if let Err(end) = stage(batch, &with_tasks).await {
        return batch.give_back(with_tasks, &end, outcomes).await;
    }
    if let Err(end) = tell_crm(batch, &with_tasks).await {
        return batch.give_back(with_tasks, &end, outcomes).await;
    }
    close(batch, with_tasks, outcomes).await;
}

/// Puts the contacts into the rule's stage.
async fn stage(batch: &Batch<'_>, enrolled: &[Work<'_>]) -> Result<(), EnrolmentEnd> {
    let Some(stage) = &batch.rule.stage else { return Ok(()) };
    let contacts = contacts(enrolled);
    match call(batch, SequencerCall::SetStage, |timeout| batch.sequencer.set_stage(&contacts, stage, timeout)).await {
        Ok(()) => Ok(()),
        Err(SequencerError::Invalid(reason) | SequencerError::Denied(reason)) => {
            error!(tenant = %batch.tenant.id, reason, "the vendor refuses the stage: mend the rule");
            Ok(())
        }
        Err(error) => Err(later_than(&error)),
    }
}

/// Writes into the CRM which rule enrolled them, and on which day. Written again it is the same.
async fn tell_crm(batch: &Batch<'_>, enrolled: &[Work<'_>]) -> Result<(), EnrolmentEnd> {
    let Some(property) = &batch.signals.enrolled_property else { return Ok(()) };
    let crm = batch.worker.connections.crm(batch.tenant).await;
    let crm = crm.map_err(|error| crm_trouble(&CrmError { reason: error.to_string(), retry: error.retry }))?;
    for same in enrolled.chunk_by(|a, b| a.record.object == b.record.object) {
        for works in same.chunks(batch.tenant.crm.vendor.records_per_call.max(1)) {
            let patch =
                |work: &Work<'_>| (work.record.id.clone(), Patch::from([(property.clone(), told(batch, work))]));
            let patches: BTreeMap<String, Patch> = works.iter().map(patch).collect();
            match crm.write(&works[0].record.object, &patches).await {
                Ok(written) if patches.keys().all(|id| written.contains_key(id)) => {}
                Ok(_) => return Err(postponed("the CRM took only a part of a batch", TROUBLE)),
                Err(CrmError { reason, retry: Retry::Never }) => {
                    error!(tenant = %batch.tenant.id, reason, "the CRM refuses what is written of enrolments");
                }
                Err(error) => return Err(crm_trouble(&error)),
            }
        }
    }
    Ok(())
}

/// `new-job, 2026-01-15`
fn told(batch: &Batch<'_>, work: &Work<'_>) -> String {
    let at = work.line.enrolled_at.unwrap_or_else(|| batch.now());
    format!("{}, {}", batch.rule.name, at.to_zoned(batch.tenant.time_zone.clone()).date())
}

/// Closes their lines, and says how long each took since its signal.
async fn close(batch: &Batch<'_>, enrolled: Vec<Work<'_>>, outcomes: &mut Outcomes) {
    let now = batch.now();
    let signals: Vec<_> = enrolled.iter().map(|work| work.line.claim().map(|claim| claim.signal.clone())).collect();
    let by_record: BTreeMap<_, _> = enrolled.iter().map(|work| work.record.clone()).zip(signals).collect();
    let closed = enrolled.into_iter().map(|work| Work { line: work.line.done(now), ..work }).collect();
    for work in batch.write(closed, outcomes).await {
        let (tenant, rule) = (&batch.tenant.id, &batch.rule.name);
        if let Some(ended) = work.line.ended.last() {
            let signal_to_enrolment_ms = ended.at.duration_since(ended.arrived_at).as_millis();
            info!(%tenant, rule, signal_to_enrolment_ms, task = ?ended.task, "contact enrolled");
            if ended.task == Some(TaskState::Unknown) {
                warn!(%tenant, rule, record = %work.record, "nobody knows whether there is a task: look for it");
            }
        }
        let own = by_record.get(&work.record).and_then(Option::as_ref) == Some(&work.entry.request.signal);
        outcomes.end(
            &work.entry,
            match own {
                true => EnrolmentEnd::Enrolled,
                // It was finished for another signal; this one has its own end.
                false => in_turn("another signal about them came first", TROUBLE),
            },
        );
    }
}

pub(crate) fn contacts(works: &[Work<'_>]) -> Vec<String> {
    works.iter().filter_map(|work| Some(work.line.place()?.contact.clone())).collect()
}
