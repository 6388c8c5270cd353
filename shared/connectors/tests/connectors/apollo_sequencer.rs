//! Apollo's sequences in the words of the heart.

use leadgate_connectors::provider::apollo::client::Apollo;
use leadgate_enrichment::enrolment::SkipReason;
use leadgate_enrichment::enrolment::sequencer::{
    ContactEnd, Enrolment, Exception, Prospect, SellerTask, Sequencer, SequencerError, TaskKind, TaskPriority,
};
use serde_json::{Value, json};

use crate::apollo::{TIMEOUT, apollo};
use crate::loopback::Server;

async fn answering(status: u16, body: Value) -> (Server, Apollo) {
    let server = Server::start(move |_, _| (status, body.to_string())).await;
    let apollo = apollo(&server.url);
    (server, apollo)
}

fn prospect(email: &str) -> Prospect {
    Prospect { email: email.to_owned(), first_name: Some("Ada".to_owned()), ..Prospect::default() }
}

fn enrolment() -> Enrolment {
    let contacts = ["c1", "c2", "c3", "c4", "c5"].map(str::to_owned).to_vec();
    let allow = vec![Exception::JobChange];
    Enrolment { sequence: "s1".to_owned(), mailbox: "m1".to_owned(), contacts, allow, owner: Some("u1".to_owned()) }
}

#[tokio::test]
async fn contacts_who_are_there_stay_as_they_are_and_each_is_known_by_the_address() {
    let body = json!({
        "created_contacts": [{"id": "c2", "email": "bob@loom.example"}],
        "existing_contacts": [{"id": "c1", "email": "Ada@Engine.example"}, {"id": "c3", "email": "other@loom.example"}],
    });
    let (server, apollo) = answering(200, body).await;
    let people = [prospect("ada@engine.example"), prospect("bob@loom.example"), prospect("eve@loom.example")];
    let found = apollo.find_or_create(&people, TIMEOUT).await.reply.expect("an answer");
    assert_eq!(found, [Some("c1".to_owned()), Some("c2".to_owned()), None], "another address is another person");
    let (line, sent) = server.asked().remove(0);
    assert_eq!((line.as_str(), &sent["run_dedupe"]), ("POST /contacts/bulk_create", &json!(true)));
    assert_eq!(sent["contacts"][0], json!({ "email": "ada@engine.example", "first_name": "Ada" }));
}

#[tokio::test]
async fn each_contact_has_an_end_of_its_own() {
    let body = json!({
        "contacts": [{"id": "c1"}],
        "skipped_contact_ids": {"c2": "contacts_active_in_other_campaigns", "c3": "contacts_in_pending_state", "c4": "a new reason"},
    });
    let (server, apollo) = answering(200, body).await;
    let ends = apollo.enrol(&enrolment(), TIMEOUT).await.reply.expect("an answer");
    let expected = [
        ("c1", ContactEnd::Enrolled),
        ("c2", ContactEnd::LeftOut(SkipReason::ActiveElsewhere)),
        ("c3", ContactEnd::NotYet),
        ("c4", ContactEnd::LeftOut(SkipReason::LeftOut)),
        ("c5", ContactEnd::Untold),
    ];
    assert_eq!(ends, expected.map(|(id, end)| (id.to_owned(), end)).into());
    let (line, _) = server.asked().remove(0);
    assert!(line.contains("sequence_job_change=true") && !line.contains("active_in_other"), "{line}");
}

#[tokio::test]
async fn a_lock_is_no_rate_limit_and_a_sequence_that_is_gone_is_a_mistake() {
    let ends = [
        (429, json!({"error": "We are already processing the request for your sequence."}), "locked"),
        (429, json!({"message": "The maximum number of api calls allowed"}), "throttled"),
        (422, json!({"error": "The following email accounts are inactive: m1"}), "invalid"),
        (404, json!({"error": "Not Found"}), "invalid"),
        (403, json!({"error": "no", "error_code": "API_INACCESSIBLE"}), "denied"),
        (500, json!({}), "unknown"),
    ];
    for (status, body, expected) in ends {
        let (_server, apollo) = answering(status, body).await;
        let said = match apollo.enrol(&enrolment(), TIMEOUT).await.reply.expect_err("it failed") {
            SequencerError::Locked { .. } => "locked",
            SequencerError::Throttled { .. } => "throttled",
            SequencerError::Invalid(_) => "invalid",
            SequencerError::Denied(_) => "denied",
            SequencerError::Transient(_) => "transient",
            SequencerError::Unknown(_) => "unknown",
        };
        assert_eq!(said, expected, "{status}");
    }
}

#[tokio::test]
async fn whether_somebody_is_in_a_sequence_can_be_asked() {
    let contact = json!({"contact": {"id": "c1", "contact_campaign_statuses": [{"emailer_campaign_id": "s1", "status": "paused"}]}});
    let (server, apollo) = answering(200, contact).await;
    let is_in = async |sequence: &str| apollo.is_in_sequence("c1", sequence, TIMEOUT).await.reply;
    assert_eq!((is_in("s1").await, is_in("s2").await), (Ok(true), Ok(false)));
    assert_eq!(server.asked()[0].0, "GET /contacts/c1");
    let deleted = json!({"error": "The contact has been deleted."});
    assert_eq!(answering(422, deleted).await.1.is_in_sequence("c1", "s1", TIMEOUT).await.reply, Ok(false));
    let failed = answering(500, json!({})).await.1.is_in_sequence("c1", "s1", TIMEOUT).await.reply;
    assert!(matches!(failed, Err(SequencerError::Unknown(_))), "{failed:?}");
}

#[tokio::test]
async fn tasks_and_stages_are_for_all_of_them() {
    let (server, apollo) = answering(200, json!({"success": true, "tasks": [], "contacts": []})).await;
    let contacts = ["c1".to_owned(), "c2".to_owned()];
    let task = SellerTask {
        owner: "u1".to_owned(),
        kind: TaskKind::Email,
        due: "2026-11-24T09:00:00Z".parse().expect("a time"),
        priority: TaskPriority::Low,
        note: None,
    };
    Sequencer::create_tasks(&apollo, &contacts, &task, TIMEOUT).await.reply.expect("an answer");
    apollo.set_stage(&contacts, "g1", TIMEOUT).await.reply.expect("an answer");
    let [(tasks, sent), (stages, stage)] = &server.asked()[..] else { panic!("two calls") };
    assert_eq!((tasks.as_str(), stages.as_str()), ("POST /tasks/bulk_create", "POST /contacts/update_stages"));
    assert_eq!((&sent["contact_ids"], &sent["type"]), (&json!(["c1", "c2"]), &json!("outreach_manual_email")));
    assert_eq!(*stage, json!({ "contact_ids": ["c1", "c2"], "contact_stage_id": "g1" }));
}
