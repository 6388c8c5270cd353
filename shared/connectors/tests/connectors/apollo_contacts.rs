//! Contacts that a team keeps in Apollo, and tasks about them.

use leadgate_connectors::provider::apollo::contacts::{
    ContactFields, ContactOrder, ContactSaved, ContactSearch, ContactsFound,
};
use leadgate_connectors::provider::apollo::search::Page;
use leadgate_connectors::provider::apollo::tasks::{NewTasks, Priority, TaskStatus, TaskType, TasksCreated};
use leadgate_connectors::provider::apollo::{CallError, Open};
use serde_json::{Value, json};

use crate::apollo::{TIMEOUT, apollo};
use crate::loopback::Server;

/// A server that answers so to anything.
async fn server(body: Value) -> Server {
    Server::start(move |_, _| (200, body.to_string())).await
}

fn ada() -> ContactFields {
    ContactFields {
        first_name: Some("Ada".into()),
        email: Some("ada@b.example".into()),
        mobile_phone: Some(String::new()),
        label_names: Some(vec!["Weavers".into()]),
        typed_custom_fields: [("f1".to_owned(), json!(7))].into(),
        ..ContactFields::default()
    }
}

fn ada_sent() -> Value {
    json!({
        "first_name": "Ada", "email": "ada@b.example", "mobile_phone": "", "label_names": ["Weavers"],
        "typed_custom_fields": {"f1": 7},
    })
}

#[tokio::test]
async fn whether_duplicates_are_looked_for_is_always_said() {
    let server = server(json!({
        "contact": {
            "id": "c1", "person_id": "p1", "first_name": "Ada", "email": "ada@b.example", "email_status": "verified",
            "phone_numbers": [{"sanitized_number": "+4420", "type": "work_hq", "dnc_status": null}, null],
            "label_ids": ["l1", null, 2], "contact_campaign_statuses": [{"emailer_campaign_id": "s1", "status": "active"}],
            "owner_id": null, "emailer_campaign_ids": "none", "salesforce_id": {},
        },
        "labels": [], "dedupe_result": {"found_existing": true, "match_reason": "email_match", "existing_contact_id": "c1"},
    }))
    .await;
    let apollo = apollo(&server.url);
    let saved = apollo.create_contact(&ada(), true, TIMEOUT).await.reply.expect("an answer");
    apollo.create_contact(&ContactFields::default(), false, TIMEOUT).await.reply.expect("an answer");
    let mut sent = ada_sent();
    sent["run_dedupe"] = json!(true);
    let line = || "POST /contacts".to_owned();
    assert_eq!(server.asked(), [(line(), sent), (line(), json!({"run_dedupe": false}))]);
    let (contact, dedupe) = (saved.contact.expect("a contact"), saved.dedupe_result.expect("a result"));
    assert_eq!((contact.id.as_deref(), contact.person_id.as_deref()), (Some("c1"), Some("p1")));
    assert_eq!((contact.email.as_deref(), contact.owner_id), (Some("ada@b.example"), None));
    assert_eq!(contact.phone_numbers.len(), 1);
    assert_eq!((contact.label_ids, contact.emailer_campaign_ids), (vec!["l1".to_owned(), "2".to_owned()], vec![]));
    assert_eq!(contact.contact_campaign_statuses[0].status.as_deref(), Some("active"));
    assert_eq!((dedupe.found_existing, dedupe.match_reason.as_deref()), (Some(true), Some("email_match")));
}

#[tokio::test]
async fn a_contact_is_changed_by_its_id_and_by_nothing_else() {
    let server = server(json!({"contact": {"id": "c1", "email": "email_not_unlocked@domain.com"}})).await;
    let apollo = apollo(&server.url);
    let saved = apollo.update_contact("587cf802f65125cad923a266", &ada(), TIMEOUT).await.reply.expect("an answer");
    assert_eq!(saved.contact.expect("a contact").email, None, "the address of everybody is nobody's");
    assert_eq!(server.asked(), [("PATCH /contacts/587cf802f65125cad923a266".to_owned(), ada_sent())]);
    for stray in ["", "../users", "c1?run_dedupe=true", "c 1"] {
        let saved = apollo.update_contact(stray, &ada(), TIMEOUT).await.reply;
        assert!(matches!(saved, Err(CallError::Invalid(_))), "{stray}: {saved:?}");
    }
    assert_eq!(server.lines().len(), 1, "no stray id goes out");
}

#[tokio::test]
async fn contacts_are_found_in_the_order_asked_for() {
    let server = server(json!({"pagination": {"total_entries": 1}, "contacts": [{"id": "c1"}, "c2"]})).await;
    let search = ContactSearch {
        q_keywords: Some("ada".into()),
        contact_stage_ids: vec!["s1".into()],
        contact_label_ids: vec!["l1".into()],
        sort_by_field: Some(ContactOrder::ContactUpdatedAt),
        sort_ascending: Some(true),
        page: Page::new(3, 10).expect("a page"),
    };
    let found = apollo(&server.url).search_contacts(&search, TIMEOUT).await.reply.expect("an answer");
    let sent = json!({
        "q_keywords": "ada", "contact_stage_ids": ["s1"], "contact_label_ids": ["l1"],
        "sort_by_field": "contact_updated_at", "sort_ascending": true, "page": 3, "per_page": 10,
    });
    assert_eq!(server.asked(), [("POST /contacts/search".to_owned(), sent)]);
    assert_eq!(found.contacts.iter().map(|contact| contact.id.as_deref()).collect::<Vec<_>>(), [Some("c1")]);
    assert_eq!(found.pagination.and_then(|pagination| pagination.total_entries), Some(1));
}

fn tasks() -> NewTasks {
    NewTasks {
        user_id: "u1".into(),
        contact_ids: vec!["c1".into(), "c2".into()],
        r#type: TaskType::OutreachManualEmail,
        status: TaskStatus::Scheduled,
        due_at: "2026-11-21T09:00:00Z".parse().expect("a time"),
        priority: Some(Priority::High),
        note: Some("engines".into()),
    }
}

#[tokio::test]
async fn a_task_is_created_for_each_contact() {
    let server = server(json!({
        "success": true,
        "tasks": [
            {"id": "t1", "user_id": "u1", "contact_id": "c1", "type": "outreach_manual_email", "status": "scheduled",
             "due_at": "2026-11-21T09:00:00.000+00:00", "priority": "urgent", "note": "", "created_from": "api"},
            {"id": 2, "type": "carrier_pigeon", "status": ["scheduled"], "title": "Write"},
        ],
    }))
    .await;
    let created = apollo(&server.url).create_tasks(&tasks(), TIMEOUT).await.reply.expect("an answer");
    let sent = json!({
        "user_id": "u1", "contact_ids": ["c1", "c2"], "type": "outreach_manual_email", "status": "scheduled",
        "due_at": "2026-11-21T09:00:00Z", "priority": "high", "note": "engines",
    });
    assert_eq!(server.asked(), [("POST /tasks/bulk_create".to_owned(), sent)]);
    assert_eq!(created.success, Some(true));
    let [first, second] = &created.tasks[..] else { panic!("{created:?}") };
    assert_eq!(first.r#type, Some(Open::Known(TaskType::OutreachManualEmail)));
    assert_eq!(first.status, Some(Open::Known(TaskStatus::Scheduled)));
    assert_eq!(first.priority, Some(Open::Other("urgent".into())));
    assert_eq!(first.note, None);
    assert_eq!((second.id.as_deref(), &second.status), (Some("2"), &None));
    assert_eq!(second.r#type, Some(Open::Other("carrier_pigeon".into())));
}

#[tokio::test]
async fn too_many_tasks_or_none_do_not_go_out() {
    let server = server(json!({})).await;
    for count in [0, 101] {
        let tasks = NewTasks { contact_ids: vec!["c1".into(); count], ..tasks() };
        let created = apollo(&server.url).create_tasks(&tasks, TIMEOUT).await.reply;
        assert!(matches!(created, Err(CallError::Invalid(_))), "{created:?}");
    }
    let search = ContactSearch { contact_label_ids: vec!["l1".into(); 1001], ..ContactSearch::default() };
    let found = apollo(&server.url).search_contacts(&search, TIMEOUT).await.reply;
    assert!(matches!(found, Err(CallError::Invalid(_))), "{found:?}");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn an_answer_of_another_shape_says_nothing() {
    for body in [json!({}), json!({"contact": null, "contacts": {}, "tasks": [7], "success": 1, "dedupe_result": ""})] {
        let server = server(body).await;
        let apollo = apollo(&server.url);
        assert_eq!(apollo.create_contact(&ada(), true, TIMEOUT).await.reply, Ok(ContactSaved::default()));
        assert_eq!(apollo.update_contact("c1", &ada(), TIMEOUT).await.reply, Ok(ContactSaved::default()));
        assert_eq!(
            apollo.search_contacts(&ContactSearch::default(), TIMEOUT).await.reply,
            Ok(ContactsFound::default())
        );
        assert_eq!(apollo.create_tasks(&tasks(), TIMEOUT).await.reply, Ok(TasksCreated::default()));
    }
}
