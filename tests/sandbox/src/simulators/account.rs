//! What the simulated providers have in common whose answers come all at once: whom they know, what there is to spend, how
//! often they may be asked, and a ledger of every charge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::MutexGuard;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

use super::apollo::{Asked, Charge, Dice, Directory, Generator, Item, Ledger, Meter, Person, Windows};
use super::exchange::{Call, CallHook, EndHook, Reception};
use super::fault::{Fault, Faults};
use super::guarded::Guarded;
use super::provider::SimulatedProvider;

/// What an account is like.
#[derive(Debug, Clone)]
pub struct AccountSetup {
    /// What opens it.
    pub api_key: String,
    /// How much there is of each kind of credit at the beginning of a cycle, in thousandths.
    pub credits_milli: i64,
    /// How often each endpoint may be called.
    pub limits: Windows,
    /// Which share of the people there are is unknown to this provider, `0.0..=1.0`. Others know others.
    pub unknown_share: f64,
    /// Where all chance comes from.
    pub seed: u64,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl AccountSetup {
    /// An account with so many calls in a minute.
    pub(super) fn with(api_key: &str, limits: Windows) -> Self {
        Self {
            api_key: api_key.to_owned(),
            credits_milli: 10_000_000,
            limits,
            unknown_share: 0.25,
            seed: 1,
            latency: Duration::ZERO,
        }
    }
}

/// The people there are, known to this provider or not: the same as are known to the other providers of a world.
const PEOPLE: Generator =
    Generator { seed: 1, unknown_share: 0.0, extrapolated_share: 0.1, mobile_share: 0.6, do_not_call_share: 0.1 };

/// An account at a provider.
pub(super) struct Account {
    pub(super) setup: AccountSetup,
    pub(super) reception: Reception,
    state: Guarded<State>,
}

/// A provider where all there is to know of a customer is an account.
pub(super) trait AtAccount: Send + Sync {
    /// Its name, as people write it.
    const TITLE: &'static str;
    /// Whether it has an answer for those of whom it may not say anything.
    const SUPPRESSES: bool;
    /// A part of the path of each call that may cost something. Blank is every call.
    const CHARGES_AT: &'static str = "";
    fn account(&self) -> &Account;
    fn denial(&self) -> Fault;
}

impl<A: AtAccount> SimulatedProvider for A {
    fn name(&self) -> &'static str {
        A::TITLE
    }

    fn faults(&self) -> &Faults {
        &self.account().reception.faults
    }

    fn ledger(&self) -> Ledger {
        self.account().ledger()
    }

    fn begin_cycle(&self, milli: i64) {
        self.account().begin_cycle(milli);
    }

    fn set_left(&self, milli: i64) {
        self.account().state().left.values_mut().for_each(|left| *left = milli);
    }

    fn whom(&self, email: &str) -> Option<Person> {
        self.account().whom(email)
    }

    fn forget(&self, email: &str) {
        self.account().forget(email);
    }

    fn refuse(&self, email: &str) {
        self.account().refuse(email);
    }

    fn suppress(&self, email: &str) -> bool {
        self.account().suppress(email);
        A::SUPPRESSES
    }

    fn denial(&self) -> Fault {
        AtAccount::denial(self)
    }

    fn charges_at(&self) -> &'static str {
        A::CHARGES_AT
    }

    fn watch_calls(&self, hook: CallHook) {
        self.account().reception.on_call(hook);
    }

    fn watch_ends(&self, hook: EndHook) {
        self.account().reception.on_end(hook);
    }
}

/// Everything that is behind one lock.
pub(super) struct State {
    directory: Directory,
    pub(super) ledger: Ledger,
    pub(super) meter: Meter,
    /// By kind: what is left of the cycle's, in thousandths.
    left: BTreeMap<&'static str, i64>,
    /// By kind: what was charged in the running cycle.
    used: BTreeMap<&'static str, i64>,
    /// What was charged in all cycles.
    pub(super) used_ever: i64,
    pub(super) began: Timestamp,
    invalid: BTreeSet<String>,
    suppressed: BTreeSet<String>,
    /// Kinds of credit and ids of people, in the running cycle.
    paid: BTreeSet<(&'static str, String)>,
    /// The same in all cycles: when it was paid for last.
    last_paid: BTreeMap<(&'static str, String), Timestamp>,
}

/// What the provider makes of a question.
pub(super) enum Found {
    Known(Box<Person>),
    Unknown,
    /// It may not say anything.
    Suppressed,
    /// It was told to call the question wrong.
    Invalid,
}

/// Something to be paid for.
pub(super) struct Price<'a> {
    pub(super) kind: &'static str,
    pub(super) endpoint: &'static str,
    pub(super) asked: &'a Asked,
    pub(super) person: &'a Person,
    pub(super) milli: i64,
}

impl Account {
    /// An account with these kinds of credit, at the beginning of its cycle.
    pub(super) fn new(
        vendor: &'static str,
        kinds: &'static [&'static str],
        clock: Arc<dyn Clock>,
        setup: AccountSetup,
    ) -> Self {
        let (seed, unknown_share) = (setup.seed, setup.unknown_share);
        let knows = move |person: &Person| {
            let email = person.email.as_deref().unwrap_or_default();
            Dice::of(seed, &format!("{vendor}\n{email}")).share(0) >= unknown_share
        };
        let state = State {
            directory: Directory::new(move |asked| PEOPLE.person(asked).filter(knows)),
            ledger: Ledger::default(),
            meter: Meter::default(),
            left: kinds.iter().map(|kind| (*kind, setup.credits_milli)).collect(),
            used: BTreeMap::new(),
            used_ever: 0,
            began: clock.now(),
            invalid: BTreeSet::new(),
            suppressed: BTreeSet::new(),
            paid: BTreeSet::new(),
            last_paid: BTreeMap::new(),
        };
        let reception = Reception::new(clock, setup.latency);
        Self { setup, reception, state: Guarded::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.reception.clock.now()
    }

    pub(super) fn ledger(&self) -> Ledger {
        Ledger { received: self.reception.calls(), ..self.state().ledger.clone() }
    }

    /// Doesn't know the person with this address any more.
    pub(super) fn forget(&self, email: &str) {
        self.state().directory.forget(email);
    }

    /// Calls whatever is asked about this address wrong.
    pub(super) fn refuse(&self, email: &str) {
        self.state().invalid.insert(email.to_lowercase());
    }

    /// May not say anything of the person with this address.
    pub(super) fn suppress(&self, email: &str) {
        self.state().suppressed.insert(email.to_lowercase());
    }

    /// Whom it would answer with, free of charge.
    pub(super) fn whom(&self, email: &str) -> Option<Person> {
        self.state().directory.find(&Asked::email(email))
    }

    /// Begins a new cycle with so many credits of each kind, in thousandths. What was left is gone.
    pub(super) fn begin_cycle(&self, milli: i64) {
        let (now, mut state) = (self.now(), self.state());
        (state.began, state.used, state.paid) = (now, BTreeMap::new(), BTreeSet::new());
        state.left.values_mut().for_each(|left| *left = milli);
    }
}

impl State {
    /// The person who is asked for.
    pub(super) fn find(&mut self, asked: &Asked) -> Found {
        self.ledger.people_asked += 1;
        let address = asked.address();
        if address.as_ref().is_some_and(|email| self.invalid.contains(email)) {
            return Found::Invalid;
        }
        let Some(person) = self.directory.find(asked) else {
            self.ledger.people_missed += 1;
            return Found::Unknown;
        };
        let email = person.email.as_deref().unwrap_or_default().to_lowercase();
        match self.suppressed.contains(&email) {
            true => Found::Suppressed,
            false => Found::Known(Box::new(person)),
        }
    }

    /// Whether nothing may be said of the person with this address.
    pub(super) fn is_suppressed(&self, address: &str) -> bool {
        self.suppressed.contains(&address.to_lowercase())
    }

    /// What is left of a kind of credit, in thousandths.
    pub(super) fn left(&self, kind: &str) -> i64 {
        self.left.get(kind).copied().unwrap_or_default()
    }

    /// What was charged of it in the running cycle, in thousandths.
    pub(super) fn used(&self, kind: &str) -> i64 {
        self.used.get(kind).copied().unwrap_or_default()
    }

    /// Whether this was paid for before in the running cycle: a kind of credit for what is bought with it, or a word of the
    /// provider's own.
    pub(super) fn was_paid(&self, kind: &'static str, person: &Person) -> bool {
        self.paid.contains(&(kind, person.id.clone()))
    }

    /// When something was paid for it last, in whichever cycle.
    pub(super) fn last_paid(&self, kind: &'static str, person: &Person) -> Option<Timestamp> {
        self.last_paid.get(&(kind, person.id.clone())).copied()
    }

    /// From now on, this is free for the person until the cycle ends.
    pub(super) fn note_paid(&mut self, what: &'static str, person: &Person) {
        self.paid.insert((what, person.id.clone()));
    }

    /// Charges for a call that found no one.
    pub(super) fn pay_for_a_call(
        &mut self,
        kind: &'static str,
        endpoint: &'static str,
        call: &Call,
        at: Timestamp,
        milli: i64,
    ) {
        *self.left.entry(kind).or_default() -= milli;
        *self.used.entry(kind).or_default() += milli;
        self.used_ever += milli;
        let (id, asked, call) = (String::new(), String::new(), call.index);
        self.ledger.charge(Charge { item: Item::Person, at, endpoint, call, id, email: None, asked, milli });
    }

    /// Charges for what is said of an address, once in a cycle, if there is enough.
    pub(super) fn pay_for_a_verdict(
        &mut self,
        (kind, endpoint): (&'static str, &'static str),
        call: &Call,
        at: Timestamp,
        address: &str,
        milli: i64,
    ) -> bool {
        let milli = if self.paid.contains(&(kind, address.to_owned())) { 0 } else { milli };
        if self.left(kind) < milli {
            return false;
        }
        *self.left.entry(kind).or_default() -= milli;
        *self.used.entry(kind).or_default() += milli;
        self.used_ever += milli;
        self.paid.insert((kind, address.to_owned()));
        let (id, asked, email, call) = (String::new(), address.to_owned(), Some(address.to_owned()), call.index);
        self.ledger.charge(Charge { item: Item::Verification, at, endpoint, call, id, email, asked, milli });
        true
    }

    /// Charges for a person, if there is enough. What is free of charge stands in the ledger as well.
    pub(super) fn pay(&mut self, price: &Price<'_>, call: &Call, at: Timestamp) -> bool {
        let Price { kind, endpoint, asked, person, milli } = *price;
        if self.left(kind) < milli {
            return false;
        }
        *self.left.entry(kind).or_default() -= milli;
        *self.used.entry(kind).or_default() += milli;
        self.used_ever += milli;
        self.paid.insert((kind, person.id.clone()));
        if milli > 0 {
            self.last_paid.insert((kind, person.id.clone()), at);
        }
        let email = person.email.as_ref().map(|email| email.to_lowercase());
        let (id, asked, call) = (person.id.clone(), asked.key(), call.index);
        self.ledger.charge(Charge { item: Item::Person, at, endpoint, call, id, email, asked, milli });
        true
    }

    /// Counts a call that was let through to its work.
    pub(super) fn let_through(&mut self, endpoint: &str) {
        *self.ledger.calls.entry(endpoint.to_owned()).or_default() += 1;
    }
}
