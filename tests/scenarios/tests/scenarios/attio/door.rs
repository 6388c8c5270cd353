//! What arrives from a workspace, and what only seems to.

use leadgate_connectors::crm::attio::inbound::signature::sign;
use leadgate_connectors::secret::Secret;
use leadgate_sandbox::world::{Leftover, SIGNING_SECRET, World};
use serde_json::json;

use super::{workspace, workspace_with};
use crate::stage::{bought_once_however_often_told, leads, with_two_signing_secrets};

const OLD_SECRET: &str = "an-old-signing-secret";

/// A webhook about this person.
fn created(person: &str) -> String {
    json!({ "webhook_id": "23e42eaf-323a-41da-b5bb-fd67eebda553", "events": [{ "event_type": "record.created",
        "actor": { "type": "workspace-member", "id": "50cf242c-7fa3-4cad-87d0-75b1af71c57b" },
        "id": { "workspace_id": "14beef7a-99f7-4534-a87e-70b564330a4c", "record_id": person,
                "object_id": "97052eb9-e65e-443f-a297-f2d9a4a7f795" } }] })
    .to_string()
}

/// Sends it with this signature. The status.
async fn told(world: &World, signature: Option<&str>, body: &str) -> u16 {
    let request = world.http().post(world.webhook_url()).header("idempotency-key", "key-1").body(body.to_owned());
    let request = match signature {
        Some(signature) => request.header("attio-signature", signature),
        None => request,
    };
    request.send().await.expect("an answer").status().as_u16()
}

async fn signed(world: &World, secret: &str, body: &str) -> u16 {
    told(world, Some(&sign(&Secret::new(secret.to_owned()), body.as_bytes())), body).await
}

#[tokio::test]
async fn nothing_gets_in_without_the_signature_and_nothing_is_queued() {
    let world = workspace().await;
    let id = leads(&world, 1).remove(0);
    let good = created(&id);
    let signature = sign(&Secret::new(SIGNING_SECRET.to_owned()), good.as_bytes());
    for (what, signature, body) in [
        ("no signature", None, good.clone()),
        ("a blank one", Some(""), good.clone()),
        ("a part of it", Some(&signature[..32]), good.clone()),
        ("another body", Some(signature.as_str()), good.replace("member", "Member")),
        ("one byte more", Some(signature.as_str()), format!("{good} ")),
    ] {
        assert_eq!(told(&world, signature, &body).await, 401, "{what}");
    }
    assert_eq!(signed(&world, "a guessed secret", &good).await, 401);
    for (what, body, expected) in [
        ("another workspace", good.replace("14beef7a", "24beef7a"), 403),
        ("no workspace", good.replace("workspace_id", "workspaceId"), 403),
        ("cut off", good[..good.len() - 9].to_owned(), 400),
        ("not JSON", "<a/>".to_owned(), 400),
        ("no id", good.replace(&id, "../people"), 400),
        ("2 MB", format!("{good}{}", " ".repeat(2 * 1024 * 1024)), 413),
    ] {
        assert_eq!(signed(&world, SIGNING_SECRET, &body).await, expected, "{what}");
    }
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn either_of_two_secrets_opens_while_one_replaces_the_other() {
    let world = workspace_with(with_two_signing_secrets).await;
    world.leaves_behind(Leftover::Messages);
    let body = created(&leads(&world, 1).remove(0));
    for (secret, expected) in [(OLD_SECRET, 200), (SIGNING_SECRET, 200), ("neither-of-the-secrets", 401)] {
        assert_eq!(signed(&world, secret, &body).await, expected, "{secret}");
    }
}

#[tokio::test]
async fn a_blank_secret_lets_nothing_in_and_nothing_is_lost_by_it() {
    let world = workspace_with(|settings| settings.signing_secret = String::new()).await;
    let id = leads(&world, 1).remove(0);
    let report = world.attio.deliver().await;
    assert_eq!((report.accepted, report.rejected.as_slice()), (0, [503].as_slice()));
    assert_eq!(signed(&world, "", &created(&id)).await, 503);
    assert_eq!((world.waiting().await, world.attio.pending_events().len()), (0, 1));
}

#[tokio::test]
async fn what_is_delivered_again_is_bought_once() {
    let world = workspace_with(|settings| settings.attio.duplicate_share = 1.0).await;
    let again = async |lead: &str| signed(&world, SIGNING_SECRET, &created(lead)).await;
    bought_once_however_often_told(&world, again).await;
}
