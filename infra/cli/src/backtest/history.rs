//! What was asked for and bought, as the ledger and the line of parked leads tell of it.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use leadgate_aws::records::{Page, ParkedLine, Records};
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Entry, LineResult, PurchaseKind, Slice};
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::ids::{ProviderName, PurchaseId, RecordKey, TenantId};

use crate::Failure;

/// Everything that is replayed.
pub(super) struct History {
    /// In the order in which they were taken up.
    pub(super) requests: Vec<Request>,
    /// Requests before this only say what was known by then.
    pub(super) since: Timestamp,
    /// The present.
    pub(super) until: Timestamp,
    /// Wallets that were filled by hand, as they were when they opened.
    pub(super) by_hand: Vec<Wallet>,
    /// What really happened since then.
    pub(super) really: Really,
    by_record: HashMap<RecordKey, Vec<usize>>,
}

/// One lead that was to be enriched, once.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) record: RecordKey,
    /// When its first purchase was made, or since when it has been parked if nothing was ever bought for it.
    pub(super) at: Timestamp,
    /// What each provider said that was asked.
    pub(super) told: BTreeMap<ProviderName, Told>,
    /// Whether it waits at present.
    pub(super) is_parked: bool,
}

/// What one provider said of one person, and what it charged for that.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    /// Whether it knew them. `None` when it is unknown whether it was asked.
    pub(super) is_known: Option<bool>,
    /// For what comes at once.
    pub(super) at_once: Amounts,
    /// For employers that were looked up on their account.
    pub(super) employers: Amounts,
    /// For what arrives later.
    pub(super) later: Amounts,
}

/// What the ledger says in sum.
#[derive(Debug, Default)]
pub(super) struct Really {
    /// Less what had not been charged after all.
    pub(super) spent: Amounts,
    /// What went unused.
    pub(super) expired: Amounts,
    /// Whether an operator put balances right by hand: a replay doesn't.
    pub(super) has_adjustments: bool,
}

impl History {
    /// Of these entries, oldest first, and of those who wait.
    pub(super) fn of(
        tenant: &Tenant,
        entries: &[Entry],
        parked: Vec<(RecordKey, Timestamp)>,
        wallets: &[Wallet],
        (since, until): (Timestamp, Timestamp),
    ) -> Self {
        let mut requests = requests(tenant, entries);
        for (record, at) in parked {
            // What was bought of it so far is a request of its own: this is the part that waits.
            requests.push(Request { record, at, told: BTreeMap::new(), is_parked: true });
        }
        // Of one day, those who were bought for come first: because of them the others had to wait.
        let day = |at: Timestamp| at.to_zoned(tenant.time_zone.clone()).date();
        requests.sort_by_cached_key(|request| (day(request.at), request.is_parked, request.at, request.record.clone()));
        let by_hand = wallets.iter().filter(|wallet| wallet.series().is_none());
        let as_opened = |wallet: &Wallet| {
            let Wallet { wallet, kind, opens, expires, granted, .. } = wallet.clone();
            Wallet::open(wallet, kind, opens, expires, granted)
        };
        let by_hand = by_hand.map(as_opened).collect();
        let mut by_record: HashMap<RecordKey, Vec<usize>> = HashMap::new();
        for (place, request) in requests.iter().enumerate() {
            by_record.entry(request.record.clone()).or_default().push(place);
        }
        Self { requests, since, until, by_hand, really: really(entries, since), by_record }
    }

    /// Those that are replayed.
    pub(super) fn replayed(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(|request| request.at >= self.since)
    }

    /// All requests of one record, oldest first.
    pub(super) fn of_record(&self, record: &RecordKey) -> impl Iterator<Item = &Request> {
        self.by_record.get(record).into_iter().flatten().filter_map(|place| self.requests.get(*place))
    }

    /// What a provider is known to say of the person of a request: when it was asked then, or of the same record at the
    /// time that is nearest.
    pub(super) fn told(&self, request: &Request, provider: &ProviderName) -> Option<&Told> {
        let distance = |other: &Request| other.at.as_millisecond().abs_diff(request.at.as_millisecond());
        let told =
            self.of_record(&request.record).filter_map(|other| Some((distance(other), other.told.get(provider)?)));
        told.min_by_key(|(distance, _)| *distance).map(|(_, told)| told)
    }
}

/// Everyone who waits, and since when.
pub(super) async fn parked(records: &Records, tenant: &TenantId) -> Result<Vec<(RecordKey, Timestamp)>, Failure> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Page { parked, next, .. } = records.parked(tenant, ParkedLine::All, after).await?;
        all.extend(parked.into_iter().map(|parked| (parked.key, parked.deferral.since)));
        match next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

/// All purchases under one claim are one request of each record that they are for.
fn requests(tenant: &Tenant, entries: &[Entry]) -> Vec<Request> {
    let first = tenant.provider.name();
    let mut requests: BTreeMap<(String, &RecordKey), Request> = BTreeMap::new();
    for entry in entries {
        let Entry::Purchase { purchase, kind, claim, provider, lines, .. } = entry else { continue };
        let claim = claim.as_ref().unwrap_or(purchase);
        for line in lines {
            let request = requests.entry((whole(claim), &line.subject)).or_insert_with(|| Request {
                record: line.subject.clone(),
                at: claim.made_at(),
                told: BTreeMap::new(),
                is_parked: false,
            });
            let told = request.told.entry(provider.as_ref().unwrap_or(&first).clone()).or_default();
            match kind {
                PurchaseKind::Person => {
                    told.is_known = is_known(line.result);
                    told.at_once += &line.cost;
                }
                // Whether addresses work is no part of what is replayed.
                PurchaseKind::Verification => {}
                PurchaseKind::Organization => told.employers += &line.cost,
                // A page of a search is about no lead, and no company is one.
                PurchaseKind::Search | PurchaseKind::Company => {}
                PurchaseKind::Asynchronous => {
                    // Of a provider that was finding out, this says whether it knew the person.
                    told.is_known = told.is_known.or(is_known(line.result));
                    told.later += &line.cost;
                }
            }
        }
    }
    requests.into_values().collect()
}

/// Whether the provider knew the person, as far as this says.
fn is_known(result: LineResult) -> Option<bool> {
    match result {
        LineResult::Hit => Some(true),
        LineResult::Miss => Some(false),
        LineResult::Pending | LineResult::Unknown => None,
    }
}

/// The name that all purchases of one worker have in common.
fn whole(purchase: &PurchaseId) -> String {
    let text = purchase.as_str();
    ["-later", "-organizations"].iter().fold(text, |text, end| text.strip_suffix(end).unwrap_or(text)).to_owned()
}

fn really(entries: &[Entry], since: Timestamp) -> Really {
    let sum =
        |slices: &[Slice]| -> Amounts { slices.iter().map(|slice| (slice.bucket.clone(), slice.amount)).collect() };
    let mut really = Really::default();
    for entry in entries.iter().filter(|entry| entry.at() >= since) {
        match entry {
            Entry::Purchase { slices, .. } => really.spent += &sum(slices),
            Entry::Resolution { slices, .. } => really.spent = really.spent.minus(&sum(slices)),
            Entry::Expire { amounts, .. } => really.expired += amounts,
            Entry::Adjust { .. } => really.has_adjustments = true,
            Entry::Grant { .. } | Entry::PlanChange { .. } | Entry::Drift { .. } => {}
        }
    }
    really
}
