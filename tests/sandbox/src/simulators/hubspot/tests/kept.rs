//! A portal that outlasts the process.

use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::kept::Folder;

/// The portal as it is in a folder, after a start.
fn portal(clock: &Arc<HandClock>, folder: &Folder) -> HubSpot {
    let hubspot = HubSpot::new(clock.clone(), HubSpotSetup::default(), loopback::client());
    hubspot.keep_in(folder.part("hubspot")).expect("readable");
    hubspot
}

/// To an address without a server.
fn subscription() -> Subscription {
    let properties = vec!["jobtitle".to_owned()];
    let retry_spread = Duration::from_secs(600);
    Subscription { properties, retry_spread, ..Subscription::new("http://127.0.0.1:9/hook", "secret") }
}

#[tokio::test]
async fn contacts_with_all_that_became_of_them_survive() {
    let (scratch, clock) = (TempDir::new().expect("a folder"), HandClock::start());
    let folder = Folder::open(scratch.path()).await.expect("a folder");
    let before = portal(&clock, &folder);
    before.define_property("shoe_size");
    before.remove_property("industry");
    let [ada, bob, eve, max, mia] =
        ["ada", "bob", "eve", "max", "mia"].map(|name| before.create_contact([("email", format!("{name}@x.com"))]));
    clock.advance(Duration::from_secs(60));
    before.edit(&ada, "shoe_size", "38");
    before.try_edit(&ada, "shoe_size", "39", &Source::app(54_321)).expect("is taken");
    before.delete(&bob);
    before.privacy_delete(&eve);
    let merged = before.merge(&max, &mia).expect("merged");
    let (contacts, ada_before) = (before.contacts(), before.contact(&ada));

    let after = portal(&clock, &folder);
    assert_eq!((after.contacts(), after.contact(&ada)), (contacts, ada_before));
    assert_eq!(after.contact(&ada).expect("Ada").history("shoe_size").len(), 2);
    assert!(after.contact(&bob).expect("is in the recycle bin").archived_at.is_some());
    assert_eq!(after.contact(&eve), None);
    let refused = after.try_create_contact([("email", "ada@x.com")], &Source::person());
    assert_eq!(refused, Err(Refusal::Exists(ada)), "addresses are known again");
    assert!(after.try_create_contact([("industry", "retail")], &Source::person()).is_err(), "it was deleted");
    let base = loopback::serve(hubspot_router(Arc::new(after))).await;
    let read = loopback::client().get(format!("{base}{V3}/{mia}")).bearer_auth("simulated-access-token");
    assert_eq!(read.send().await.expect("an answer").json::<Value>().await.expect("JSON")["id"], merged);
    let next: u64 = merged.parse().expect("a number");
    let again = portal(&clock, &folder);
    assert_eq!(again.create_contact([("email", "new@x.com")]), (next + 1).to_string(), "no id is given twice");
}

#[tokio::test]
async fn events_wait_with_their_attempts_until_they_are_accepted() {
    let (scratch, clock) = (TempDir::new().expect("a folder"), HandClock::start());
    let folder = Folder::open(scratch.path()).await.expect("a folder");
    let before = portal(&clock, &folder);
    before.subscribe(subscription());
    let ada = before.create_contact([("email", "ada@x.com")]);
    assert_eq!(before.deliver().await.kept, 1);
    before.edit(&ada, "jobtitle", "Countess");
    let waiting = before.pending_events();
    assert_eq!(waiting.iter().map(|event| event.attempt_number).collect::<Vec<_>>(), [1, 0]);
    // One is being delivered when the process ends.
    assert_eq!(before.take_deliveries().expect("a subscription").1.len(), 1);
    assert_eq!(before.pending_events().len(), 1);

    let after = portal(&clock, &folder);
    assert_eq!(after.pending_events(), waiting);
    let (base, received) = hooks::receiver(&[]).await;
    after.subscribe(Subscription { target_url: format!("{base}/hook"), ..subscription() });
    after.edit(&ada, "jobtitle", "Analyst");
    let ids: Vec<u64> = after.pending_events().iter().map(|event| event.event_id).collect();
    assert_eq!(ids, [1, 1, 2], "each subscription counts on");
    clock.advance(Duration::from_secs(3600));
    let report = after.deliver().await;
    assert_eq!((report.events, report.accepted, received.lock().len()), (3, 1, 1));
    assert_eq!(portal(&clock, &folder).pending_events(), [], "what was accepted is told no more");
}

#[tokio::test]
async fn an_event_that_was_given_up_is_not_forgotten() {
    let (scratch, clock) = (TempDir::new().expect("a folder"), HandClock::start());
    let folder = Folder::open(scratch.path()).await.expect("a folder");
    let before = portal(&clock, &folder);
    before.subscribe(Subscription { retry_spread: Duration::ZERO, ..subscription() });
    before.create_contact([("email", "ada@x.com")]);
    for _ in 0..=RETRIES_MAX {
        before.deliver().await;
    }
    let after = portal(&clock, &folder);
    assert_eq!((after.lost_events().len(), after.pending_events().len()), (1, 0));
}
