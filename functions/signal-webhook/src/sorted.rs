//! What is to be done about the signals of a delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use leadgate_connectors::hooks::{self, About};
use leadgate_enrichment::clock::later;
use leadgate_enrichment::config::{SignalSource, Signals, Tenant};
use leadgate_enrichment::enrolment::request::{EnrolmentRequest, PEOPLE_MAX, Subject};
use leadgate_enrichment::fingerprint::FingerprintKey;
use serde_json::{Value, json};

/// What became of the signals of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Signals in the delivery.
    pub signals: usize,
    /// People put on the queue.
    pub queued: usize,
    /// The same again in the same delivery.
    pub repeated: usize,
    /// Noted: nobody is enrolled whom they are about.
    pub stopped: usize,
    /// No rule is for them.
    pub unmatched: usize,
    /// Left out: they can't be read.
    pub unreadable: usize,
}

impl Accepted {
    fn counts(&self) -> [(&'static str, usize); 6] {
        [
            ("signals", self.signals),
            ("queued", self.queued),
            ("repeated", self.repeated),
            ("stopped", self.stopped),
            ("unmatched", self.unmatched),
            ("unreadable", self.unreadable),
        ]
    }

    /// Each count with its name.
    pub(crate) fn json(&self) -> Value {
        self.counts()
            .into_iter()
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts.map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// The signals of a delivery, by what is to be done.
pub(crate) struct Sorted {
    /// Who is not to be enrolled, and until when.
    pub(crate) stops: Vec<(String, Timestamp)>,
    /// Who is, as messages.
    pub(crate) requests: Vec<EnrolmentRequest>,
    pub(crate) accepted: Accepted,
}

impl Sorted {
    /// `None` if somebody can't be sealed.
    pub(crate) fn of(
        told: hooks::Signals,
        tenant: &Tenant,
        signals: &Signals,
        source: &SignalSource,
        key: &FingerprintKey,
    ) -> Option<Self> {
        let hooks::Signals { read, unreadable, event, arrived_at } = told;
        let mut accepted =
            Accepted { signals: read.len() + unreadable.len(), unreadable: unreadable.len(), ..Accepted::default() };
        let mut stops = Vec::new();
        // By rule and signal. Whoever is told of twice in it is told of once.
        let mut people: BTreeMap<(&str, String), BTreeSet<Subject>> = BTreeMap::new();
        for signal in read {
            let subject = match &signal.about {
                About::Record(record) => Subject::Record(record.clone()),
                About::Person(person) => Subject::seal(&tenant.id, person, key)?,
            };
            if let Some(duration) = signals.stops.get(&signal.name) {
                stops.push((subject.name(), later(arrived_at, *duration)));
                accepted.stopped += 1;
                continue;
            }
            let Some(rule) = signals.rules.iter().find(|rule| rule.fits(&signal.name, &signal.says)) else {
                accepted.unmatched += 1;
                continue;
            };
            let id = EnrolmentRequest::signal_of(&source.hook.name, &event, &signal.name);
            let is_new = people.entry((&rule.name, id)).or_default().insert(subject);
            accepted.repeated += usize::from(!is_new);
            accepted.queued += usize::from(is_new);
        }
        let mut requests = Vec::new();
        for ((rule, signal), people) in people {
            let people: Vec<Subject> = people.into_iter().collect();
            requests.extend(people.chunks(PEOPLE_MAX).map(|people| EnrolmentRequest {
                tenant: tenant.id.clone(),
                rule: rule.to_owned(),
                signal: signal.clone(),
                people: people.to_vec(),
                arrived_at,
                not_before: None,
            }));
        }
        Some(Self { stops, requests, accepted })
    }
}
