//! Several tenants in one installation have nothing to do with each other.

use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::ids::TenantId;
use leadgate_sandbox::world::World;

use crate::stage::{Stage, all_enriched, queued_leads, world_with};

/// A world with a second tenant, another HubSpot account of another name.
async fn two_tenants() -> Stage {
    world_with(|settings| {
        let start = settings.config.find("[tenants.demo]").expect("a tenant");
        let other = settings.config[start..].replace("demo", "other").replace("62515", "777");
        settings.config.push_str(&other);
    })
    .await
}

async fn wallets(world: &World, tenant: &TenantId) -> Vec<Wallet> {
    world.credits.wallets(tenant).await.expect("readable")
}

#[tokio::test]
async fn a_delivery_for_one_tenant_is_refused_at_the_others_door() {
    let world = two_tenants().await;
    let other: TenantId = "other".parse().expect("a name");
    let now = world.clock.now().as_millisecond();
    let body = format!(
        r#"[{{"eventId":1,"portalId":62515,"occurredAt":{now},"subscriptionType":"contact.creation","objectId":5}}]"#
    );
    // Signed rightly for the other tenant's address: a portal that is somebody else's, all the same.
    let url = world.config.tenants[&other].crm.public_url.clone();
    let secret = leadgate_connectors::secret::Secret::new(leadgate_sandbox::world::SIGNING_SECRET.to_owned());
    let signature =
        leadgate_connectors::crm::hubspot::inbound::signature::sign_v3(&secret, "POST", &url, body.as_bytes(), now);
    let request = leadgate_connectors::http::client().post(&url).body(body);
    let request = request.header("X-HubSpot-Signature-v3", signature);
    let answer = request.header("X-HubSpot-Request-Timestamp", now.to_string()).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), world.waiting().await), (403, 0));
}

#[tokio::test]
async fn one_tenants_leads_are_paid_from_its_own_wallets() {
    let world = two_tenants().await;
    let (demo, other): (TenantId, TenantId) = ("demo".parse().expect("a name"), "other".parse().expect("a name"));
    let leads = queued_leads(&world, 3).await;
    world.settle_down(2).await;
    all_enriched(&world, &leads);
    let spent = |wallets: Vec<Wallet>| wallets.iter().map(|wallet| wallet.spent.total().get()).sum::<i64>();
    assert_eq!((spent(wallets(&world, &demo).await), spent(wallets(&world, &other).await)), (3000, 0));
}
