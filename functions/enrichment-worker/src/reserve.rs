//! Reserving what a purchase can cost at worst, before the provider is asked.

use std::collections::BTreeSet;

use leadgate_aws::credits::Holding;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::config::{OnExhausted, ProviderConnection};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::cap::Limit;
use leadgate_enrichment::credits::ledger::{Allocation, AskedAbout, Hold, PurchaseKind, Slice, allocate, part};
use leadgate_enrichment::credits::price::{PricedField, Tariff};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId};
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::purchase::choice::{Balances, Choice, Demand, choose};
use leadgate_enrichment::retry::Retry;
use tracing::warn;

use crate::batch::Batch;
use crate::defer::{park, waiting};
use crate::outcomes::Outcomes;
use crate::price::Wanted;
use crate::single_flight::share;
use crate::turn::Turn;
use crate::waterfall::Waterfall;
use leadgate_purchase::reserve::{Caps, Holder, Line};

/// How often a hold is tried when others keep taking from the same wallets. Each try starts from what is there.
const HOLD_ATTEMPTS_MAX: u32 = 5;

/// Reserves what `wanted` can cost at worst. A lead that doesn't fit, in the wallets or under a cap, is parked.
pub(crate) async fn reserve(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    outcomes: &mut Outcomes<'_>,
    waterfall: &mut Waterfall,
    mut wanted: Vec<Wanted>,
) -> Option<(Held, Vec<Wanted>)> {
    wanted.sort_by_key(|wanted| (wanted.record.source, wanted.record.occurred_at));
    let (mut wanted, mut sharing) = share(wanted);
    for _ in 0..HOLD_ATTEMPTS_MAX {
        let funds = match funds(batch, &wanted, waterfall.wallets.take()).await {
            Ok(funds) => funds,
            Err(error) => return give_up_buying(outcomes, &wanted, &error.to_string()),
        };
        wanted = park_the_rest(batch, turn, outcomes, waterfall, wanted, &funds).await;
        if wanted.is_empty() {
            return None;
        }
        let mut all: Vec<Wanted> = wanted.clone();
        all.extend(sharing.iter().filter_map(|sharing| sharing.share_with(&wanted)));
        // Those who want the same are asked about together.
        all.sort_by(|a, b| a.asks().cmp(&b.asks()));
        let Some((held, allocation, limits)) = plan_hold(batch, turn, &all, &funds) else { continue };
        let (hold, asynchronous) = (&held.at_once, held.asynchronous.as_slice());
        match batch.worker.credits.hold_all(&batch.tenant.id, hold, asynchronous, &allocation, &limits).await {
            Ok(Holding::Held) => {
                // Those whom no other record pays for any more go alone, when their messages come again.
                sharing.retain(|sharing| !all.iter().any(|wanted| wanted.record.key == sharing.record.key));
                let left: Vec<Record> = sharing.into_iter().map(|wanted| wanted.record).collect();
                outcomes.give_all_back(&left, "the record that pays for the same person has to wait", Retry::Backoff);
                return Some((held, all));
            }
            Ok(Holding::Short) => {}
            Err(error) => {
                warn!(tenant = %batch.tenant.id, purchase = %turn.purchase, %error, "it is not known whether credits are held");
                let records = all.into_iter().map(|wanted| wanted.record).collect();
                outcomes.give_back_uncalled(records, "credits could not be held", error.retry).await;
                return None;
            }
        }
    }
    give_up_buying(outcomes, &wanted, "others kept taking from the same wallets")
}

/// What there is to pay with. What was read before does for those whom it pays for: the hold is made only if it is still
/// there. Nobody is parked by it.
async fn funds(batch: &Batch<'_>, wanted: &[Wanted], before: Option<Vec<Wallet>>) -> Result<Funds, StoreError> {
    let mut caps: Vec<String> = wanted.iter().flat_map(|wanted| &wanted.caps).map(|cap| cap.name.clone()).collect();
    caps.sort_unstable();
    caps.dedup();
    let credits = &batch.worker.credits;
    let used = credits.used(&batch.tenant.id, &caps).await?;
    let of =
        |wallets: Vec<Wallet>| Funds { balances: Balances::of(&wallets, &batch.tenant.floor, used.clone()), wallets };
    if let Some(funds) = before.map(of).filter(|funds| funds.pay_for_all(batch, wanted)) {
        return Ok(funds);
    }
    Ok(of(batch.spendable_on_records().await?))
}

/// Gives those that can be paid for together, in part if that is what the tenant prefers, and parks the rest, each
/// with its own reason.
async fn park_the_rest(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    outcomes: &mut Outcomes<'_>,
    waterfall: &mut Waterfall,
    wanted: Vec<Wanted>,
    funds: &Funds,
) -> Vec<Wanted> {
    let demands: Vec<Demand<'_>> = wanted.iter().map(|wanted| wanted.demand(batch.tenant.on_exhausted)).collect();
    let choices = choose(&demands, &funds.balances);
    let (mut taken, mut parked) = (Vec::new(), Vec::new());
    for (wanted, choice) in wanted.into_iter().zip(choices) {
        match choice {
            Choice::Whole => taken.push(wanted),
            Choice::Part(reason) => taken.push(wanted.without_asynchronous(turn.provider, reason)),
            Choice::Wait(reason) => {
                let left = waterfall.blocked(batch, wanted, reason);
                parked.extend(left.and_then(|wanted| waiting(batch, wanted, reason)));
            }
        }
    }
    park(batch, outcomes, parked).await;
    taken
}

/// The holds for all of `wanted`, where they are taken from, and how far each cap goes.
fn plan_hold(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    wanted: &[Wanted],
    funds: &Funds,
) -> Option<(Held, Allocation, Vec<Limit>)> {
    let caps = Caps::of(wanted.iter().flat_map(|wanted| &wanted.caps));
    let at_once: Vec<Line<'_>> = wanted.iter().map(|wanted| wanted.line(wanted.worst.clone())).collect();
    let asynchronous = wanted.iter().filter(|wanted| !wanted.asynchronous.is_empty());
    let asynchronous: Vec<Line<'_>> =
        asynchronous.map(|wanted| wanted.line(wanted.total.minus(&wanted.worst))).collect();
    let need = wanted.iter().map(|wanted| &wanted.total).sum();
    let leaves_floor = wanted.iter().any(|wanted| wanted.source().leaves_floor());
    let floor = if leaves_floor { batch.tenant.floor.clone() } else { Amounts::default() };
    let allocation = allocate(&funds.wallets, &need, &floor)?;
    let (own, rest) = part(allocation.slices.clone(), &at_once.iter().map(|line| &line.worst).sum());
    let holder = Holder {
        purchase: turn.purchase.clone(),
        claim: batch.purchase.clone(),
        provider: turn.provider.name(),
        kind: turn.kind(batch),
        held_at: batch.now(),
        claimed_until: batch.invocation.claim_until(),
    };
    let asked = wanted.iter().filter(|wanted| wanted.may_be_there_twice(batch));
    let asked: Vec<Fingerprint> = asked.map(|wanted| wanted.asked.clone()).collect();
    let asynchronous = (!asynchronous.is_empty()).then(|| {
        let kind = PurchaseKind::Asynchronous;
        let holder = Holder { purchase: turn.purchase.asynchronous(), kind, ..holder.clone() };
        let fields: BTreeSet<PricedField> = wanted.iter().flat_map(|wanted| &wanted.asynchronous).copied().collect();
        let fields: Vec<PricedField> = fields.into_iter().collect();
        let tariff = batch.worker.config.asynchronous_tariff(turn.provider, &fields, batch.purchase.made_at());
        let price_version = tariff.as_ref().map(Tariff::version).unwrap_or_default();
        let prices = tariff.map(|tariff| tariff.terms().to_vec()).unwrap_or_default();
        let unheld_from = unheld_from(&rest, batch, turn, funds);
        Hold { prices, unheld_from, ..holder.hold(&caps, &asynchronous, rest, price_version) }
    });
    let at_once = Hold {
        unheld_from: unheld_from(&own, batch, turn, funds),
        asked: AskedAbout::of(&asked),
        ..holder.hold(&caps, &at_once, own, versions(wanted))
    };
    Some((Held { at_once, asynchronous }, allocation, caps.limits(|_| Amounts::default())))
}

/// The price lists that the worst case was reckoned with.
fn versions(wanted: &[Wanted]) -> String {
    let mut versions: Vec<String> = wanted.iter().map(|wanted| wanted.tariff.version()).collect();
    versions.sort_unstable();
    versions.dedup();
    versions.join(", ")
}

fn give_up_buying<T>(outcomes: &mut Outcomes<'_>, wanted: &[Wanted], reason: &str) -> Option<T> {
    let records: Vec<Record> = wanted.iter().map(|wanted| wanted.record.clone()).collect();
    outcomes.give_all_back(&records, reason, Retry::Backoff);
    None
}

/// Where a charge is taken from that nothing was held for: of the provider's own wallets, the one that burns first.
fn unheld_from(slices: &[Slice], batch: &Batch<'_>, turn: &Turn<'_>, funds: &Funds) -> Option<WalletId> {
    let is_own =
        |wallet: &&Wallet| wallet.granted.iter().any(|(bucket, _)| batch.tenant.is_credit_of(turn.provider, bucket));
    funds.wallets.iter().find(is_own).filter(|_| slices.is_empty()).map(|wallet| wallet.wallet.clone())
}

/// The holds of one purchase.
pub(crate) struct Held {
    pub(crate) at_once: Hold,
    /// For what arrives later, if a record wants that.
    pub(crate) asynchronous: Option<Hold>,
}

/// What there is to pay with.
struct Funds {
    wallets: Vec<Wallet>,
    balances: Balances,
}

impl Funds {
    fn pay_for_all(&self, batch: &Batch<'_>, wanted: &[Wanted]) -> bool {
        let demands: Vec<Demand<'_>> = wanted.iter().map(|wanted| wanted.demand(batch.tenant.on_exhausted)).collect();
        choose(&demands, &self.balances).iter().all(|choice| *choice == Choice::Whole)
    }
}

impl Wanted {
    /// What is to be held for it.
    pub(crate) fn line(&self, worst: Amounts) -> Line<'_> {
        Line { subject: &self.record.key, worst, caps: &self.caps }
    }

    /// As one who pays nothing, because one of `paying` pays for the same person; `None` when none of them does.
    fn share_with(&self, paying: &[Self]) -> Option<Self> {
        let same = |first: &&Self| first.identity == self.identity;
        let first =
            paying.iter().filter(same).find(|first| first.asynchronous == self.asynchronous || first.owed.is_some())?;
        let nothing = Amounts::default;
        let (asynchronous, owed, ask) = (first.asynchronous.clone(), first.owed, first.ask.clone());
        Some(Self {
            shared: true,
            worst: nothing(),
            total: nothing(),
            caps: Vec::new(),
            asynchronous,
            owed,
            ask,
            ..self.clone()
        })
    }

    fn source(&self) -> Source {
        self.record.source.unwrap_or(Source::Change)
    }

    fn demand(&self, on_exhausted: OnExhausted) -> Demand<'_> {
        let (part, source) = (self.part(on_exhausted), self.source());
        Demand { worst: &self.total, part, source, caps: &self.caps }
    }

    /// What it can cost at worst to take a part, where that is preferred to waiting. Who was bought in part before takes
    /// nothing but the rest.
    pub(crate) fn part(&self, on_exhausted: OnExhausted) -> Option<&Amounts> {
        let in_part =
            on_exhausted == OnExhausted::Degrade && !self.asynchronous.is_empty() && self.record.owed.is_none();
        // Of a person whom the provider is still to find out about there is no part.
        let in_part = in_part && !self.asynchronous.contains(&PricedField::PersonLater);
        in_part.then_some(&self.worst)
    }

    /// The same, without what is never bought of a candidate.
    pub(crate) fn without_what_arrives_later(self, turn: &Turn<'_>) -> Self {
        let owed = self.owed;
        Self { owed, ..self.without_asynchronous(turn.provider, DeferReason::NextStep) }
    }

    fn without_asynchronous(self, provider: &ProviderConnection, reason: DeferReason) -> Self {
        let mut ask = self.ask.clone();
        for fields in [&mut ask.fields, &mut ask.ordered] {
            fields.retain(|field| !provider.asynchronous.contains_key(field));
        }
        Self { ask, asynchronous: Vec::new(), owed: Some(reason), total: self.worst.clone(), ..self }
    }

    /// What a call asks for all its people.
    pub(crate) fn asks(&self) -> (&[PricedField], &BTreeSet<ProfileField>) {
        (&self.asynchronous, &self.ask.ordered)
    }
}
