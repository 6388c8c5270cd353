//! Clay as the provider that a flow works with.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::limits::Rates;
use leadgate_enrichment::provider::{
    Answer, AsynchronousId, AsynchronousRequest, CallKind, Collected, Provider, Reply, Told,
};
use reqwest::Method;
use reqwest::header::HeaderMap;

use super::super::exchange::{Account, Received, no_people, rate, told, unanswered};
use super::classify::classify;
use super::config::Routine;
use super::wire::{ITEMS_MAX, Page, Run, collected, is_id, not_collected, page, started};
use crate::http::Http;
use crate::secret::Secret;

/// How long a run's results are asked for. How long they are kept isn't documented.
const RETENTION: Duration = days(7);

/// The most pages of one result. A run has no more items than one page holds, if it is asked for so many.
const PAGES_MAX: usize = 10;

/// A workspace at Clay, and the routine that is run in it.
pub struct Clay {
    account: Account,
    routine: Routine,
}

impl Clay {
    /// The workspace that `key` belongs to. `base_url` is `https://api.clay.com/public/v0`, or a simulator's.
    pub fn new(http: impl Into<Http>, base_url: &str, key: Secret, routine: Routine) -> Self {
        Self { account: Account::new(http, base_url, "clay-api-key", key), routine }
    }

    /// A run for all of them. Its limits come with it.
    async fn run(&self, people: &[Identity], names: &[String], timeout: Duration) -> Told<Reply> {
        let path = format!("routines/{}/run", self.routine.id);
        let request = self.account.request(Method::POST, &path).json(&Run::of(&self.routine, people, names));
        match self.account.send(request, timeout).await {
            Ok(received) => {
                let accepted = |id| Reply::Answered {
                    answers: names.iter().cloned().map(Answer::Pending).collect(),
                    reported: None,
                    asynchronous: Some(id),
                };
                told(classify(&received).and_then(started).map(accepted), rates(&received.headers))
            }
            Err(reply) => unanswered(reply),
        }
    }

    async fn page(&self, run: &AsynchronousId, cursor: Option<&str>, timeout: Duration) -> Result<Received, Collected> {
        let path = format!("routines/run/{}/results", run.0);
        let request = self.account.request(Method::GET, &path).query(&[("limit", ITEMS_MAX.to_string())]);
        let request = match cursor {
            Some(cursor) => request.query(&[("cursor", cursor)]),
            None => request,
        };
        self.account.send(request, timeout).await.map_err(|reply| not_collected(&reply))
    }

    /// All pages of a result.
    async fn result(&self, run: &AsynchronousId, timeout: Duration) -> Told<Collected> {
        let (mut items, mut cursor, mut rates_told) = (Vec::new(), None, Rates::default());
        for _ in 0..PAGES_MAX {
            let received = match self.page(run, cursor.as_deref(), timeout).await {
                Ok(received) => received,
                Err(reply) => return Told { reply, rates: rates_told },
            };
            rates_told = rates(&received.headers);
            match page(&received) {
                Ok(Page { items: more, next }) => {
                    items.extend(more);
                    cursor = next;
                }
                Err(reply) => return Told { reply, rates: rates_told },
            }
            if cursor.is_none() {
                return Told { reply: collected(&self.routine, items), rates: rates_told };
            }
        }
        Told { reply: Collected::Transient("a result of more pages than a run can fill".to_owned()), rates: rates_told }
    }
}

#[async_trait::async_trait]
impl Provider for Clay {
    fn people_max(&self, _: &BTreeSet<ProfileField>, _: &[PricedField]) -> usize {
        ITEMS_MAX
    }

    /// Calls are counted by workspace, whichever they are.
    fn endpoint(&self, _: CallKind) -> &'static str {
        "workspace"
    }

    async fn look_up(
        &self,
        people: &[Identity],
        _: &BTreeSet<ProfileField>,
        asynchronous: Option<&AsynchronousRequest>,
        timeout: Duration,
    ) -> Told<Reply> {
        let Some(asynchronous) = asynchronous.filter(|request| request.names.len() == people.len()) else {
            return unanswered(Reply::Invalid("each person of a run needs a name of ours".to_owned()));
        };
        match people.len() {
            0 => no_people(),
            1..=ITEMS_MAX => self.run(people, &asynchronous.names, timeout).await,
            _ => unanswered(Reply::Invalid(format!("a run is of at most {ITEMS_MAX} people"))),
        }
    }

    fn result_retention(&self) -> Duration {
        RETENTION
    }

    async fn collect(&self, run: &AsynchronousId, timeout: Duration) -> Told<Collected> {
        match is_id(&run.0) {
            true => self.result(run, timeout).await,
            false => Told::without_rates(Collected::NotFound("that can't be the id of a run".to_owned())),
        }
    }
}

/// The limits that an answer tells of. Which window they are of isn't documented: a minute is assumed.
fn rates(headers: &HeaderMap) -> Rates {
    let minute = rate(headers, "x-ratelimit-limit", "x-ratelimit-used", "x-ratelimit-remaining");
    Rates { minute, hour: None, day: None }
}
