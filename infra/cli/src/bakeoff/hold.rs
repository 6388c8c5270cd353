//! Holding what calls of a bake-off can cost, settling it, and recovering what a process has left open.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::credits::{Holding, Standing};
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::cap::{Limit, Used};
use leadgate_enrichment::credits::ledger::{Entry, Evidence, Hold, HoldLine, PurchaseKind, allocate};
use leadgate_enrichment::credits::price::Action;
use leadgate_enrichment::ids::{ObjectType, Origin, PurchaseId, RecordKey};
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::person::Profile;
use leadgate_enrichment::provider::Answer as Said;
use leadgate_enrichment::purchase::choice::{Cap, caps};
use leadgate_enrichment::purchase::settlement::{self, LineEnd};
use leadgate_purchase::recover;
use leadgate_purchase::reserve::{Caps, Holder, Line as HeldLine};
use leadgate_purchase::settle::settle;
use leadgate_purchase::wallets::TenantWallets;

use super::buy::{Buyer, Offer, Why};
use super::journal::{Asking, Journal, Told};
use super::results::{Answer, End};
use crate::Failure;

/// When a call's hold may be settled by others, because nobody can be at it any more.
const CLAIM: Duration = Duration::from_secs(60);
/// How often a hold is tried when others take from the same wallets.
const HOLDS_MAX: u32 = 5;
/// In the ledger, whom a bake-off asks about is named by its name and their place.
const ORIGIN: Origin = Origin::known("bakeoff");
/// How many purchases are read in the ledger at once.
const STANDINGS_MAX: usize = 50;

impl Buyer<'_> {
    /// The caps that it counts towards: its own budget, and the tenant's day.
    pub(super) fn caps(&self, now: Timestamp) -> Vec<Cap> {
        let of_tenant = caps(self.books.tenant(), Source::Change, None, now);
        let mut all: Vec<Cap> = of_tenant.into_iter().filter(|cap| cap.reason == DeferReason::DayCap).collect();
        all.push(Cap {
            name: format!("bakeoff#{}", self.name),
            limit: Limit { credits: self.budget.clone(), money: None },
            reason: DeferReason::SourceCap,
            lifts: Timestamp::MAX,
        });
        all
    }

    /// Holds what these can cost at worst, or says why it can't.
    pub(super) async fn hold(
        &self,
        offer: &Offer<'_>,
        purchase: &PurchaseId,
        places: &[usize],
    ) -> Result<Result<Hold, Why>, Failure> {
        let (now, tenant) = (self.clock.now(), self.books.tenant());
        let own = self.caps(now);
        let caps = Caps::of(&own);
        let records: Vec<RecordKey> = places.iter().map(|place| self.record(*place)).collect();
        let line = |subject| HeldLine { subject, worst: offer.tariff.worst(), caps: &own };
        let lines: Vec<HeldLine<'_>> = records.iter().map(line).collect();
        let need: Amounts = lines.iter().map(|line| &line.worst).sum();
        let limits = caps.limits(|_| Amounts::default());
        let claimed_until = later(now, CLAIM);
        let wallets = TenantWallets { credits: &self.books.credits, tenant };
        for _ in 0..HOLDS_MAX {
            let spendable = wallets.spendable(Action::Match, now, claimed_until).await?;
            let Some(allocation) = allocate(&spendable, &need, &tenant.floor) else {
                let name = offer.connection.vendor.name;
                return Ok(Err(format!(
                    "the credits of {name} don't pay for more, with the floor that is kept for new leads"
                )));
            };
            let holder = Holder {
                purchase: purchase.clone(),
                claim: purchase.clone(),
                provider: offer.connection.name(),
                kind: PurchaseKind::Person,
                held_at: now,
                claimed_until,
            };
            let hold = holder.hold(&caps, &lines, allocation.slices.clone(), offer.tariff.version());
            if self.books.credits.hold_all(&tenant.id, &hold, &[], &allocation, &limits).await? == Holding::Held {
                return Ok(Ok(hold));
            }
            let used = self
                .books
                .credits
                .used(&tenant.id, &own.iter().map(|cap| cap.name.clone()).collect::<Vec<_>>())
                .await?;
            let nothing = Used::default();
            let is_full = |cap: &&Cap| cap.limit.is_too_low_for(used.get(&cap.name).unwrap_or(&nothing), &need);
            if let Some(cap) = own.iter().find(is_full) {
                return Ok(Err(match cap.reason {
                    DeferReason::DayCap => "the day's cap is reached".to_owned(),
                    _ => format!("the budget is reached: {}", cap.limit.credits),
                }));
            }
        }
        Ok(Err("others keep taking from the same wallets".to_owned()))
    }

    pub(super) fn record(&self, place: usize) -> RecordKey {
        let tenant = self.books.tenant.clone();
        RecordKey { tenant, origin: ORIGIN, object: ObjectType::CONTACT, id: format!("{}-{place}", self.name) }
    }

    /// Spends what it cost, and frees the rest. If that fails it is done when the bake-off is run again, or as spent by the
    /// release.
    pub(super) async fn settle(&self, hold: &Hold, told: &Told) {
        let _ =
            settle(&self.books.credits, &self.books.tenant, hold, entry(hold, told, self.clock.now()).as_ref()).await;
    }

    /// Ends what a process has left open that was killed: what it wrote down is settled by that, and the rest is counted as
    /// spent.
    pub(super) async fn recover(&self, journal: &mut Journal) -> Result<(), Failure> {
        let calls: Vec<(Asking, Option<Told>)> =
            journal.calls().map(|(asking, told)| (asking.clone(), told.cloned())).collect();
        let (credits, tenant) = (&self.books.credits, &self.books.tenant);
        for batch in calls.chunks(STANDINGS_MAX) {
            let ids: Vec<PurchaseId> = batch.iter().map(|(asking, _)| asking.purchase.clone()).collect();
            let mut standings = credits.standing(tenant, &ids).await?;
            for (asking, told) in batch {
                let purchase = &asking.purchase;
                match (standings.remove(purchase).unwrap_or(Standing::Nothing), told) {
                    (Standing::Open(hold), Some(told)) => self.settle(&hold, told).await,
                    (Standing::Open(hold), None) => {
                        recover::settle(&self.books.records, credits, tenant, &hold, self.clock.now()).await?;
                        journal.told(assumed(purchase, &hold.lines, asking.people.len()))?;
                    }
                    (Standing::Settled(Entry::Purchase { lines, .. }), None) => {
                        let lines: Vec<HoldLine> = lines
                            .into_iter()
                            .map(|line| HoldLine { subject: line.subject, worst: line.cost, caps: Vec::new() })
                            .collect();
                        journal.told(assumed(purchase, &lines, asking.people.len()))?;
                    }
                    (_, None) => journal.told(not_asked(purchase.clone(), asking.people.len()))?,
                    (_, Some(_)) => {}
                }
            }
        }
        Ok(())
    }
}

/// None of them was asked about.
pub(super) fn not_asked(purchase: PurchaseId, count: usize) -> Told {
    Told { purchase, latency_ms: None, evidence: Evidence::Inferred, answers: vec![None; count] }
}

/// Nobody saw how it ended: it is counted as spent.
pub(super) fn assumed(purchase: &PurchaseId, lines: &[HoldLine], count: usize) -> Told {
    let answer =
        |line: &HoldLine| Some(Answer { end: End::Unknown, cost: line.worst.clone(), values: BTreeMap::new() });
    let mut answers: Vec<Option<Answer>> = lines.iter().map(answer).collect();
    answers.resize(count, None);
    Told { purchase: purchase.clone(), latency_ms: None, evidence: Evidence::Assumed, answers }
}

/// The ledger entry of what was written down. `None` when nobody was asked about.
pub(super) fn entry(hold: &Hold, told: &Told, at: Timestamp) -> Option<Entry> {
    let end = |answer: &Option<Answer>| match answer.as_ref().map(|answer| answer.end) {
        Some(End::Known) => LineEnd::Answered(Said::Hit(Profile::default())),
        Some(End::Unmatched | End::TooLittle) => LineEnd::Answered(Said::Miss),
        Some(End::Suppressed) => LineEnd::Answered(Said::Suppressed),
        Some(End::Invalid) => LineEnd::Invalid,
        Some(End::Unknown) => LineEnd::Unknown,
        None => LineEnd::NotAsked,
    };
    let ends: Vec<LineEnd> = told.answers.iter().map(end).collect();
    let costs: Vec<Option<Amounts>> = told.answers.iter().map(|it| it.as_ref().map(|it| it.cost.clone())).collect();
    settlement::seen(hold, &ends, &costs, told.evidence, at)
}
