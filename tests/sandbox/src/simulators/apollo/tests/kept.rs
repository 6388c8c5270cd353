//! A team that outlasts the process.

use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::kept::Folder;

const DELAY: Duration = Duration::from_secs(5 * 60);
const HOOK: &str = "http%3A%2F%2F127.0.0.1%3A9%2Fapollo%2Fdemo%2Ftoken";

/// A team that makes everybody up.
fn setup() -> ApolloSetup {
    ApolloSetup { unknown_share: 0.0, mobile_share: 1.0, ..ApolloSetup::default() }
}

/// The team as it is in a folder, after a start.
async fn team(clock: &Arc<HandClock>, folder: &Folder) -> World {
    let apollo = Apollo::new(clock.clone(), setup());
    apollo.add_sequence("New leads");
    apollo.add_mailbox("sales@x.com", true);
    apollo.keep_in(folder.part("apollo")).expect("readable");
    let apollo = Arc::new(apollo);
    let base = loopback::serve(apollo_router(apollo.clone())).await;
    World { clock: clock.clone(), apollo, http: loopback::client(), base }
}

async fn scratch() -> (TempDir, Folder, Arc<HandClock>) {
    let scratch = TempDir::new().expect("a folder");
    let folder = Folder::open(scratch.path()).await.expect("a folder");
    (scratch, folder, HandClock::start())
}

#[tokio::test]
async fn charges_and_credits_survive() {
    let (_scratch, folder, clock) = scratch().await;
    let before = team(&clock, &folder).await;
    let (_, answer) = before.bulk(&["ada@x.com", "bob@x.com"]).await;
    let (ledger, left) = (before.apollo.ledger(), before.apollo.credits_left());
    assert_eq!((ledger.credits_charged, left), (2000, setup().pool_milli - 2000));
    clock.advance(Duration::from_secs(30));
    let (_, _, used) = before.post("/api/v1/usage_stats/api_usage_stats", Value::Null).await;

    let after = team(&clock, &folder).await;
    assert_eq!((after.apollo.ledger().charges, after.apollo.credits_left()), (ledger.charges, left));
    let (_, _, used_now) = after.post("/api/v1/usage_stats/api_usage_stats", Value::Null).await;
    let bulk = "[\"api/v1/people\",\"bulk_match\"]";
    assert_eq!((&used_now[bulk], used_now[bulk]["minute"]["consumed"].as_u64()), (&used[bulk], Some(1)));
    let (status, person) =
        after.get(&format!("/api/v1/people/{}", answer["matches"][0]["id"].as_str().expect("id"))).await;
    assert_eq!((status, &person["person"]["first_name"]), (200, &json!("Ada")), "who was in an answer is known by id");
    let charges = after.apollo.ledger().charges;
    assert!(charges[2].call > charges[1].call, "calls are numbered on");
}

#[tokio::test]
async fn results_under_way_arrive_at_where_the_world_is_by_then() {
    let (_scratch, folder, clock) = scratch().await;
    let before = team(&clock, &folder).await;
    let path = format!("{BULK}?reveal_phone_number=true&webhook_url={HOOK}");
    let (status, _, promised) = before.post(&path, details(&["ada@x.com"])).await;
    assert_eq!(status, 200, "{promised}");
    clock.advance(DELAY);
    assert_eq!(before.apollo.deliver_callbacks(&before.http).await, 1, "tried once, where no server is");
    let poll = format!("/api/v1/webhook_result/{}", promised["request_id"]);
    let found = before.get(&poll).await;

    let after = team(&clock, &folder).await;
    assert_eq!(after.get(&poll).await, found);
    assert_eq!(after.apollo.ledger().mobiles_charged, 1, "charged once");
    let callbacks = after.apollo.pending_callbacks();
    assert_eq!(callbacks.len(), 1);
    after.apollo.redirect_callbacks(|url| Some(url.replace(":9/", ":10/")));
    // A callback that is being made when the process ends is made anew.
    clock.advance(Duration::from_secs(60));
    assert_eq!(after.apollo.take_due().len(), 1);
    assert_eq!(after.apollo.pending_callbacks(), []);

    let again = team(&clock, &folder).await;
    let moved = again.apollo.pending_callbacks();
    assert_eq!((moved.len(), moved[0].url.as_str()), (1, "http://127.0.0.1:10/apollo/demo/token"));
    for _ in 1..AsynchronousSetup::default().attempts_max {
        assert_eq!(again.apollo.deliver_callbacks(&again.http).await, 1);
        clock.advance(Duration::from_secs(60));
    }
    assert_eq!(team(&clock, &folder).await.apollo.pending_callbacks(), [], "its attempts are counted on");
}

#[tokio::test]
async fn a_result_that_is_not_there_yet_is_charged_once_it_is() {
    let (_scratch, folder, clock) = scratch().await;
    let before = team(&clock, &folder).await;
    let path = format!("{BULK}?reveal_phone_number=true&webhook_url={HOOK}");
    let (_, _, promised) = before.post(&path, details(&["ada@x.com"])).await;
    let after = team(&clock, &folder).await;
    assert_eq!(after.get(&format!("/api/v1/webhook_result/{}", promised["request_id"])).await.0, 404);
    clock.advance(DELAY);
    assert_eq!(after.get(&format!("/api/v1/webhook_result/{}", promised["request_id"])).await.0, 200);
    assert_eq!(after.apollo.ledger().mobiles_charged, 1);
    let another = team(&clock, &folder).await;
    let (_, _, second) = another.post(&path, details(&["bob@x.com"])).await;
    assert_ne!(second["request_id"], promised["request_id"]);
}

#[tokio::test]
async fn contacts_sequences_and_tasks_survive() {
    let (_scratch, folder, clock) = scratch().await;
    let before = team(&clock, &folder).await;
    let sequence = before.apollo.add_sequence("New leads");
    let mailbox = before.apollo.add_mailbox("sales@x.com", true);
    let create = |email: &str| json!({ "email": email, "first_name": "Ada" });
    let (_, _, ada) = before.post("/api/v1/contacts", create("ada@x.com")).await;
    let (_, _, bob) = before.post("/api/v1/contacts", create("bob@x.com")).await;
    let (ada, bob) = (ada["contact"]["id"].as_str().expect("id"), bob["contact"]["id"].as_str().expect("id"));
    let enrol = json!({ "emailer_campaign_id": sequence, "contact_ids": [ada],
        "send_email_from_email_account_id": mailbox, "sequence_unverified_email": true });
    let (status, _, added) = before.post(&format!("/api/v1/emailer_campaigns/{sequence}/add_contact_ids"), enrol).await;
    assert_eq!((status, added["contacts"].as_array().map(Vec::len)), (200, Some(1)), "{added}");
    let task = json!({ "user_id": "u", "contact_ids": [ada], "type": "call", "status": "scheduled",
        "due_at": "2026-03-02T09:00:00Z" });
    assert_eq!(before.post("/api/v1/tasks/bulk_create", task).await.0, 200);
    before.apollo.delete_contact(bob);

    let after = team(&clock, &folder).await;
    assert_eq!(after.apollo.contacts(), before.apollo.contacts());
    assert_eq!(after.apollo.enrolled(&sequence), [(ada.to_owned(), "active".to_owned())]);
    assert_eq!(after.apollo.tasks(), before.apollo.tasks());
    assert_eq!(after.get(&format!("/api/v1/contacts/{bob}")).await.0, 422, "it was deleted");
    let (_, _, new) = after.post("/api/v1/contacts", create("eve@x.com")).await;
    assert!(![ada, bob].contains(&new["contact"]["id"].as_str().expect("id")), "no id is given twice");
}
