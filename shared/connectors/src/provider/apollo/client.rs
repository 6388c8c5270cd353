//! Apollo as the provider that a flow works with.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::prospecting::Prospector;
use leadgate_enrichment::provider::{
    AsynchronousId, AsynchronousRequest, CallKind, Collected, Provider, Reply, Told, Usage, UsageError,
};
use reqwest::{Method, RequestBuilder};

use super::arrived::arrived;
use super::classify::CallError;
pub use super::exchange::Apollo;
use super::exchange::{Called, PEOPLE_MAX, id_in_path};
use super::organizations;
use super::people::{Bulk, Details, bulk_answer, flags, single_answer};

/// What `people/bulk_match` leaves out of employers, by its schema and its example, where `people/match` has it. The
/// example with a waterfall has no employers at all.
const LEFT_OUT_OF_PEOPLE: [ProfileField; 3] =
    [ProfileField::CompanyRevenue, ProfileField::CompanyFunding, ProfileField::CompanyDescription];

/// What `organizations/bulk_enrich` leaves out, by its schema and its example, where `organizations/enrich` has it.
const LEFT_OUT_OF_ORGANIZATIONS: [ProfileField; 2] = [ProfileField::CompanyRevenue, ProfileField::CompanyFunding];

/// For how long `webhook_result` answers (documented).
const RESULT_RETENTION: Duration = days(30);

impl Apollo {
    /// Apollo documents parameters in the query and takes a JSON body as well, which is what its own command line
    /// tool sends. A body keeps who is looked up out of the access logs on the way.
    fn people(&self, people: &[Identity], asynchronous: Option<&AsynchronousRequest>) -> RequestBuilder {
        let request =
            self.request(Method::POST, self.endpoint(CallKind::People(people.len()))).query(&flags(asynchronous));
        match people {
            [one] => request.json(&Details::from(one)),
            several => request.json(&Bulk { details: several.iter().map(Details::from).collect() }),
        }
    }

    fn organizations(&self, domains: &[String]) -> RequestBuilder {
        let path = self.endpoint(CallKind::Organizations(domains.len()));
        match domains {
            [domain] => self.request(Method::GET, path).query(&organizations::Asked { domain }),
            several => {
                let details = several.iter().map(|domain| organizations::Asked { domain }).collect();
                self.request(Method::POST, path).json(&organizations::Bulk { details })
            }
        }
    }
}

#[async_trait::async_trait]
impl Provider for Apollo {
    fn people_max(&self, fields: &BTreeSet<ProfileField>, asynchronous: &[PricedField]) -> usize {
        let waterfall = [PricedField::EmailOfOthers, PricedField::MobileOfOthers];
        let is_left_out = |field: &ProfileField| match asynchronous.iter().any(|field| waterfall.contains(field)) {
            true => field.is_of_employer(),
            false => LEFT_OUT_OF_PEOPLE.contains(field),
        };
        if fields.iter().any(is_left_out) { 1 } else { PEOPLE_MAX }
    }

    fn organizations_max(&self, fields: &BTreeSet<ProfileField>) -> usize {
        if fields.iter().any(|field| LEFT_OUT_OF_ORGANIZATIONS.contains(field)) { 1 } else { PEOPLE_MAX }
    }

    fn endpoint(&self, call: CallKind) -> &'static str {
        match call {
            CallKind::People(1) => "people/match",
            CallKind::People(_) => "people/bulk_match",
            CallKind::Organizations(1) => "organizations/enrich",
            CallKind::Organizations(_) => "organizations/bulk_enrich",
            CallKind::Collect => "webhook_result",
            CallKind::Verification => "none",
        }
    }

    async fn look_up(
        &self,
        people: &[Identity],
        // A match tells all that there is at once, whatever is wanted of it, and costs the same.
        _: &BTreeSet<ProfileField>,
        asynchronous: Option<&AsynchronousRequest>,
        timeout: Duration,
    ) -> Told<Reply> {
        if people.is_empty() {
            return nobody();
        }
        let told = self.exchange(self.people(people, asynchronous), timeout).await;
        reply(told, |body| match people {
            [_] => single_answer(body, asynchronous),
            several => bulk_answer(body, several.len(), asynchronous),
        })
    }

    fn result_retention(&self) -> Duration {
        RESULT_RETENTION
    }

    async fn collect(&self, request: &AsynchronousId, timeout: Duration) -> Told<Collected> {
        let Ok(id) = id_in_path(&request.0) else {
            return Told::without_rates(Collected::Expired("an id that is none of Apollo's".to_owned()));
        };
        let path = format!("{}/{id}", self.endpoint(CallKind::Collect));
        let told = self.exchange(self.request(Method::GET, &path), timeout).await;
        reply(told, |body| arrived(body, request))
    }

    async fn look_up_organizations(&self, domains: &[String], timeout: Duration) -> Told<Reply> {
        if domains.is_empty() {
            return nobody();
        }
        let told = self.exchange(self.organizations(domains), timeout).await;
        reply(told, |body| match domains {
            [_] => organizations::single_answer(body),
            several => organizations::bulk_answer(body, several),
        })
    }

    async fn usage(&self, timeout: Duration) -> Result<Option<Usage>, UsageError> {
        let usage = self.credit_usage(timeout).await.reply;
        let usage = usage.map_err(|error| match error {
            CallError::Denied(reason) => UsageError(format!("{reason}: no figures (a master key is needed)")),
            other => UsageError(format!("no figures: {other}")),
        })?;
        usage.pool().map(Some).ok_or_else(|| UsageError("the figures can't be read".to_owned()))
    }

    fn prospector(&self) -> Option<&dyn Prospector> {
        Some(self)
    }
}

/// The answer to nothing.
fn nobody() -> Told<Reply> {
    Told::without_rates(Reply::Answered { answers: Vec::new(), reported: None, asynchronous: None })
}

/// What is read from a success, or what the lack of one means.
fn reply<T: From<CallError>>(told: Called<Vec<u8>>, read: impl FnOnce(&[u8]) -> Result<T, CallError>) -> Told<T> {
    Told { reply: told.reply.and_then(|body| read(&body)).unwrap_or_else(T::from), rates: told.rates }
}
