//! The purchase: hold the worst case, call the provider, keep what came back, settle what it really cost.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use leadgate_aws::credits::{Holding, Resolved};
use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::choice::{Balances, Cap, Wish, choose};
use leadgate_enrichment::credits::{Amounts, Milli};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::ledger::{Allocation, Entry, Evidence, Hold, HoldLine, allocate};
use leadgate_enrichment::outcome::{DeferReason, Outcome, RefuseReason};
use leadgate_enrichment::patch::patch_from;
use leadgate_enrichment::price::{Action, Tariff};
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::record::Record;
use leadgate_enrichment::request::Source;
use leadgate_enrichment::retry::Retry;
use leadgate_enrichment::settlement::{self, Asked, LineEnd};
use leadgate_enrichment::wallet::Wallet;
use leadgate_lambda::wallets::spendable;
use tracing::{error, warn};

use crate::call::{Call, Stopped};
use crate::price::Wanted;
use crate::unit::{StepFailure, Unit};

/// How often a hold is tried when others keep taking from the same wallets. Each try starts from what is there.
const HOLD_ATTEMPTS_MAX: u32 = 5;

impl Unit<'_> {
    /// Buys for as many of `wanted` as the credits allow, and gives the records that the CRM is to be told about.
    pub(crate) async fn buy(&mut self, wanted: Vec<Wanted>) -> Vec<Record> {
        let Some(tariff) = self.tariff.clone().filter(|_| !wanted.is_empty()) else { return Vec::new() };
        let Some((hold, wanted)) = self.hold(wanted, &tariff).await else { return Vec::new() };
        let people: Vec<_> = wanted.iter().map(|wanted| wanted.identity.clone()).collect();
        let call = self.call(&people).await;
        let asked: Vec<Asked<'_>> = wanted.iter().map(Wanted::asked).collect();
        let (costs, evidence) = settlement::costs(&tariff, &asked, &call.ends, call.reported);
        let Some(kept) = self.keep(&wanted, &call, &costs).await else {
            // What is not kept must not be settled as if it were: the hold stays open, and whoever takes over settles
            // it from what the records really say.
            return Vec::new();
        };
        self.settle(&hold, &call, &costs, evidence).await;
        self.part(wanted, call, kept).await
    }

    /// Reserves what `wanted` can cost at worst. Whoever doesn't fit, in the wallets or under a cap, is parked.
    async fn hold(&mut self, mut wanted: Vec<Wanted>, tariff: &Tariff) -> Option<(Hold, Vec<Wanted>)> {
        wanted.sort_by_key(|wanted| (wanted.record.source, wanted.record.occurred_at));
        for _ in 0..HOLD_ATTEMPTS_MAX {
            let funds = match self.funds(&wanted).await {
                Ok(funds) => funds,
                Err(error) => return self.give_up_buying(&wanted, &error.to_string()),
            };
            wanted = self.park_the_rest(wanted, &funds).await;
            if wanted.is_empty() {
                return None;
            }
            let Some((hold, keep, limits)) = self.plan_hold(&wanted, &funds, tariff) else { continue };
            match self.worker.credits.hold(&self.tenant.id, &hold, &keep, &limits).await {
                Ok(Holding::Held) => return Some((hold, wanted)),
                Ok(Holding::Short) => {}
                Err(error) => return self.give_up_buying(&wanted, &error.to_string()),
            }
        }
        self.give_up_buying(&wanted, "others kept taking from the same wallets")
    }

    /// What there is to pay with, as it stands.
    async fn funds(&self, wanted: &[Wanted]) -> Result<Funds, StoreError> {
        let mut caps: Vec<String> = wanted.iter().flat_map(|wanted| &wanted.caps).map(|cap| cap.name.clone()).collect();
        caps.sort_unstable();
        caps.dedup();
        let credits = &self.worker.credits;
        let used = credits.used(&self.tenant.id, &caps).await?;
        let wallets = spendable(credits, self.tenant, Action::Match, self.now()).await?;
        Ok(Funds { balances: Balances::of(&wallets, &self.tenant.floor, used), wallets })
    }

    /// Gives those that can be paid for together, and parks the rest, each with its own reason.
    async fn park_the_rest(&mut self, wanted: Vec<Wanted>, funds: &Funds) -> Vec<Wanted> {
        let wishes: Vec<Wish<'_>> = wanted.iter().map(Wanted::wish).collect();
        let reasons = choose(&wishes, &funds.balances);
        let (mut taken, mut waiting) = (Vec::new(), Vec::new());
        for (wanted, reason) in wanted.into_iter().zip(reasons) {
            match reason {
                None => taken.push(wanted),
                Some(reason) => waiting.extend(self.waiting(wanted.record, reason, &wanted.caps)),
            }
        }
        self.park(waiting).await;
        taken
    }

    /// The hold for all of `wanted`, what has to be left in the wallet of each slice, and how far each cap goes.
    fn plan_hold(&self, wanted: &[Wanted], funds: &Funds, tariff: &Tariff) -> Option<(Hold, Vec<Milli>, Vec<Amounts>)> {
        let mut caps: BTreeMap<&str, &Cap> = BTreeMap::new();
        for cap in wanted.iter().flat_map(|wanted| &wanted.caps) {
            caps.insert(&cap.name, cap);
        }
        let place = |cap: &Cap| caps.keys().position(|name| *name == cap.name);
        let line = |wanted: &Wanted| HoldLine {
            record: wanted.record.key.clone(),
            worst: wanted.worst.clone(),
            caps: wanted.caps.iter().filter_map(place).collect(),
        };
        let lines: Vec<HoldLine> = wanted.iter().map(line).collect();
        let need = lines.iter().map(|line| &line.worst).sum();
        let leaves_floor = wanted.iter().any(|wanted| wanted.source().leaves_floor());
        let floor = if leaves_floor { self.tenant.floor.clone() } else { Amounts::default() };
        let Allocation { slices, keep } = allocate(&funds.wallets, &need, &floor)?;
        let hold = Hold {
            purchase: self.purchase.clone(),
            held_at: self.now(),
            claimed_until: self.invocation.claim_until(),
            price_version: tariff.version(),
            lines,
            slices,
            caps: caps.keys().map(|name| (*name).to_owned()).collect(),
        };
        Some((hold, keep, caps.values().map(|cap| cap.limit.clone()).collect()))
    }

    fn give_up_buying<T>(&mut self, wanted: &[Wanted], reason: &str) -> Option<T> {
        let records: Vec<Record> = wanted.iter().map(|wanted| wanted.record.clone()).collect();
        self.give_all_back(&records, reason, Retry::Backoff);
        None
    }

    /// Writes down, record by record, what came back. `None` when the store failed for one of them.
    async fn keep(&mut self, wanted: &[Wanted], call: &Call, costs: &[Option<Amounts>]) -> Option<Vec<Record>> {
        let now = self.now();
        let steps = wanted.iter().zip(&call.ends).zip(costs).filter_map(|((wanted, end), cost)| {
            let (record, cost) = (wanted.record.clone(), cost.clone().unwrap_or_default());
            Some(match end {
                LineEnd::Answered(Answer::Hit(profile)) => {
                    record.bought(patch_from(&self.tenant.fields, profile), cost, now)
                }
                LineEnd::Answered(Answer::Miss) => record.unmatched(cost, wanted.identity.fingerprint(), now),
                LineEnd::Invalid => record.refused(RefuseReason::Invalid, now),
                LineEnd::Unknown | LineEnd::NotAsked => return None,
            })
        });
        let steps: Vec<Record> = steps.collect();
        let steps = join_all(steps.into_iter().map(|record| self.step(Step::Keep, record))).await;
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

    /// Settles, or frees the hold when nobody was asked. If that fails, the sweeper does it from the records.
    async fn settle(&self, hold: &Hold, call: &Call, costs: &[Option<Amounts>], evidence: Evidence) {
        let (credits, tenant, purchase) = (&self.worker.credits, &self.tenant.id, &hold.purchase);
        let resolved = match settlement::seen(hold, &call.ends, costs, evidence, self.now()) {
            Some(entry) => {
                if let Entry::Purchase { excess, .. } = &entry
                    && !excess.is_zero()
                {
                    error!(%tenant, %purchase, %excess, "the provider charged more than the worst case in [[prices]]");
                }
                credits.settle(tenant, hold, &entry).await
            }
            None => credits.void(tenant, hold).await,
        };
        match resolved {
            Ok(Resolved::Now) => {}
            Ok(Resolved::Before) => warn!(%tenant, %purchase, "the hold had been resolved by somebody else"),
            Err(error) => warn!(%tenant, %purchase, %error, "the hold stays open until it is swept"),
        }
    }

    /// Sends each record its way, and gives those that the CRM is to be told about.
    async fn part(&mut self, wanted: Vec<Wanted>, call: Call, kept: Vec<Record>) -> Vec<Record> {
        let (mut bought, mut not_asked) = (Vec::new(), Vec::new());
        let take = |key: &RecordKey| kept.iter().find(|record| record.key == *key).cloned();
        for (Wanted { record, .. }, end) in wanted.into_iter().zip(call.ends) {
            match end {
                LineEnd::Answered(Answer::Hit(_)) => bought.extend(take(&record.key)),
                LineEnd::Answered(Answer::Miss) if take(&record.key).is_some() => {
                    self.end(&record.key, Outcome::Unmatched);
                }
                LineEnd::Invalid if take(&record.key).is_some() => {
                    self.end(&record.key, Outcome::Refused(RefuseReason::Invalid));
                }
                // Not kept, because somebody else wrote the record: it has gone back to the queue.
                LineEnd::Answered(Answer::Miss) | LineEnd::Invalid => {}
                LineEnd::Unknown => self.give_back_claimed(&record.key, "outcome unknown", Retry::Backoff),
                LineEnd::NotAsked => not_asked.push(record),
            }
        }
        let reason = match call.stopped {
            Some(Stopped::OutOfCredits) => DeferReason::ProviderOutOfCredits,
            Some(Stopped::Denied) => DeferReason::ProviderDenied,
            Some(Stopped::Later(retry, reason)) => {
                self.give_all_back(&not_asked, &reason, retry);
                return bought;
            }
            None => return bought,
        };
        let waiting = not_asked.into_iter().filter_map(|record| self.waiting(record, reason, &[])).collect();
        self.park(waiting).await;
        bought
    }
}

/// What there is to pay with.
struct Funds {
    wallets: Vec<Wallet>,
    balances: Balances,
}

impl Wanted {
    fn asked(&self) -> Asked<'_> {
        Asked { identity: &self.identity, repeated: self.record.was_bought_before() }
    }

    fn source(&self) -> Source {
        self.record.source.unwrap_or(Source::Change)
    }

    fn wish(&self) -> Wish<'_> {
        Wish { worst: &self.worst, source: self.source(), caps: &self.caps }
    }
}
