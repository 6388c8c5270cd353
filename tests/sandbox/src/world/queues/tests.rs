//! Queues that outlast the process.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message as Received, SendMessageBatchRequestEntry};
use tempfile::TempDir;

use crate::kept::Folder;
use crate::world::Servers;

const QUEUES: [&str; 2] = ["work", "dead-letters"];

/// SQS as it is in a folder, after a start, with its queues made as at every start.
async fn sqs(folder: &Folder) -> (Servers, Client, [String; 2]) {
    let servers = Servers::start_in(folder).await.expect("servers");
    let client = Client::new(&servers.sqs_config(servers.http.clone()));
    let mut urls = Vec::new();
    for queue in QUEUES {
        let made = client.create_queue().queue_name(queue).send().await.expect("made");
        urls.push(made.queue_url.expect("a URL"));
    }
    (servers, client, urls.try_into().expect("two"))
}

async fn send(client: &Client, url: &str, bodies: &[&str], delay: i32) {
    let entry = |(id, body): (usize, &&str)| {
        let entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(*body);
        entry.delay_seconds(delay).build().expect("an entry")
    };
    let entries = bodies.iter().enumerate().map(entry).collect();
    client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await.expect("sent");
}

async fn receive(client: &Client, url: &str) -> Vec<Received> {
    let received = client.receive_message().queue_url(url).max_number_of_messages(10).send().await.expect("received");
    received.messages.unwrap_or_default()
}

/// The bodies of what is in sight, in alphabetical order.
async fn bodies(client: &Client, url: &str) -> Vec<String> {
    let mut bodies: Vec<String> = receive(client, url).await.into_iter().filter_map(|message| message.body).collect();
    bodies.sort();
    bodies
}

#[tokio::test]
async fn what_was_sent_and_not_deleted_is_sent_anew() {
    let scratch = TempDir::new().expect("a folder");
    let folder = Folder::open(scratch.path()).await.expect("a folder");
    let (before, client, [work, dead]) = sqs(&folder).await;
    send(&client, &work, &["a", "b", "c", "d"], 0).await;
    let receipts = receive(&client, &work).await;
    let receipt = |body: &str| {
        let message = receipts.iter().find(|message| message.body.as_deref() == Some(body)).expect("was received");
        message.receipt_handle.clone().expect("a receipt")
    };
    client.delete_message().queue_url(&work).receipt_handle(receipt("a")).send().await.expect("deleted");
    let entry =
        DeleteMessageBatchRequestEntry::builder().id("0").receipt_handle(receipt("b")).build().expect("an entry");
    client.delete_message_batch().queue_url(&work).entries(entry).send().await.expect("deleted");
    send(&client, &work, &["delayed"], 900).await;
    client.send_message().queue_url(&dead).message_body("given up").send().await.expect("sent");
    drop(before);

    // Twice: what was sent anew is kept like what was sent.
    for start in 0..2 {
        let (_servers, client, [work, dead]) = sqs(&folder).await;
        // A queue that is there already is given nothing again.
        client.create_queue().queue_name(QUEUES[0]).send().await.expect("there");
        assert_eq!(bodies(&client, &work).await, ["c", "d", "delayed"], "start {start}");
        assert_eq!(bodies(&client, &dead).await, ["given up"], "start {start}");
    }
    let (_servers, client, [work, dead]) = sqs(&folder).await;
    client.purge_queue().queue_url(&work).send().await.expect("purged");
    for message in receive(&client, &dead).await {
        let receipt = message.receipt_handle.expect("a receipt");
        client.delete_message().queue_url(&dead).receipt_handle(receipt).send().await.expect("deleted");
    }
    let (_servers, client, [work, dead]) = sqs(&folder).await;
    assert_eq!((bodies(&client, &work).await.len(), bodies(&client, &dead).await.len()), (0, 0));
}
