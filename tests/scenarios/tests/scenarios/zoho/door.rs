//! What arrives from a channel, and what only seems to.

use leadgate_sandbox::world::{Leftover, SIGNING_SECRET, World};
use serde_json::{Value, json};

use super::{org, org_with};
use crate::stage::{bought_once_however_often_told, leads, with_two_signing_secrets};

const OLD_TOKEN: &str = "an-old-signing-secret";

/// A notification about this lead, with this token.
fn created(lead: &str, token: &str) -> Value {
    json!({ "server_time": 1_768_471_200_000_i64, "module": "Leads", "ids": [lead], "operation": "insert",
            "channel_id": "1000000068001", "token": token, "affected_fields": [], "affected_values": [] })
}

/// Sends it. The status.
async fn told(world: &World, body: impl ToString) -> u16 {
    let request = world.http().post(world.webhook_url()).header("content-type", "application/json");
    request.body(body.to_string()).send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn nothing_gets_in_without_the_token_and_nothing_is_queued() {
    let world = org().await;
    let id = leads(&world, 1).remove(0);
    let good = created(&id, SIGNING_SECRET).to_string();
    for (what, body, expected) in [
        ("another token", created(&id, "a guessed token of a stranger").to_string(), 401),
        ("a part of it", created(&id, &SIGNING_SECRET[..16]).to_string(), 401),
        ("a blank one", created(&id, "").to_string(), 401),
        ("none", good.replace("\"token\"", "\"tokem\""), 401),
        ("in another place", good.replace("\"token\":", "\"x\":{\"token\":").replacen('}', "}}", 1), 401),
        ("another channel", good.replace("1000000068001", "1000000068002"), 403),
        ("no channel", good.replace("channel_id", "channelId"), 403),
        ("cut off", good[..good.len() - 9].to_owned(), 401),
        ("not JSON", "<a/>".to_owned(), 401),
        ("no id", good.replace(&id, "../Deals"), 400),
        ("2 MB", format!("{good}{}", " ".repeat(2 * 1024 * 1024)), 413),
    ] {
        assert_eq!(told(&world, body).await, expected, "{what}");
    }
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn either_of_two_tokens_opens_while_one_replaces_the_other() {
    let world = org_with(with_two_signing_secrets).await;
    world.leaves_behind(Leftover::Messages);
    let id = leads(&world, 1).remove(0);
    for (token, expected) in [(OLD_TOKEN, 200), (SIGNING_SECRET, 200), ("neither-of-the-tokens", 401)] {
        assert_eq!(told(&world, created(&id, token)).await, expected, "{token}");
    }
}

#[tokio::test]
async fn a_blank_or_short_token_lets_nothing_in_and_nothing_is_lost_by_it() {
    for token in ["", "short"] {
        let world = org_with(|settings| settings.signing_secret = token.to_owned()).await;
        let id = leads(&world, 1).remove(0);
        let report = world.zoho.deliver().await;
        assert_eq!((report.accepted, report.rejected.as_slice()), (0, [503].as_slice()), "{token:?}");
        assert_eq!(told(&world, created(&id, token)).await, 503, "{token:?}");
        assert_eq!((world.waiting().await, world.zoho.pending_events().len()), (0, 1));
    }
}

#[tokio::test]
async fn what_is_delivered_again_is_bought_once() {
    let world = org_with(|settings| settings.zoho.duplicate_share = 1.0).await;
    let again = async |lead: &str| told(&world, created(lead, SIGNING_SECRET)).await;
    bought_once_however_often_told(&world, again).await;
}
