//! Employers, looked up beside the people who work there: each once, however many they are, and whoever asks.
//!
//! It is a purchase of its own, made before that of the people, and nothing depends on it: whatever goes wrong here, the
//! people are bought all the same, and tell of their employers what they can.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::answers::{About, Claimed, Known};
use leadgate_aws::credits::Holding;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::choice::Cap;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ledger::{AskedAbout, EntryLine, Evidence, Hold, HoldLine, LineResult, allocate};
use leadgate_enrichment::person::{Identity, Profile};
use leadgate_enrichment::price::{Action, Tariff};
use leadgate_enrichment::provider::{Answer, CallKind, Reply, Told};
use leadgate_enrichment::settlement;
use tracing::{error, warn};

use crate::buy::resolve;
use crate::call::ending;
use crate::pace::share;
use crate::price::Wanted;
use crate::unit::Unit;

/// How long looking organizations up may take: the people come after it, and they are what the lead is about.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// What is kept back of the run for the people.
const FOR_THE_PEOPLE: Duration = Duration::from_secs(40);
/// How long somebody else who is asking is waited for, and how often it is looked whether they are done.
const OTHERS_WAIT: Duration = Duration::from_secs(5);
const LOOKS_MAX: u32 = 10;

/// What is known of employers, by their domains.
#[derive(Default)]
pub(crate) struct Employers(HashMap<String, Profile>);

impl Employers {
    /// What is known of where this one works.
    pub(crate) fn of(&self, wanted: &Wanted) -> Option<&Profile> {
        self.0.get(wanted.employer.as_ref()?)
    }
}

/// One that nobody knows yet, and one of those who work there: it is looked up for them.
type Unknown<'w> = BTreeMap<String, &'w Wanted>;

impl Unit<'_> {
    /// Looks up where these work, as far as nobody has yet.
    pub(crate) async fn employers(&self, wanted: &[Wanted]) -> Employers {
        let mut unknown = Unknown::new();
        for wanted in wanted {
            if let Some(domain) = &wanted.employer {
                unknown.entry(domain.clone()).or_insert(wanted);
            }
        }
        let mut employers = Employers::default();
        if unknown.is_empty() {
            return employers;
        }
        if let Err(error) = self.try_employers(unknown, wanted, &mut employers).await {
            warn!(tenant = %self.tenant.id, %error, "employers are left to what their people tell");
        }
        employers
    }

    async fn try_employers(
        &self,
        mut unknown: Unknown<'_>,
        people: &[Wanted],
        employers: &mut Employers,
    ) -> Result<(), StoreError> {
        self.read_employers(&mut unknown, employers).await?;
        let (claimed, mut others) = self.claim_employers(unknown).await?;
        self.buy_employers(&claimed, people, employers).await?;
        for _ in 0..LOOKS_MAX {
            if others.is_empty() {
                break;
            }
            self.worker.clock.sleep(OTHERS_WAIT / LOOKS_MAX).await;
            self.read_employers(&mut others, employers).await?;
        }
        Ok(())
    }

    /// Takes in what is known, and leaves the rest.
    async fn read_employers(&self, unknown: &mut Unknown<'_>, employers: &mut Employers) -> Result<(), StoreError> {
        let about: Vec<About> = unknown.keys().cloned().map(About::Organization).collect();
        if about.is_empty() {
            return Ok(());
        }
        for (about, known) in self.worker.answers.read(&self.tenant.id, &about, self.now()).await? {
            let About::Organization(domain) = about else { continue };
            unknown.remove(&domain);
            if let Known::Hit(profile) = known {
                employers.0.insert(domain, profile);
            }
        }
        Ok(())
    }

    /// Parts those that are ours to ask about from those that somebody else is asking about.
    async fn claim_employers<'w>(&self, unknown: Unknown<'w>) -> Result<(Unknown<'w>, Unknown<'w>), StoreError> {
        let (mut ours, mut others) = (Unknown::new(), Unknown::new());
        for (domain, wanted) in unknown {
            let about = About::Organization(domain.clone());
            let until = self.invocation.claim_until();
            let claimed = self.worker.answers.claim(&self.tenant.id, &about, until, self.now()).await?;
            if claimed == Claimed::ByUs {
                ours.insert(domain, wanted)
            } else {
                others.insert(domain, wanted)
            };
        }
        Ok((ours, others))
    }

    async fn buy_employers(
        &self,
        claimed: &Unknown<'_>,
        people: &[Wanted],
        employers: &mut Employers,
    ) -> Result<(), StoreError> {
        let now = self.purchase.made_at();
        let Some(tariff) = self.worker.config.organization_tariff(self.tenant, now) else { return Ok(()) };
        let domains: Vec<String> = claimed.keys().cloned().collect();
        let timeout = self.time_left().saturating_sub(FOR_THE_PEOPLE).min(CALL_TIMEOUT);
        if domains.is_empty() || timeout.is_zero() {
            return Ok(());
        }
        let provider = self.worker.connections.provider(self.tenant).await?;
        let Some(hold) = self.hold_for_employers(claimed, people, &tariff).await? else { return Ok(()) };
        let share = share(claimed.values().filter_map(|wanted| wanted.record.source));
        let told = match self.permit(provider.as_ref(), CallKind::Organizations(domains.len()), share).await {
            Ok(ticket) => {
                let told = provider.look_up_organizations(&domains, timeout).await;
                self.call_ended(ticket, &told.rates, ending(&told.reply)).await;
                told
            }
            Err((_, reason)) => Told::without_rates(Reply::Transient(reason)),
        };
        let ends = match told.reply {
            Reply::Answered { answers, .. } => Some(answers.into_iter().map(Some).collect::<Vec<_>>()),
            Reply::Unknown(reason) => {
                error!(tenant = %self.tenant.id, purchase = %hold.purchase, reason, "outcome unknown: counted as spent");
                Some(vec![None; domains.len()])
            }
            refused => {
                warn!(tenant = %self.tenant.id, purchase = %hold.purchase, ?refused, "no employers this time");
                None
            }
        };
        for (domain, answer) in domains.iter().zip(ends.iter().flatten()) {
            self.keep_employer(domain, answer.as_ref(), employers).await?;
        }
        let entry = ends.map(|ends| self.employers_entry(&hold, &ends, &tariff, self.now()));
        // If that fails, the sweeper counts it as spent.
        let _ = resolve(&self.worker.credits, &self.tenant.id, &hold, entry.as_ref()).await;
        Ok(())
    }

    async fn keep_employer(
        &self,
        domain: &str,
        answer: Option<&Answer>,
        employers: &mut Employers,
    ) -> Result<(), StoreError> {
        let windows = self.tenant.windows;
        let (known, window) = match answer {
            Some(Answer::Hit(profile)) => {
                employers.0.insert(domain.to_owned(), profile.clone());
                (Known::Hit(profile.clone()), windows.freshness)
            }
            Some(Answer::Miss) => (Known::Miss, windows.miss),
            None => return Ok(()),
        };
        let about = About::Organization(domain.to_owned());
        self.worker.answers.keep(&self.tenant.id, &about, &known, later(self.now(), window)).await
    }

    /// Reserves what they can cost, under the caps of those whom they are looked up for. `None` when it isn't there, or
    /// when `people` need it: they are what the leads are about.
    async fn hold_for_employers(
        &self,
        claimed: &Unknown<'_>,
        people: &[Wanted],
        tariff: &Tariff,
    ) -> Result<Option<Hold>, StoreError> {
        let (now, credits) = (self.now(), &self.worker.credits);
        let wallets = self.spendable(Action::EnrichOrganization).await?;
        let caps: BTreeMap<&str, &Cap> =
            claimed.values().flat_map(|wanted| &wanted.caps).map(|cap| (cap.name.as_str(), cap)).collect();
        let place = |cap: &Cap| caps.keys().position(|name| *name == cap.name);
        let line = |wanted: &&Wanted| HoldLine {
            record: wanted.record.key.clone(),
            worst: tariff.worst(),
            caps: wanted.caps.iter().filter_map(place).collect(),
        };
        let lines: Vec<HoldLine> = claimed.values().map(line).collect();
        let need: Amounts = lines.iter().map(|line| &line.worst).sum();
        let keep = people.iter().map(|wanted| &wanted.total).chain([&self.tenant.floor]).sum();
        let Some(allocation) = allocate(&wallets, &need, &keep) else { return Ok(None) };
        let hold = Hold {
            purchase: self.purchase.organizations(),
            held_at: now,
            claimed_until: self.invocation.claim_until(),
            price_version: tariff.version(),
            prices: Vec::new(),
            lines,
            unheld_from: None,
            slices: allocation.slices.clone(),
            caps: caps.keys().map(|name| (*name).to_owned()).collect(),
            asked: AskedAbout::default(),
            wanted: Vec::new(),
        };
        let needed = |cap: &Cap| {
            let counted = people.iter().filter(|wanted| wanted.caps.iter().any(|own| own.name == cap.name));
            counted.map(|wanted| &wanted.total).sum::<Amounts>()
        };
        let limits: Vec<Amounts> = caps.values().map(|cap| cap.limit.less(&needed(cap))).collect();
        let held = credits.hold_all(&self.tenant.id, &hold, &[], &allocation, &limits).await?;
        Ok((held == Holding::Held).then_some(hold))
    }

    /// What each cost: by its answer, and the worst where there is none.
    fn employers_entry(
        &self,
        hold: &Hold,
        ends: &[Option<Answer>],
        tariff: &Tariff,
        at: Timestamp,
    ) -> leadgate_enrichment::ledger::Entry {
        let nobody = Identity::default();
        let line = |(line, end): (&HoldLine, &Option<Answer>)| {
            let (result, cost) = match end {
                Some(Answer::Hit(profile)) => (LineResult::Hit, tariff.of(&nobody, false, Some(profile))),
                Some(Answer::Miss) => (LineResult::Miss, tariff.of(&nobody, false, None)),
                None => (LineResult::Unknown, line.worst.clone()),
            };
            EntryLine { record: line.record.clone(), result, cost }
        };
        let unknown = ends.iter().any(Option::is_none);
        let evidence = if unknown { Evidence::Assumed } else { Evidence::Inferred };
        settlement::entry(hold, hold.lines.iter().zip(ends).map(line).collect(), evidence, at)
    }
}
