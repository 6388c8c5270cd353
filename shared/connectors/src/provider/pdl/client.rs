//! People Data Labs as the provider that a flow works with.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::{AsynchronousRequest, CallKind, Provider, Reply, Told, Usage, UsageError};
use reqwest::Method;

use super::super::exchange::{Account, Received, no_figures, no_people, told, unanswered};
use super::classify::classify;
use super::rates::rates;
use super::wire::{Bulk, Params, bulk_answer, required, single_answer};
use crate::http::Http;
use crate::secret::Secret;

/// The most people in one call: more than 80 of the 100 that are allowed may end in a 502 ("Bulk Person Enrichment API"),
/// after which it can't be known what was charged.
const PEOPLE_MAX: usize = 80;

const KEY_HEADER: &str = "x-api-key";

/// What its figures count in: they go back to the first call of all, and never begin anew.
const LIFETIME: &str = "lifetime";

/// An account at People Data Labs.
pub struct PeopleDataLabs {
    account: Account,
    min_likelihood: Option<u64>,
}

impl PeopleDataLabs {
    /// The account that `key` belongs to. `base_url` is `https://api.peopledatalabs.com/v5`, or a simulator's.
    pub fn new(http: impl Into<Http>, base_url: &str, key: Secret) -> Self {
        Self { account: Account::new(http, base_url, KEY_HEADER, key), min_likelihood: None }
    }

    /// The same, to which a person is known only if it is so sure, from 1 to 10.
    #[must_use]
    pub fn with_min_likelihood(self, min_likelihood: Option<u64>) -> Self {
        Self { min_likelihood, ..self }
    }
}

#[async_trait::async_trait]
impl Provider for PeopleDataLabs {
    fn people_max(&self, _: &BTreeSet<ProfileField>, _: &[PricedField]) -> usize {
        PEOPLE_MAX
    }

    fn endpoint(&self, call: CallKind) -> &'static str {
        match call {
            CallKind::People(0 | 1) => "person/enrich",
            CallKind::People(_) => "person/bulk",
            CallKind::Organizations(_) => "company/enrich",
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
        let params = people.iter().map(|person| Params::new(person, required(fields), self.min_likelihood));
        let mut params: Vec<Params<'_>> = params.collect();
        let request = self.account.request(Method::POST, self.endpoint(CallKind::People(people.len())));
        // A body keeps who is looked up out of the access logs on the way.
        let request = match (params.pop(), params.is_empty()) {
            (None, _) => return no_people(),
            (Some(one), true) => request.json(&one),
            (Some(last), false) => {
                params.push(last);
                request.json(&Bulk::of(params))
            }
        };
        let received = match self.account.send(request, timeout).await {
            Ok(received) => received,
            Err(reply) => return unanswered(reply),
        };
        let answer = match people.len() {
            1 => single_answer(&received),
            several => classify(&received).and_then(|body| bulk_answer(body, several, spent(&received))),
        };
        told(answer, rates(&received.headers))
    }

    /// A call without parameters is refused and free, and its headers have the figures.
    async fn usage(&self, timeout: Duration) -> Result<Option<Usage>, UsageError> {
        let request = self.account.request(Method::GET, self.endpoint(CallKind::People(1)));
        let received = self.account.send(request, timeout).await.map_err(|reply| no_figures(&reply))?;
        let failed = |received: &Received| match classify(received) {
            Err(Reply::Invalid(_)) | Ok(_) => UsageError("the figures can't be read".to_owned()),
            Err(reply) => no_figures(&reply),
        };
        let used = credits(received.header("x-lifetime-used")).ok_or_else(|| failed(&received))?;
        Ok(Some(Usage { cycle: LIFETIME.to_owned(), began: None, used }))
    }
}

/// What a call cost, by its header.
pub(super) fn spent(received: &Received) -> Option<Milli> {
    credits(received.header("x-call-credits-spent"))
}

fn credits(value: Option<&str>) -> Option<Milli> {
    Milli::from_decimal(value?.parse().ok()?).ok()
}
