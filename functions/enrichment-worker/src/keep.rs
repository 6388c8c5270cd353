//! The purchase: hold the worst case, call the provider, keep what came back, settle what it really cost.

use std::collections::HashMap;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::credits::{Credits, Resolved};
use leadgate_aws::records::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::later::{self, Answers};
use leadgate_enrichment::ledger::{Entry, Hold};
use leadgate_enrichment::outcome::{DeferReason, Outcome, RefuseReason};
use leadgate_enrichment::patch::patch_from;
use leadgate_enrichment::person::Profile;
use leadgate_enrichment::provider::{Answer, LaterId};
use leadgate_enrichment::record::{Awaited, Record, Rest, State};
use leadgate_enrichment::retry::Retry;
use leadgate_enrichment::settlement::{self, Asked, LineEnd};
use tracing::{error, warn};

use crate::call::{Call, Stopped};
use crate::organizations::Employers;
use crate::price::Wanted;
use crate::unit::{StepFailure, Unit};

/// How often others may leave word with a hold while it is being settled.
const WORDS_MAX: usize = 5;

impl Unit<'_> {
    /// Buys for as many of `wanted` as the credits allow, and gives the records that the CRM is to be told about.
    pub(crate) async fn buy(&mut self, wanted: Vec<Wanted>) -> Vec<Record> {
        let (wanted, mut bought) = self.known(wanted).await;
        bought.extend(self.buy_unknown(wanted).await);
        bought
    }

    async fn buy_unknown(&mut self, wanted: Vec<Wanted>) -> Vec<Record> {
        let Some(tariff) = self.tariff.clone().filter(|_| !wanted.is_empty()) else { return Vec::new() };
        let employers = self.employers(&wanted).await;
        let Some((held, wanted)) = self.hold(wanted, &tariff).await else { return Vec::new() };
        let others = self.asked_about_by_others(&wanted).await;
        let call = self.call(&wanted, &others).await;
        let asked: Vec<Asked<'_>> = wanted.iter().map(Wanted::to_settle).collect();
        let (costs, evidence) = settlement::costs(&tariff, &asked, &call.ends, call.reported);
        let Some(kept) = self.keep(&wanted, &call, &costs, &employers).await else {
            // What is not kept must not be settled as if it were: the hold stays open, and whoever takes over settles
            // it from what the records really say.
            return Vec::new();
        };
        self.tell(&wanted, &call, &[]).await;
        let entry = settlement::seen(&held.at_once, &call.ends, &costs, evidence, self.now());
        let settled = self.settle_and_tell(&held.at_once, entry.as_ref(), &wanted, &call).await;
        let settled = match held.later.filter(|_| settled) {
            Some(later) => self.settle_later(&later, entry.as_ref(), &kept).await,
            None => settled,
        };
        self.part(wanted, call, kept, settled).await
    }

    /// Writes down, record by record, what came back. `None` when the store failed for one of them.
    async fn keep(
        &mut self,
        wanted: &[Wanted],
        call: &Call,
        costs: &[Option<Amounts>],
        employers: &Employers,
    ) -> Option<Vec<Record>> {
        let now = self.now();
        let steps = wanted.iter().enumerate().zip(costs).map(|((i, wanted), cost)| {
            let (end, later, employer) = (&call.ends[i], call.later[i].as_ref(), employers.of(wanted));
            Came { wanted, end, later, cost: cost.clone().unwrap_or_default(), employer }
        });
        let steps = join_all(steps.map(|came| self.keep_one(came, now))).await;
        let steps: Vec<_> = steps.into_iter().flatten().collect();
        let failed = steps.iter().any(|step| matches!(step, Err((_, StepFailure::Store(_)))));
        let kept = self.done(steps);
        if failed {
            error!(purchase = %self.purchase, "what was bought could not be kept: its hold stays open");
            for wanted in wanted {
                self.give_back_claimed(&wanted.record.key, "what was bought could not be kept", Retry::Backoff);
            }
            return None;
        }
        Some(kept)
    }

    /// Writes down what came back for one record; `None` when nothing did. An erasure may be noted while the provider is
    /// asked: what is personal is not kept then, but what was paid for it is, and what is still to be paid for.
    async fn keep_one(&self, came: Came<'_>, now: Timestamp) -> Option<Result<Record, (RecordKey, StepFailure)>> {
        let kept = self.kept(&came, came.wanted.record.clone(), now)?;
        let (key, failure) = match self.step(Step::Keep, kept).await {
            Ok(record) => return Some(Ok(record)),
            Err((key, StepFailure::Lost)) => (key, StepFailure::Lost),
            failed => return Some(failed),
        };
        let read = self.worker.records.read(std::slice::from_ref(&key), Consistency::Strong).await;
        let there = match read {
            Ok(mut records) => records.remove(&key),
            Err(error) => return Some(Err((key, StepFailure::Store(error)))),
        };
        let ours = there.filter(|there| there.state == State::Claimed && there.purchase() == Some(&self.purchase));
        match ours.and_then(|there| self.kept(&came, there, now)) {
            Some(kept) => {
                // Noted while the provider was asked: only here is it known who it is.
                let person = came.wanted.identity.person_fingerprint(&self.fingerprints);
                if kept.erased_at.is_some()
                    && let Err(error) = self.worker.records.forget(&self.tenant.id, &person).await
                {
                    return Some(Err((key, StepFailure::Store(error))));
                }
                Some(self.step(Step::Keep, kept).await)
            }
            None => Some(Err((key, failure))),
        }
    }

    /// The record with what came back for it.
    fn kept(&self, came: &Came<'_>, record: Record, now: Timestamp) -> Option<Record> {
        let Came { wanted, end, later, cost, employer } = came;
        let (cost, is_erased) = (cost.clone(), record.erased_at.is_some());
        let kept = match end {
            LineEnd::Answered(Answer::Hit(profile)) => {
                let rest = self.rest(wanted, profile, *later);
                let mut profile = profile.clone();
                employer.iter().for_each(|employer| profile.fill_from(employer));
                let bought = record.bought(patch_from(&self.tenant.fields, &profile), cost, rest, now);
                Record { bought_for: Some(wanted.identity.person_fingerprint(&self.fingerprints)), ..bought }
            }
            LineEnd::Answered(Answer::Miss) => match employer {
                // Nobody knows the person, but where they work is something.
                Some(employer) => {
                    let patch = patch_from(&self.tenant.fields, employer);
                    Record { asked: Some(wanted.described.clone()), ..record.bought(patch, cost, Rest::None, now) }
                }
                None => record.unmatched(cost, wanted.described.clone(), now),
            },
            LineEnd::Invalid => record.refused(RefuseReason::Invalid, now),
            LineEnd::Unknown | LineEnd::NotAsked => return None,
        };
        Some(if is_erased {
            Record { asked: None, bought_for: None, ..kept.refused(RefuseReason::Erased, now) }
        } else {
            kept
        })
    }

    /// What becomes of what arrives later, for one whose person is known.
    fn rest(&self, wanted: &Wanted, profile: &Profile, later: Option<&LaterId>) -> Rest {
        match (later, profile.id(), wanted.owed) {
            (Some(request), Some(person), _) if !wanted.later.is_empty() => Rest::Awaited(Awaited {
                purchase: self.purchase.later(),
                request: request.clone(),
                person: self.fingerprints.of(person),
                fields: wanted.later.clone(),
                written: false,
            }),
            (_, _, Some(reason)) => Rest::Owed(reason),
            _ => Rest::None,
        }
    }

    /// Settles, or frees the hold when nobody was asked. If that fails, the sweeper does it from the records. Whoever
    /// has left word with it is told first.
    async fn settle_and_tell(&self, hold: &Hold, entry: Option<&Entry>, wanted: &[Wanted], call: &Call) -> bool {
        let mut open = hold.clone();
        for _ in 0..WORDS_MAX {
            match resolve(&self.worker.credits, &self.tenant.id, &open, entry).await {
                Ok(()) => return true,
                Err(Some(there)) => {
                    self.tell(wanted, call, &there.wanted).await;
                    open = there;
                }
                Err(None) => return false,
            }
        }
        false
    }

    /// What arrives later is settled when it has arrived, unless nothing will.
    async fn settle_later(&self, hold: &Hold, at_once: Option<&Entry>, kept: &[Record]) -> bool {
        if kept.iter().any(|record| record.awaits(&hold.purchase).is_some()) {
            return true;
        }
        let none = HashMap::new();
        let entry = later::settled(hold, at_once, &none, &Answers::new(), self.now());
        resolve(&self.worker.credits, &self.tenant.id, hold, entry.as_ref()).await.is_ok()
    }

    /// Sends each record its way, and gives those that the CRM is to be told about.
    async fn part(&mut self, wanted: Vec<Wanted>, call: Call, kept: Vec<Record>, settled: bool) -> Vec<Record> {
        let (mut bought, mut not_asked) = (Vec::new(), Vec::new());
        let take = |key: &RecordKey| kept.iter().find(|record| record.key == *key).cloned();
        for (wanted, end) in wanted.into_iter().zip(call.ends) {
            let record = &wanted.record;
            match end {
                LineEnd::Answered(_) => match take(&record.key) {
                    Some(kept) if kept.is_paid_for() => bought.push(kept),
                    Some(Record { refused: Some(reason), .. }) => self.end(&record.key, Outcome::Refused(reason)),
                    Some(_) => self.end(&record.key, Outcome::Unmatched),
                    // Not kept, because somebody else wrote the record: it has gone back to the queue.
                    None => {}
                },
                LineEnd::Invalid if take(&record.key).is_some() => {
                    self.end(&record.key, Outcome::Refused(RefuseReason::Invalid));
                }
                LineEnd::Invalid => {}
                LineEnd::Unknown => self.give_back_claimed(&record.key, "outcome unknown", Retry::Backoff),
                LineEnd::NotAsked => not_asked.push(wanted),
            }
        }
        let reason = match call.stopped {
            Some(Stopped::OutOfCredits) => DeferReason::ProviderOutOfCredits,
            Some(Stopped::Denied) => DeferReason::ProviderDenied,
            Some(Stopped::Later(retry, reason)) => {
                let records: Vec<Record> = not_asked.into_iter().map(|wanted| wanted.record).collect();
                if settled {
                    self.give_all_back(&records, &reason, retry);
                } else {
                    let reason = "not asked about, and its hold may still be open";
                    self.give_back_uncalled(records, reason, Retry::Backoff).await;
                }
                return bought;
            }
            None => return bought,
        };
        let waiting = not_asked.into_iter().filter_map(|wanted| self.waiting(wanted, reason)).collect();
        self.park(waiting).await;
        bought
    }
}

/// What came of the call for one record.
struct Came<'a> {
    wanted: &'a Wanted,
    end: &'a LineEnd,
    /// Under what the provider is asked for what arrives later.
    later: Option<&'a LaterId>,
    cost: Amounts,
    employer: Option<&'a Profile>,
}

/// Settles a hold with `entry`, or frees it when there is none. An error is the hold as it stands if somebody has left
/// word with it, and nothing if the store failed: then it stays open until it is swept.
pub(crate) async fn resolve(
    credits: &Credits,
    tenant: &TenantId,
    hold: &Hold,
    entry: Option<&Entry>,
) -> Result<(), Option<Hold>> {
    let purchase = &hold.purchase;
    if let Some(Entry::Purchase { excess, .. }) = entry
        && !excess.is_zero()
    {
        error!(%tenant, %purchase, %excess, "the provider charged more than the worst case in [[prices]]");
    }
    let resolved = match entry {
        Some(entry) => credits.settle(tenant, hold, entry).await,
        None => credits.void(tenant, hold).await,
    };
    match resolved {
        Ok(Resolved::Now) => Ok(()),
        Ok(Resolved::Before) => {
            warn!(%tenant, %purchase, "the hold had been resolved by somebody else");
            Ok(())
        }
        Ok(Resolved::Changed(there)) => Err(Some(*there)),
        Err(error) => {
            warn!(%tenant, %purchase, %error, "the hold stays open until it is swept");
            Err(None)
        }
    }
}

impl Wanted {
    fn to_settle(&self) -> Asked<'_> {
        Asked { identity: &self.identity, repeated: self.repeated, shared: self.shared }
    }
}
