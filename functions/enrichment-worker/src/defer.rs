//! Parking what the credits can't pay for.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::choice::{Balances, Choice, Wish, choose};
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::outcome::{DeferReason, Outcome};
use leadgate_enrichment::price::Action;
use leadgate_enrichment::record::{Deferral, Record};
use leadgate_enrichment::request::EnrichmentRequest;

use crate::look::Due;
use crate::price::Wanted;
use crate::unit::Unit;

/// A record that has to wait.
pub(crate) struct Waiting {
    pub(crate) record: Record,
    pub(crate) request: EnrichmentRequest,
    pub(crate) reason: DeferReason,
    /// What it waits for.
    pub(crate) worst: Amounts,
    /// Not to be tried again before.
    pub(crate) not_before: Timestamp,
}

/// When the provider itself says no, whatever our ledger says, an operator has to act: asking again at once would
/// only ask again.
const PROVIDER_PAUSE: Duration = Duration::from_secs(60 * 60);

impl Unit<'_> {
    /// Parts those that the wallets can pay for from those that have to wait. Nothing is known of them yet but where
    /// they come from, so caps are not looked at.
    pub(crate) async fn affordable(&self, due: Vec<Due>) -> Result<(Vec<Due>, Vec<Waiting>), StoreError> {
        if due.is_empty() {
            return Ok((due, Vec::new()));
        }
        let now = self.now();
        let wallets = self.spendable(Action::Match).await?;
        let (worst, balances) = (self.worst_of(false), Balances::of(&wallets, &self.tenant.floor, BTreeMap::new()));
        let wishes: Vec<Wish<'_>> =
            due.iter().map(|due| Wish { worst: &worst, part: None, source: due.request.source, caps: &[] }).collect();
        let (mut taken, mut waiting) = (Vec::new(), Vec::new());
        for (due, choice) in due.into_iter().zip(choose(&wishes, &balances)) {
            match choice {
                Choice::Whole | Choice::Part(_) => taken.push(due),
                Choice::Wait(reason) => {
                    let Due { record, request } = due;
                    waiting.push(Waiting { record, request, reason, worst: worst.clone(), not_before: now });
                }
            }
        }
        Ok((taken, waiting))
    }

    /// A claimed record that has to wait, and for how long at least.
    pub(crate) fn waiting(&self, wanted: Wanted, reason: DeferReason) -> Option<Waiting> {
        // One who takes a part waits for no more than that.
        let worst = wanted.part(self.tenant.on_exhausted).unwrap_or(&wanted.total).clone();
        let Wanted { record, caps, .. } = wanted;
        let request = record.wish()?;
        let not_before = match reason {
            DeferReason::ProviderOutOfCredits | DeferReason::ProviderDenied => later(self.now(), PROVIDER_PAUSE),
            DeferReason::OwnerCap | DeferReason::SourceCap | DeferReason::DayCap => {
                caps.iter().find(|cap| cap.reason == reason).map_or_else(|| self.now(), |cap| cap.lifts)
            }
            DeferReason::Balance | DeferReason::HeldByOthers | DeferReason::Floor | DeferReason::ProviderLimit => {
                self.now()
            }
        };
        Some(Waiting { record, request, reason, worst, not_before })
    }

    /// Parks them, at one write each.
    pub(crate) async fn park(&mut self, waiting: Vec<Waiting>) {
        let now = self.now();
        let mut outcomes = Vec::with_capacity(waiting.len());
        let mut steps = Vec::with_capacity(waiting.len());
        for Waiting { record, request, reason, worst, not_before } in waiting {
            let until = if not_before > now { not_before } else { self.next_grant() };
            let deferral = Deferral { reason, since: now, not_before, until, worst };
            outcomes.push((record.key.clone(), Outcome::Deferred { reason, until }));
            steps.push(record.deferred(&request, deferral));
        }
        let steps = join_all(steps.into_iter().map(|record| self.step(Step::Defer, record))).await;
        self.done_with(steps, outcomes);
    }

    /// One whose person was bought and written, and that waits for what arrives later: the same write closes the one
    /// and parks the other.
    pub(crate) fn park_the_rest_of(&self, record: Record) -> Record {
        let (Some(reason), Some(request)) = (record.owed, record.wish()) else { return record };
        let worst = [&self.worst_of(true), &self.worst_later(&self.tenant.later_fields())].into_iter().sum();
        let now = self.now();
        let deferral = Deferral { reason, since: now, not_before: now, until: self.next_grant(), worst };
        record.deferred(&request, deferral)
    }

    fn next_grant(&self) -> Timestamp {
        self.tenant.plan.grants.cycle_at(self.now()).closes
    }
}
