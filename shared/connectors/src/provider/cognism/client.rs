//! Cognism as the provider that a flow works with.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::limits::Rates;
use leadgate_enrichment::provider::{Answer, AsynchronousRequest, CallKind, Provider, Reply, Told};
use reqwest::Method;
use serde::Serialize;

use super::super::exchange::{Account, Received, answered_one, free, no_people, told, unanswered};
use super::classify::classify;
use super::wire::{Enrich, Preview, Redeem, preview, redeemed};
use crate::http::Http;
use crate::secret::Secret;

const ENRICH: &str = "api/search/contact/enrich";
const REDEEM: &str = "api/search/contact/redeem";

/// The part of a call's time that finding the person may take, as a divisor: the call that costs has the rest.
const TIME_TO_FIND: u32 = 3;

/// An account at Cognism.
pub struct Cognism {
    account: Account,
    min_match_score: Option<u64>,
}

impl Cognism {
    /// The account that `key` belongs to. `base_url` is `https://app.cognism.com`, or a simulator's.
    pub fn new(http: impl Into<Http>, base_url: &str, key: Secret) -> Self {
        Self { account: Account::bearer(http, base_url, key), min_match_score: None }
    }

    /// The same, to which a person is known only if a contact matches so well, from 1 to 100.
    #[must_use]
    pub fn with_min_match_score(self, min_match_score: Option<u64>) -> Self {
        Self { min_match_score, ..self }
    }

    /// Finds a person, and redeems them if what is wanted is there.
    async fn ask(&self, person: &Identity, fields: &BTreeSet<ProfileField>, timeout: Duration) -> Result<Reply, Reply> {
        let time_to_find = timeout / TIME_TO_FIND;
        let found = self.find(person, time_to_find).await.map_err(free)?;
        let Some(found) = found.filter(|found| found.may_have(fields)) else {
            return Ok(answered_one(Answer::Miss));
        };
        let received = self.post(REDEEM, &Redeem::of(&found), timeout.saturating_sub(time_to_find)).await?;
        redeemed(classify(&received)?)
    }

    /// Whoever matches best. Nothing is charged for it, whatever becomes of the call.
    async fn find(&self, person: &Identity, timeout: Duration) -> Result<Option<Preview>, Reply> {
        let received = self.post(ENRICH, &Enrich::of(person, self.min_match_score), timeout).await?;
        preview(classify(&received)?)
    }

    /// A body keeps who is looked up out of the access logs on the way.
    async fn post(&self, path: &str, body: &(impl Serialize + Sync), timeout: Duration) -> Result<Received, Reply> {
        self.account.send(self.account.request(Method::POST, path).json(body), timeout).await
    }
}

#[async_trait::async_trait]
impl Provider for Cognism {
    fn people_max(&self, _: &BTreeSet<ProfileField>, _: &[PricedField]) -> usize {
        1
    }

    fn endpoint(&self, call: CallKind) -> &'static str {
        match call {
            CallKind::People(_) => "contact",
            CallKind::Organizations(_) => "account",
            CallKind::Collect | CallKind::Verification => "none",
        }
    }

    async fn look_up(
        &self,
        people: &[Identity],
        fields: &BTreeSet<ProfileField>,
        _: Option<&AsynchronousRequest>,
        timeout: Duration,
    ) -> Told<Reply> {
        match people {
            [] => no_people(),
            [one] => told(self.ask(one, fields, timeout).await, Rates::default()),
            _ => unanswered(Reply::Invalid("one call is about one person".to_owned())),
        }
    }
}
