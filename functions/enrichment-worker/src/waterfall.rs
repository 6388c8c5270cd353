//! Where the records of a batch are on their way from provider to provider.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::config::{self, OnBlocked, Tenant};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::ids::{ProviderName, RecordKey};
use leadgate_enrichment::lead::patch::{FieldMapping, patch_from};
use leadgate_enrichment::lead::record::{AskedOf, Decided, Record, State};
use leadgate_enrichment::outcome::{DeferReason, Outcome};
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::purchase::next_step::{Ask, Position};
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::retry::Retry;
use tracing::warn;

use crate::batch::Batch;
use crate::defer::{Waiting, waiting};
use crate::employers::Employers;
use crate::outcomes::Outcomes;
use crate::price::Wanted;
use crate::turn::Turn;

/// The most turns of providers in one batch: each record moves on with every turn it is in.
fn turns_max(tenant: &Tenant) -> usize {
    let turns = |waterfall: &config::Waterfall| {
        // What each step brings may be checked.
        waterfall.steps.len() * if waterfall.verifier.is_some() { 2 } else { 1 }
    };
    tenant.waterfalls().map(turns).sum()
}

/// The records that go on, and those that are done.
#[derive(Default)]
pub(crate) struct Waterfall {
    /// The wallets as they were when the records were claimed, for the first hold.
    pub(crate) wallets: Option<Vec<Wallet>>,
    open: Vec<Wanted>,
    turns: usize,
    /// What the CRM is to be told.
    pub(crate) bought: Vec<Record>,
    /// Those that wait for a provider that was left out.
    pub(crate) waiting: Vec<Waiting>,
    /// What those of them wait for that could not be paid for.
    pub(crate) waits_for: BTreeMap<RecordKey, Amounts>,
    /// What is known of where people work.
    pub(crate) employers: Employers,
}

impl Waterfall {
    /// These are to be bought for.
    pub(crate) fn of(wanted: Vec<Wanted>, wallets: Option<Vec<Wallet>>) -> Self {
        Self { wallets, open: wanted, ..Self::default() }
    }

    /// The next provider's turn, with the records whose step it is: those that are furthest behind go first, so that others
    /// may meet them at a later step.
    pub(crate) fn next_turn<'a>(
        &mut self,
        batch: &Batch<'a>,
        outcomes: &mut Outcomes<'_>,
    ) -> Option<(Turn<'a>, Vec<Wanted>)> {
        // Of the same step on another route, another provider may be asked.
        let turn_of = |wanted: &Wanted| (wanted.ask.step, wanted.ask.checks.is_some(), wanted.ask.provider.clone());
        let next = self.open.iter().map(turn_of).min()?;
        let is_now = |wanted: &Wanted| turn_of(wanted) == next;
        let (now, later): (Vec<Wanted>, Vec<Wanted>) = std::mem::take(&mut self.open).into_iter().partition(is_now);
        self.open = later;
        let (_, checks, name) = next;
        let provider = batch.tenant.provider_named(name.as_str()).filter(|_| self.turns < turns_max(batch.tenant));
        let Some(provider) = provider else {
            let records: Vec<Record> = now.into_iter().map(|wanted| wanted.record).collect();
            outcomes.give_all_back(&records, "its waterfall has too many steps", Retry::Never);
            return None;
        };
        let purchase = batch.purchase.of_turn(self.turns);
        self.turns += 1;
        Some((Turn { provider, purchase, checks }, now))
    }

    /// Sends a record on its way whose answer has been kept: to the next step, to the CRM, or to its end.
    pub(crate) fn place(
        &mut self,
        batch: &Batch<'_>,
        outcomes: &mut Outcomes<'_>,
        wanted: Wanted,
        kept: Record,
        end: &LineEnd,
    ) {
        if let State::Refused { reason } = kept.state {
            return outcomes.end(&kept.key, Outcome::Refused(reason));
        }
        let is_awaited = kept.awaited.is_some() && wanted.record.awaited.is_none();
        if let Some(ask) = wanted.next_ask(batch, &kept, end, is_awaited) {
            let missing = wanted.missing_after(batch, &kept, end, is_awaited);
            let key = kept.key.clone();
            return match (Wanted { missing, ..wanted }).at_step(batch, kept, ask) {
                Some(next) => self.open.push(next),
                None => outcomes.give_back_claimed(&key, "no price is in force", Retry::Never),
            };
        }
        if let Some((ask, reason)) = wanted.left_out(batch, &kept, end, is_awaited) {
            let (key, is_bought) = (kept.key.clone(), kept.is_paid_for());
            let next = wanted.at_step(batch, kept.clone(), ask);
            return match (is_bought, next) {
                // What was bought is written, and says what it waits for.
                (true, next) => {
                    self.waits_for.extend(next.map(|wanted| (key, wanted.total)));
                    self.bought.push(kept);
                }
                (false, Some(wanted)) => self.waiting.extend(waiting(batch, wanted, reason)),
                (false, None) => outcomes.give_back_claimed(&key, "no price is in force", Retry::Never),
            };
        }
        match kept.is_paid_for() {
            true => self.bought.push(kept),
            false if is_pending(end) => outcomes.end(&kept.key, Outcome::Pending),
            false => outcomes.end(&kept.key, Outcome::Unmatched),
        }
    }

    /// What becomes of a record whose step can't be made now: it goes on to the next one if the tenant prefers that, what was
    /// bought for it before is written, or else it is given, to wait.
    pub(crate) fn blocked(&mut self, batch: &Batch<'_>, wanted: Wanted, reason: DeferReason) -> Option<Wanted> {
        let policy = match reason {
            DeferReason::ProviderDenied | DeferReason::ProviderLimit => wanted.way(batch).on_unavailable,
            // They are free again in a moment.
            DeferReason::HeldByOthers | DeferReason::NextStep | DeferReason::AskedForAnother => OnBlocked::Wait,
            _ => wanted.way(batch).on_exhausted,
        };
        if policy == OnBlocked::Skip && wanted.ask.checks.is_some() {
            self.go_on_without_a_check(batch, wanted, reason);
            return None;
        }
        if policy == OnBlocked::Skip
            && let Some(next) = wanted.skipping(batch, reason)
        {
            self.open.push(next);
            return None;
        }
        if !batch.tenant.is_waterfall() || wanted.record.patch.is_empty() {
            return Some(wanted);
        }
        self.waits_for.insert(wanted.record.key.clone(), wanted.total.clone());
        self.bought.push(Record { owed: Some(reason), ..wanted.record });
        None
    }
}

impl Waterfall {
    /// Its address can't be checked now, and isn't waited for: what its own provider says of it decides.
    fn go_on_without_a_check(&mut self, batch: &Batch<'_>, wanted: Wanted, reason: DeferReason) {
        let mut wanted = wanted;
        let Some(candidate) = wanted.record.candidate.clone() else { return };
        warn!(record = %wanted.record.key, provider = %wanted.ask.provider, ?reason, "an address is not checked");
        let record = wanted.record.clone();
        wanted.record = match candidate.decided(&batch.tenant.fields, None) {
            Decided::Taken(patch) => {
                wanted.missing.remove(&ProfileField::Email);
                let mut told_by = record.told_by.clone();
                told_by.extend(batch.tenant.told_by(&candidate.told_by, &patch));
                Record { told_by, ..record.taken_unchecked(patch) }
            }
            Decided::Rejected(status) => record.without_its_candidate(status, None, &batch.fingerprints, batch.now()),
        };
        let left_out: BTreeSet<ProviderName> = wanted.skipped.keys().cloned().collect();
        let asked = wanted.asked_about(batch, &wanted.record);
        let (is_known, awaits) = (true, wanted.record.awaited.is_some());
        let (waterfall, missing) = (wanted.way(batch), &wanted.missing);
        let position = Position { waterfall, candidate: None, asked, is_known, missing, skipped: &left_out, awaits };
        let next = position.next(batch.tenant, &wanted.identity);
        let over = Record { state: State::Bought, owed: None, ..wanted.record.clone() };
        let record = wanted.record.clone();
        match next.and_then(|ask| wanted.at_step(batch, record, ask)) {
            Some(next) => self.open.push(next),
            None => self.bought.push(over),
        }
    }
}

impl Wanted {
    /// What was asked about it and still holds, as this record says it.
    fn asked_about<'r>(&self, batch: &Batch<'_>, record: &'r Record) -> Vec<&'r AskedOf> {
        batch.tenant.asked_about(record, &self.described, batch.delivered_at, batch.now())
    }

    /// The steps that it goes through.
    fn way<'t>(&self, batch: &Batch<'t>) -> &'t config::Waterfall {
        batch.tenant.waterfall_of(self.route)
    }

    /// The step that is next once `end` has been kept, as `kept` says it. `is_awaited` says that the rest of what was asked
    /// for is on its way.
    pub(crate) fn next_ask(&self, batch: &Batch<'_>, kept: &Record, end: &LineEnd, is_awaited: bool) -> Option<Ask> {
        let is_suppressed = *end == LineEnd::Answered(Answer::Suppressed);
        // Whether the next one is needed is known once the answer has arrived.
        if !batch.tenant.is_waterfall() || is_suppressed || is_pending(end) || kept.erased_at.is_some() {
            return None;
        }
        let mut skipped = self.skipped.clone();
        if let Some(reason) = self.owed {
            // A part of what was to be asked could not be paid for.
            match self.way(batch).on_exhausted {
                OnBlocked::Wait => return None,
                OnBlocked::Skip => drop(skipped.insert(self.ask.provider.clone(), reason)),
            }
        }
        let skipped: BTreeSet<ProviderName> = skipped.into_keys().collect();
        let asked = self.asked_about(batch, kept);
        let missing = self.missing_after(batch, kept, end, is_awaited);
        let (is_known, awaits) = (self.record.owed.is_some(), is_awaited || kept.awaited.is_some());
        let (waterfall, candidate) = (self.way(batch), kept.candidate_of(&self.described));
        let position = Position { waterfall, candidate, asked, is_known, missing: &missing, skipped: &skipped, awaits };
        position.next(batch.tenant, &self.identity)
    }

    /// The step of a provider that was left out, and why it was, once all others have been asked and something is missing that
    /// it may have: the person, or what has an order of its own. Another time it may be asked.
    pub(crate) fn left_out(
        &self,
        batch: &Batch<'_>,
        kept: &Record,
        end: &LineEnd,
        is_awaited: bool,
    ) -> Option<(Ask, DeferReason)> {
        let is_suppressed = *end == LineEnd::Answered(Answer::Suppressed);
        if self.skipped.is_empty() || is_suppressed || is_pending(end) || kept.erased_at.is_some() {
            return None;
        }
        let asked = self.asked_about(batch, kept);
        let missing = self.missing_after(batch, kept, end, is_awaited);
        let (is_known, awaits) = (self.record.owed.is_some(), is_awaited || kept.awaited.is_some());
        let (waterfall, skipped) = (self.way(batch), BTreeSet::new());
        let position =
            Position { waterfall, candidate: None, asked, is_known, missing: &missing, skipped: &skipped, awaits };
        let ask = position.next(batch.tenant, &self.identity)?;
        let reason = *self.skipped.get(&ask.provider)?;
        Some((ask, reason))
    }

    /// What is missing still, once `kept` is what the record is.
    fn missing_after(
        &self,
        batch: &Batch<'_>,
        kept: &Record,
        end: &LineEnd,
        is_awaited: bool,
    ) -> BTreeSet<ProfileField> {
        let mut missing = self.missing.clone();
        let is_email = |field: &&FieldMapping| field.from == ProfileField::Email;
        let has_email =
            batch.tenant.fields.iter().filter(is_email).any(|field| kept.patch.contains_key(&field.property));
        if has_email {
            missing.remove(&ProfileField::Email);
        }
        let LineEnd::Answered(Answer::Hit(profile)) = end else { return missing };
        if self.ask.checks.is_some() {
            return missing;
        }
        let patch = patch_from(&batch.tenant.fields, profile);
        for field in batch.tenant.fields.iter().filter(|field| patch.contains_key(&field.property)) {
            missing.remove(&field.from);
        }
        if let Some(provider) = batch.tenant.provider_named(self.ask.provider.as_str()).filter(|_| is_awaited) {
            missing.retain(|field| !provider.asynchronous.contains_key(field));
        }
        // An address that is to be checked isn't there yet.
        if kept.candidate_of(&self.described).is_some() && self.missing.contains(&ProfileField::Email) {
            missing.insert(ProfileField::Email);
        }
        missing
    }

    /// The same record at the next step that isn't this provider's, which is left out for this reason.
    fn skipping(&self, batch: &Batch<'_>, reason: DeferReason) -> Option<Self> {
        let mut skipped = self.skipped.clone();
        skipped.insert(self.ask.provider.clone(), reason);
        let left_out: BTreeSet<ProviderName> = skipped.keys().cloned().collect();
        let asked = self.asked_about(batch, &self.record);
        let is_known = self.record.owed.is_some();
        let awaits = self.record.awaited.is_some();
        let position = Position {
            waterfall: self.way(batch),
            candidate: None,
            asked,
            is_known,
            missing: &self.missing,
            skipped: &left_out,
            awaits,
        };
        let ask = position.next(batch.tenant, &self.identity)?;
        let record = self.record.clone();
        Self { skipped, ..self.clone() }.at_step(batch, record, ask)
    }
}

fn is_pending(end: &LineEnd) -> bool {
    matches!(end, LineEnd::Answered(Answer::Pending(_)))
}
