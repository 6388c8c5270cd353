//! Providers that change places in the configuration. Wallets are named by these places, so that a plan's credits must not be
//! granted once more under the other name.

use std::collections::BTreeMap;

use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::plan::Plan;
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, started, states};

async fn two_providers() -> Stage {
    let mut settings = Settings { credits_per_cycle: Some(10), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    settings.accounts.pdl.unknown_share = 0.0;
    started(settings.with_beside(&["pdl"], "order = [\"apollo\", \"pdl\"]")).await
}

/// The first becomes the fallback, and the reverse.
fn exchange(tenant: &mut Tenant) {
    std::mem::swap(&mut tenant.provider, &mut tenant.fallbacks[0]);
    tenant.provider.plan.prefix = String::new();
    let fallback = &mut tenant.fallbacks[0];
    fallback.plan.prefix = Plan::prefix_of(fallback.vendor.name);
}

/// Has leads come in, of whom the first provider knows all but the first.
async fn come_in(world: &World, names: std::ops::Range<usize>) -> Vec<StateName> {
    let email = |i| format!("first{i}.last{i}@engine.example");
    world.apollo.forget(&email(names.start));
    let leads: Vec<String> = names.map(|i| world.hubspot.create_contact([("email", email(i))])).collect();
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    states(world, &leads).await
}

/// What is available in each open wallet.
async fn open(world: &World) -> BTreeMap<String, String> {
    let (now, wallets) = (world.clock.now(), world.credits.wallets(world.tenant_id()).await.expect("readable"));
    let open = wallets.into_iter().filter(|wallet| wallet.is_open(now));
    open.map(|wallet| (wallet.wallet.0, wallet.available.to_string())).collect()
}

fn named(wallets: [(&str, &str); 2]) -> BTreeMap<String, String> {
    wallets.map(|(name, available)| (name.to_owned(), available.to_owned())).into()
}

#[tokio::test]
async fn providers_that_change_places_are_granted_nothing_twice_and_go_by_their_new_names_in_the_next_cycle() {
    for release_is_first in [true, false] {
        let mut world = two_providers().await;
        assert_eq!(come_in(&world, 0..4).await, [StateName::Written; 4]);
        let before =
            [("plan-2026-01-01-2026-02-01", "7 credits"), ("pdl-plan-2026-01-01-2026-02-01", "2499 pdl_credits")];
        assert_eq!(open(&world).await, named(before));
        world.reconfigure(exchange);
        if release_is_first {
            assert_eq!(world.run_release().await.plan_changes, 0);
            assert_eq!(open(&world).await, named(before));
        }
        assert_eq!(come_in(&world, 10..12).await, [StateName::Written; 2]);
        let after =
            [("plan-2026-01-01-2026-02-01", "6 credits"), ("pdl-plan-2026-01-01-2026-02-01", "2498 pdl_credits")];
        assert_eq!(open(&world).await, named(after));
        let granted: Amounts =
            world.credits.wallets(world.tenant_id()).await.expect("readable").iter().map(|it| &it.granted).sum();
        assert_eq!(granted.to_string(), "10 credits, 2500 pdl_credits");

        world.next_cycle(1_000_000).await;
        assert_eq!(come_in(&world, 20..22).await, [StateName::Written; 2]);
        let next =
            [("apollo-plan-2026-02-01-2026-03-01", "9 credits"), ("plan-2026-02-01-2026-03-01", "2499 pdl_credits")];
        assert_eq!(open(&world).await, named(next));
        // Back again: the same holds.
        world.reconfigure(exchange);
        assert_eq!(world.run_release().await.plan_changes, 0);
        assert_eq!(open(&world).await, named(next));
        at_rest(&world).await;
    }
}
