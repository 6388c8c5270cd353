//! Many parked leads in front of those that a history is about.

use std::time::Duration;

use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{Clock, earlier};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::{Deferral, Record, State};
use leadgate_enrichment::outcome::{DeferReason, RefuseReason};
use tokio::task::JoinSet;

use super::play::Play;

/// So many are written at a time.
const ABREAST: usize = 25;

impl Play {
    /// Parks so many records beside one that is parked already, all older than it and all waiting for a cap to lift,
    /// which is when the cycle closes: once, since each has to be dealt with when it does. Written as the worker writes
    /// them, and nobody's lead: a portal has thousands.
    pub(super) async fn crowd(&mut self, count: usize) -> Result<(), StoreError> {
        if !self.crowd.is_empty() {
            return Ok(());
        }
        let contacts: Vec<String> = self.leads.iter().map(|lead| lead.contact.clone()).collect();
        let states = self.world.states(&contacts).await?;
        let Some(parked) = states.records.into_values().find(|record| record.state.is_deferred()) else {
            return Ok(());
        };
        let now = self.world.clock.now();
        let closes = self.world.tenant().provider.plan.calendar.cycle_at(now).closes;
        let worst = parked.state.deferral().map(|deferral| deferral.worst.clone()).unwrap_or_default();
        let mut records = Vec::with_capacity(count);
        let first = self.crowd.len();
        for number in 0..count {
            let key = RecordKey { id: format!("9{:06}", first + number), ..parked.key.clone() };
            let occurred_at = parked.occurred_at.map(|at| earlier(at, Duration::from_secs(60 + number as u64)));
            let deferral = Deferral {
                reason: DeferReason::OwnerCap,
                since: now,
                not_before: closes,
                until: closes,
                worst: worst.clone(),
            };
            let state = State::Deferred { deferral };
            let record = Record { key, rev: 0, occurred_at, state, ..parked.clone() };
            records.push(record);
        }
        self.crowd.extend(self.write_all(Step::Defer, records).await?);
        Ok(())
    }

    async fn write_all(&self, step: Step, records: Vec<Record>) -> Result<Vec<Record>, StoreError> {
        let (mut writing, mut written) = (JoinSet::new(), Vec::with_capacity(records.len()));
        for record in records {
            if writing.len() >= ABREAST
                && let Some(Ok(done)) = writing.join_next().await
            {
                written.extend(done?);
            }
            let store = self.world.records.unmetered();
            writing.spawn(async move { store.write(step, record).await });
        }
        while let Some(Ok(done)) = writing.join_next().await {
            written.extend(done?);
        }
        Ok(written)
    }

    /// They are gone: nobody has to wait for them to be dealt with one by one.
    pub(super) async fn send_the_crowd_home(&mut self) -> Result<(), StoreError> {
        let keys: Vec<RecordKey> = self.crowd.drain(..).map(|record| record.key).collect();
        let records = self.world.records.unmetered();
        let there = records.read(&keys, Consistency::Strong).await?;
        let parked = there.into_values().filter(|record| record.state.is_deferred());
        let now = self.world.clock.now();
        let closed = parked.map(|record| record.refused(RefuseReason::Gone, now));
        self.write_all(Step::Dismiss, closed.collect()).await.map(drop)
    }
}
