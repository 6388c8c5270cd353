//! Buying what one provider knows of the sample, under the ledger like everything else that is bought: held, called under
//! the provider's rate limits, written down, settled.
//!
//! | if it dies after | what is found when it is run again |
//! | --- | --- |
//! | the line before the call | nothing is held: those people are asked about |
//! | the hold | a hold and no answer: counted as spent, and those people aren't asked about again |
//! | the call | the same |
//! | the line after the call | a hold and its answers: it is settled by them |
//! | the settlement | nothing is left to do |

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadgate_aws::limits::Limits;
use leadgate_enrichment::clock::{Clock, later, until};
use leadgate_enrichment::config::ProviderConnection;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::Evidence;
use leadgate_enrichment::credits::price::Tariff;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::PurchaseId;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::person::{Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer as Said, Provider};
use leadgate_enrichment::purchase::settlement::{self, Asked as Line, LineEnd};
use leadgate_enrichment::retry::{Backoff, Retry};
use leadgate_purchase::look_up::{Asks, Call, LookUp, Stopped, call_together};
use leadgate_purchase::permits::Permits;

use super::hold::not_asked;
use super::journal::{Asking, Journal, Told};
use super::results::{Answer, End};
use super::sample::Person;
use crate::Failure;
use crate::books::Books;

/// What one call may take, with what is written down before and after it.
const CALL: Duration = Duration::from_secs(45);
/// How often in a row a call is put off before it is no use to go on, and the longest wait in between.
const WAITS_MAX: u32 = 20;
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How many calls in a row may end without an answer: each may have been charged.
const UNKNOWNS_MAX: u32 = 2;

/// What a bake-off is made with.
pub(super) struct Buyer<'a> {
    pub(super) books: &'a Books,
    pub(super) limits: &'a Limits,
    pub(super) clock: &'a dyn Clock,
    pub(super) key: &'a FingerprintKey,
    pub(super) name: &'a str,
    /// The most that it may spend in all.
    pub(super) budget: Amounts,
    /// What is compared.
    pub(super) fields: &'a BTreeSet<ProfileField>,
}

/// Why it was no use to go on asking one provider. What it has said by then counts.
pub(super) type Why = String;

/// What is asked of one provider at once, and what that costs.
pub(super) struct Offer<'a> {
    pub(super) connection: &'a ProviderConnection,
    pub(super) fields: BTreeSet<ProfileField>,
    pub(super) tariff: Tariff,
}

impl Buyer<'_> {
    /// What this provider can tell of what is compared, and comes at once.
    pub(super) fn offer<'c>(&self, connection: &'c ProviderConnection) -> Result<Offer<'c>, Failure> {
        let tells =
            |field: &&ProfileField| (connection.vendor.tells)(**field) && !connection.asynchronous.contains_key(field);
        let fields: BTreeSet<ProfileField> = self.fields.iter().filter(tells).copied().collect();
        let name = connection.vendor.name;
        if connection.answers_later() {
            let said = format!("{name} says later whether it knows a person, and what comes later isn't compared");
            return Err(format!("{said}: leave it out with --providers").into());
        }
        let tariff = self.books.config.at_once_tariff(connection, &fields, self.books.now);
        let tariff = tariff.ok_or_else(|| format!("no price of {name} is in force: see [[prices]] and price_sets"))?;
        Ok(Offer { connection, fields, tariff })
    }

    /// Asks one provider about those of `people` about whom it wasn't asked yet. What is found is in the journal.
    pub(super) async fn buy(
        &self,
        offer: &Offer<'_>,
        journal: &mut Journal,
        people: &BTreeMap<usize, Person>,
        progress: &dyn Fn(&str, usize, usize),
    ) -> Result<Option<Why>, Failure> {
        let (connection, name) = (offer.connection, offer.connection.vendor.name);
        let provider = self.books.connections.provider(self.books.tenant(), connection).await?;
        let most = provider.people_max(&offer.fields, &[]).max(1);
        let (mut waits, mut unknowns, all) = (0, 0, people.len());
        loop {
            let left = left(journal, name, people);
            progress(name, all - left.len(), all);
            let (too_little, rest): (Vec<usize>, Vec<usize>) =
                left.into_iter().partition(|place| !(connection.vendor.can_be_asked)(&people[place].identity));
            if !too_little.is_empty() {
                self.leave_out(journal, name, too_little)?;
                continue;
            }
            let Some(places) = rest.chunks(most).next() else { return Ok(None) };
            match self.call(offer, provider.as_ref(), journal, (places, people)).await? {
                Called::All => (waits, unknowns) = (0, 0),
                Called::Unanswered if unknowns + 1 < UNKNOWNS_MAX => unknowns += 1,
                Called::Unanswered => {
                    return Ok(Some(format!("calls of {name} end without an answer, and may be charged")));
                }
                Called::Stopped(Stopped::OutOfCredits) => {
                    return Ok(Some(format!("{name} says that the credits are used up")));
                }
                Called::Stopped(Stopped::Denied) => return Ok(Some(format!("{name} refuses the key or the plan"))),
                Called::Stopped(Stopped::AskedByOthers) => {}
                Called::Stopped(Stopped::Later(retry, why)) => {
                    waits += 1;
                    if waits > WAITS_MAX || retry == Retry::Never {
                        return Ok(Some(format!("{name} can't be asked now: {why}")));
                    }
                    self.wait(retry, waits).await;
                }
                Called::Short(why) => return Ok(Some(why)),
            }
        }
    }

    async fn wait(&self, retry: Retry, waits: u32) {
        let own = Backoff { attempts: WAITS_MAX + 1, ..Backoff::IN_FUNCTION };
        let wait = own.wait_for(retry, waits, self.clock.jitter()).unwrap_or(WAIT_MAX);
        self.clock.sleep(wait.min(WAIT_MAX)).await;
    }

    /// Those whom a provider can't be asked about cost nothing, and are no one that it knows.
    fn leave_out(&self, journal: &mut Journal, provider: &str, places: Vec<usize>) -> Result<(), Failure> {
        let purchase = self.purchase(provider, &places);
        let answer = Answer { end: End::TooLittle, cost: Amounts::default(), values: BTreeMap::new() };
        let answers = vec![Some(answer); places.len()];
        journal.asking(Asking { purchase: purchase.clone(), provider: provider.to_owned(), people: places })?;
        journal.told(Told { purchase, latency_ms: None, evidence: Evidence::Inferred, answers })
    }

    /// One call: written down, held, made, written down again and settled.
    async fn call(
        &self,
        offer: &Offer<'_>,
        provider: &dyn Provider,
        journal: &mut Journal,
        (places, people): (&[usize], &BTreeMap<usize, Person>),
    ) -> Result<Called, Failure> {
        let (name, tenant) = (offer.connection.vendor.name, self.books.tenant());
        let purchase = self.purchase(name, places);
        journal.asking(Asking { purchase: purchase.clone(), provider: name.to_owned(), people: places.to_vec() })?;
        let hold = match self.hold(offer, &purchase, places).await? {
            Ok(hold) => hold,
            Err(why) => {
                journal.told(not_asked(purchase, places.len()))?;
                return Ok(Called::Short(why));
            }
        };
        let identities: Vec<Identity> = places.iter().map(|place| people[place].identity.clone()).collect();
        let began = self.clock.now();
        let permits =
            Permits { limits: self.limits, tenant: &tenant.id, connection: offer.connection, clock: self.clock };
        let look_up = LookUp {
            provider,
            permits,
            fields: &offer.fields,
            asks: Asks::People,
            share: Source::Change.share(),
            purchase: &purchase,
            deadline: later(began, CALL),
        };
        let Call { ends, reported, stopped, .. } = call_together(&look_up, &identities, None).await;
        let latency = u64::try_from(until(began, self.clock.now()).as_millis()).unwrap_or(u64::MAX);
        let asked: Vec<Line<'_>> = identities.iter().map(|identity| line(&offer.tariff, identity)).collect();
        let (costs, evidence) = settlement::costs(&asked, &ends, reported);
        let answers = ends.iter().zip(costs).map(|(end, cost)| Some(self.answer(end, cost?, &offer.fields))).collect();
        let told = Told { purchase, latency_ms: Some(latency), evidence, answers };
        journal.told(told.clone())?;
        self.settle(&hold, &told).await;
        let is_unanswered = ends.iter().all(|end| *end == LineEnd::Unknown);
        Ok(stopped.map_or(if is_unanswered { Called::Unanswered } else { Called::All }, Called::Stopped))
    }

    /// What is kept of what a provider said: of values, their fingerprints.
    fn answer(&self, end: &LineEnd, cost: Amounts, fields: &BTreeSet<ProfileField>) -> Answer {
        let value =
            |profile: &Profile, field: &ProfileField| Some((*field, self.key.of(&comparable(profile.get(*field)?))));
        let (end, values) = match end {
            LineEnd::Answered(Said::Hit(profile)) => {
                (End::Known, fields.iter().filter_map(|field| value(profile, field)).collect())
            }
            LineEnd::Answered(Said::Miss) => (End::Unmatched, BTreeMap::new()),
            LineEnd::Answered(Said::Suppressed) => (End::Suppressed, BTreeMap::new()),
            LineEnd::Invalid => (End::Invalid, BTreeMap::new()),
            LineEnd::Answered(Said::Pending(_)) | LineEnd::Unknown | LineEnd::NotAsked => {
                (End::Unknown, BTreeMap::new())
            }
        };
        Answer { end, cost, values }
    }

    fn purchase(&self, provider: &str, places: &[usize]) -> PurchaseId {
        let now = self.clock.now();
        let first = places.first().copied().unwrap_or_default();
        PurchaseId::derive(&self.books.tenant, &format!("bakeoff/{}/{provider}/{first}/{now}", self.name), now)
    }
}

/// What came of a call.
enum Called {
    /// All have an answer.
    All,
    /// None has, and it isn't known whether they were charged.
    Unanswered,
    /// Some may have none, and why.
    Stopped(Stopped),
    /// It wasn't made: it can't be paid for, and why.
    Short(Why),
}

fn line<'a>(tariff: &'a Tariff, identity: &'a Identity) -> Line<'a> {
    Line { tariff, identity, repeated: false, shared: false }
}

/// A value without what providers write differently though they mean the same: capitals, and how an address begins and ends.
fn comparable(value: &str) -> String {
    let value = value.trim().to_lowercase();
    let address = value.split_once("://").map_or(value.as_str(), |(_, address)| address);
    address.strip_prefix("www.").unwrap_or(address).trim_end_matches('/').to_owned()
}

/// The places of those about whom a provider wasn't asked yet. One of whom another may not say anything isn't asked about.
pub(super) fn left(journal: &Journal, provider: &str, people: &BTreeMap<usize, Person>) -> Vec<usize> {
    let mut done = BTreeSet::new();
    for (asking, told) in journal.calls() {
        let answers = told.map_or(&[][..], |told| &told.answers);
        for (place, answer) in asking.people.iter().zip(answers) {
            let Some(answer) = answer else { continue };
            if asking.provider == provider || answer.end == End::Suppressed {
                done.insert(*place);
            }
        }
    }
    people.keys().filter(|place| !done.contains(*place)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_differently_and_means_the_same_is_the_same() {
        for same in ["https://www.Engine.example/", "http://engine.example", "engine.example", " ENGINE.example"] {
            assert_eq!(comparable(same), "engine.example");
        }
        assert_ne!(comparable("linkedin.com/in/ada"), comparable("linkedin.com/in/ada-l"));
    }
}
