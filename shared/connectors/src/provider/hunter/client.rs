//! Hunter as the provider that a flow works with.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::limits::Rates;
use leadgate_enrichment::provider::{
    AsynchronousRequest, CallKind, Provider, Reply, Told, Usage, UsageError, Verifier,
};
use reqwest::Method;

use super::super::exchange::{Account, no_figures, no_people, told, unanswered};
use super::classify::classify;
use super::wire::{Question, used, verdict};
use crate::http::Http;
use crate::secret::Secret;

const KEY_HEADER: &str = "x-api-key";

/// An account at Hunter.
pub struct Hunter {
    account: Account,
}

impl Hunter {
    /// The account that `key` belongs to. `base_url` is `https://api.hunter.io/v2`, or a simulator's.
    pub fn new(http: impl Into<Http>, base_url: &str, key: Secret) -> Self {
        Self { account: Account::new(http, base_url, KEY_HEADER, key) }
    }

    async fn ask(&self, question: &Question<'_>, timeout: Duration) -> Result<Reply, Reply> {
        let request = self.account.request(Method::GET, question.path()).query(&question.parameters(timeout));
        let received = self.account.send(request, timeout).await?;
        question.read(&received)
    }
}

#[async_trait::async_trait]
impl Provider for Hunter {
    fn people_max(&self, _: &BTreeSet<ProfileField>, _: &[PricedField]) -> usize {
        1
    }

    /// Which of its two endpoints a person is asked about at isn't known before, so that both count as one: at worst, half
    /// of what they allow together is left unused.
    fn endpoint(&self, call: CallKind) -> &'static str {
        match call {
            CallKind::People(_) => "people",
            CallKind::Organizations(_) => "companies/find",
            CallKind::Verification => "email-verifier",
            CallKind::Collect => "none",
        }
    }

    async fn look_up(
        &self,
        people: &[Identity],
        // Its price doesn't depend on what is wanted.
        _: &BTreeSet<ProfileField>,
        _: Option<&AsynchronousRequest>,
        timeout: Duration,
    ) -> Told<Reply> {
        let one = match people {
            [] => return no_people(),
            [one] => one,
            _ => return unanswered(Reply::Invalid("one call is about one person".to_owned())),
        };
        let Some(question) = Question::about(one) else {
            return unanswered(Reply::Invalid("neither an address nor a name with an employer".to_owned()));
        };
        told(self.ask(&question, timeout).await, Rates::default())
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        Some(self)
    }

    async fn usage(&self, timeout: Duration) -> Result<Option<Usage>, UsageError> {
        let request = self.account.request(Method::GET, "account");
        let received = self.account.send(request, timeout).await.map_err(|reply| no_figures(&reply))?;
        let body = classify(&received).map_err(|reply| no_figures(&reply))?;
        used(body).map(Some).ok_or_else(|| UsageError("the figures can't be read".to_owned()))
    }
}

#[async_trait::async_trait]
impl Verifier for Hunter {
    async fn verify(&self, address: &str, timeout: Duration) -> Told<Reply> {
        let asked = async {
            let request = self.account.request(Method::GET, "email-verifier").query(&[("email", address)]);
            verdict(address, &self.account.send(request, timeout).await?)
        };
        told(asked.await, Rates::default())
    }
}
