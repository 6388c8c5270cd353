//! Unknown outcomes, resolved by the comparison with the provider's figures where these can tell.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::credits::Mark;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::{days, earlier, later};
use leadgate_enrichment::config::{ProviderConnection, Tenant};
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::credits::ledger::{Entry, Slice};
use leadgate_enrichment::purchase::reconciliation::{
    Answer, Comparison, Resolved, Unknown, Verdict, resolve, unknowns,
};
use tracing::warn;

use crate::DeferralRelease;

/// A purchase is settled at most this long after it was begun, unless it is of what arrives later or was left open: such
/// a one is held at the comparison before, and nothing is concluded then.
const SETTLED_WITHIN: Duration = Duration::from_secs(60 * 60);
/// The most purchases that are resolved together: each is an item of one transaction, and so is each of their wallets.
const TOGETHER_MAX: usize = 40;
/// For how long a difference that unknown outcomes explain waits for an hour with nothing under way, in which the figure
/// can tell. After that it is entered as a drift.
const PATIENCE: Duration = days(1);

/// What a comparison says, once unknown outcomes are taken into account.
pub(crate) enum Outcome {
    /// The verdict stands.
    Verdict(Verdict),
    /// Unknown outcomes explain all of the difference.
    Resolved(Vec<Resolved>),
}

impl DeferralRelease {
    /// Takes unknown outcomes since the last comparison into account.
    pub(crate) async fn with_unknowns(
        &self,
        (tenant, provider): (&Tenant, &ProviderConnection),
        verdict: Verdict,
        (before, since): (&Comparison, Timestamp),
        now: &Comparison,
    ) -> Result<Outcome, StoreError> {
        let at = self.clock.now();
        let stands = |verdict| Ok(Outcome::Verdict(verdict));
        let spent = now.spent - before.spent;
        if before.cycle != now.cycle || spent == Milli::ZERO {
            return stands(verdict);
        }
        let entries = self.purchases_of(tenant, provider, earlier(since, SETTLED_WITHIN)).await?;
        let unknowns = unknowns(&entries, since, spent).unwrap_or_default();
        if unknowns.is_empty() || unknowns.len() > TOGETHER_MAX {
            return stands(verdict);
        }
        match (resolve(before, now, &unknowns, at), verdict) {
            (Answer::Told(resolved), _) => Ok(Outcome::Resolved(resolved)),
            (Answer::TooEarly, _) => stands(Verdict::Agree),
            (Answer::CantTell, Verdict::Drift(drift)) if is_explained(drift, &unknowns, now, since, at) => {
                stands(Verdict::Agree)
            }
            (Answer::CantTell, verdict) => stands(verdict),
        }
    }

    /// Enters them, and gives back what was not charged. How many.
    pub(crate) async fn enter_resolved(
        &self,
        tenant: &Tenant,
        resolved: Vec<Resolved>,
        mark: &Mark,
        next: &Mark,
    ) -> Result<usize, StoreError> {
        let at = self.clock.now();
        let entry = |resolved: Resolved| {
            let Resolved { purchase, kind, outcome, slices } = resolved;
            Entry::Resolution { purchase, kind, slices, outcome, at }
        };
        let entries: Vec<Entry> = resolved.into_iter().map(entry).collect();
        if !self.credits.enter_resolutions(&tenant.id, &entries, mark, next).await? {
            return Ok(0);
        }
        for entry in &entries {
            if let Entry::Resolution { purchase, slices, outcome, .. } = entry {
                let returned = total(slices).to_decimal();
                warn!(tenant = %tenant.id, %purchase, ?outcome, returned, "the provider's figures resolve an unknown outcome");
            }
        }
        Ok(entries.len())
    }
}

/// Whether the figure is behind by no more than unknown outcomes, while something is under way so that it can't tell yet.
fn is_explained(drift: Milli, unknowns: &[Unknown], now: &Comparison, since: Timestamp, at: Timestamp) -> bool {
    let all: Milli = unknowns.iter().map(|unknown| unknown.cost).sum();
    let is_behind = drift < Milli::ZERO && Milli::ZERO - drift <= all + now.held;
    is_behind && now.held > Milli::ZERO && at < later(since, PATIENCE)
}

/// What goes back.
pub(crate) fn total(slices: &[Slice]) -> Milli {
    slices.iter().map(|slice| slice.amount).sum()
}
