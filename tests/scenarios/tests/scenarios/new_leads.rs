//! People who aren't in the CRM yet, told of by a form: found or created there before anything is bought.

mod trouble;

use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::github;
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_sandbox::world::{SIGNING_SECRET, Settings, World};
use serde_json::{Value, json};

use crate::books::at_rest;
use crate::stage::{Stage, started};

/// The CRMs in which people can be created: all of them.
const CRMS: [&str; 6] = ["hubspot", "salesforce", "pipedrive", "attio", "close", "zoho"];

/// Those in which the company is a record of its own, which isn't written.
const COMPANIES_APART: [&str; 2] = ["pipedrive", "attio"];

const ADA: &str = "ada.lovelace@engine.example";

const FORM: &str = r#"
[tenants.demo.sources.signup]
signature = "github"
secrets = ["leadgate/demo/signup/crm-signing"]

[tenants.demo.sources.signup.fields]
email = "/lead/email"
first_name = "/lead/first"
last_name = "/lead/last"
company = "/lead/company"
domain = "/lead/site"
"#;

/// This CRM and a form.
fn settings_of(crm: &str) -> Settings {
    let settings = Settings::default();
    let mut settings = match crm {
        "salesforce" => settings.with_salesforce(),
        "pipedrive" => settings.with_pipedrive(),
        "attio" => settings.with_attio(),
        "close" => settings.with_close(),
        "zoho" => settings.with_zoho(),
        _ => settings,
    };
    settings.apollo.unknown_share = 0.0;
    settings.config += FORM;
    settings
}

/// A world with this CRM and a form, and settings of its own.
async fn world_with(crm: &str, set: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = settings_of(crm);
    set(&mut settings);
    started(settings).await
}

async fn world(crm: &str) -> Stage {
    world_with(crm, |_| {}).await
}

/// Fills in the form: the delivery of this id. The counts that are answered.
async fn fill_in(world: &World, id: &str, lead: Value) -> Value {
    let body = json!({ "lead": lead }).to_string();
    let url = format!("{}/hooks/{}/signup", world.url, world.tenant_id());
    let signature = github::sign(&Secret::new(SIGNING_SECRET.to_owned()), body.as_bytes());
    let request = world.http().post(url).header("X-Hub-Signature-256", signature).header("X-GitHub-Delivery", id);
    let response = request.body(body).send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    response.json().await.expect("JSON")
}

fn ada() -> Value {
    json!({ "email": ADA, "first": "Ada", "last": "Lovelace", "company": "Engine", "site": "engine.example" })
}

/// The records of those with this address.
pub(crate) fn with_email(world: &World, email: &str) -> Vec<String> {
    let has = |card: Option<&str>| card.is_some_and(|own| own.eq_ignore_ascii_case(email));
    match world.tenant().crm.vendor.name {
        "salesforce" => {
            let all = ["Lead", "Contact"].map(|object| world.salesforce.records(object)).concat();
            let there = all.into_iter().filter(|record| has(record.value("Email")) && record.converted_to.is_none());
            there.map(|record| record.id).collect()
        }
        "pipedrive" => {
            let all = world.pipedrive.persons().into_iter();
            all.filter(|person| has(person.value("email").as_deref())).map(|person| person.id).collect()
        }
        "attio" => {
            let all = world.attio.people().into_iter();
            all.filter(|person| person.has_address(email)).map(|person| person.id).collect()
        }
        "close" => {
            let all = world.close.contacts().into_iter();
            all.filter(|contact| contact.has_address(email)).map(|contact| contact.id).collect()
        }
        "zoho" => {
            let all = world.zoho.records().into_iter();
            all.filter(|record| has(record.value("Email").as_deref())).map(|record| record.id).collect()
        }
        _ => {
            let all = world.hubspot.contacts().into_iter();
            all.filter(|contact| has(contact.value("email"))).map(|contact| contact.id).collect()
        }
    }
}

/// The only record of Ada, which has been enriched.
async fn only_ada(world: &World) -> String {
    let ids = with_email(world, ADA);
    let [id] = ids.as_slice() else { panic!("there should be one record of her: {ids:?}") };
    assert_eq!(world.record(id).await.map(|record| record.state), Some(State::Written), "{id}");
    let card = world.crm().card(id).expect("the record");
    assert!(card.contains_key("jobtitle"), "{card:?}");
    id.clone()
}

#[tokio::test]
async fn one_who_fills_in_a_form_is_created_once_and_enriched() {
    for crm in CRMS {
        let world = world(crm).await;
        for id in ["1", "1", "2"] {
            let counts = fill_in(&world, id, ada()).await;
            assert_eq!((&counts["queued"], &counts["events"]), (&json!(1), &json!(1)), "{counts}");
        }
        world.settle_down(2).await;
        let id = only_ada(&world).await;
        let card = world.crm().card(&id).expect("the record");
        assert_eq!((card["firstname"].as_str(), card["lastname"].as_str()), ("Ada", "Lovelace"), "{crm}");
        assert_eq!(
            card.get("company").map(String::as_str),
            (!COMPANIES_APART.contains(&crm)).then_some("Engine"),
            "{crm}"
        );
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}");
        // And again, hours later.
        world.clock.turn(std::time::Duration::from_secs(5 * 60 * 60));
        fill_in(&world, "3", ada()).await;
        world.settle_down(2).await;
        assert_eq!(only_ada(&world).await, id, "{crm}");
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}: she is fresh");
    }
}

#[tokio::test]
async fn what_the_crm_tells_of_her_creation_buys_nothing_more() {
    for crm in CRMS {
        let world = world(crm).await;
        fill_in(&world, "1", ada()).await;
        world.pump.round().await;
        assert_eq!(with_email(&world, ADA).len(), 1, "{crm}: before anything is bought");
        assert_eq!(world.apollo.ledger().people_asked, 0, "{crm}");
        world.crm().deliver().await;
        world.settle_down(2).await;
        world.crm().deliver().await;
        world.settle_down(2).await;
        only_ada(&world).await;
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}");
    }
}

#[tokio::test]
async fn twins_at_the_same_time_create_her_once() {
    for crm in CRMS {
        let world = world(crm).await;
        for id in ["1", "2", "3"] {
            fill_in(&world, id, ada()).await;
        }
        let (one, two) = (world.pump.receive_at_most(1).await, world.pump.receive_at_most(1).await);
        let three = world.pump.receive_at_most(1).await;
        assert_eq!((one.len(), two.len(), three.len()), (1, 1, 1));
        tokio::join!(world.pump.invoke(one), world.pump.invoke(two), world.pump.invoke(three));
        world.settle_down(3).await;
        only_ada(&world).await;
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}");
    }
}

/// What is known of her in the CRM, under the names of a business card.
const KNOWN: [(&str, &str); 3] = [("email", ADA), ("firstname", "Augusta"), ("company", "Analytical")];

#[tokio::test]
async fn one_who_is_there_already_is_found_and_nothing_of_hers_is_overwritten() {
    for crm in CRMS {
        let world = world(crm).await;
        let card = KNOWN.map(|(name, value)| (name, value.to_owned()));
        let known = world.crm().create_person(&card);
        let imposter = json!({ "email": "ADA.Lovelace@engine.example", "first": "Eve", "company": "Evil" });
        fill_in(&world, "1", imposter).await;
        world.settle_down(2).await;
        assert_eq!(only_ada(&world).await, known, "{crm}");
        let card = world.crm().card(&known).expect("the record");
        // Close takes one word alone for a family name.
        let name = if crm == "close" { "lastname" } else { "firstname" };
        assert_eq!(card[name], "Augusta", "{crm}");
        if !COMPANIES_APART.contains(&crm) {
            assert_eq!(card["company"], "Analytical", "{crm}");
        }
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}");
    }
}

#[tokio::test]
async fn in_an_org_a_contact_is_found_before_a_lead_and_a_converted_lead_not_at_all() {
    let world = world("salesforce").await;
    let lead = |last: &str| world.salesforce.create_lead([("Email", ADA), ("LastName", last), ("Company", "Engine")]);
    let (converted, open) = (lead("First"), lead("Second"));
    let contact = world.salesforce.convert(&converted);
    fill_in(&world, "1", ada()).await;
    world.settle_down(1).await;
    let title = |id: &str| world.salesforce.record(id).and_then(|record| record.value("Title").map(str::to_owned));
    assert!(title(&contact).is_some() && title(&open).is_none());
    assert_eq!(with_email(&world, ADA).len(), 2, "nothing was created");

    let world = self::world("salesforce").await;
    let o_brien = "o'brien\\@engine.example".replace('\\', "");
    let open = world.salesforce.create_lead([("Email", o_brien.as_str()), ("LastName", "O'Brien"), ("Company", "E")]);
    fill_in(&world, "1", json!({ "email": o_brien })).await;
    world.settle_down(1).await;
    assert_eq!(with_email(&world, &o_brien), [open], "a quotation mark ends no query");
}

/// A lead has to have a last name and a company in Salesforce and in Zoho CRM, and a person a name in Pipedrive.
#[tokio::test]
async fn what_a_crm_asks_for_and_a_form_doesnt_is_no_hindrance() {
    for crm in CRMS {
        let world = world(crm).await;
        fill_in(&world, "1", json!({ "email": ADA })).await;
        world.pump.round().await;
        let ids = with_email(&world, ADA);
        assert_eq!(ids.len(), 1, "{crm}");
        let placeholders = ["salesforce", "zoho"].contains(&crm);
        let not_provided = |name: &str| {
            let card = world.crm().card(&ids[0]).expect("the record");
            card.get(name).is_some_and(|value| value == "[not provided]")
        };
        assert_eq!([not_provided("lastname"), not_provided("company")], [placeholders; 2], "{crm}");
        world.settle_down(1).await;
        only_ada(&world).await;
        let is_company_mapped = crm == "salesforce";
        assert_eq!(
            not_provided("company"),
            placeholders && !is_company_mapped,
            "{crm}: what was bought takes its place"
        );
        assert_eq!(at_rest(&world).await.spent, 1000, "{crm}");
    }
}

#[tokio::test]
async fn without_credits_she_is_in_the_crm_and_waits() {
    for crm in CRMS {
        let world = world_with(crm, |settings| settings.credits_per_cycle = Some(1)).await;
        fill_in(&world, "1", json!({ "email": "first.of.all@engine.example" })).await;
        world.settle_down(1).await;
        fill_in(&world, "2", ada()).await;
        world.settle_down(1).await;
        let ids = with_email(&world, ADA);
        assert_eq!(ids.len(), 1, "{crm}");
        let record = world.record(&ids[0]).await.expect("a record");
        assert_eq!(record.state.name(), StateName::Deferred, "{crm}");
        assert_eq!(record.source.map(|source| source.word()), Some("new-lead"), "{crm}");
        world.next_cycle(1_000_000).await;
        world.settle_down(1).await;
        only_ada(&world).await;
        assert_eq!(at_rest(&world).await.spent, 2000, "{crm}");
    }
}

#[tokio::test]
async fn a_list_of_people_is_taken_each_once_and_the_unreadable_counted() {
    let world = world_with("hubspot", |settings| {
        let config = settings.config.replace("\"/lead/", "\"/");
        settings.config = config.replace("signature = \"github\"", "signature = \"github\"\nitems = \"/lead\"");
    })
    .await;
    let row = |i: usize| json!({ "email": format!("first{i}.last{i}@engine.example") });
    let mut rows: Vec<Value> = (0..30).map(row).collect();
    rows.extend([row(3), json!({ "first": "Dan" }), json!("x")]);
    let counts = fill_in(&world, "1", rows.into()).await;
    let named = ["events", "queued", "repeated", "unreadable"].map(|name| counts[name].as_u64());
    assert_eq!(named, [Some(33), Some(30), Some(1), Some(2)], "{counts}");
    world.settle_down(3).await;
    assert_eq!(world.hubspot.contacts().len(), 30);
    assert!(world.hubspot.contacts().iter().all(|contact| contact.value("jobtitle").is_some()));
    assert_eq!(at_rest(&world).await.spent, 30_000);
}

#[tokio::test]
async fn one_who_was_deleted_in_the_crm_and_comes_again_is_created_again() {
    for crm in CRMS {
        let world = world(crm).await;
        fill_in(&world, "1", ada()).await;
        world.settle_down(1).await;
        let first = only_ada(&world).await;
        assert!(world.crm().delete(&first));
        world.crm().deliver().await;
        world.settle_down(1).await;
        fill_in(&world, "2", ada()).await;
        world.settle_down(1).await;
        assert_ne!(only_ada(&world).await, first, "{crm}");
    }
}

/// The second one was never bought: who it is, is only known from what the form told.
#[tokio::test]
async fn one_who_asked_to_be_forgotten_is_neither_created_nor_bought_again() {
    let world = world_with("hubspot", |settings| settings.credits_per_cycle = Some(1)).await;
    let parked = "waits.for.credits@engine.example";
    fill_in(&world, "1", ada()).await;
    world.settle_down(1).await;
    fill_in(&world, "2", json!({ "email": parked })).await;
    world.settle_down(1).await;
    let calls = world.apollo.ledger().people_asked;
    for email in [ADA, parked] {
        let id = with_email(&world, email).remove(0);
        assert!(world.hubspot.privacy_delete(&id));
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        fill_in(&world, "3", json!({ "email": email })).await;
        world.settle_down(1).await;
        assert_eq!(with_email(&world, email), [] as [String; 0], "{email}");
        let record = world.record(&id).await.expect("a record");
        assert!(record.erased_at.is_some(), "{record:?}");
    }
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().people_asked, calls, "no one was asked about again");
    assert_eq!(world.hubspot.contacts().len(), 0);
}

/// An operator erases by the address, and the record still stands in the CRM.
#[tokio::test]
async fn one_who_was_erased_by_an_operator_is_refused() {
    let world = world("hubspot").await;
    fill_in(&world, "1", ada()).await;
    world.pump.round().await;
    let key = leadgate_lambda::fingerprints::Fingerprints::clone(&world.worker.fingerprints);
    let key = key.key_of(world.tenant_id()).await.expect("a key");
    world.records.forget(world.tenant_id(), &key.of(ADA)).await.expect("forgotten");
    world.settle_down(1).await;
    let id = with_email(&world, ADA).remove(0);
    let state = world.record(&id).await.expect("a record").state;
    assert_eq!(state, State::Refused { reason: RefuseReason::Erased });
    fill_in(&world, "2", ada()).await;
    world.settle_down(1).await;
    assert_eq!((with_email(&world, ADA).len(), world.apollo.ledger().people_asked), (1, 0));
}
