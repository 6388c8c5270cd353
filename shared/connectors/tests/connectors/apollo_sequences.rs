//! Sequences.

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_connectors::provider::apollo::search::Page;
use leadgate_connectors::provider::apollo::sequences::{
    Added, Addition, Additions, Exclusion, Removal, Removed, SequencesFound, SkipReason, Start, Statuses,
};
use leadgate_connectors::provider::apollo::{CallError, Open};
use serde_json::{Value, json};

use crate::apollo::{TIMEOUT, apollo};
use crate::loopback::Server;

/// A server that answers so to anything.
async fn server(body: Value) -> Server {
    Server::start(move |_, _| (200, body.to_string())).await
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn additions(contacts: &[&str]) -> Additions {
    Additions { contacts: ids(contacts), mailboxes: ids(&["m1"]), ..Additions::default() }
}

async fn added(body: Value) -> Added {
    let server = server(body).await;
    let added = apollo(&server.url).add_to_sequence("s1", &additions(&["c1", "c2", "c3"]), TIMEOUT).await;
    added.reply.expect("an answer")
}

async fn statuses(statuses: Value) -> Statuses {
    let server = server(json!({"contact_statuses": statuses})).await;
    let removed = apollo(&server.url).remove_from_sequences(&ids(&["s1"]), &ids(&["c1"]), Removal::Stop, TIMEOUT).await;
    removed.reply.expect("an answer").contact_statuses
}

#[tokio::test]
async fn sequences_are_found_by_name() {
    let server = server(json!({
        "pagination": {"page": 1, "total_pages": 1}, "breadcrumbs": [],
        "emailer_campaigns": [
            {"id": "s1", "name": "Looms", "archived": false, "active": "true", "num_steps": "3", "unique_replied": 1,
             "bounce_rate": 0.01, "reply_rate": "0.5", "user_id": null, "sharing": {}},
            {"id": "s2", "unique_delivered": "loading"},
        ],
    }))
    .await;
    let apollo = apollo(&server.url);
    let found = apollo.search_sequences(Some("loom & co"), Page::default(), TIMEOUT).await.reply.expect("an answer");
    apollo.search_sequences(None, Page::new(2, 100).expect("a page"), TIMEOUT).await.reply.expect("an answer");
    let path = "POST /emailer_campaigns/search";
    let lines = [format!("{path}?q_name=loom+%26+co&page=1&per_page=25"), format!("{path}?page=2&per_page=100")];
    assert_eq!(server.asked(), lines.map(|line| (line, json!({}))));
    let [looms, sparse] = &found.sequences[..] else { panic!("{found:?}") };
    assert_eq!((looms.id.as_deref(), looms.name.as_deref()), (Some("s1"), Some("Looms")));
    assert_eq!((looms.archived, looms.active, looms.num_steps), (Some(false), Some(true), Some(3)));
    assert_eq!((looms.bounce_rate, looms.reply_rate), (Some(0.01), Some(0.5)));
    assert_eq!((sparse.id.as_deref(), sparse.unique_delivered), (Some("s2"), None));
}

#[tokio::test]
async fn contacts_are_added_with_all_that_is_said_in_the_query() {
    let server = server(json!({"contacts": []})).await;
    let apollo = apollo(&server.url);
    let full = Additions {
        contacts: ids(&["c1", "c2"]),
        mailboxes: ids(&["m1", "m2"]),
        even: vec![Exclusion::NoEmail, Exclusion::ActiveElsewhere],
        user: Some("u1".into()),
        start: Start::Paused { until: Some("2026-11-21T09:00:00Z".parse().expect("a time")) },
    };
    apollo.add_to_sequence("s1", &full, TIMEOUT).await.reply.expect("an answer");
    apollo.add_to_sequence("s1", &additions(&["c1"]), TIMEOUT).await.reply.expect("an answer");
    let path = "POST /emailer_campaigns/s1/add_contact_ids?emailer_campaign_id=s1&contact_ids%5B%5D=c1";
    let full = "&contact_ids%5B%5D=c2&send_email_from_email_account_id%5B%5D=m1&send_email_from_email_account_id%5B%5D=m2\
                &sequence_no_email=true&sequence_active_in_other_campaigns=true&user_id=u1&status=paused\
                &auto_unpause_at=2026-11-21T09%3A00%3A00Z";
    let lines = [format!("{path}{full}"), format!("{path}&send_email_from_email_account_id=m1")];
    assert_eq!(server.asked(), lines.map(|line| (line, json!({}))));
}

#[tokio::test]
async fn a_success_says_contact_by_contact_what_became_of_them() {
    let skipped = |reason| Addition::Skipped(Some(reason));
    let added_to = added(json!({
        "contacts": [
            {"id": "c1", "contact_campaign_statuses": [
                {"emailer_campaign_id": "s0", "status": "finished"},
                {"id": "x", "emailer_campaign_id": "s1", "status": "active", "inactive_reason": "Sequence inactive"},
            ]},
            {"id": "c2"},
        ],
        "skipped_contact_ids": {"c2": "contacts_without_email", "c3": "contacts_on_holiday", "c4": null},
        "emailer_campaign": {}, "signals_hash": null,
    }))
    .await;
    assert_eq!(added_to.contacts.keys().collect::<Vec<_>>(), ["c1", "c2", "c3"], "those who were asked for");
    let Addition::Added(Some(membership)) = &added_to.contacts["c1"] else { panic!("{added_to:?}") };
    assert_eq!(membership.status.as_deref(), Some("active"));
    assert_eq!(membership.inactive_reason.as_deref(), Some("Sequence inactive"));
    assert_eq!(added_to.contacts["c2"], skipped(Open::Known(SkipReason::ContactsWithoutEmail)));
    assert_eq!(added_to.contacts["c3"], skipped(Open::Other("contacts_on_holiday".into())));

    let added_to = added(json!({"contacts": [{"id": "c1"}], "skipped_contact_ids": ["c2", null]})).await;
    let expected = [("c1", Addition::Added(None)), ("c2", Addition::Skipped(None)), ("c3", Addition::Untold)];
    assert_eq!(added_to.contacts, expected.map(|(id, addition)| (id.to_owned(), addition)).into());

    for body in [json!({}), json!({"contacts": null, "skipped_contact_ids": null}), json!({"skipped_contact_ids": 3})] {
        let added_to = added(body).await;
        assert!(added_to.contacts.values().all(|addition| *addition == Addition::Untold), "{added_to:?}");
    }
}

#[tokio::test]
async fn every_reason_to_skip_somebody_is_known() {
    for reason in [
        "contact_not_found",
        "contacts_already_exists_in_current_campaign",
        "contacts_active_in_other_campaigns",
        "contacts_finished_in_other_campaigns",
        "contacts_without_email",
        "contacts_unverified_email",
        "contacts_with_job_change",
        "contacts_in_same_company",
        "contacts_without_ownership_permission",
        "contacts_in_pending_state",
        "contacts_with_unverified_user_managed_email",
    ] {
        let added = added(json!({"skipped_contact_ids": {"c1": reason}})).await;
        let addition = &added.contacts["c1"];
        assert!(matches!(addition, Addition::Skipped(Some(Open::Known(_)))), "{reason}: {addition:?}");
    }
}

#[tokio::test]
async fn a_sequence_that_is_at_work_is_no_rate_limit() {
    for (body, locked) in [
        (r#"{"error":"We are already processing the request for your sequence. Try later."}"#, true),
        (r#""{\"error\":\"Already processing the request for your sequence\"}""#, true),
        (r#"{"message":"The maximum number of api calls allowed is 200 times per minute."}"#, false),
    ] {
        let server = Server::start(move |_, _| (429, body.to_owned())).await;
        let added = apollo(&server.url).add_to_sequence("s1", &additions(&["c1"]), TIMEOUT).await.reply;
        let expected = match locked {
            true => CallError::Locked { retry_after: None },
            false => CallError::Throttled { retry_after: Some(Duration::from_secs(60)) },
        };
        assert_eq!(added, Err(expected), "{body}");
    }
}

#[tokio::test]
async fn contacts_leave_sequences_one_way_or_another() {
    let server = server(json!({
        "contacts": [{"id": "c1"}], "emailer_campaigns": [], "num_contacts": "7",
        "contact_statuses": {"active": 3, "paused": "4", "failed": "loading", "not_sent": null},
    }))
    .await;
    let apollo = apollo(&server.url);
    let (sequences, contacts) = (ids(&["s1", "s2"]), ids(&["c1"]));
    let removed = apollo.remove_from_sequences(&sequences, &contacts, Removal::Stop, TIMEOUT).await.reply;
    let removed = removed.expect("an answer");
    for how in [Removal::MarkAsFinished, Removal::Remove] {
        apollo.remove_from_sequences(&sequences, &contacts, how, TIMEOUT).await.reply.expect("an answer");
    }
    let line = |mode: &str| {
        let query = "emailer_campaign_ids%5B%5D=s1&emailer_campaign_ids%5B%5D=s2&contact_ids%5B%5D=c1";
        (format!("POST /emailer_campaigns/remove_or_stop_contact_ids?{query}&mode={mode}"), json!({}))
    };
    assert_eq!(server.asked(), [line("stop"), line("mark_as_finished"), line("remove")]);
    assert_eq!((removed.contacts.len(), removed.num_contacts), (1, Some(7)));
    let counted: BTreeMap<String, u64> = [("active".to_owned(), 3), ("paused".to_owned(), 4)].into();
    assert_eq!(removed.contact_statuses, Statuses::Counted(counted));
}

#[tokio::test]
async fn apollo_may_still_be_counting() {
    assert_eq!(statuses(json!("loading")).await, Statuses::Loading);
    assert_eq!(statuses(json!({"active": "loading", "paused": "loading"})).await, Statuses::Loading);
    assert_eq!(statuses(json!({})).await, Statuses::Counted(BTreeMap::new()));
    for other in [json!(null), json!("done"), json!([]), json!(3)] {
        assert_eq!(statuses(other).await, Statuses::Untold);
    }
}

#[tokio::test]
async fn what_apollo_would_refuse_does_not_go_out() {
    let server = server(json!({})).await;
    let apollo = apollo(&server.url);
    let many: Vec<String> = (0..101).map(|at| format!("c{at}")).collect();
    for wrong in [
        Additions { contacts: vec![], ..additions(&[]) },
        Additions { contacts: many.clone(), ..additions(&[]) },
        Additions { mailboxes: vec![], ..additions(&["c1"]) },
    ] {
        let added = apollo.add_to_sequence("s1", &wrong, TIMEOUT).await.reply;
        assert!(matches!(added, Err(CallError::Invalid(_))), "{added:?}");
    }
    let added = apollo.add_to_sequence("s1/../s2", &additions(&["c1"]), TIMEOUT).await.reply;
    assert!(matches!(added, Err(CallError::Invalid(_))), "{added:?}");
    for (sequences, contacts) in [(ids(&[]), ids(&["c1"])), (ids(&["s1"]), ids(&[])), (ids(&["s1"]), many)] {
        let removed = apollo.remove_from_sequences(&sequences, &contacts, Removal::Remove, TIMEOUT).await.reply;
        assert!(matches!(removed, Err(CallError::Invalid(_))), "{removed:?}");
    }
    assert!(server.lines().is_empty());
    let removed = apollo.remove_from_sequences(&ids(&["s1"]), &ids(&["c1"]), Removal::Remove, TIMEOUT).await.reply;
    assert_eq!(removed, Ok(Removed::default()));
    assert_eq!(apollo.search_sequences(None, Page::default(), TIMEOUT).await.reply, Ok(SequencesFound::default()));
}
