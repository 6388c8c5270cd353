//! A request that is still under way when its caller is dead.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use leadgate_lambda::invocation::CLAIM_MARGIN;
use reqwest::header::{CONTENT_LENGTH, HOST};
use reqwest::{Client, Method};

pub(super) struct UnderWay {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// It lands before this one of the calls that are made from now on.
    calls_left: usize,
    /// It lands before so much time has passed.
    time_left: Duration,
}

impl UnderWay {
    /// It lands before the `calls`th call from now on. What is under way for longer than a claim outlasts its worker is
    /// no write that anything could be safe from.
    pub(super) fn new(request: &HttpRequest, calls: usize) -> Self {
        let header = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            method: request.method().to_owned(),
            url: request.uri().to_owned(),
            headers: request.headers().iter().map(header).collect(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
            calls_left: calls,
            time_left: CLAIM_MARGIN,
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Counts a call. Whether it lands before that.
    pub(super) fn lands_before_this_call(&mut self) -> bool {
        self.calls_left = self.calls_left.saturating_sub(1);
        self.calls_left == 0
    }

    /// Lets time pass, unless it lands before.
    pub(super) fn must_land_before(&mut self, passes: Duration) -> bool {
        self.time_left = self.time_left.saturating_sub(passes);
        self.time_left.is_zero()
    }

    /// Carries it out, and waits for that on a thread of its own: whoever causes it can't wait. Whether it succeeded.
    pub(super) fn land(&self) -> bool {
        std::thread::scope(|scope| scope.spawn(|| self.carry_out()).join()).is_ok_and(|landed| landed.unwrap_or(false))
    }

    fn carry_out(&self) -> Option<bool> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let method = Method::from_bytes(self.method.as_bytes()).ok()?;
        runtime.block_on(async {
            let client: Client = leadgate_connectors::http::client();
            let mut request = client.request(method, &self.url).body(self.body.clone());
            for (name, value) in &self.headers {
                let is_of_this_connection = [HOST, CONTENT_LENGTH].iter().any(|own| own == name.as_str());
                if !is_of_this_connection {
                    request = request.header(name, value);
                }
            }
            Some(request.send().await.ok()?.status().is_success())
        })
    }
}
