//! Employers, looked up beside the people who work there: each once, however many they are, and whichever record asks.
//!
//! It is a purchase of its own, made before that of the people, and nothing depends on it: whatever goes wrong here, the
//! people are bought all the same, and tell of their employers what they can.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::answers::{About, Claimed, Known, Whose};
use leadgate_aws::credits::Holding;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Hold, PurchaseKind, allocate};
use leadgate_enrichment::credits::price::{Action, Tariff};
use leadgate_enrichment::person::{Identity, Profile};
use leadgate_enrichment::provider::limits::Share;
use leadgate_enrichment::provider::{Answer, CallKind, Provider, Reply, Told};
use leadgate_enrichment::purchase::choice::Cap;
use leadgate_enrichment::purchase::settlement::{self, Asked, LineEnd};
use tracing::{error, warn};

use crate::batch::Batch;
use crate::price::Wanted;
use leadgate_purchase::permits::{ending, share};
use leadgate_purchase::reserve::{Caps, Holder, Line};
use leadgate_purchase::settle::settle;

/// How long looking organizations up may take: the people come after it, and they are what the lead is about.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// Where each is looked up alone, no call is begun when this has passed since the first.
const CALLS_TIME: Duration = Duration::from_secs(8);
/// What is kept back of the run for the people.
const FOR_THE_PEOPLE: Duration = Duration::from_secs(40);
/// How long another worker that is asking is waited for, and how often it is checked whether it is done.
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

/// The tenant's first provider is asked.
pub(crate) fn whose<'a>(batch: &Batch<'a>) -> Whose<'a> {
    Whose::of(batch.tenant, &batch.tenant.provider)
}

/// One that isn't known yet, and one of those who work there: it is looked up for them.
type Unknown<'w> = BTreeMap<String, &'w Wanted>;

/// Looks up where these work, as far as it isn't known yet.
pub(crate) async fn employers(batch: &Batch<'_>, wanted: &[Wanted], employers: &mut Employers) {
    let mut unknown = Unknown::new();
    for wanted in wanted {
        if let Some(domain) = wanted.employer.as_ref().filter(|domain| !employers.0.contains_key(*domain)) {
            unknown.entry(domain.clone()).or_insert(wanted);
        }
    }
    if unknown.is_empty() {
        return;
    }
    if let Err(error) = try_employers(batch, unknown, wanted, employers).await {
        warn!(tenant = %batch.tenant.id, %error, "employers are left to what their people tell");
    }
}

async fn try_employers(
    batch: &Batch<'_>,
    mut unknown: Unknown<'_>,
    people: &[Wanted],
    employers: &mut Employers,
) -> Result<(), StoreError> {
    read_employers(batch, &mut unknown, employers).await?;
    let (claimed, mut others) = claim_employers(batch, unknown).await?;
    buy_employers(batch, &claimed, people, employers).await?;
    for _ in 0..LOOKS_MAX {
        if others.is_empty() {
            break;
        }
        batch.worker.clock.sleep(OTHERS_WAIT / LOOKS_MAX).await;
        read_employers(batch, &mut others, employers).await?;
    }
    Ok(())
}

/// Takes in what is known, and leaves the rest.
async fn read_employers(
    batch: &Batch<'_>,
    unknown: &mut Unknown<'_>,
    employers: &mut Employers,
) -> Result<(), StoreError> {
    let about: Vec<About> = unknown.keys().cloned().map(About::Organization).collect();
    if about.is_empty() {
        return Ok(());
    }
    let sealing = batch.fingerprints.sealing();
    for (about, known) in batch.worker.answers.read(whose(batch), &about, batch.now(), &sealing).await? {
        let About::Organization(domain) = about else { continue };
        unknown.remove(&domain);
        if let Known::Hit(profile) = known {
            employers.0.insert(domain, profile);
        }
    }
    Ok(())
}

/// Parts those that are ours to ask about from those that another worker is asking about.
async fn claim_employers<'w>(
    batch: &Batch<'_>,
    unknown: Unknown<'w>,
) -> Result<(Unknown<'w>, Unknown<'w>), StoreError> {
    let (mut ours, mut others) = (Unknown::new(), Unknown::new());
    for (domain, wanted) in unknown {
        let about = About::Organization(domain.clone());
        let until = batch.invocation.claim_until();
        let claimed = batch.worker.answers.claim(whose(batch), &about, until, batch.now()).await?;
        if claimed == Claimed::ByUs {
            ours.insert(domain, wanted)
        } else {
            others.insert(domain, wanted)
        };
    }
    Ok((ours, others))
}

async fn buy_employers(
    batch: &Batch<'_>,
    claimed: &Unknown<'_>,
    people: &[Wanted],
    employers: &mut Employers,
) -> Result<(), StoreError> {
    let now = batch.purchase.made_at();
    let Some(tariff) = batch.worker.config.organization_tariff(&batch.tenant.provider, now) else { return Ok(()) };
    let domains: Vec<String> = claimed.keys().cloned().collect();
    if domains.is_empty() || time_for_employers(batch, None).is_none() {
        return Ok(());
    }
    let provider = batch.worker.connections.provider(batch.tenant, &batch.tenant.provider).await?;
    let Some(hold) = hold_for_employers(batch, claimed, people, &tariff).await? else { return Ok(()) };
    let share = share(claimed.values().filter_map(|wanted| wanted.record.source));
    let ends = ask_about_employers(batch, provider.as_ref(), &domains, share).await;
    for (domain, end) in domains.iter().zip(&ends) {
        if let LineEnd::Answered(Answer::Hit(profile)) = end {
            employers.0.insert(domain.clone(), profile.clone());
        }
        keep_organization(batch, domain, end).await?;
    }
    let identity = Identity::default();
    let asked = vec![Asked { tariff: &tariff, identity: &identity, repeated: false, shared: false }; ends.len()];
    let (costs, evidence) = settlement::costs(&asked, &ends, None);
    let entry = settlement::seen(&hold, &ends, &costs, evidence, batch.now());
    // If that fails, the sweeper counts it as spent.
    let _ = settle(&batch.worker.credits, &batch.tenant.id, &hold, entry.as_ref()).await;
    Ok(())
}

/// Asks in as few calls as the provider allows for what is mapped. The first that isn't answered is the last: the
/// rest is not asked about.
async fn ask_about_employers(
    batch: &Batch<'_>,
    provider: &dyn Provider,
    domains: &[String],
    share: Share,
) -> Vec<LineEnd> {
    let most = provider.organizations_max(&batch.tenant.fields_of_employers()).max(1);
    let (began, mut ends) = (batch.now(), Vec::with_capacity(domains.len()));
    for domains in domains.chunks(most) {
        let Some(timeout) = time_for_employers(batch, Some(began)) else { break };
        let told = match batch
            .permits(&batch.tenant.provider)
            .permit(provider, CallKind::Organizations(domains.len()), share)
            .await
        {
            Ok(ticket) => {
                let told = provider.look_up_organizations(domains, timeout).await;
                batch.permits(&batch.tenant.provider).ended(ticket, &told.rates, ending(&told.reply)).await;
                told
            }
            Err((_, reason)) => Told::without_rates(Reply::Transient(reason)),
        };
        match told.reply {
            Reply::Answered { answers, .. } => ends.extend(answers.into_iter().map(LineEnd::Answered)),
            Reply::Unknown(reason) => {
                let purchase = batch.purchase.organizations();
                error!(tenant = %batch.tenant.id, %purchase, reason, "outcome unknown: counted as spent");
                ends.extend(domains.iter().map(|_| LineEnd::Unknown));
                break;
            }
            refused => {
                let purchase = batch.purchase.organizations();
                warn!(tenant = %batch.tenant.id, %purchase, ?refused, "no more employers this time");
                break;
            }
        }
    }
    ends.resize(domains.len(), LineEnd::NotAsked);
    ends
}

/// How long a call may take now, if there is time for one: until `CALLS_TIME` has passed since the first.
fn time_for_employers(batch: &Batch<'_>, began: Option<Timestamp>) -> Option<Duration> {
    let is_late = began.is_some_and(|began| until(began, batch.now()) >= CALLS_TIME);
    let timeout = batch.time_left().saturating_sub(FOR_THE_PEOPLE).min(CALL_TIMEOUT);
    (!is_late && !timeout.is_zero()).then_some(timeout)
}

/// Keeps what was said of an organization, for whoever asks about it next.
pub(crate) async fn keep_organization(batch: &Batch<'_>, domain: &str, end: &LineEnd) -> Result<(), StoreError> {
    let windows = batch.tenant.windows;
    let (known, window) = match end {
        LineEnd::Answered(Answer::Hit(profile)) => (Known::Hit(profile.clone()), windows.freshness),
        LineEnd::Answered(Answer::Miss | Answer::Suppressed) => (Known::Miss, windows.miss),
        LineEnd::Answered(Answer::Pending(_)) | LineEnd::Invalid | LineEnd::Unknown | LineEnd::NotAsked => {
            return Ok(());
        }
    };
    let about = About::Organization(domain.to_owned());
    let (until, sealing) = (later(batch.now(), window), batch.fingerprints.sealing());
    batch.worker.answers.keep(whose(batch), &about, &known, until, &sealing).await
}

/// Reserves what they can cost, under the caps of those whom they are looked up for. `None` when it isn't there, or
/// when `people` need it: they are what the leads are about.
async fn hold_for_employers(
    batch: &Batch<'_>,
    claimed: &Unknown<'_>,
    people: &[Wanted],
    tariff: &Tariff,
) -> Result<Option<Hold>, StoreError> {
    let (now, credits) = (batch.now(), &batch.worker.credits);
    let wallets = batch.spendable(Action::EnrichOrganization).await?;
    let caps = Caps::of(claimed.values().flat_map(|wanted| &wanted.caps));
    let lines: Vec<Line<'_>> = claimed.values().map(|wanted| wanted.line(tariff.worst())).collect();
    let need: Amounts = lines.iter().map(|line| &line.worst).sum();
    let keep = people.iter().map(|wanted| &wanted.total).chain([&batch.tenant.floor]).sum();
    let Some(allocation) = allocate(&wallets, &need, &keep) else { return Ok(None) };
    let claimed_until = batch.invocation.claim_until();
    let holder = Holder {
        purchase: batch.purchase.organizations(),
        claim: batch.purchase.clone(),
        provider: batch.tenant.provider.name(),
        kind: PurchaseKind::Organization,
        held_at: now,
        claimed_until,
    };
    let hold = holder.hold(&caps, &lines, allocation.slices.clone(), tariff.version());
    let needed = |cap: &Cap| {
        let counted = people.iter().filter(|wanted| wanted.caps.iter().any(|own| own.name == cap.name));
        counted.map(|wanted| &wanted.total).sum::<Amounts>()
    };
    let limits = caps.limits(needed);
    let held = credits.hold_all(&batch.tenant.id, &hold, &[], &allocation, &limits).await?;
    Ok((held == Holding::Held).then_some(hold))
}
