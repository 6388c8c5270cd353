//! A CRM and a provider that nothing else knows of: each is a value in the registry, and the whole main job works with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use leadgate_aws::table::Consistency;
use leadgate_connectors::connector::{CrmInbound, CrmOutbound, ProviderInbound, ProviderOutbound};
use leadgate_connectors::inbound::{
    BodyError, Delivery, Events, SignatureError, Unverified, Verified, any_matches, plain,
};
use leadgate_connectors::registry::{Inbound, Outbound};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{
    Config, CrmConnection, CrmVendor, Key, ObjectKind, ProviderVendor, SecretKey, SecretRole, Shape, Tenant, contact,
};
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::crm::{Crm, CrmError, Written};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{ObjectType, Origin, RecordKey, RequestId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_enrichment::person::{Identity, IdentityProperties, Profile, ProfileField, Properties};
use leadgate_enrichment::provider::limits::{CallLimits, Rates};
use leadgate_enrichment::provider::{
    Answer, AsynchronousId, AsynchronousRequest, CallKind, Collected, Provider, Reply, Told, Usage, UsageError,
};
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{SIGNING_SECRET, Settings};

use crate::books::books_of;
use crate::stage::started;

/// The CRM's rows, by kind and id.
static ROWS: Mutex<BTreeMap<(String, String), Properties>> = Mutex::new(BTreeMap::new());

static LEDGERLINE: CrmVendor = CrmVendor {
    name: "ledgerline",
    base_url: "https://api.ledgerline.example",
    owner_property: "owner",
    identity: || IdentityProperties::named(["mail", "given", "family", "employer", "site", "linkedin"]),
    has_unique_email: false,
    records_per_call: 1,
    property_name_max: 40,
    related: &[],
    keys: &[Key::optional("region", Shape::OneOf(&["eu", "us"]))],
    secrets: &[
        SecretKey::needed("shared_secret", SecretRole::CrmSigning),
        SecretKey::needed("token", SecretRole::CrmToken),
    ],
    account_key: None,
    objects: &[ObjectKind::numbered(ObjectType::known("lead")), ObjectKind::numbered(ObjectType::CONTACT)],
    company: None,
    record_of: contact,
    check: |_| Vec::new(),
};

static FROM_LEDGERLINE: CrmInbound =
    CrmInbound { vendor: &LEDGERLINE, verify, events, takes_path_secret: false, reply: plain, from_bus: None };

static TO_LEDGERLINE: CrmOutbound = CrmOutbound { vendor: &LEDGERLINE, connect: |_, _, _, _| Ok(Box::new(Ledgerline)) };

/// It echoes a secret in a header.
fn verify(
    delivery: Delivery<Unverified>,
    _: &CrmConnection,
    secrets: Vec<Secret>,
    _: Timestamp,
) -> Result<Delivery<Verified>, SignatureError> {
    delivery.verified_by(|delivery| {
        let given = delivery.header("x-secret").ok_or(SignatureError::MissingHeader("x-secret"))?;
        let padded = |text: &str| -> [u8; 64] { std::array::from_fn(|i| *text.as_bytes().get(i).unwrap_or(&0)) };
        any_matches(&secrets, &padded(given), |secret| padded(secret.expose()))
    })
}

/// It lists new rows, each as `kind/id`.
fn events(delivery: &Delivery<Verified>, tenant: &Tenant, _: &FingerprintKey) -> Result<Events, BodyError> {
    let rows: Vec<String> = serde_json::from_slice(delivery.body())?;
    let event = |row: String| {
        let (object, id) = row.split_once('/')?;
        let (origin, object) = (Origin::known(LEDGERLINE.name), ObjectType::read(object)?);
        let record = RecordKey { tenant: tenant.id.clone(), origin, object, id: id.to_owned() };
        let (request, occurred_at) = (RequestId::derive(&record, "new"), Settings::default().start);
        Some(CrmEvent::Due(DueEvent { record, request, occurred_at, cause: Cause::Created }))
    };
    Ok(Events { read: rows.into_iter().filter_map(event).collect(), unreadable: Vec::new() })
}

struct Ledgerline;

#[async_trait]
impl Crm for Ledgerline {
    async fn read(
        &self,
        object: &ObjectType,
        ids: &[String],
        _: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        assert_eq!(ids.len(), 1, "it takes one record in a call");
        let rows = ROWS.lock().expect("no panic");
        let row = |id: &String| Some((id.clone(), rows.get(&(object.to_string(), id.clone()))?.clone()));
        Ok(ids.iter().filter_map(row).collect())
    }

    async fn write(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let mut rows = ROWS.lock().expect("no panic");
        for (id, patch) in patches {
            let row = rows.entry((object.to_string(), id.clone())).or_default();
            row.extend(patch.iter().map(|(name, value)| (name.clone(), Some(value.clone()))));
        }
        Ok(patches.keys().map(|id| (id.clone(), Written::whole())).collect())
    }
}

static PEOPLEWELL: ProviderVendor = ProviderVendor {
    name: "peoplewell",
    base_url: "https://api.peoplewell.example",
    limits: CallLimits::UNLIMITED,
    keys: &[],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[("peoplewell-2026", PRICES)],
    asynchronous: |_, _| None,
    needs_callback: false,
    tells: |_| true,
    can_be_asked: |_| true,
    check: |_| Vec::new(),
};

static FROM_PEOPLEWELL: ProviderInbound =
    ProviderInbound { vendor: &PEOPLEWELL, people_in: Some(|_| Ok(BTreeSet::new())), signed: None };

static TO_PEOPLEWELL: ProviderOutbound =
    ProviderOutbound { vendor: &PEOPLEWELL, connect: |_, _, _, _| Ok(Box::new(Peoplewell)) };

const PRICES: &str = "version = \"peoplewell-2026\"\nprovider = \"peoplewell\"\nfrom = \"2020-01-01\"\n\
                      [[rows]]\naction = \"match\"\nfield = \"person\"\ncharge_on = \"match\"\n\
                      cost = { credits = 2 }\n";

struct Peoplewell;

#[async_trait]
impl Provider for Peoplewell {
    fn people_max(&self, _: &BTreeSet<ProfileField>, _: &[PricedField]) -> usize {
        3
    }

    fn organizations_max(&self, _: &BTreeSet<ProfileField>) -> usize {
        1
    }

    fn endpoint(&self, _: CallKind) -> &'static str {
        "people"
    }

    async fn look_up(
        &self,
        people: &[Identity],
        _: &BTreeSet<ProfileField>,
        _: Option<&AsynchronousRequest>,
        _: Duration,
    ) -> Told<Reply> {
        assert!(people.len() <= 3, "it takes three people in a call");
        let profile = |person: &Identity| {
            let mut known = Profile::default();
            known.set(ProfileField::Title, Some("Founder"));
            known.set(ProfileField::Email, person.email.as_ref());
            Answer::Hit(known)
        };
        let answers = people.iter().map(profile).collect();
        Told { reply: Reply::Answered { answers, reported: None, asynchronous: None }, rates: Rates::default() }
    }

    fn result_retention(&self) -> Duration {
        Duration::ZERO
    }

    async fn collect(&self, _: &AsynchronousId, _: Duration) -> Told<Collected> {
        Told::without_rates(Collected::Expired("it delivers nothing later".to_owned()))
    }

    async fn look_up_organizations(&self, _: &[String], _: Duration) -> Told<Reply> {
        Told::without_rates(Reply::Invalid("it knows no organizations".to_owned()))
    }

    async fn usage(&self, _: Duration) -> Result<Option<Usage>, UsageError> {
        Ok(Some(Usage { cycle: "2026".to_owned(), began: None, used: Milli::ZERO }))
    }
}

const CONFIG: &str = r#"
price_sets = ["peoplewell-2026"]

[tenants.demo.crm]
kind = "ledgerline"
region = "eu"
public_url = "https://hooks.example.com/ledgerline/demo"
shared_secret = ["leadgate/demo/crm-signing"]
token = "leadgate/demo/crm-token"

[tenants.demo.provider]
kind = "peoplewell"
api_key = "leadgate/demo/provider-key"

[tenants.demo.plan]
anchor = "2026-01-01"
cycle = "monthly"
grant = { credits = 9 }

[tenants.demo.fields]
job = { from = "title" }
"#;

/// Settings with these vendors beside those that come with Leadgate.
fn settings() -> Settings {
    let (mut inbound, mut outbound) = (Inbound::shipped(), Outbound::shipped());
    inbound.crms.push(&FROM_LEDGERLINE);
    inbound.providers.push(&FROM_PEOPLEWELL);
    outbound.crms.push(&TO_LEDGERLINE);
    outbound.providers.push(&TO_PEOPLEWELL);
    Settings { inbound, outbound, ..Settings::default() }
}

#[tokio::test]
async fn vendors_that_only_the_registry_knows_do_the_main_job() {
    let settings = Settings { config: CONFIG.to_owned(), ..settings() };
    let world = started(settings).await;
    // Two kinds of record, some with the same ids.
    let new: Vec<String> = ["lead/1", "lead/2", "lead/3", "contact/1", "contact/2"].map(str::to_owned).to_vec();
    for row in &new {
        let (object, id) = row.split_once('/').expect("a kind and an id");
        let mail = ("mail".to_owned(), Some(format!("{object}{id}@engine.example")));
        ROWS.lock().expect("no panic").insert((object.to_owned(), id.to_owned()), [mail].into());
    }
    let told = |secret: &'static str| {
        let request = world.http().post(world.webhook_url()).header("x-secret", secret).json(&new);
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!(told("another secret").await, 401);
    assert_eq!(told(SIGNING_SECRET).await, 200);
    world.settle_down(2).await;

    let jobs = ROWS.lock().expect("no panic").values().filter(|row| row.contains_key("job")).count();
    assert_eq!(jobs, 4, "nine credits pay for four people");
    let books = books_of(&world).await;
    assert_eq!((books.spent, books.held), (8_000, 0));
    let mut states = Vec::new();
    for row in &new {
        let (object, id) = row.split_once('/').expect("a kind and an id");
        let key = RecordKey { object: ObjectType::read(object).expect("a name"), ..world.key(id) };
        let record = world.records.read(std::slice::from_ref(&key), Consistency::Strong).await.expect("readable");
        states.push(record[&key].state.name());
    }
    let written = states.iter().filter(|state| **state == StateName::Written).count();
    assert_eq!((written, states.contains(&StateName::Deferred)), (4, true), "{states:?}");
}

/// Two CRMs number their contacts as they like: the same number is another person.
#[tokio::test]
async fn what_was_bought_for_a_crm_that_the_tenant_has_left_is_not_written_to_another_person() {
    let settings = settings();
    let other = Config::parse(CONFIG, &settings.vendors()).expect("a good file").tenants.into_values().next();
    let mut world = started(settings).await;
    let lead = world.hubspot.create_contact([("email", "first0.last0@engine.example")]);
    let row = ("contact".to_owned(), lead.clone());
    ROWS.lock().expect("no panic").insert(row.clone(), Properties::new());
    world.hubspot.deliver().await;
    world.hubspot.faults().add(FaultRule::on("batch/update", Fault::Status(503, String::new())).times(u32::MAX));
    world.pump.run_dry(1).await;
    let record = world.record(&lead).await.expect("a record");
    assert_eq!((record.state.name(), record.key.origin.as_str()), (StateName::Bought, "hubspot"));

    let other = other.expect("a tenant");
    world.deploy(|config| config.tenants.values_mut().for_each(|tenant| tenant.crm = other.crm.clone()));
    world.settle_down(1).await;
    assert_eq!(ROWS.lock().expect("no panic")[&row], Properties::new());
    let records = world.records.read(std::slice::from_ref(&record.key), Consistency::Strong).await.expect("readable");
    assert_eq!(records[&record.key].state, State::Refused { reason: RefuseReason::Gone });
    assert_eq!(books_of(&world).await.held, 0);
}
