//! Caps are never exceeded, and whatever isn't a new lead leaves a floor for those.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::purchase::choice::caps;

use super::play::Play;
use crate::books::{Books, Purchase};
use crate::violation::{Findings, Promise};

/// What purchases there are, by id, and which records each is for.
pub(super) type Purchases = BTreeMap<String, Vec<RecordKey>>;

impl Play {
    /// What must be true of credits at any time.
    pub(super) async fn check_credits(&mut self, findings: &mut Findings) -> Result<(), StoreError> {
        self.check_floor(findings).await?;
        self.check_pool(findings).await
    }

    /// What was bought or held since the last look has left the floor, if none of it was for a new lead.
    pub(super) async fn check_floor(&mut self, findings: &mut Findings) -> Result<(), StoreError> {
        let (floor, now) = (&self.world.tenant().floor, self.world.clock.now());
        if floor.is_zero() {
            return Ok(());
        }
        let purchases = self.purchases().await?;
        let new: Vec<_> = purchases.iter().filter(|(id, _)| !self.looked_at.contains_key(*id)).collect();
        let made_at = |(id, _): &(&String, _)| Timestamp::from_millisecond(id.split('-').next()?.parse().ok()?).ok();
        let since = new.iter().filter_map(made_at).min().unwrap_or(now);
        let sources =
            new.iter().flat_map(|(id, records)| records.iter().map(|record| self.seen.source(id, &record.id)));
        let sources: Vec<Option<Source>> = sources.collect();
        let leaves = |source: &Option<Source>| source.is_some_and(Source::leaves_floor);
        let for_others = !sources.is_empty() && sources.iter().all(leaves);
        let wallets = self.world.credits.unmetered().wallets(self.world.tenant_id()).await?;
        let open = wallets.iter().filter(|wallet: &&Wallet| wallet.is_open(now));
        let left: Amounts = open.map(|wallet| &wallet.available).sum();
        // What was left then may have expired since.
        let expired = wallets.iter().any(|wallet| wallet.is_open(since) && !wallet.is_open(now));
        findings.check(!for_others || expired || left.covers(floor), Promise::Credits, || {
            format!("others have left {left} for new leads, the floor is {floor}")
        });
        self.looked_at = purchases;
        Ok(())
    }

    async fn purchases(&self) -> Result<Purchases, StoreError> {
        let (credits, tenant) = (self.world.credits.unmetered(), self.world.tenant_id());
        let settled = Books::read(&credits, tenant).await?.purchases;
        let settled = settled.into_iter().map(|Purchase { id, lines, .. }| {
            let records = lines.into_iter().map(|line| line.subject);
            (id, records.collect())
        });
        let held = credits.open_holds(tenant).await?;
        let held = held.into_iter().map(|Hold { purchase, lines, .. }| {
            let records = lines.into_iter().map(|line| line.subject);
            (purchase.to_string(), records.collect())
        });
        Ok(settled.chain(held).collect())
    }

    /// No cap is exceeded, going by the ledger, and what is counted towards each is what the ledger says.
    pub(super) async fn check_caps(&self, books: &Books, findings: &mut Findings) -> Result<(), StoreError> {
        let tenant = self.world.tenant();
        let mut sums: BTreeMap<String, (Amounts, Amounts)> = BTreeMap::new();
        for purchase in &books.purchases {
            let Some(began) = purchase.began() else { continue };
            for line in &purchase.lines {
                let Some(source) = self.seen.source(&purchase.id, &line.subject.id) else {
                    findings.note(Promise::Order, format!("{} was bought without a claim: {line:?}", purchase.id));
                    continue;
                };
                let lead = self.leads.iter().find(|lead| lead.contact == line.subject.id);
                for cap in caps(
                    self.tenant_at(began),
                    source,
                    lead.map(|lead| lead.owner.as_str()).filter(|owner| !owner.is_empty()),
                    began,
                ) {
                    let (sum, _) = sums.entry(cap.name).or_insert((Amounts::default(), cap.limit.credits));
                    *sum += &line.cost;
                }
            }
        }
        let names: Vec<String> = sums.keys().cloned().collect();
        let counted = self.world.credits.unmetered().used(&tenant.id, &names).await?;
        for (name, (sum, limit)) in sums {
            let capped: Amounts = sum
                .iter()
                .filter(|(bucket, _)| limit.names(bucket))
                .map(|(bucket, amount)| (bucket.clone(), amount))
                .collect();
            findings.check(limit.covers(&capped), Promise::Credits, || {
                format!("the cap {name} is {limit}, and {sum} were spent")
            });
            let counted = counted.get(&name).map(|used| used.credits.clone()).unwrap_or_default();
            findings.check(counted.minus(&sum).is_zero(), Promise::Order, || {
                format!("{counted} are counted towards the cap {name}, and {sum} were spent")
            });
        }
        Ok(())
    }
}
