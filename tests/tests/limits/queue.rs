//! What SQS hides and delays comes back by the world's clock.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use leadgate_enrichment::clock::{Clock, days};
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::request::{EnrichmentRequest, Source};
use leadgate_tests::world::{Settings, World};

const BODY: &str = "not a request: dropped when it is seen";

async fn queue() -> (World, Client, String) {
    let world = World::start(Settings::default()).await.expect("a world");
    let http = leadgate_aws::client::https_client();
    let sqs = Client::new(&world.servers.sqs_config(http));
    let url = sqs.create_queue().queue_name("clockwork").send().await.expect("a queue").queue_url.expect("its URL");
    (world, sqs, url)
}

async fn seen(sqs: &Client, url: &str) -> usize {
    let request = sqs.receive_message().queue_url(url).visibility_timeout(3600);
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
    // Received once, it is hidden for an hour.
    world.clock.turn(Duration::from_secs(3590));
    assert_eq!(seen(&sqs, &url).await, 0);
    world.clock.turn(Duration::from_secs(10));
    assert_eq!(seen(&sqs, &url).await, 1);
}

#[tokio::test]
async fn time_that_really_passes_counts_too() {
    let (_world, sqs, url) = queue().await;
    sqs.send_message().queue_url(&url).message_body(BODY).delay_seconds(1).send().await.expect("sent");
    let began = Instant::now();
    while seen(&sqs, &url).await == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "SQS stands still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_turn_by_months_does_not_take_long() {
    let (world, sqs, url) = queue().await;
    sqs.send_message().queue_url(&url).message_body(BODY).send().await.expect("sent");
    assert_eq!(seen(&sqs, &url).await, 1);
    let began = Instant::now();
    world.clock.turn(days(91));
    assert_eq!(seen(&sqs, &url).await, 1);
    println!("a turn by 91 days took {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
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
