//! What arrives from an organization, and what only seems to.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use leadgate_connectors::crm::close::inbound::signature::{SIGNATURE, TIMESTAMP, sign};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_sandbox::simulators::close::signature_key;
use leadgate_sandbox::world::{Leftover, SIGNING_SECRET, World};
use serde_json::json;

use super::{organization, organization_with};
use crate::stage::{bought_once_however_often_told, leads, with_two_signing_secrets};

const OLD_SECRET: &str = "an-old-signing-secret";

/// A webhook about this contact.
fn created(contact: &str) -> String {
    json!({ "subscription_id": "whsub_1", "event": { "id": "ev_1", "action": "created", "object_type": "contact",
        "object_id": contact, "organization_id": "orga_simulated0organization", "user_id": "user_simulated0person",
        "date_created": "2026-01-15T10:00:00.000000", "date_updated": "2026-01-15T10:00:00.000000",
        "changed_fields": [], "data": { "id": contact }, "meta": {} } })
    .to_string()
}

/// A secret of a world as a key.
fn key(secret: &str) -> Secret {
    Secret::new(signature_key(secret))
}

/// Sends it with this signature, signed at this time. The status.
async fn told(world: &World, signature: Option<&str>, at: Timestamp, body: &str) -> u16 {
    let request = world.http().post(world.webhook_url()).header(TIMESTAMP, at.as_second().to_string());
    let request = request.body(body.to_owned());
    let request = match signature {
        Some(signature) => request.header(SIGNATURE, signature),
        None => request,
    };
    request.send().await.expect("an answer").status().as_u16()
}

async fn signed_at(world: &World, secret: &str, at: Timestamp, body: &str) -> u16 {
    let signature = sign(&key(secret), at.as_second(), body.as_bytes()).unwrap_or_default();
    told(world, Some(&signature), at, body).await
}

async fn signed(world: &World, secret: &str, body: &str) -> u16 {
    signed_at(world, secret, world.clock.now(), body).await
}

#[tokio::test]
async fn nothing_gets_in_without_the_signature_and_nothing_is_queued() {
    let world = organization().await;
    let id = leads(&world, 1).remove(0);
    let good = created(&id);
    let now = world.clock.now();
    let signature = sign(&key(SIGNING_SECRET), now.as_second(), good.as_bytes()).expect("a key");
    for (what, signature, at, body) in [
        ("no signature", None, now, good.clone()),
        ("a blank one", Some(""), now, good.clone()),
        ("a part of it", Some(&signature[..32]), now, good.clone()),
        ("another body", Some(signature.as_str()), now, good.replace("created", "Created")),
        ("another time", Some(signature.as_str()), later(now, Duration::from_secs(1)), good.clone()),
        ("one byte more", Some(signature.as_str()), now, format!("{good} ")),
    ] {
        assert_eq!(told(&world, signature, at, &body).await, 401, "{what}");
    }
    let long_ago = now - SignedDuration::from_secs(301);
    assert_eq!(signed_at(&world, SIGNING_SECRET, long_ago, &good).await, 401, "repeated later");
    assert_eq!(signed(&world, "a guessed secret of a stranger", &good).await, 401);
    for (what, body, expected) in [
        ("another organization", good.replace("orga_simulated0", "orga_other0"), 403),
        ("no organization", good.replace("organization_id", "organizationId"), 403),
        ("cut off", good[..good.len() - 9].to_owned(), 400),
        ("not JSON", "<a/>".to_owned(), 400),
        ("no id", good.replace(&id, "cont_../me"), 400),
        ("2 MB", format!("{good}{}", " ".repeat(2 * 1024 * 1024)), 413),
    ] {
        assert_eq!(signed(&world, SIGNING_SECRET, &body).await, expected, "{what}");
    }
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn either_of_two_secrets_opens_while_one_replaces_the_other() {
    let world = organization_with(with_two_signing_secrets).await;
    world.leaves_behind(Leftover::Messages);
    let body = created(&leads(&world, 1).remove(0));
    for (secret, expected) in [(OLD_SECRET, 200), (SIGNING_SECRET, 200), ("neither-of-the-secrets", 401)] {
        assert_eq!(signed(&world, secret, &body).await, expected, "{secret}");
    }
}

#[tokio::test]
async fn a_blank_or_short_key_lets_nothing_in_and_nothing_is_lost_by_it() {
    for secret in ["", "short"] {
        let world = organization_with(|settings| settings.signing_secret = secret.to_owned()).await;
        let id = leads(&world, 1).remove(0);
        let report = world.close.deliver().await;
        assert_eq!((report.accepted, report.rejected.as_slice()), (0, [503].as_slice()), "{secret:?}");
        assert_eq!(signed(&world, secret, &created(&id)).await, 503, "{secret:?}");
        assert_eq!((world.waiting().await, world.close.pending_events().len()), (0, 1));
    }
}

#[tokio::test]
async fn what_is_delivered_again_is_bought_once() {
    let world = organization_with(|settings| settings.close.duplicate_share = 1.0).await;
    let again = async |lead: &str| signed(&world, SIGNING_SECRET, &created(lead)).await;
    bought_once_however_often_told(&world, again).await;
}
