//! Nothing secret or personal is logged, whatever goes wrong, and whoever asks to be forgotten is.

mod canary;

use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_sandbox::simulators::apollo::Asked;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, CALLBACK_SECRET, Leftover, SIGNING_SECRET, Settings};
use sha2::{Digest, Sha256};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::stage::{Stage, queued_leads, slow_provider, states, world_with};

#[derive(Clone, Default)]
pub(crate) struct Lines(pub(crate) Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Where there is one subscriber only, whether anything listens to a line is asked of the thread that comes to it first, and
/// remembered for all: a test beside this one could silence it. With two, each thread is asked.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

/// Everything that our own code logs on this thread, at the finest level.
pub(crate) fn listen() -> (Lines, DefaultGuard) {
    LazyLock::force(&ANOTHER);
    let lines = Lines::default();
    let functions = ["crm_events", "crm_webhook", "provider_webhook", "enrichment_worker", "deferral_release"];
    let ours = functions.into_iter().chain(["leadgate_aws", "leadgate_connectors", "leadgate_gate", "leadgate_lambda"]);
    let level = tracing::Level::TRACE;
    let targets = tracing_subscriber::filter::Targets::new().with_targets(ours.map(|name| (name, level)));
    let layer = tracing_subscriber::fmt::layer().json().with_writer(lines.clone());
    use tracing_subscriber::layer::SubscriberExt;
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer).with(targets));
    (lines, guard)
}

/// One lead, and one thing that goes wrong with it.
async fn trouble(what: usize) -> Stage {
    let world = world_with(|settings| {
        *settings = Settings { credits_per_cycle: Some(20), ..settings.clone() }.with_phones();
        settings.apollo.mobile_share = 1.0;
    })
    .await;
    world.hubspot.create_contact([
        ("email", "canary.bird@secret-company.example"),
        ("firstname", "Canary"),
        ("lastname", "Bird"),
        ("company", "Secret Company"),
    ]);
    let body =
        || r#"{"status":"error","message":"canary.bird@secret-company.example is bad","category":"VALIDATION_ERROR"}"#;
    match what {
        0 => {}
        1 => world.apollo.faults().add(FaultRule::next(Fault::DropAfterWork).times(3)),
        2 => world.apollo.faults().add(FaultRule::next(Fault::Status(422, body().into())).times(3)),
        3 => world.apollo.faults().add(FaultRule::next(Fault::Status(401, body().into()))),
        4 => world.hubspot.faults().add(FaultRule::on("batch/update", Fault::Status(400, body().into())).times(9)),
        5 => world.hubspot.faults().add(FaultRule::on("batch/read", Fault::Status(403, body().into())).times(2)),
        6 => world.hubspot.faults().add(FaultRule::on("contacts", Fault::Status(400, body().into())).times(9)),
        _ => world.wire.break_by(|call| (call.index % 3 == 2).then(Break::throttled)),
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    for callback in world.apollo.pending_callbacks() {
        for url in [callback.url.clone(), format!("{}0", callback.url)] {
            let body = r#"{"people":[{"id":"Canary Bird"}]}"#;
            world.http().post(url).body(body).send().await.expect("an answer");
        }
    }
    world.clock.turn(Duration::from_secs(6 * 60));
    world.settle_down(1).await;
    world.wire.mend();
    let url = world.webhook_url();
    let http = leadgate_connectors::http::client();
    let bad = http.post(url).body("canary.bird@secret-company.example").header("X-HubSpot-Signature-v3", "x");
    bad.send().await.expect("an answer");
    world
}

#[tokio::test]
async fn no_log_line_holds_a_person_or_a_secret() {
    let (lines, _listening) = listen();
    for what in 0..8 {
        let world = trouble(what).await;
        world.leaves_behind(Leftover::OpenHolds);
        // What was bought is as personal as what was known.
        let contact = world.hubspot.contacts().into_iter().next().expect("the contact");
        let title = contact.value("jobtitle").unwrap_or("jobtitle-not-bought").to_owned();
        let said = String::from_utf8(lines.0.lock().expect("no writer panics").clone()).expect("text");
        let number = contact.value("mobilephone").unwrap_or("number-not-bought").to_owned();
        // As it was bought: HubSpot shows it in another form.
        let plain = number.replace(['-', ' '], "");
        let secrets =
            [SIGNING_SECRET, CALLBACK_SECRET, "simulated-access-token", "simulated-api-key", "an-old-signing-secret"];
        let persons = [
            "canary",
            "Canary",
            "Bird",
            "secret-company",
            "Secret Company",
            title.as_str(),
            number.as_str(),
            plain.as_str(),
        ];
        for word in persons.into_iter().chain(secrets) {
            let line = said.lines().find(|line| line.contains(word));
            assert_eq!(line, None, "{word:?} was logged, in trouble {what}");
        }
    }
    let said = lines.0.lock().expect("no writer panics").len();
    assert!(said > 2000, "the functions did log: {said} bytes");
}

#[tokio::test]
async fn a_lead_who_asks_to_be_forgotten_on_their_way_back_from_parking_ends_refused() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(1)).await;
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    let stand = states(&world, &leads).await;
    let parked = &leads[stand.iter().position(|state| *state == StateName::Deferred).expect("one that waits")];
    world.next_cycle(1_000_000).await;
    assert_eq!(world.run_release().await.released, 1);

    assert!(world.hubspot.privacy_delete(parked));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let record = world.record(parked).await.expect("a record");
    assert_eq!(record.state, State::Refused { reason: RefuseReason::Erased });
    assert_eq!(world.apollo.ledger().records_charged, 1, "nothing was bought for them");
}

/// A worker buys what is on the queue, and this lead asks to be forgotten while the provider is asked.
async fn erased_during_the_call(world: &Arc<Stage>, lead: &str) {
    let messages = world.pump.receive().await;
    let (asked, go_on) = slow_provider(world);
    let worker = world.clone();
    let worker = tokio::spawn(async move { worker.pump.invoke(messages).await });
    asked.notified().await;
    assert!(world.hubspot.privacy_delete(lead));
    world.hubspot.deliver().await;
    go_on.send(()).expect("the provider waits");
    worker.await.expect("no panic");
}

/// The erasure is noted while the provider is asked, so that the worker finds the record changed under its hands.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_who_asks_to_be_forgotten_during_the_call_is_paid_for_and_not_kept() {
    for count in 1..=2 {
        let world = world_with(|settings| {
            *settings = settings.clone().with_phones();
            settings.apollo.mobile_share = 1.0;
        })
        .await;
        let world = Arc::new(world);
        let leads = queued_leads(&world, count).await;
        erased_during_the_call(&world, &leads[0]).await;
        world.clock.turn(Duration::from_secs(6 * 60));
        world.settle_down(1).await;

        let record = world.record(&leads[0]).await.expect("a record");
        assert_eq!(record.state, State::Refused { reason: RefuseReason::Erased });
        assert!(record.patch.is_empty() && record.written.is_empty() && record.asked.is_none(), "{record:?}");
        assert_eq!(record.awaited, None, "the number has arrived, and nobody has it");
        let books = crate::books::at_rest(&world).await;
        assert_eq!((books.spent, books.unknown), (9000 * i64::try_from(count).expect("few"), 0));
    }
}

/// A thief of the table can try out every address there is, and must find none.
#[tokio::test]
async fn a_record_holds_nothing_that_its_values_can_be_guessed_by() {
    let world = world_with(|settings| {
        *settings = settings.clone().with_phones();
        settings.apollo.mobile_share = 1.0;
    })
    .await;
    world.leaves_behind(Leftover::OpenHolds);
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    let contact = world.hubspot.contact(&leads[0]).expect("the contact");
    let record = world.record(&leads[0]).await.expect("a record");
    let person = world.apollo.whom(&Asked::email("first0.last0@engine.example")).expect("somebody known");
    let item = serde_json::to_string(&record).expect("JSON");
    assert!(record.awaited.is_some() && record.bought_for.is_some() && !record.written.is_empty(), "{record:?}");
    let values = ["email", "jobtitle", "firstname", "company"].map(|name| contact.value(name).unwrap_or_default());
    for value in values.into_iter().chain([person.id.as_str()]) {
        let guessed: String = Sha256::digest(value.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!value.is_empty() && !item.contains(value), "{value:?} is in {item}");
        assert!(!item.contains(&guessed[..16]), "{value:?} can be guessed from {item}");
    }
}

#[tokio::test]
async fn who_asked_to_be_forgotten_is_not_bought_under_another_id() {
    for unknown_share in [0.0, 1.0] {
        let world = world_with(|settings| settings.apollo.unknown_share = unknown_share).await;
        let leads = queued_leads(&world, 2).await;
        world.settle_down(1).await;
        let (charged, calls) =
            (world.apollo.ledger().records_charged, world.apollo.ledger().calls_to("api/v1/people/match"));
        assert!(world.hubspot.privacy_delete(&leads[0]));
        world.hubspot.deliver().await;
        world.settle_down(1).await;

        let again = world.hubspot.create_contact([("email", "First0.Last0@engine.example")]);
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        let record = world.record(&again).await.expect("a record");
        assert_eq!(record.state, State::Refused { reason: RefuseReason::Erased });
        assert_eq!(
            (world.apollo.ledger().records_charged, world.apollo.ledger().calls_to("api/v1/people/match")),
            (charged, calls)
        );
        let other = world.record(&leads[1]).await.expect("a record");
        assert_ne!(other.state.name(), StateName::Refused, "the other one asked for nothing");
    }
}

/// HubSpot has each address once: a person who is there twice has none.
#[tokio::test]
async fn who_asked_to_be_forgotten_is_not_bought_for_another_record_that_waits() {
    let world = world_with(|settings| {
        settings.credits_per_cycle = Some(1);
        settings.apollo.unknown_share = 0.0;
    })
    .await;
    let ada = [("firstname", "Ada"), ("lastname", "Lovelace"), ("company", "Engine")];
    let come_in = async |lead: String| {
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        lead
    };
    let written = come_in(world.hubspot.create_contact(ada)).await;
    // Long enough for what was bought not to be used again.
    world.clock.turn(days(100));
    let other = come_in(world.hubspot.create_contact([("email", "other.person@engine.example")])).await;
    let waits = come_in(world.hubspot.create_contact(ada)).await;
    let stand = states(&world, &[written.clone(), other, waits.clone()]).await;
    assert_eq!(stand, [StateName::Written, StateName::Written, StateName::Deferred]);
    assert!(world.hubspot.privacy_delete(&written));
    world.hubspot.deliver().await;

    world.next_cycle(1_000_000).await;
    world.run_release().await;
    world.settle_down(1).await;
    let record = world.record(&waits).await.expect("a record");
    assert_eq!(record.state, State::Refused { reason: RefuseReason::Erased });
    assert_eq!(world.apollo.ledger().records_charged, 2, "nothing was bought for it");
}

/// Who it is, is known only to the worker then.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_asks_to_be_forgotten_during_the_call_is_not_bought_under_another_id() {
    let world = Arc::new(world_with(|_| {}).await);
    let leads = queued_leads(&world, 1).await;
    erased_during_the_call(&world, &leads[0]).await;
    world.settle_down(1).await;
    let again = world.hubspot.create_contact([("email", "first0.last0@engine.example")]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let record = world.record(&again).await.expect("a record");
    assert_eq!(record.state, State::Refused { reason: RefuseReason::Erased });
    assert_eq!(world.apollo.ledger().records_charged, 1);
}

#[tokio::test]
async fn a_contact_that_the_crm_deletes_ends_and_is_forgotten() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(1)).await;
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    let stand = states(&world, &leads).await;
    let place = |state| stand.iter().position(|it| *it == state).expect("one of them");
    let (written, parked) = (&leads[place(StateName::Written)], &leads[place(StateName::Deferred)]);
    for lead in [written, parked] {
        assert!(world.hubspot.delete(lead));
    }
    world.hubspot.deliver().await;
    let record = world.record(written).await.expect("a record");
    assert_eq!(record.state, State::Refused { reason: RefuseReason::Gone });
    assert!(record.written.is_empty() && record.last_enriched.is_some(), "{record:?}");
    assert_eq!(
        states(&world, &leads).await[place(StateName::Deferred)],
        StateName::Deferred,
        "it may have been merged"
    );

    world.next_cycle(1_000_000).await;
    world.run_release().await;
    world.settle_down(1).await;
    let record = world.record(parked).await.expect("a record");
    assert_eq!(record.state, State::Refused { reason: RefuseReason::Gone });
    assert_eq!(world.apollo.ledger().records_charged, 1, "nobody was bought who isn't there");
}

#[tokio::test]
async fn a_delivery_full_of_erasures_is_noted_whole() {
    let world = world_with(|_| {}).await;
    world.leaves_behind(Leftover::Messages);
    let leads = queued_leads(&world, 100).await;
    world.settle_down(1).await;
    for lead in &leads {
        assert!(world.hubspot.privacy_delete(lead));
    }
    let delivered = world.hubspot.deliver().await;
    assert_eq!((delivered.rejected.len(), delivered.unanswered), (0, 0), "{delivered:?}");
    for lead in &leads {
        let record = world.record(lead).await.expect("a record");
        assert!(record.erased_at.is_some() && record.bought_for.is_none(), "{record:?}");
    }
}
