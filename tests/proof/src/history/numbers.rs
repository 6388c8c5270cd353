//! Mobile numbers in a history: how they are served, what becomes of what the provider delivers, and what must be true of
//! them at the end. Which number arrives when isn't foreseen: only what has to be there once nothing is awaited.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::lead::patch::is_same_number;
use leadgate_enrichment::lead::record::Record;

use super::model::{Known, Lead};
use super::play::Play;
use super::wide::Wide;
use crate::books::{Books, Goods};
use crate::violation::{Findings, Promise};
use leadgate_sandbox::simulators::apollo::Callback;
use leadgate_sandbox::world::Settings;

/// Where a number stands in the CRM.
pub(super) const NUMBER: &str = "mobilephone";
/// One history in so many buys numbers.
const ONE_IN: u8 = 4;
/// A number costs so many credits, and an employer one.
pub(super) const DEAREST: i64 = 9;
/// How long it takes to find a number, in minutes: at once, soon, and so late that a day's wait is nearly over.
const MINUTES: [u64; 6] = [0, 1, 5, 45, 6 * 60, 20 * 60];
/// The same, where numbers take days.
const SLOW_MINUTES: [u64; 6] = [5, 6 * 60, 26 * 60, 26 * 60, 3 * 24 * 60, 20 * 24 * 60];
/// The provider keeps what it has found for thirty days. The schedule runs every five minutes, so that nothing lies for
/// nearly as long before somebody asks; in a history it runs when the history says so.
const KEPT: Duration = days(25);
/// What is waited for is waited for so long, a day at first and then longer: until the provider forgets what it has.
const WAITS_HOURS: [u64; 7] = [25, 25, 3 * 24, 6 * 24, 9 * 24, 9 * 24, 5 * 24];
/// Whoever was bought again because nobody knew how the first time ended is waited for again.
const WAITS_MAX: usize = 2;

/// How numbers are bought and served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    /// The person is bought without the number that the credits don't suffice for.
    pub(super) degrading: bool,
    /// Employers are looked up as well.
    pub(super) employers: bool,
    /// How long it takes to find one, in minutes.
    pub(super) minutes: u64,
    /// Some are never found, and the provider doesn't say so.
    pub(super) stuck: bool,
}

/// What becomes of callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Those that are due are made.
    Due,
    /// All are made at once, due or not, and once more when they are due.
    Early,
    /// None of those that are promised so far is made: they are late, or lost.
    Withheld,
    /// Some that were promised are made once more, or at last, in another order.
    Old,
}

impl Numbers {
    /// Not with the chance that everything else comes from: a history without numbers is what it was without this.
    pub(super) fn made_up(seed: u64, wide: Wide) -> Option<Self> {
        let mut rng = Rng::with_seed(!seed);
        let table = if wide.slow { SLOW_MINUTES } else { MINUTES };
        let minutes = |rng: &mut Rng| table[rng.usize(..table.len())];
        let often = wide.windows.is_some();
        let one_in = if often { 2 } else { ONE_IN };
        let has_numbers = (rng.u8(..one_in) == 0 || wide.needs_numbers()) && !wide.has_no_numbers();
        has_numbers.then(|| Self {
            degrading: rng.u8(..one_in.min(3)) == 0,
            employers: rng.u8(..3) == 0,
            minutes: minutes(&mut rng),
            stuck: rng.u8(..3) == 0,
        })
    }

    /// Until they are found.
    pub(super) fn delay(self) -> Duration {
        Duration::from_secs(60 * self.minutes)
    }

    /// How the provider serves them.
    pub(super) fn served(self, mut settings: Settings, seed: u64) -> Settings {
        settings.apollo.seed = seed;
        let asynchronous = &mut settings.apollo.asynchronous;
        asynchronous.delay = self.delay();
        (asynchronous.lost_share, asynchronous.doubled_share) = (0.3, 0.3);
        asynchronous.stuck_share = if self.stuck { 0.3 } else { 0.0 };
        settings
    }
}

impl Play {
    /// The provider's callbacks.
    pub(super) async fn callbacks(&mut self, fate: Fate) {
        self.note_callbacks();
        let (apollo, http) = (&self.world.apollo, self.world.http());
        match fate {
            Fate::Due => drop(apollo.deliver_callbacks(http).await),
            Fate::Early => post(&self.world.apollo.pending_callbacks(), http).await,
            Fate::Withheld => drop(apollo.take_callbacks()),
            Fate::Old => {
                let mut old = self.promised.clone();
                self.chance.shuffle(&mut old);
                old.truncate(self.chance.usize(1..=4));
                post(&old, http).await;
            }
        }
    }

    /// Everything that the provider ever promised to say.
    pub(super) async fn callbacks_again(&mut self) {
        self.note_callbacks();
        post(&self.promised, self.world.http()).await;
    }

    fn note_callbacks(&mut self) {
        for callback in self.world.apollo.pending_callbacks() {
            if !self.promised.iter().any(|promised| promised.request_id == callback.request_id) {
                self.promised.push(callback);
            }
        }
    }

    /// Before time goes by until `then`: what would be lost because nobody asked for it is asked for.
    pub(super) async fn ask_in_time(&mut self, then: Timestamp) -> Result<(), StoreError> {
        if self.known.numbers.is_none() || self.wide.slow {
            return Ok(());
        }
        let holds = self.world.credits.unmetered().open_holds(self.world.tenant_id()).await?;
        if holds.iter().any(|hold: &Hold| later(hold.held_at, KEPT) < then) {
            self.wait_for_numbers().await?;
        }
        Ok(())
    }

    /// Lets time go by until nothing is awaited any more.
    pub(super) async fn wait_for_numbers(&mut self) -> Result<(), StoreError> {
        for hours in std::iter::repeat_n(WAITS_HOURS, WAITS_MAX).flatten() {
            if !self.waits_for_numbers().await? {
                break;
            }
            self.note_callbacks();
            self.world.clock.turn(Duration::from_secs(60 * 60 * hours));
            self.world.pump.show_hidden().await;
            self.world.settle_down(1).await;
        }
        Ok(())
    }

    /// Whether a number is still under way: it is held for, or was settled, and a message is left to write it by.
    pub(super) async fn waits_for_numbers(&self) -> Result<bool, StoreError> {
        let holds = self.world.credits.unmetered().open_holds(self.world.tenant_id()).await?;
        let is_held_for = !holds.is_empty() || self.neighbour_holds().await?;
        Ok(self.known.numbers.is_some() && (is_held_for || self.world.waiting().await > 0))
    }

    /// The most that a number can cost now.
    pub(super) fn worst_number(&self) -> Option<Amounts> {
        let (tenant, now) = (self.world.tenant(), self.world.clock.now());
        let tariff =
            self.world.config.asynchronous_tariff(&tenant.provider, &tenant.asynchronous_fields(&tenant.provider), now);
        self.known.numbers.and(tariff).map(|tariff| tariff.worst())
    }
}

async fn post(callbacks: &[Callback], http: &reqwest::Client) {
    for callback in callbacks {
        // Whatever is answered: old tokens have expired.
        let _ = callback.post(http).await;
    }
}

impl Lead {
    /// Whether a number stands in the CRM where one was found, or where one had to be. What people have typed is looked
    /// at with everything else that they have.
    pub(super) fn check_number(
        &self,
        there: &BTreeMap<String, String>,
        record: &Record,
        books: &Books,
        known: &Known,
        is_lost: bool,
        findings: &mut Findings,
    ) {
        let Some(numbers) = known.numbers.filter(|_| !self.human.contains_key(NUMBER) && !self.is_gone()) else {
            return;
        };
        let hits = |goods| books.lines_of(goods, &self.contact).hits;
        let mut people = self.emails.iter().filter_map(|email| known.person(email)).peekable();
        let all_have_one = people.peek().is_some() && people.all(|person| person.mobile.is_some());
        let written = record.state.is_written() && hits(Goods::People) > 0;
        let value = there.get(NUMBER).map(String::as_str).unwrap_or_default();
        let is_somebodys = self
            .emails
            .iter()
            .filter_map(|email| known.person(email))
            .any(|person| person.mobile.as_ref().is_some_and(|mobile| is_same_number(&mobile.number, value)));
        // A number that had to wait for credits can't be bought any more when the provider has forgotten whose it is.
        let is_forgotten = self.emails.iter().any(|email| known.person(email).is_some() && !known.always(email));
        // Nor can that of somebody whom the provider doesn't know, which a contact may have become.
        let is_stranger = self.emails.last().is_some_and(|email| known.person(email).is_none());
        let is_to_come = written && all_have_one && !numbers.stuck && !is_forgotten && !is_stranger;
        let must_be_there = !is_lost && (hits(Goods::Numbers) > 0 || is_to_come);
        let right = if must_be_there { is_somebodys } else { is_somebodys || value.is_empty() };
        findings.check(right, Promise::Crm, || {
            let bought = books.purchases.iter().filter_map(|it| Some((&it.id, it.line_of(&self.contact)?)));
            let bought: Vec<_> = bought.map(|(id, line)| (id, line.result, line.cost.total().get())).collect();
            format!("contact {}: the number is {value:?}, of {bought:?}", self.contact)
        });
    }
}
