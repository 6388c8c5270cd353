//! A record of which a provider is finding out who it is about: whether it knows the person at all arrives later.

use jiff::Timestamp;

use super::{AskedOf, Awaited, Deferral, Record, Said, State};
use crate::credits::Amounts;
use crate::credits::price::PricedField;
use crate::fingerprint::Fingerprint;
use crate::ids::PurchaseId;
use crate::outcome::DeferReason;
use crate::provider::AsynchronousId;

impl Record {
    /// A provider is finding out. What was bought of others before is written meanwhile; without that, there is nothing to
    /// write yet.
    #[must_use]
    pub fn pending(self, awaited: Awaited, now: Timestamp) -> Self {
        let state = if self.patch.is_empty() { State::Written } else { State::Bought };
        let hops = self.hops.plus_one(now);
        Self {
            awaited: Some(awaited),
            owed: None,
            state,
            since: now,
            hops,
            unknowns: 0,
            last_enriched: Some(now),
            asked: None,
            ..self
        }
    }

    /// A call whose answer was lost may have been made for it, under this purchase. It is waited for: the provider may tell of
    /// it. To be written with the claim.
    #[must_use]
    pub fn with_a_lost_call(self, purchase: PurchaseId, person: Fingerprint) -> Self {
        let (request, fields) = (AsynchronousId::lost(), vec![PricedField::PersonLater]);
        let awaited = Awaited { purchase, request, person, fields, asked: None, written: false };
        Self { awaited: Some(awaited), ..self }
    }

    /// Whether a call is waited for whose answer was lost, and it hasn't been said yet about whom it was.
    pub fn has_a_lost_call(&self) -> bool {
        self.awaited.as_ref().is_some_and(|awaited| awaited.request.is_lost()) && self.pending_answer().is_none()
    }

    /// The same, said now: it was about this person.
    #[must_use]
    pub fn pending_lost(self, about: &Fingerprint, asked: AskedOf, now: Timestamp) -> Self {
        let (unknowns, awaited) = (self.unknowns, self.awaited.clone());
        let Some(awaited) = awaited else { return self };
        Self { unknowns, ..self.asked_of(about, asked).pending(awaited, now) }
    }

    /// The call that was waited for is this one.
    #[must_use]
    pub fn found_again(self, request: AsynchronousId) -> Self {
        let awaited = self.awaited.clone().map(|awaited| Awaited { request, ..awaited });
        Self { awaited, ..self }
    }

    /// What was asked of the provider that is finding out, as long as the record is about the same person.
    pub fn pending_answer(&self) -> Option<&AskedOf> {
        let at_once = self.awaited.as_ref()?.purchase.at_once();
        let mut asked = self.progress.iter().flat_map(|progress| &progress.asked);
        asked.find(|asked| asked.said == Said::Pending && asked.purchase.as_ref() == Some(&at_once))
    }

    /// What the provider has found out. `None` is nothing yet: it was not carried out, and the provider may be asked again.
    /// To be written with the step that closes the record.
    #[must_use]
    pub fn answered(self, said: Option<Said>, now: Timestamp) -> Self {
        let Some(pending) = self.pending_answer().cloned() else { return self };
        let mut progress = self.progress.clone();
        if let Some(progress) = &mut progress {
            match said {
                Some(said) => {
                    let own = progress.asked.iter_mut().filter(|asked| **asked == pending);
                    own.for_each(|asked| (asked.said, asked.at) = (said, now));
                }
                None => progress.asked.retain(|asked| *asked != pending),
            }
        }
        Self { progress, ..self }
    }

    /// Nobody has said yet who this is. It waits in parking for whoever may be asked next, where it is found whatever becomes
    /// of this run. What is to be asked, and of whom, is seen once the record has been read: it may tell more by now.
    #[must_use]
    pub fn to_be_asked_on(self, reason: DeferReason, not_before: Timestamp, until: Timestamp, now: Timestamp) -> Self {
        let is_miss = |asked: &AskedOf| asked.said == Said::Miss;
        let missed = self.progress.as_ref().filter(|progress| progress.asked.last().is_some_and(is_miss));
        let asked: Option<Fingerprint> = missed.map(|progress| progress.about.clone());
        let unknown = Self { awaited: None, asked, ..self };
        let Some(request) = unknown.to_request() else {
            return Self { state: State::Unmatched, since: now, ..unknown };
        };
        let deferral = Deferral { reason, since: now, not_before, until, worst: Amounts::default() };
        unknown.deferred(&request, deferral)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::credits::ledger::LineResult;
    use crate::ids::{ProviderName, TenantId};
    use crate::lead::patch::Patch;
    use crate::lead::record::Rest;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_768_471_200 + second).expect("in range")
    }

    fn asked(said: Said, purchase: &PurchaseId) -> AskedOf {
        let (fields, cost) = (BTreeSet::new(), Amounts::default());
        AskedOf {
            provider: ProviderName::known("later"),
            at: at(1),
            said,
            fields,
            checked: None,
            purchase: Some(purchase.clone()),
            cost,
        }
    }

    fn pending() -> (Record, PurchaseId) {
        let tenant: TenantId = "acme".parse().expect("a tenant");
        let purchase = PurchaseId::derive(&tenant, "run", at(0));
        let awaited = Awaited {
            purchase: purchase.asynchronous(),
            request: AsynchronousId("run_1".into()),
            person: Fingerprint::clone(&crate::fingerprint::tests::key().of("name")),
            fields: vec![PricedField::PersonLater],
            asked: None,
            written: false,
        };
        let record = Record::new("acme#crm#contact#1".parse().expect("a key"), at(0));
        let record = record.asked_of(&crate::fingerprint::tests::key().of("ada"), asked(Said::Pending, &purchase));
        (record.pending(awaited, at(1)), purchase)
    }

    #[test]
    fn what_is_pending_is_no_miss_and_is_answered_once() {
        let (record, purchase) = pending();
        assert_eq!(record.kept_of(&purchase), Some((LineResult::Pending, Amounts::default())));
        assert!(!record.is_miss() && !record.is_paid_for() && record.state.is_written());
        let hit = record.clone().answered(Some(Said::Hit), at(9));
        assert_eq!(hit.kept_of(&purchase).map(|(result, _)| result), Some(LineResult::Hit));
        assert_eq!(hit.clone().answered(Some(Said::Miss), at(10)), hit, "once");
        let not_carried_out = record.clone().answered(None, at(9));
        assert!(not_carried_out.progress.is_some_and(|progress| progress.asked.is_empty()), "it may be asked again");
        // Another provider is asked about someone else meanwhile: the answer is not about them.
        let other = record.asked_of(&crate::fingerprint::tests::key().of("grace"), asked(Said::Miss, &purchase));
        assert!(other.pending_answer().is_none());
    }

    #[test]
    fn what_was_bought_before_is_written_while_an_answer_is_pending() {
        let (record, _) = pending();
        let awaited = record.awaited.clone().expect("an answer");
        let patch = Patch::from([("jobtitle".to_owned(), "CTO".to_owned())]);
        let bought = record.bought(patch, Amounts::default(), Rest::None, at(2)).pending(awaited, at(3));
        assert!(bought.state.is_bought() && bought.awaited.is_some());
    }

    #[test]
    fn a_lost_call_is_waited_for_until_it_is_found_again() {
        let (record, purchase) = pending();
        let fresh = Record { awaited: None, progress: None, ..record };
        let person = crate::fingerprint::tests::key().of("name");
        let lost = fresh.with_unknown().with_a_lost_call(purchase.asynchronous(), person);
        assert!(lost.has_a_lost_call());
        let said =
            lost.pending_lost(&crate::fingerprint::tests::key().of("ada"), asked(Said::Pending, &purchase), at(5));
        assert_eq!((said.has_a_lost_call(), said.unknowns), (false, 1), "the next call that is lost is the last");
        let found = said.found_again(AsynchronousId("run_2".into()));
        assert!(found.awaited.as_ref().is_some_and(|awaited| awaited.request.0 == "run_2"));
        assert!(found.pending_answer().is_some());
    }
}
