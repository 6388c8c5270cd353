//! Nothing is bought again while it is good, nor asked for again while it is known not to be there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::config::{Config, OnExhausted};
use leadgate_enrichment::credits::ledger::LineResult;

use super::model::{GiveUp, Lead};
use super::play::Play;
use crate::books::{Books, Goods, Purchase};
use crate::violation::Promise;
use leadgate_sandbox::simulators::hubspot::Source;

/// Where all of them work.
const EMPLOYER: &str = "engine.example";

impl Play {
    /// Where nothing goes stale, everything is bought once; otherwise not again within its window. Where there are several
    /// providers, see `check_several`.
    pub(super) fn check_once(&self, books: &mut Books) {
        if self.wide.windows.is_some() {
            self.leads.iter().for_each(|lead| self.check_windows(lead, books));
            return;
        }
        if self.several.is_some() {
            return;
        }
        // Of those whom a list finds as well, see `check_the_list`.
        for lead in self.leads.iter().filter(|lead| !lead.is_of_the_list) {
            books.charged_once(self.was_degrading(), &self.world, &lead.contact, &lead.emails);
        }
        if self.known.numbers.is_some_and(|numbers| numbers.employers) {
            books.employer_charged_once(&self.world, EMPLOYER);
        }
    }

    fn check_windows(&self, lead: &Lead, books: &mut Books) {
        let windows = self.world.tenant().windows;
        let is_hit = |purchase: &&Purchase| {
            let line = purchase.line_of(&lead.contact);
            purchase.goods == Goods::People && line.is_some_and(|line| line.result == LineResult::Hit)
        };
        let hits = books.purchases.iter().filter(is_hit);
        let mut hits: Vec<(Timestamp, bool)> =
            hits.filter_map(|it| Some((it.began()?, books.has_number(it, &lead.contact)))).collect();
        hits.sort_unstable();
        // Somebody whose number could not be paid for is bought without it first and then with it.
        let again = hits.windows(2).find(|two| {
            let whole = !two[0].1 && two[1].1;
            !whole && two[1].0 < later(two[0].0, windows.freshness)
        });
        let contact = &lead.contact;
        books.findings.check(again.is_none(), Promise::Once, || {
            format!("contact {contact} was bought again within {:?}: {again:?}", windows.freshness)
        });
        if !self.calm {
            return;
        }
        let mut asked: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
        let calls = self.seen.asked();
        for call in &calls {
            let unknown = |email: &String| lead.emails.contains(email) && self.known.person(email).is_none();
            let about = call.emails.iter().zip(&call.with).filter(|(email, _)| unknown(email));
            about.for_each(|(_, with)| asked.entry(with).or_default().push(call.when));
        }
        let again = asked.iter().find(|(_, times)| times.windows(2).any(|two| two[1] < later(two[0], windows.miss)));
        books.findings.check(again.is_none(), Promise::Once, || {
            format!("contact {contact} was asked about again within {:?} of a miss: {again:?}", windows.miss)
        });
    }

    /// Whether somebody may have been bought without their number at any time.
    fn was_degrading(&self) -> bool {
        let degrading = |config: &Config| config.tenants.values().any(|it| it.on_exhausted == OnExhausted::Degrade);
        self.eras.iter().any(|(_, config)| degrading(config))
    }

    /// From when on a lead may be given up on: the newest event about it that was delivered counts.
    pub(super) fn give_up(&self, lead: &Lead) -> Option<GiveUp> {
        self.wide.windows?;
        let not_delivered = [self.world.hubspot.pending_events(), self.world.hubspot.lost_events()].concat();
        let person = Source::person().kind;
        let about = self.told.iter().filter(|event| event.object_id.to_string() == lead.contact);
        let delivered = about.filter(|event| !not_delivered.iter().any(|other| other.key() == event.key()));
        let counts = delivered.filter(|event| event.change_source == person);
        let newest = counts.map(|event| event.occurred_at).max()?;
        let newest = Timestamp::from_millisecond(newest).ok()?;
        Some(GiveUp { newest, after: self.world.tenant().windows.give_up })
    }

    /// Whether the provider has a number for it that can't be polled for any more, or never finds one.
    pub(super) fn has_lost_a_number(&self, lead: &Lead) -> bool {
        lead.emails.iter().any(|email| self.world.apollo.has_lost_a_number_of(email))
    }
}
