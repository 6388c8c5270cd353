//! Lusha as the provider that a flow works with.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::{AsynchronousRequest, CallKind, Provider, Reply, Told, Usage, UsageError};
use reqwest::Method;

use super::super::exchange::{Account, no_figures, no_people, told, unanswered};
use super::classify::{classify, rates};
use super::wire::{Request, answers, reveal, used};
use crate::http::Http;
use crate::secret::Secret;

/// The most people in one call (documented).
const PEOPLE_MAX: usize = 100;

const KEY_HEADER: &str = "api_key";

/// An account at Lusha.
pub struct Lusha {
    account: Account,
}

impl Lusha {
    /// The account that `key` belongs to. `base_url` is `https://api.lusha.com`, or a simulator's.
    pub fn new(http: impl Into<Http>, base_url: &str, key: Secret) -> Self {
        Self { account: Account::new(http, base_url, KEY_HEADER, key) }
    }
}

#[async_trait::async_trait]
impl Provider for Lusha {
    fn people_max(&self, _: &BTreeSet<ProfileField>, _: &[PricedField]) -> usize {
        PEOPLE_MAX
    }

    /// Its limits count all calls of an account together.
    fn endpoint(&self, _: CallKind) -> &'static str {
        "v3"
    }

    async fn look_up(
        &self,
        people: &[Identity],
        fields: &BTreeSet<ProfileField>,
        _: Option<&AsynchronousRequest>,
        timeout: Duration,
    ) -> Told<Reply> {
        if people.is_empty() {
            return no_people();
        }
        let reveal = reveal(fields);
        let path = if reveal.is_empty() { "v3/contacts/search" } else { "v3/contacts/search-and-enrich" };
        let request = self.account.request(Method::POST, path).json(&Request::about(people, reveal));
        match self.account.send(request, timeout).await {
            Ok(received) => {
                let reply = classify(&received, people.len()).and_then(|body| answers(body, people.len()));
                told(reply, rates(&received.headers))
            }
            Err(reply) => unanswered(reply),
        }
    }

    async fn usage(&self, timeout: Duration) -> Result<Option<Usage>, UsageError> {
        let request = self.account.request(Method::GET, "v3/account/usage");
        let received = self.account.send(request, timeout).await.map_err(|reply| no_figures(&reply))?;
        let body = classify(&received, 1).map_err(|reply| no_figures(&reply))?;
        used(body).map(Some).ok_or_else(|| UsageError("the figures can't be read".to_owned()))
    }
}
