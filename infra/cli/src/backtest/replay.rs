//! The same requests under another policy: one after another, through its windows, steps, prices, caps and wallets.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::config::{Config, OnBlocked, OnExhausted, ProviderConnection, Step, Tenant};
use leadgate_enrichment::credits::cap::Used;
use leadgate_enrichment::credits::ledger::allocate;
use leadgate_enrichment::credits::price::{Action, Tariff};
use leadgate_enrichment::credits::wallet::{Wallet, burn_order, unopened};
use leadgate_enrichment::credits::{Amounts, Milli};
use leadgate_enrichment::ids::{ProviderName, RecordKey};
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::person::Identity;
use leadgate_enrichment::purchase::choice::{Balances, Cap, Choice, Demand, caps, choose};

use super::history::{History, Request, Told};

/// A configuration, and whom of it.
#[derive(Clone, Copy)]
pub(super) struct Policy<'a> {
    pub(super) config: &'a Config,
    pub(super) tenant: &'a Tenant,
}

/// What is taken for the answer of a provider that was never asked about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untold {
    /// It doesn't know them.
    Unknown,
    /// It knows them, and has everything that is asked for.
    Known,
}

/// What would have become of the requests.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Ended {
    pub(super) requests: usize,
    /// Not asked about, because what was bought before was still fresh.
    pub(super) fresh: usize,
    /// Not asked about, because every provider is remembered not to know them.
    pub(super) known_misses: usize,
    /// Known to one of those who were asked.
    pub(super) known: usize,
    /// Known to none of them.
    pub(super) unknown: usize,
    /// Had to wait, and were taken up later.
    pub(super) waited: usize,
    /// The longest of them had waited for so many days, begun ones counted.
    pub(super) days_waited_max: u64,
    /// Wait at the end.
    pub(super) waiting: usize,
    /// Closed, having waited too long.
    pub(super) given_up: usize,
    /// Were bought in part: what arrives later could not be paid for.
    pub(super) in_part: usize,
    /// About how many people each provider was asked.
    pub(super) asked: BTreeMap<ProviderName, usize>,
    /// How many of these answers had to be assumed.
    pub(super) assumed: usize,
    pub(super) spent: Amounts,
    /// Credits whose time was over before they were used.
    pub(super) expired: Amounts,
}

/// Replays the whole history. `deployed` is the policy that it was made under: its prices are those that were paid.
pub(super) fn replay(policy: Policy<'_>, deployed: Policy<'_>, history: &History, untold: Untold) -> Ended {
    let mut replay = Replay {
        policy,
        deployed,
        history,
        untold,
        wallets: Vec::new(),
        used: BTreeMap::new(),
        seen: HashMap::new(),
        waiting: Vec::new(),
        ended: Ended::default(),
    };
    for request in history.requests.iter().filter(|request| request.at < history.since) {
        replay.remember(request);
    }
    let mut requests = history.replayed().peekable();
    let mut day = requests.peek().map_or(history.until, |first| first.at);
    loop {
        replay.take_up_again(day);
        let next = tomorrow(deployed.tenant, day).min(history.until);
        while let Some(request) = requests.next_if(|request| request.at < next || next >= history.until) {
            replay.take(request);
        }
        if next >= history.until || next <= day {
            break;
        }
        day = next;
    }
    replay.open_and_close(history.until);
    replay.ended.waiting = replay.waiting.len();
    replay.ended
}

struct Replay<'a> {
    policy: Policy<'a>,
    deployed: Policy<'a>,
    history: &'a History,
    untold: Untold,
    wallets: Vec<Wallet>,
    used: BTreeMap<String, Used>,
    seen: HashMap<&'a RecordKey, Seen>,
    waiting: Vec<Waiting<'a>>,
    ended: Ended,
}

/// What is remembered of a record.
#[derive(Default)]
struct Seen {
    enriched_at: Option<Timestamp>,
    missed_at: BTreeMap<ProviderName, Timestamp>,
}

/// How far a request has come.
#[derive(Clone)]
struct Waiting<'a> {
    request: &'a Request,
    /// The step that is next.
    step: usize,
    is_known: bool,
    was_asked: bool,
    /// The first step that was left out for want of credits.
    left_out: Option<usize>,
}

/// What becomes of one step.
enum Turn {
    /// It isn't made: nothing is asked of this provider, or it is known to say nothing.
    NotMade,
    Made {
        is_known: bool,
    },
    Unaffordable,
}

impl<'a> Replay<'a> {
    /// What was known when the replay begins.
    fn remember(&mut self, request: &'a Request) {
        let seen = self.seen.entry(&request.record).or_default();
        for (provider, told) in &request.told {
            match told.is_known {
                Some(true) => seen.enriched_at = Some(request.at),
                Some(false) => drop(seen.missed_at.insert(provider.clone(), request.at)),
                None => {}
            }
        }
    }

    fn take(&mut self, request: &'a Request) {
        self.ended.requests += 1;
        let windows = self.policy.tenant.windows;
        let enriched_at = self.seen.get(&request.record).and_then(|seen| seen.enriched_at);
        let is_fresh = enriched_at.is_some_and(|at| request.at < later(at, windows.freshness));
        if is_fresh && !self.was_let_through(request) {
            self.ended.fresh += 1;
            return;
        }
        let fresh = Waiting { request, step: 0, is_known: false, was_asked: false, left_out: None };
        if let Some(waiting) = self.go_on(fresh, request.at) {
            self.waiting.push(waiting);
        }
    }

    /// Whether it was bought although the deployed window was not over: an event that doesn't go by it, such as a change of
    /// who the person is. It would not go by another window either.
    fn was_let_through(&self, request: &Request) -> bool {
        let freshness = self.deployed.tenant.windows.freshness;
        let is_before = |other: &&Request| other.at < request.at && request.at < later(other.at, freshness);
        let was_known = |other: &Request| other.told.values().any(|told| told.is_known == Some(true));
        !request.told.is_empty() && self.history.of_record(&request.record).filter(is_before).any(was_known)
    }

    /// A new day: those who wait are tried again, oldest first, once what is due has been opened.
    fn take_up_again(&mut self, now: Timestamp) {
        self.open_and_close(now);
        for waiting in std::mem::take(&mut self.waiting) {
            let since = waiting.request.at;
            if now >= later(since, self.policy.tenant.windows.give_up) {
                self.ended.given_up += 1;
            } else if let Some(waiting) = self.go_on(waiting, now) {
                self.waiting.push(waiting);
            } else {
                self.ended.waited += 1;
                let days = until(since, now).as_secs().div_ceil(24 * 60 * 60);
                self.ended.days_waited_max = self.ended.days_waited_max.max(days);
            }
        }
    }

    /// Makes the steps that can be made. Gives back a request that has to wait.
    fn go_on(&mut self, mut at: Waiting<'a>, now: Timestamp) -> Option<Waiting<'a>> {
        let tenant = self.policy.tenant;
        while let Some(step) = tenant.waterfall.steps.get(at.step) {
            match self.turn(step, &at, now) {
                Turn::NotMade => {}
                Turn::Made { is_known } => {
                    at.was_asked = true;
                    at.is_known |= is_known;
                }
                Turn::Unaffordable if tenant.waterfall.on_exhausted == OnBlocked::Skip => {
                    at.left_out = at.left_out.or(Some(at.step));
                }
                Turn::Unaffordable => return Some(at),
            }
            at.step += 1;
        }
        // Whom no other knows waits for the provider that was left out.
        if let Some(step) = at.left_out.filter(|_| !at.is_known) {
            return Some(Waiting { step, left_out: None, ..at });
        }
        match (at.is_known, at.was_asked) {
            (true, _) => self.ended.known += 1,
            (false, true) => self.ended.unknown += 1,
            (false, false) => self.ended.known_misses += 1,
        }
        None
    }

    fn turn(&mut self, step: &Step, at: &Waiting<'a>, now: Timestamp) -> Turn {
        let Some(provider) = self.policy.tenant.provider_named(step.provider.as_str()) else { return Turn::NotMade };
        let told = self.history.told(at.request, &step.provider);
        if !self.is_asked(step, at, told, now) {
            return Turn::NotMade;
        }
        let tariffs = Tariffs::of(self.policy, provider, step, now);
        let Some(in_part) = self.affordable(&tariffs, now) else { return Turn::Unaffordable };
        let (cost, is_known) = self.answer(&tariffs, provider, told, in_part, now);
        *self.ended.asked.entry(step.provider.clone()).or_default() += 1;
        self.ended.assumed += usize::from(told.is_none());
        self.ended.in_part += usize::from(in_part && is_known);
        self.spend(&cost, now);
        let seen = self.seen.entry(&at.request.record).or_default();
        match is_known {
            true => seen.enriched_at = Some(now),
            false => drop(seen.missed_at.insert(step.provider.clone(), now)),
        }
        Turn::Made { is_known }
    }

    fn is_asked(&self, step: &Step, at: &Waiting<'a>, told: Option<&Told>, now: Timestamp) -> bool {
        if at.is_known {
            // Which fields came isn't known. Where it was asked for what was missing, something was missing.
            let was_asked = at.request.told.contains_key(&step.provider);
            return !step.fields.is_empty() && (was_asked || (told.is_none() && self.untold == Untold::Unknown));
        }
        let missed_at = self.seen.get(&at.request.record).and_then(|seen| seen.missed_at.get(&step.provider));
        let is_known_miss = missed_at.is_some_and(|at| now < later(*at, self.policy.tenant.windows.miss));
        step.person && (!is_known_miss || at.request.told.contains_key(&step.provider))
    }

    /// Whether it can be paid for at worst: `Some(true)` without what arrives later.
    fn affordable(&mut self, tariffs: &Tariffs, now: Timestamp) -> Option<bool> {
        self.open_and_close(now);
        let (whole, part) = (tariffs.worst(), tariffs.at_once.worst());
        let caps = self.caps(now);
        let degrades = self.policy.tenant.on_exhausted == OnExhausted::Degrade && tariffs.later.is_some();
        let demand = Demand { worst: &whole, part: degrades.then_some(&part), source: Source::NewLead, caps: &caps };
        let wallets = burn_order(self.wallets.clone(), Action::Match, now);
        let balances = Balances::of(&wallets, &Amounts::default(), self.used.clone());
        match choose(&[demand], &balances).first() {
            Some(Choice::Whole) => Some(false),
            Some(Choice::Part(_)) => Some(true),
            _ => None,
        }
    }

    /// The caps that count every lead: of which owner and source it was isn't in the ledger.
    fn caps(&self, now: Timestamp) -> Vec<Cap> {
        let all = caps(self.policy.tenant, Source::NewLead, None, now);
        all.into_iter().filter(|cap| cap.name.starts_with("day#")).collect()
    }

    fn answer(
        &self,
        tariffs: &Tariffs,
        provider: &ProviderConnection,
        told: Option<&Told>,
        in_part: bool,
        now: Timestamp,
    ) -> (Amounts, bool) {
        let before = self.deployed.tenant.provider_named(provider.vendor.name);
        let paid = before.and_then(|before| Tariffs::of_all(self.deployed, before, now));
        let Some(told) = told else {
            return match self.untold {
                Untold::Known if in_part => (tariffs.at_once.worst(), true),
                Untold::Known => (tariffs.worst(), true),
                Untold::Unknown => (tariffs.of_nobody(), false),
            };
        };
        let same = |now: &Tariff, then: Option<&Tariff>| then.is_some_and(|then| then.terms() == now.terms());
        let again = |cost: &Amounts, worst: &Tariff, is_same| match (is_same, cost.is_zero()) {
            (true, _) | (_, true) => cost.clone(),
            (false, false) => worst.worst(),
        };
        let at_once = match told.is_known {
            Some(false) if !same(&tariffs.at_once, paid.as_ref().map(|paid| &paid.at_once)) => tariffs.of_nobody(),
            _ => {
                again(&told.at_once, &tariffs.at_once, same(&tariffs.at_once, paid.as_ref().map(|paid| &paid.at_once)))
            }
        };
        let later = tariffs.later.as_ref().filter(|_| !in_part && told.is_known != Some(false)).map(|tariff| {
            match paid.as_ref().and_then(|paid| paid.later.as_ref()) {
                Some(then) => again(&told.later, tariff, same(tariff, Some(then))),
                // It was never asked for.
                None if self.untold == Untold::Known => tariff.worst(),
                None => tariff.of(&Identity::default(), false, None),
            }
        });
        let employers = self.policy.tenant.looks_employers_up(provider).then_some(&told.employers);
        ([at_once].iter().chain(&later).chain(employers).sum(), told.is_known == Some(true))
    }

    fn spend(&mut self, cost: &Amounts, now: Timestamp) {
        self.ended.spent += cost;
        for cap in self.caps(now) {
            cap.limit.count(self.used.entry(cap.name.clone()).or_default(), cost);
        }
        let wallets = burn_order(self.wallets.clone(), Action::Match, now);
        // What was charged may be more than there is here: then that is what it takes.
        let there: Amounts = wallets.iter().map(|wallet| &wallet.available).sum();
        let taken: Amounts = cost.iter().map(|(kind, amount)| (kind.clone(), amount.min(there.get(kind)))).collect();
        let slices = allocate(&wallets, &taken, &Amounts::default()).map(|taken| taken.slices).unwrap_or_default();
        for slice in slices {
            if let Some(wallet) = self.wallets.iter_mut().find(|wallet| wallet.wallet == slice.wallet) {
                wallet.available.add(&slice.bucket, Milli::ZERO - slice.amount);
            }
        }
    }

    fn open_and_close(&mut self, now: Timestamp) {
        let new = unopened(&self.policy.tenant.wallets_due(now), &self.wallets, now);
        self.wallets.extend(new);
        let is_new =
            |wallet: &&Wallet| wallet.is_open(now) && !self.wallets.iter().any(|own| own.wallet == wallet.wallet);
        let by_hand: Vec<Wallet> = self.history.by_hand.iter().filter(is_new).cloned().collect();
        self.wallets.extend(by_hand);
        let is_over = |wallet: &mut Wallet| wallet.expires <= now;
        for wallet in self.wallets.extract_if(.., is_over) {
            self.ended.expired += &wallet.available;
        }
    }
}

/// What a step costs.
struct Tariffs {
    at_once: Tariff,
    later: Option<Tariff>,
}

impl Tariffs {
    fn of(policy: Policy<'_>, provider: &ProviderConnection, step: &Step, now: Timestamp) -> Self {
        let at_once = policy.config.at_once_tariff(provider, &step.fields, now).unwrap_or_default();
        let later = provider.asynchronous_of(&step.fields);
        Self { at_once, later: policy.config.asynchronous_tariff(provider, &later, now) }
    }

    /// Of everything that is asked of a provider.
    fn of_all(policy: Policy<'_>, provider: &ProviderConnection, now: Timestamp) -> Option<Self> {
        let fields = policy.tenant.asked_of(provider);
        let later = policy.config.asynchronous_tariff(provider, &provider.asynchronous_of(&fields), now);
        Some(Self { at_once: policy.config.at_once_tariff(provider, &fields, now)?, later })
    }

    fn worst(&self) -> Amounts {
        [self.at_once.worst()].iter().chain(&self.later.as_ref().map(Tariff::worst)).sum()
    }

    /// What is charged for somebody whom the provider doesn't know.
    fn of_nobody(&self) -> Amounts {
        self.at_once.of(&Identity::default(), false, None)
    }
}

fn tomorrow(tenant: &Tenant, now: Timestamp) -> Timestamp {
    let today = now.to_zoned(tenant.time_zone.clone()).date();
    let midnight = today.tomorrow().ok().and_then(|day| day.to_zoned(tenant.time_zone.clone()).ok());
    midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}
