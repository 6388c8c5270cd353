//! Wallets are spent from while they are open, are granted what the plan says, and pay the prices of their time.

use std::collections::BTreeMap;

use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::credits::price::{Action, Tariff};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId, WalletKind};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};

use super::play::Play;
use crate::books::{Books, Goods, Purchase};
use crate::violation::{Findings, Promise};

impl Play {
    /// Credits are bought on top, for a month.
    pub(super) async fn top_up(&mut self, credits: i64) {
        let now = self.world.clock.now();
        let name = format!("pack-pay-{}", self.packs.len());
        let kinds = self.terms.all_kinds(credits).into_iter();
        let amounts: Amounts = kinds.map(|(kind, amount)| (Bucket::new(kind), Milli::credits(amount))).collect();
        let ends = later(now, days(31));
        self.world.apollo.add_pack(amounts.total().get(), ends);
        self.packs.push(Wallet::open(WalletId(name), WalletKind::Pack, now, ends, amounts));
        self.pay_again().await;
    }

    /// The same payment again is the same payment.
    pub(super) async fn pay_again(&mut self) {
        let (tenant, now) = (self.world.tenant_id(), self.world.clock.now());
        if let Some(pack) = self.packs.last() {
            // Nothing is broken while it is made.
            let _ = self.world.worker.credits.open(tenant, pack, Some(&pack.wallet.0), now).await;
        }
    }

    /// No credit is spent before its wallet opens or after it expires, no cycle is granted more than the plan says, and
    /// each purchase is reckoned with the price list that was in force.
    pub(super) fn check_wallets(&self, books: &Books, wallets: &[Wallet], findings: &mut Findings) {
        let by_name: BTreeMap<&str, &Wallet> =
            wallets.iter().map(|wallet| (wallet.wallet.0.as_str(), wallet)).collect();
        for wallet in wallets.iter().filter(|wallet| wallet.kind == WalletKind::Plan) {
            self.check_grant(wallet, findings);
        }
        for purchase in &books.purchases {
            self.check_slices(purchase, &by_name, findings);
            self.check_prices(purchase, findings);
        }
    }

    /// What one plan wallet was granted. Where the plan changes, that is looked at while it does.
    fn check_grant(&self, wallet: &Wallet, findings: &mut Findings) {
        let grants: Vec<&Amounts> = self.world.tenant().providers().map(|provider| &provider.plan.grant).collect();
        findings.check(self.wide.changes || grants.contains(&&wallet.granted), Promise::Credits, || {
            format!("wallet {} was granted {}, the plans say {grants:?}", wallet.wallet.0, wallet.granted)
        });
    }

    fn check_slices(&self, purchase: &Purchase, wallets: &BTreeMap<&str, &Wallet>, findings: &mut Findings) {
        let Some(began) = purchase.began() else { return };
        let cycle = self.tenant_at(began).provider.plan.grants.cycle_at(began);
        for slice in &purchase.slices {
            let name = slice.wallet.0.as_str();
            let wallet = wallets.get(name);
            // What is under way when a cycle closes may be paid from the next one.
            let carried = purchase.goods == Goods::Numbers && wallet.is_some_and(|wallet| wallet.opens > began);
            let open = wallet.is_some_and(|wallet| wallet.is_open(began));
            let of_cycle = wallet.is_none_or(|wallet| {
                wallet.kind != WalletKind::Plan || self.wide.changes || wallet.opens == cycle.opens
            });
            findings.check((open && of_cycle) || carried, Promise::Credits, || {
                format!("purchase {} was paid from {name}, which was not open at {began}", purchase.id)
            });
        }
    }

    fn check_prices(&self, purchase: &Purchase, findings: &mut Findings) {
        let Some(began) = purchase.began() else { return };
        let (config, tenant) = (self.config_at(began), self.tenant_at(began));
        if self.several.is_some() {
            // What is asked for differs from step to step, and so does what it costs at most.
            return;
        }
        let tariff = match purchase.goods {
            Goods::People => config.person_tariff(&tenant.provider, began),
            Goods::Numbers => {
                config.asynchronous_tariff(&tenant.provider, &tenant.asynchronous_fields(&tenant.provider), began)
            }
            Goods::Employers => config.organization_tariff(&tenant.provider, began),
            Goods::Verdicts => config.verification_tariff(&tenant.provider, began),
            Goods::Pages => config.page_tariff(&tenant.provider, Action::SearchOrganizations, began),
        };
        let version = tariff.as_ref().map(Tariff::version);
        findings.check(version.as_ref() == Some(&purchase.price_version), Promise::Order, || {
            format!("purchase {} was reckoned with {}, not {version:?}", purchase.id, purchase.price_version)
        });
        let price = tariff.map(|tariff| tariff.worst()).unwrap_or_default();
        // What is reported for several, of whom some are free, or the same, is spread over all of them.
        let is_price = |cost: &Amounts| {
            if self.wide.free || self.nights.is_some() { price.covers(cost) } else { cost.minus(&price).is_zero() }
        };
        let dear = purchase.lines.iter().find(|line| !line.cost.is_zero() && !is_price(&line.cost));
        findings.check(dear.is_none(), Promise::Order, || {
            format!("purchase {} has {dear:?}, where one costs {price}", purchase.id)
        });
    }
}
