//! What SQS hides and delays comes back by the world's clock.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_sandbox::world::{Patience, Settings, World};

const BODY: &str = "not a request: dropped when it is seen";

async fn queue() -> (World, Client, String) {
    queue_in(Settings::default()).await
}

async fn queue_in(settings: Settings) -> (World, Client, String) {
    let world = World::start(settings).await.expect("a world");
    let http = leadgate_aws::https::client();
    let sqs = Client::new(&world.servers.sqs_config(http));
    let url = sqs.create_queue().queue_name("clockwork").send().await.expect("a queue").queue_url.expect("its URL");
    (world, sqs, url)
}

async fn seen(sqs: &Client, url: &str) -> usize {
    let request = sqs.receive_message().queue_url(url).visibility_timeout(600);
    request.send().await.expect("an answer").messages().len()
}

#[tokio::test]
async fn a_delayed_message_shows_when_the_clock_is_turned_and_not_before() {
    let (world, sqs, url) = queue().await;
    sqs.send_message().queue_url(&url).message_body(BODY).delay_seconds(900).send().await.expect("sent");
    assert_eq!(seen(&sqs, &url).await, 0);
    world.clock.turn(Duration::from_secs(890));
    assert_eq!(seen(&sqs, &url).await, 0);
    world.clock.turn(Duration::from_secs(10));
    assert_eq!(seen(&sqs, &url).await, 1);
    // Received once, it is hidden for ten minutes.
    world.clock.turn(Duration::from_secs(590));
    assert_eq!(seen(&sqs, &url).await, 0);
    world.clock.turn(Duration::from_secs(10));
    assert_eq!(seen(&sqs, &url).await, 1);
}

#[tokio::test]
async fn time_that_really_passes_counts_only_in_a_world_that_waits_for_it() {
    let (_standing, still, still_url) = queue_in(Settings::default()).await;
    let (_world, sqs, url) = queue_in(Settings { patience: Patience::Real, ..Settings::default() }).await;
    let began = Instant::now();
    for (sqs, url) in [(&still, &still_url), (&sqs, &url)] {
        sqs.send_message().queue_url(url).message_body(BODY).delay_seconds(1).send().await.expect("sent");
    }
    // It waits there until the message shows, or for as long as SQS lets it.
    let request = sqs.receive_message().queue_url(&url).wait_time_seconds(20);
    assert_eq!(request.send().await.expect("an answer").messages().len(), 1);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(seen(&still, &still_url).await, 0);
}

#[tokio::test]
async fn a_poll_that_waits_ends_when_a_message_shows() {
    let (world, sqs, url) = queue().await;
    let waiting = async || {
        let request = sqs.receive_message().queue_url(&url).wait_time_seconds(20).visibility_timeout(10);
        tokio::spawn(request.send()).await.expect("it waits").expect("an answer").messages().len()
    };
    // The clock stands: without the message, it would wait for ever.
    let (sent, received) = tokio::join!(sqs.send_message().queue_url(&url).message_body(BODY).send(), waiting());
    assert_eq!((sent.is_ok(), received), (true, 1));
    let turn = async {
        tokio::task::yield_now().await;
        (0..10).for_each(|_| world.clock.turn(Duration::from_secs(1)));
    };
    assert_eq!(tokio::join!(waiting(), turn).0, 1);
}

#[tokio::test]
async fn a_turn_by_months_shows_everything() {
    let (world, sqs, url) = queue().await;
    sqs.send_message().queue_url(&url).message_body(BODY).send().await.expect("sent");
    assert_eq!(seen(&sqs, &url).await, 1);
    let began = Instant::now();
    world.clock.turn(days(91));
    println!("a turn by 91 days took {:?}", began.elapsed());
    assert_eq!(seen(&sqs, &url).await, 1);
}

#[tokio::test]
async fn the_pump_turns_the_clock_until_nothing_is_left() {
    let (world, sqs, _) = queue().await;
    let urls = sqs.list_queues().send().await.expect("an answer").queue_urls.expect("queues");
    let url = urls.iter().find(|url| url.ends_with("EnrichmentQueue")).expect("the worker's");
    for (contact, delay) in [("1", 0), ("2", 60), ("3", 900)] {
        let request = EnrichmentRequest {
            record: world.key(contact),
            request: RequestId::derive(&world.key(contact), "limits"),
            source: Source::NewLead,
            occurred_at: world.clock.now(),
            not_before: None,
            queued_at: None,
            parked_since: None,
            bulk: false,
            found_for: None,
        };
        let body = serde_json::to_string(&request).expect("a request");
        sqs.send_message().queue_url(url).message_body(body).delay_seconds(delay).send().await.expect("sent");
    }
    let began = world.clock.now();
    assert!(world.pump.until_dry_turning(2, &world.clock).await);
    assert_eq!((world.waiting().await, world.pump.finished()), (0, 3));
    let turned = world.clock.now().duration_since(began).as_secs();
    assert!((900..1200).contains(&turned), "{turned} s");
}
