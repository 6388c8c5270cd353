//! Comparing our ledger with the provider's own figures. Unknown outcomes that explain what differs are resolved by it;
//! anything else is entered and told, never put right by itself.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::credits::Mark;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::{earlier, later};
use leadgate_enrichment::config::{ProviderConnection, Tenant};
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::{Amounts, Milli};
use leadgate_enrichment::provider::Began;
use leadgate_enrichment::purchase::reconciliation::{
    Comparison, Expected, Remembered, Verdict, compare, first_of_cycle, mark_of,
};
use serde_json::json;
use tracing::{error, warn};

use crate::DeferralRelease;
use crate::unknown::{Outcome, total};

/// The detail type of the event.
const CREDITS_DRIFT: &str = "Credits Drift";
/// How often the provider is asked. Its figures are up to date within seconds, but asking counts towards its limits.
const EVERY: Duration = Duration::from_secs(60 * 60);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Where it is remembered when the figures could not be had last.
const ASKED: &str = "usage-failed";
/// After that, they are asked for again. A provider that hangs would otherwise take up a part of each run.
const AFTER_A_FAILURE: Duration = Duration::from_secs(30 * 60);

/// What a comparison has entered.
#[derive(Default)]
pub(crate) struct Entered {
    pub(crate) drifts: usize,
    pub(crate) resolved: usize,
}

/// What there is to compare.
struct Figures {
    compared: Comparison,
    /// When the provider's cycle began.
    began: Option<Began>,
    asked_at: Timestamp,
    /// For how long the provider may deliver, and charge for, what was asked for.
    retention: Duration,
}

impl DeferralRelease {
    /// Compares once an hour, provider by provider.
    pub(crate) async fn reconcile(&self, tenant: &Tenant) -> Result<Entered, StoreError> {
        let mut entered = Entered::default();
        for provider in tenant.paid_providers() {
            let Entered { drifts, resolved } = self.reconcile_with(tenant, provider).await?;
            entered = Entered { drifts: entered.drifts + drifts, resolved: entered.resolved + resolved };
        }
        Ok(entered)
    }

    async fn reconcile_with(&self, tenant: &Tenant, provider: &ProviderConnection) -> Result<Entered, StoreError> {
        let (now, nothing) = (self.clock.now(), Entered::default());
        let (marked, asked_mark) = (Remembered::mark(tenant, provider), mark_of(tenant, provider, ASKED));
        let mark = self.credits.mark(&tenant.id, &marked).await?;
        let before = mark.as_ref().and_then(|mark| Remembered::read(&mark.value, provider));
        let due = before.as_ref().is_none_or(|before| now >= later(instant(before.at), EVERY));
        let Some(tariff) = self.config.person_tariff(provider, now).filter(|_| due) else { return Ok(nothing) };
        // A figure in credits can't be compared with several kinds of them.
        let Some(one) = tariff.reported(Milli::ZERO) else { return Ok(nothing) };
        let asked = self.credits.mark(&tenant.id, &asked_mark).await?;
        let asked_at = asked.as_ref().and_then(|mark| Timestamp::from_millisecond(mark.value.parse().ok()?).ok());
        if asked_at.is_some_and(|at| now < later(at, AFTER_A_FAILURE)) {
            return Ok(nothing);
        }
        let Some(figures) = self.figures(tenant, provider).await? else {
            let next = Mark { name: asked_mark, value: now.as_millisecond().to_string() };
            // Lost to another run that has asked as well.
            let _: bool = self.credits.remember(&tenant.id, asked.as_ref(), &next).await?;
            return Ok(nothing);
        };
        let mut outcome = Outcome::Verdict(self.verdict(tenant, provider, before.as_ref(), &figures).await?);
        let mut compared = figures.compared;
        if let (Some(before), Outcome::Verdict(verdict)) = (&before, &outcome) {
            let since = instant(before.since.unwrap_or(before.at));
            outcome = self.with_unknowns((tenant, provider), verdict.clone(), (&before.from, since), &compared).await?;
        }
        if let Outcome::Resolved(resolved) = &outcome {
            compared.spent = compared.spent - resolved.iter().map(|one| total(&one.slices)).sum();
        }
        let (used, own) = (Some(compared.used), Some(provider.name()));
        let (from, since) = match (&outcome, before) {
            (Outcome::Verdict(Verdict::Agree), Some(before)) => (before.from, before.since.or(Some(before.at))),
            _ => (compared, Some(now.as_millisecond())),
        };
        let value = json!(Remembered { at: now.as_millisecond(), since, from, used, provider: own }).to_string();
        let next = Mark { name: marked, value };
        match (outcome, &mark) {
            (Outcome::Resolved(resolved), Some(mark)) => {
                let resolved = self.enter_resolved(tenant, resolved, mark, &next).await?;
                Ok(Entered { resolved, ..nothing })
            }
            (Outcome::Verdict(Verdict::Drift(drift)), Some(mark)) => {
                let amounts: Amounts = one.iter().map(|(bucket, _)| (bucket.clone(), drift)).collect();
                let drifts = usize::from(self.enter(tenant, amounts, now, mark, &next).await?);
                Ok(Entered { drifts, ..nothing })
            }
            _ => {
                let _: bool = self.credits.remember(&tenant.id, mark.as_ref(), &next).await?;
                Ok(nothing)
            }
        }
    }

    async fn verdict(
        &self,
        tenant: &Tenant,
        provider: &ProviderConnection,
        before: Option<&Remembered>,
        figures: &Figures,
    ) -> Result<Verdict, StoreError> {
        let compared = &figures.compared;
        match (before, figures.began) {
            (None, _) => Ok(Verdict::NewCycle),
            (Some(before), Some(began)) if before.from.cycle != compared.cycle => {
                // What was asked for in the old cycle may have been charged in this one, for as long as it is waited for.
                let since = earlier(began.earliest, figures.retention);
                let entries = self.purchases_of(tenant, provider, since).await?;
                let expected = Expected::of(began, &entries, figures.asked_at, compared.held);
                Ok(first_of_cycle(compared.used, expected))
            }
            (Some(before), _) => Ok(compare(&before.from, compared)),
        }
    }

    /// Both figures, ours on both sides of theirs: what is held on either side may be on its way.
    async fn figures(&self, tenant: &Tenant, connection: &ProviderConnection) -> Result<Option<Figures>, StoreError> {
        let (spent_before, held_before) = self.spent(tenant, connection).await?;
        let provider = self.connections.provider(tenant, connection).await?;
        let asked_at = self.clock.now();
        let usage = match provider.usage(TIMEOUT).await {
            Ok(Some(usage)) => usage,
            Ok(None) => return Ok(None),
            Err(error) => {
                warn!(tenant = %tenant.id, %error, "the provider's own figures could not be had");
                return Ok(None);
            }
        };
        let (spent, held) = self.spent(tenant, connection).await?;
        // Settled while we asked: it was held before.
        let held = held.max(held_before) + (spent - spent_before);
        let compared = Comparison { cycle: usage.cycle, used: usage.used, spent, held };
        Ok(Some(Figures { compared, began: usage.began, asked_at, retention: provider.result_retention() }))
    }

    async fn spent(&self, tenant: &Tenant, provider: &ProviderConnection) -> Result<(Milli, Milli), StoreError> {
        let wallets = self.credits.wallets(&tenant.id).await?;
        let sum = |amounts: Amounts| {
            let own = amounts.iter().filter(|(bucket, _)| tenant.is_credit_of(provider, bucket));
            own.map(|(_, amount)| amount).sum()
        };
        Ok((sum(wallets.iter().map(|w| &w.spent).sum()), sum(wallets.iter().map(|w| &w.held).sum())))
    }

    /// What was bought of this provider since.
    pub(crate) async fn purchases_of(
        &self,
        tenant: &Tenant,
        provider: &ProviderConnection,
        since: Timestamp,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.credits.purchases_since(&tenant.id, since).await?;
        let of = |entry: &Entry| tenant.provider_of(entry.provider()).map(ProviderConnection::name);
        entries.retain(|entry| of(entry) == Some(provider.name()));
        Ok(entries)
    }

    async fn enter(
        &self,
        tenant: &Tenant,
        amounts: Amounts,
        now: Timestamp,
        mark: &Mark,
        next: &Mark,
    ) -> Result<bool, StoreError> {
        let drift_credits = amounts.total().to_decimal();
        let entry = Entry::Drift { amounts, at: now };
        if !self.credits.enter_drift(&tenant.id, &entry, mark, next).await? {
            return Ok(false);
        }
        error!(tenant = %tenant.id, drift_credits, "the provider's figures moved otherwise than our ledger");
        let detail = json!({ "tenant": tenant.id, "drift": drift_credits, "at": now.to_string() });
        self.events.send(CREDITS_DRIFT, &detail).await?;
        Ok(true)
    }
}

fn instant(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::UNIX_EPOCH)
}
