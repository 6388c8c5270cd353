//! Which failures leave a call undone for sure.

use std::time::Duration;

use leadgate_connectors::http::{ExchangeError, client, read_body};

use crate::apollo::{SILENCE, TIMEOUT};
use crate::loopback::{nobody, raw};

async fn exchange(url: &str, most: usize) -> Result<Vec<u8>, ExchangeError> {
    exchange_within(url, most, TIMEOUT).await
}

async fn exchange_within(url: &str, most: usize, timeout: Duration) -> Result<Vec<u8>, ExchangeError> {
    let response = client().post(url).timeout(timeout).body("x").send().await?;
    read_body(response, most).await
}

#[tokio::test]
async fn a_plain_answer_is_read_up_to_its_limit() {
    let (url, _) = raw(Some("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")).await;
    assert_eq!(exchange(&url, 5).await, Ok(b"hello".to_vec()));
    assert_eq!(exchange(&url, 4).await, Err(ExchangeError::NoAnswer("more than 4 bytes".into())));
}

#[tokio::test]
async fn what_never_left_is_not_sent() {
    let (plain, _) = raw(Some("this is no TLS")).await;
    for url in [nobody().await, "http://[nonsense".into(), plain.replace("http", "https")] {
        let result = exchange(&url, 9).await;
        assert!(matches!(result, Err(ExchangeError::NotSent(_))), "{url}: {result:?}");
    }
}

#[tokio::test]
async fn everything_after_the_connection_may_have_been_carried_out() {
    let answers = [
        None,
        Some(""),
        Some("HTTP/1.1 200 OK\r\ncontent-le"),
        Some("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf"),
        Some("garbage\r\n\r\n"),
    ];
    for answer in answers {
        let (url, _) = raw(answer).await;
        let timeout = if answer.is_some() { TIMEOUT } else { SILENCE };
        let result = exchange_within(&url, 100, timeout).await;
        assert!(matches!(result, Err(ExchangeError::NoAnswer(_))), "{answer:?}: {result:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (url, connections) = raw(Some("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n")).await;
    let response = client().post(&url).body("x").send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 302);
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}
