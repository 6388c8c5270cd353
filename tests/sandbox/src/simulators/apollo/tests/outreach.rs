//! Contacts, sequences and tasks.

use std::time::Duration;

use super::*;

const CONTACTS: &str = "/api/v1/contacts";

impl World {
    async fn contact(&self, body: Value) -> Value {
        let (status, _, body) = self.post(CONTACTS, body).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn id_of(&self, email: &str, company: &str) -> String {
        let body = self.contact(json!({ "email": email, "organization_name": company })).await;
        body["contact"]["id"].as_str().expect("an id").to_owned()
    }

    async fn enrol(&self, sequence: &str, ids: &[&str], more: &str) -> (u16, Value) {
        let ids: String = ids.iter().map(|id| format!("&contact_ids[]={id}")).collect();
        let mailbox = self.apollo.add_mailbox("sales@example.com", true);
        let query = format!("emailer_campaign_id={sequence}&send_email_from_email_account_id={mailbox}{ids}{more}");
        let path = format!("/api/v1/emailer_campaigns/{sequence}/add_contact_ids?{query}");
        let (status, _, body) = self.post(&path, Value::Null).await;
        (status, body)
    }
}

#[tokio::test]
async fn contacts_are_made_twice_unless_told_otherwise() {
    let world = World::new().await;
    let ada = json!({ "first_name": "Ada", "last_name": "L", "organization_name": "Engines", "title": "Countess",
        "email": "ada@example.com", "hubspot_vid": "17", "typed_custom_fields": { "a": "1", "b": "2" } });
    let first = world.contact(ada.clone()).await;
    assert!(first.get("dedupe_result").is_none());
    assert_eq!((&first["contact"]["email_status"], &first["contact"]["name"]), (&json!("verified"), &json!("Ada L")));
    world.contact(ada).await;
    assert_eq!(world.apollo.contacts().len(), 2);

    let world = World::new().await;
    let first = world.contact(json!({ "first_name": "Ada", "last_name": "L", "organization_name": "Engines",
        "title": "Countess", "email": "ada@example.com", "hubspot_vid": "17", "typed_custom_fields": { "a": "1" } }));
    let id = first.await["contact"]["id"].clone();
    let ways = [
        (json!({ "id": id }), "id_match"),
        (json!({ "hubspot_vid": "17", "email": "other@example.com" }), "crm_id_match"),
        (json!({ "email": "OTHER@example.com" }), "email_match"),
        (json!({ "first_name": "ada", "last_name": "l", "organization_name": "engines" }), "name_and_company_match"),
    ];
    for (mut sent, reason) in ways {
        sent["run_dedupe"] = json!(true);
        let body = world.contact(sent).await;
        let expected = json!({ "found_existing": true, "match_reason": reason, "existing_contact_id": id });
        assert_eq!(body["dedupe_result"], expected);
    }
    let sent = json!({ "id": id, "run_dedupe": true, "title": "", "typed_custom_fields": { "b": "2" } });
    let body = world.contact(sent).await;
    assert!(body["contact"].get("title").is_none(), "a blank clears");
    assert_eq!((&body["contact"]["hubspot_vid"], &body["contact"]["email_status"]), (&json!("17"), &json!("verified")));
    assert_eq!(body["contact"]["typed_custom_fields"], json!({ "a": "1", "b": "2" }));
    let new = world.contact(json!({ "email": "new@example.com", "run_dedupe": true })).await;
    assert_eq!(new["dedupe_result"]["found_existing"], false);
    assert_eq!(new["contact"]["email_true_status"], "User Managed");
    assert_eq!((world.apollo.contacts().len(), world.apollo.ledger().credits_charged), (2, 0));
}

#[tokio::test]
async fn contacts_are_changed_shown_found_and_deleted() {
    let world = World::new().await;
    let id = world.id_of("ada@example.com", "Engines").await;
    world.clock.advance(Duration::from_secs(1));
    world.id_of("bob@example.com", "Looms").await;
    let path = format!("{CONTACTS}/{id}");
    let change = json!({ "mobile_phone": "+15550001", "label_names": ["vip"] });
    let (status, _, body) = world.call(Method::PATCH, &path, change).await;
    assert_eq!((status, &body["contact"]["phone_numbers"][0]["type"]), (200, &json!("mobile")));
    assert_eq!(world.get(&path).await.1["contact"]["label_ids"], json!(["vip"]));
    let search = async |sent: Value| {
        let (_, _, body) = world.post("/api/v1/contacts/search", sent).await;
        let found = body["contacts"].as_array().expect("a list").iter();
        found.map(|it| it["organization_name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(search(json!({})).await, ["Looms", "Engines"]);
    assert_eq!(
        search(json!({ "sort_ascending": true, "sort_by_field": "contact_created_at" })).await,
        ["Engines", "Looms"]
    );
    assert_eq!(search(json!({ "q_keywords": "ada engines" })).await, ["Engines"]);
    assert_eq!(search(json!({ "contact_label_ids": ["vip"] })).await, ["Engines"]);
    assert_eq!(search(json!({ "per_page": 1, "page": 2 })).await.len(), 1);
    world.apollo.delete_contact(&id);
    let (status, _, body) = world.call(Method::PATCH, &path, json!({})).await;
    assert_eq!((status, &body["deleted_contact_ids"]), (422, &json!([id])));
    assert_eq!(world.get(&format!("{CONTACTS}/{}", "0".repeat(24))).await.0, 404);
    assert_eq!(world.get(&format!("{CONTACTS}/x")).await.0, 422);
}

#[tokio::test]
async fn whoever_may_not_be_in_a_sequence_is_named_with_the_reason() {
    let world = World::new().await;
    let guessed = Person { email_status: EmailStatus::Extrapolated, ..Person::new("Gus", "G", "gus@example.com") };
    world.apollo.know(guessed);
    let (here, there) = (world.apollo.add_sequence("Here"), world.apollo.add_sequence("There"));
    let good = world.id_of("ada@example.com", "Engines").await;
    let (status, body) = world.enrol(&here, &[&good], "").await;
    assert_eq!((status, &body["skipped_contact_ids"]), (200, &json!({})));
    assert_eq!(body["contacts"][0]["contact_campaign_statuses"][0]["status"], "active");
    let of = async |email: &str| world.id_of(email, email).await;
    let marked = async |change: fn(&mut Contact)| {
        let id = of("bob@example.com").await;
        world.apollo.change_contact(&id, |contact| {
            contact.fields.remove("organization_name");
            change(contact);
        });
        id
    };
    let active = marked(|_| ()).await;
    world.enrol(&there, &[&active], "").await;
    let finished = marked(|_| ()).await;
    world.enrol(&there, &[&finished], "").await;
    world.apollo.change_contact(&finished, |contact| contact.enrolments[0].status = "finished".to_owned());
    let cases = [
        ("0".repeat(24), "", "contact_not_found"),
        (good, "", "contacts_already_exists_in_current_campaign"),
        (marked(|it| drop(it.fields.remove("email"))).await, "sequence_no_email", "contacts_without_email"),
        (of("gus@example.com").await, "sequence_unverified_email", "contacts_unverified_email"),
        (of("own@example.com").await, "contact_verification_skipped", "contacts_with_unverified_user_managed_email"),
        (marked(|it| it.changed_job = true).await, "sequence_job_change", "contacts_with_job_change"),
        (active, "sequence_active_in_other_campaigns", "contacts_active_in_other_campaigns"),
        (finished, "sequence_finished_in_other_campaigns", "contacts_finished_in_other_campaigns"),
        (
            world.id_of("bob@example.com", "Engines").await,
            "sequence_same_company_in_same_campaign",
            "contacts_in_same_company",
        ),
        (
            marked(|it| it.belongs_to_others = true).await,
            "contacts_without_ownership_permission",
            "contacts_without_ownership_permission",
        ),
        (marked(|it| it.is_pending = true).await, "add_if_in_queue", "contacts_in_pending_state"),
    ];
    let ids: Vec<&str> = cases.iter().map(|(id, _, _)| id.as_str()).collect();
    let (status, body) = world.enrol(&here, &ids, "").await;
    assert_eq!((status, &body["contacts"]), (200, &json!([])));
    for (id, lift, reason) in &cases {
        assert_eq!(body["skipped_contact_ids"][id], *reason);
        if !lift.is_empty() {
            let (_, body) = world.enrol(&here, &[id], &format!("&{lift}=true")).await;
            assert_eq!(body["skipped_contact_ids"], json!({}), "{lift}");
        }
    }
    assert_eq!(world.apollo.enrolled(&here).len(), 10);
}

#[tokio::test]
async fn a_sequence_call_has_to_be_complete_and_its_mailboxes_active() {
    let world = World::new().await;
    let (sequence, contact) = (world.apollo.add_sequence("Here"), world.id_of("ada@example.com", "Engines").await);
    let inactive = world.apollo.add_mailbox("old@example.com", false);
    let path = format!("/api/v1/emailer_campaigns/{sequence}/add_contact_ids");
    let refused = async |query: String| {
        let (status, _, body) = world.post(&format!("{path}?{query}"), Value::Null).await;
        assert_eq!(status, 422, "{query}");
        body["error"].as_str().expect("a text").to_owned()
    };
    let campaign = format!("emailer_campaign_id={sequence}");
    assert!(refused(format!("contact_ids[]={contact}")).await.contains("emailer_campaign_id"));
    assert!(refused(format!("{campaign}&contact_ids[]={contact}")).await.contains("email_account_id"));
    let complete = format!("{campaign}&send_email_from_email_account_id={inactive}");
    assert!(refused(complete.clone()).await.contains("contact_ids or label_names"));
    assert!(refused(format!("{complete}&contact_ids[]={contact}")).await.contains(&inactive));
    assert_eq!(world.enrol(&"0".repeat(24), &[&contact], "").await.0, 404);
    let (_, mailboxes) = world.get("/api/v1/email_accounts").await;
    assert_eq!(mailboxes["email_accounts"].as_array().map(Vec::len), Some(2));
    let (_, _, found) = world.post("/api/v1/emailer_campaigns/search", json!({ "q_name": "her" })).await;
    assert_eq!(found["emailer_campaigns"][0]["id"], json!(sequence));
}

#[tokio::test]
async fn a_busy_sequence_is_a_lock_and_no_rate_limit() {
    let setup = ApolloSetup { sequence_busy: Duration::from_secs(20), ..ApolloSetup::default() };
    let world = World::with(setup).await;
    let sequence = world.apollo.add_sequence("Here");
    let (ada, bob) = (world.id_of("ada@example.com", "A").await, world.id_of("bob@example.com", "B").await);
    assert_eq!(world.enrol(&sequence, &[&ada], "").await.0, 200);
    let (status, body) = world.enrol(&sequence, &[&bob], "").await;
    assert_eq!(status, 429);
    assert!(
        body["error"].as_str().is_some_and(|text| text.contains("already processing the request for your sequence"))
    );
    assert_eq!(world.apollo.ledger().throttled, 0);
    world.clock.advance(Duration::from_secs(20));
    assert_eq!(world.enrol(&sequence, &[&bob], "&status=paused&auto_unpause_at=2026-04-01T00:00:00Z").await.0, 200);
    world.apollo.lock_sequence(&sequence, Duration::from_secs(60));
    let stop = format!("emailer_campaign_ids[]={sequence}&contact_ids[]={ada}");
    let stop = |mode: &str| format!("/api/v1/emailer_campaigns/remove_or_stop_contact_ids?{stop}&mode={mode}");
    assert_eq!(world.post(&stop("stop"), Value::Null).await.0, 429);
    world.clock.advance(Duration::from_secs(60));
    let (status, _, body) = world.post(&stop("mark_as_finished"), Value::Null).await;
    assert_eq!((status, &body["num_contacts"]), (200, &json!(1)));
    assert_eq!((&body["contact_statuses"]["finished"], &body["contact_statuses"]["paused"]), (&json!(1), &json!(1)));
    assert_eq!(body["contact_statuses"]["bounced"], "loading");
    assert_eq!(world.post(&stop("explode"), Value::Null).await.0, 422);
    assert_eq!(world.post(&stop("remove"), Value::Null).await.0, 200);
    assert_eq!(world.apollo.enrolled(&sequence), [(bob, "paused".to_owned())]);
}

#[tokio::test]
async fn contacts_are_added_by_label_and_beyond_five_hundred_silently_not() {
    let world = World::with(ApolloSetup { limits: Limits::unlimited(), ..ApolloSetup::default() }).await;
    let sequence = world.apollo.add_sequence("Here");
    let body = world.contact(json!({ "email": "ada@example.com", "label_names": ["vip"] })).await;
    let (_, added) = world.enrol(&sequence, &[], "&label_names[]=vip").await;
    assert_eq!(added["contacts"][0]["id"], body["contact"]["id"]);
    let unknown: Vec<String> = (0..501).map(|n| format!("{n:024x}")).collect();
    let mailbox = world.apollo.add_mailbox("sales@example.com", true);
    let path = format!("/api/v1/emailer_campaigns/{sequence}/add_contact_ids");
    let sent = json!({ "emailer_campaign_id": sequence, "contact_ids": unknown,
        "send_email_from_email_account_id": [mailbox] });
    let (status, _, body) = world.post(&path, sent).await;
    assert_eq!((status, body["skipped_contact_ids"].as_object().map(serde_json::Map::len)), (200, Some(500)));
}

#[tokio::test]
async fn tasks_are_made_again_each_time() {
    let world = World::new().await;
    let path = "/api/v1/tasks/bulk_create";
    let task = json!({ "user_id": "u", "contact_ids": ["a", "b"], "type": "call", "status": "scheduled",
        "due_at": "2026-03-02T09:00:00Z", "note": "soon" });
    for _ in 0..2 {
        let (status, _, body) = world.post(path, task.clone()).await;
        assert_eq!((status, &body["success"], body["tasks"].as_array().map(Vec::len)), (200, &json!(true), Some(2)));
        assert_eq!(
            (&body["tasks"][0]["priority"], &body["tasks"][0]["created_from"]),
            (&json!("medium"), &json!("api"))
        );
    }
    assert_eq!(world.apollo.tasks().len(), 4);
    let (status, _, body) = world.post(path, json!({ "contact_ids": ["a"] })).await;
    assert_eq!((status, body), (422, json!({ "error": "type and user can not be blank" })));
    let mut wrong = task;
    wrong["type"] = json!("shout");
    assert_eq!(world.post(path, wrong).await.0, 422);
}
