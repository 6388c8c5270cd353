//! What a batch is worked on with, and what has become of its people.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::enrolments::LineKey;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::config::{ProviderConnection, SignalRule, Signals, Tenant};
use leadgate_enrichment::enrolment::line::Line;
use leadgate_enrichment::enrolment::request::{EnrolmentRequest, Subject};
use leadgate_enrichment::enrolment::sequencer::Sequencer;
use leadgate_enrichment::enrolment::{EnrolmentEnd, SkipReason};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::RecordKey;
use leadgate_lambda::invocation::Invocation;
use tracing::{info, warn};

use crate::EnrolmentWorker;
use crate::call::TROUBLE;

/// So many lines are written side by side.
const AT_ONCE: usize = 25;

/// What a batch is worked on with.
pub(crate) struct Batch<'a> {
    pub(crate) worker: &'a EnrolmentWorker,
    pub(crate) tenant: &'a Tenant,
    pub(crate) signals: &'a Signals,
    pub(crate) rule: &'a SignalRule,
    pub(crate) connection: &'a ProviderConnection,
    pub(crate) sequencer: Box<dyn Sequencer>,
    pub(crate) key: FingerprintKey,
    pub(crate) invocation: &'a Invocation,
}

/// One person of one message.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'m> {
    /// The number of the message.
    pub(crate) message: usize,
    /// What it asks for.
    pub(crate) request: &'m EnrolmentRequest,
    pub(crate) subject: &'m Subject,
}

/// A person whose record is known, with what is remembered.
pub(crate) struct Work<'m> {
    pub(crate) entry: Entry<'m>,
    pub(crate) record: RecordKey,
    pub(crate) line: Line,
    /// Whether an earlier run may have told the vendor of them.
    pub(crate) was_told: bool,
}

/// What has become of each person of each message.
#[derive(Default)]
pub(crate) struct Outcomes(HashMap<(usize, String), EnrolmentEnd>);

/// An end that is none yet.
pub(crate) fn postponed(reason: impl Into<String>, after: Duration) -> EnrolmentEnd {
    EnrolmentEnd::Postponed { reason: reason.into(), after, in_turn: false }
}

/// The same, where others are first.
pub(crate) fn in_turn(reason: impl Into<String>, after: Duration) -> EnrolmentEnd {
    EnrolmentEnd::Postponed { reason: reason.into(), after, in_turn: true }
}

impl Outcomes {
    pub(crate) fn end(&mut self, entry: &Entry<'_>, end: EnrolmentEnd) {
        let (tenant, rule, signal) = (&entry.request.tenant, &entry.request.rule, &entry.request.signal);
        let who = entry.subject.name();
        match &end {
            EnrolmentEnd::Enrolled => info!(%tenant, rule, signal, who, "enrolled"),
            EnrolmentEnd::Skipped(reason) => info!(%tenant, rule, signal, who, reason = reason.word(), "not enrolled"),
            EnrolmentEnd::Postponed { reason, after, .. } => {
                info!(%tenant, rule, signal, who, reason, seconds = after.as_secs(), "enrolment postponed");
            }
        }
        self.0.insert((entry.message, who), end);
    }

    /// What became of a person; nothing, if that wasn't decided.
    pub(crate) fn of(&self, message: usize, subject: &Subject) -> Option<&EnrolmentEnd> {
        self.0.get(&(message, subject.name()))
    }
}

impl<'a> Batch<'a> {
    pub(crate) async fn new(
        worker: &'a EnrolmentWorker,
        tenant: &'a Tenant,
        (signals, rule): (&'a Signals, &'a SignalRule),
        invocation: &'a Invocation,
    ) -> Result<Self, StoreError> {
        let key = worker.fingerprints.key_of(&tenant.id).await?;
        let connection = tenant.provider_named(signals.provider);
        let connection =
            connection.ok_or_else(|| StoreError::unreadable("looking for the sequences", "no provider"))?;
        let sequencer = worker.connections.sequencer(connection).await?;
        Ok(Self { worker, tenant, signals, rule, connection, sequencer, key, invocation })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.worker.clock.now()
    }

    /// What is left of the run.
    pub(crate) fn time_left(&self) -> Duration {
        until(self.now(), self.invocation.deadline)
    }

    /// Whether a signal has waited for so long that it is no news any more.
    pub(crate) fn is_too_old(&self, entry: &Entry<'_>) -> bool {
        later(entry.request.arrived_at, self.signals.give_up) < self.now()
    }

    pub(crate) fn line_key(&self, record: &RecordKey) -> LineKey {
        LineKey { record: record.clone(), sequence: self.rule.sequence.clone() }
    }

    /// Writes each line as it is now. Those that another worker wrote meanwhile, and those that can't be written, are
    /// postponed; the others are given back, as they stand in the table.
    pub(crate) async fn write<'m>(&self, works: Vec<Work<'m>>, outcomes: &mut Outcomes) -> Vec<Work<'m>> {
        let (now, mut there, mut ends) = (self.now(), Vec::new(), Vec::with_capacity(works.len()));
        for some in works.chunks(AT_ONCE) {
            let keys: Vec<LineKey> = some.iter().map(|work| self.line_key(&work.record)).collect();
            let lines = keys.iter().zip(some);
            let writes = lines.map(|(key, work)| self.worker.enrolments.write(key, work.line.clone(), now));
            ends.extend(join_all(writes).await);
        }
        for (work, written) in works.into_iter().zip(ends) {
            match written {
                Ok(Some(line)) => there.push(Work { line, ..work }),
                Ok(None) => outcomes.end(&work.entry, in_turn("another worker wrote first", TROUBLE)),
                Err(error) => outcomes.end(&work.entry, postponed(error.doing, TROUBLE)),
            }
        }
        there
    }

    /// Ends these without an enrolment, which is remembered.
    pub(crate) async fn skip(&self, skipped: Vec<(Work<'_>, SkipReason)>, outcomes: &mut Outcomes) {
        let (works, reasons): (Vec<_>, Vec<_>) = skipped.into_iter().unzip();
        let now = self.now();
        let mut of_record = HashMap::new();
        let works = works.into_iter().zip(reasons).map(|(work, reason)| {
            let (signal, arrived_at) = match work.line.claim() {
                Some(claim) => (claim.signal.clone(), claim.arrived_at),
                None => (work.entry.request.signal.clone(), work.entry.request.arrived_at),
            };
            of_record.insert(work.record.clone(), reason);
            Work { line: work.line.skipped(&signal, arrived_at, reason, now), ..work }
        });
        for work in self.write(works.collect(), outcomes).await {
            if let Some(reason) = of_record.get(&work.record) {
                outcomes.end(&work.entry, EnrolmentEnd::Skipped(*reason));
            }
        }
    }

    /// Leaves these for another run: they keep what is known of them, and give their claims up.
    pub(crate) async fn give_back(&self, works: Vec<Work<'_>>, end: &EnrolmentEnd, outcomes: &mut Outcomes) {
        let entries: Vec<Entry<'_>> = works.iter().map(|work| work.entry).collect();
        let works = works.into_iter().map(|work| Work { line: work.line.given_back(), ..work }).collect();
        // A claim that can't be given up runs out.
        let written = self.write(works, outcomes).await;
        if written.len() < entries.len() {
            warn!(tenant = %self.tenant.id, "some claims could not be given up, and run out by themselves");
        }
        entries.iter().for_each(|entry| outcomes.end(entry, end.clone()));
    }
}
