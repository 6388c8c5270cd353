//! What is remembered of each, and the right to work on them.

use std::collections::HashMap;

use leadgate_aws::enrolments::LineKey;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::enrolment::line::{Begin, Claim};
use leadgate_enrichment::enrolment::{EnrolmentEnd, SkipReason};
use leadgate_enrichment::ids::RecordKey;

use crate::batch::{Batch, Entry, Outcomes, Work, in_turn, postponed};
use crate::call::TROUBLE;
use crate::check::Checked;

/// Those who are to be worked on, each with the line that is to be written for it. The others end.
pub(crate) async fn look<'m>(
    batch: &Batch<'_>,
    known: Vec<(Entry<'m>, RecordKey)>,
    outcomes: &mut Outcomes,
) -> Vec<Work<'m>> {
    let keys: Vec<LineKey> = known.iter().map(|(_, record)| batch.line_key(record)).collect();
    let mut lines = match batch.worker.enrolments.read(&keys).await {
        Ok(lines) => lines,
        Err(error) => {
            known.iter().for_each(|(entry, _)| outcomes.end(entry, postponed(error.doing, TROUBLE)));
            return Vec::new();
        }
    };
    let (mut begun, mut cooling) = (Vec::new(), Vec::new());
    let now = batch.now();
    for (entry, record) in known {
        let line = lines.remove(&batch.line_key(&record)).unwrap_or_default();
        let claim = Claim {
            signal: entry.request.signal.clone(),
            arrived_at: entry.request.arrived_at,
            by: batch.invocation.id.clone(),
            until: batch.invocation.claim_until(),
        };
        match line.begin(claim, batch.rule.cool_down, now) {
            Begin::Repeated => outcomes.end(&entry, EnrolmentEnd::Skipped(SkipReason::Repeated)),
            Begin::Busy(at) => outcomes.end(&entry, in_turn("another worker is at it", until(now, at).max(TROUBLE))),
            Begin::CoolingDown => {
                cooling.push((Work { entry, record, line, was_told: false }, SkipReason::CoolingDown));
            }
            Begin::Claim(line) => begun.push(Work { entry, record, line, was_told: false }),
            Begin::Resume(line) => begun.push(Work { entry, record, line, was_told: true }),
        }
    }
    batch.skip(cooling, outcomes).await;
    begun
}

/// Takes the right to work on them.
pub(crate) async fn claim<'m>(
    batch: &Batch<'_>,
    checked: Vec<Checked<'m>>,
    outcomes: &mut Outcomes,
) -> Vec<Checked<'m>> {
    let verdicts = checked.iter().map(|checked| (checked.work.record.clone(), checked.verdict.clone()));
    let mut verdicts: HashMap<RecordKey, _> = verdicts.collect();
    let works = checked.into_iter().map(|checked| checked.work).collect();
    let written = batch.write(works, outcomes).await;
    let with_verdict = |work: Work<'m>| Some(Checked { verdict: verdicts.remove(&work.record)?, work });
    written.into_iter().filter_map(with_verdict).collect()
}
