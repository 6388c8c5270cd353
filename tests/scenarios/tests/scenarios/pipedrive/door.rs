//! What arrives from a company, and what only seems to.

use leadgate_sandbox::world::{Leftover, SIGNING_SECRET, WEBHOOK_USER, World};
use serde_json::{Value, json};

use super::{company, company_with};
use crate::stage::{bought_once_however_often_told, leads, with_two_signing_secrets};

const OLD_PASSWORD: &str = "an-old-signing-secret";

/// A webhook about this person.
fn created(person: &str) -> Value {
    json!({ "data": { "id": person.parse::<u64>().expect("a number") }, "previous": null, "meta": {
        "action": "create", "company_id": "7654321", "entity": "person", "entity_id": person, "id": "event-1",
        "timestamp": "2026-01-15T10:00:00.000Z", "user_id": "999", "change_source": "app", "version": "2.0" } })
}

/// Sends it with this user and password. The status.
async fn told(world: &World, user: &str, password: &str, body: String) -> u16 {
    let request = world.http().post(world.webhook_url()).basic_auth(user, Some(password));
    let response = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.text().await.expect("a body");
    assert!(!body.contains(password) || password.is_empty(), "{body}");
    status
}

#[tokio::test]
async fn nothing_gets_in_without_the_user_and_the_password_and_nothing_is_queued() {
    let world = company().await;
    let id = leads(&world, 1).remove(0);
    let good = created(&id).to_string();
    let (user, password) = (WEBHOOK_USER, SIGNING_SECRET);
    let other_company = good.replace("\"7654321\"", "\"7654322\"");
    let no_company = good.replace("company_id", "companyId");
    let cases = [
        ("another password", user, "guessed-guessed-guessed", good.clone(), 401),
        ("a part of it", user, &password[..password.len() - 1], good.clone(), 401),
        ("another user", "admin", password, good.clone(), 401),
        ("no user", "", password, good.clone(), 401),
        ("neither", "", "", good.clone(), 401),
        ("another company", user, password, other_company, 403),
        ("no company", user, password, no_company, 403),
        ("cut off", user, password, good[..good.len() - 9].to_owned(), 400),
        ("not JSON", user, password, "<a/>".to_owned(), 400),
        ("no id", user, password, good.replace(&format!("\"{id}\""), "\"x\"").replace("\"id\":1", "\"id\":\"x\""), 400),
        ("2 MB", user, password, format!("{good}{}", " ".repeat(2 * 1024 * 1024)), 413),
    ];
    for (what, user, password, body, expected) in cases {
        assert_eq!(told(&world, user, password, body).await, expected, "{what}");
    }
    let bare = world.http().post(world.webhook_url()).body(good.clone()).send().await.expect("an answer");
    assert_eq!(bare.status().as_u16(), 401, "no header at all");
    let other = world.webhook_url().replace("/demo", "/nobody");
    let unknown = world.http().post(other).basic_auth(user, Some(password)).body(good).send().await;
    assert_eq!(unknown.expect("an answer").status().as_u16(), 404);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn either_of_two_passwords_opens_while_one_replaces_the_other() {
    let world = company_with(with_two_signing_secrets).await;
    world.leaves_behind(Leftover::Messages);
    let body = created(&leads(&world, 1).remove(0)).to_string();
    for (password, expected) in [(OLD_PASSWORD, 200), (SIGNING_SECRET, 200), ("neither-of-the-passwords", 401)] {
        assert_eq!(told(&world, WEBHOOK_USER, password, body.clone()).await, expected, "{password}");
    }
}

#[tokio::test]
async fn a_blank_or_short_password_lets_nothing_in_and_nothing_is_lost_by_it() {
    for password in ["", "short"] {
        let world = company_with(|settings| settings.signing_secret = password.to_owned()).await;
        let id = leads(&world, 1).remove(0);
        let report = world.pipedrive.deliver().await;
        assert_eq!((report.accepted, report.rejected.as_slice()), (0, [503].as_slice()), "{password:?}");
        assert_eq!(told(&world, WEBHOOK_USER, password, created(&id).to_string()).await, 503, "{password:?}");
        assert_eq!((world.waiting().await, world.pipedrive.pending_events().len()), (0, 1));
    }
}

#[tokio::test]
async fn what_is_delivered_again_is_bought_once() {
    let world = company_with(|settings| settings.pipedrive.duplicate_share = 1.0).await;
    let again = async |lead: &str| told(&world, WEBHOOK_USER, SIGNING_SECRET, created(lead).to_string()).await;
    bought_once_however_often_told(&world, again).await;
}
