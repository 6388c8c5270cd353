//! What a record is made of.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, EnumIs, IntoStaticStr};

use crate::credits::Amounts;
use crate::credits::price::PricedField;
use crate::fingerprint::Fingerprint;
use crate::ids::PurchaseId;
use crate::outcome::{DeferReason, FailReason, RefuseReason};
use crate::person::ProfileField;
use crate::provider::AsynchronousId;

/// Where a record stands, with what there is only in that state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, EnumDiscriminants, EnumIs)]
#[serde(tag = "state", rename_all = "kebab-case")]
#[strum_discriminants(name(StateName), doc = "Where a record stands, by name.")]
#[strum_discriminants(derive(Hash, IntoStaticStr), strum(serialize_all = "kebab-case"))]
pub enum State {
    /// Known, but nothing has been done with it: only an erasure has been noted.
    Noted,
    /// A worker has the right to work on it, until a time.
    Claimed,
    /// Paid for; the patch has not reached the CRM yet.
    Bought,
    /// The CRM holds what we have, or wanted nothing.
    Written,
    /// The provider doesn't know the person.
    Unmatched,
    /// Parked until there are credits.
    Deferred {
        /// Why, and until when.
        deferral: Deferral,
    },
    /// Released from parking: a message is on the queue.
    Released,
    /// Can't be enriched as it is.
    Refused {
        /// Why.
        #[serde(rename = "refused")]
        reason: RefuseReason,
    },
    /// Given up on.
    Failed {
        /// Why.
        #[serde(rename = "failed")]
        reason: FailReason,
    },
}

impl State {
    /// Without what belongs to it.
    pub fn name(&self) -> StateName {
        self.into()
    }

    /// The word for it where it is stored and listed.
    pub fn word(&self) -> &'static str {
        self.name().into()
    }

    /// Why and until when it is parked, if it is.
    pub fn deferral(&self) -> Option<&Deferral> {
        match self {
            Self::Deferred { deferral } => Some(deferral),
            _ => None,
        }
    }

    /// Whether the request that it was last worked on for has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Written | Self::Unmatched | Self::Refused { .. } | Self::Failed { .. })
    }

    /// Whether a request is under way for it: a worker is at it, a message is on the queue, or it waits for credits.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Claimed | Self::Bought | Self::Deferred { .. } | Self::Released)
    }
}

/// The right to work on a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The purchase that the work belongs to.
    pub purchase: PurchaseId,
    /// From when.
    #[serde(with = "millisecond::required")]
    pub since: Timestamp,
    /// Until when. The worker that holds it has stopped by then, because its function has.
    #[serde(with = "millisecond::required")]
    pub until: Timestamp,
}

/// A record in parking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// Why.
    pub reason: DeferReason,
    /// Since when.
    #[serde(with = "millisecond::required")]
    pub since: Timestamp,
    /// Not to be released before.
    #[serde(with = "millisecond::required")]
    pub not_before: Timestamp,
    /// When credits are expected at the latest: the next cycle.
    #[serde(with = "millisecond::required")]
    pub until: Timestamp,
    /// What it needs.
    pub worst: Amounts,
}

/// A wait for credits that is over. Kept so that the record's story can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// Why.
    pub reason: DeferReason,
    /// Since when.
    #[serde(with = "millisecond::required")]
    pub since: Timestamp,
    /// When credits were expected at the latest.
    #[serde(with = "millisecond::required")]
    pub until: Timestamp,
}

/// What was asked for and arrives later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The purchase that pays for it.
    pub purchase: PurchaseId,
    /// What to ask the provider for.
    pub request: AsynchronousId,
    /// The provider's id of the person, which says who it is: only to tell them from the others of the same result.
    pub person: Fingerprint,
    /// What it is paid for as.
    pub fields: Vec<PricedField>,
    /// Who was asked about, where other records of the CRM may be about the same person: what arrives is kept for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<PersonAsked>,
    /// It has arrived and the CRM has it, but the purchase waits for the results of others: it is not written again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub written: bool,
}

/// A person as a provider was asked about them: what it said does for other records that want the same of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PersonAsked {
    /// Who, by what was asked with.
    pub person: Fingerprint,
    /// What was wanted that has an order of its own in the waterfall.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fields: BTreeSet<ProfileField>,
    /// What was wanted that arrives later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<PricedField>,
}

impl PersonAsked {
    /// Asked for nothing in particular. Who is unknown then is unknown whatever is wanted of them.
    pub fn at_all(person: Fingerprint) -> Self {
        Self { person, fields: BTreeSet::new(), later: Vec::new() }
    }

    /// What comes of it at once.
    #[must_use]
    pub fn at_once(&self) -> Self {
        Self { later: Vec::new(), ..self.clone() }
    }

    /// Stable, and different for whatever differs.
    pub fn key(&self) -> String {
        let words = self.fields.iter().map(|field| field.word()).chain(self.later.iter().map(|field| field.word()));
        words.fold(self.person.as_str().to_owned(), |key, word| format!("{key}#{word}"))
    }
}

impl Awaited {
    /// Whether it is all that the provider says of the person, and not something beside what it said at once.
    pub fn is_of_the_person(&self) -> bool {
        self.fields.contains(&PricedField::PersonLater)
    }

    /// Whether other sources are asked as well.
    pub fn is_waterfall(&self) -> bool {
        let waterfall = [PricedField::EmailOfOthers, PricedField::MobileOfOthers];
        self.fields.iter().any(|field| waterfall.contains(field))
    }
}

/// Purchases within one hour: the backstop against loops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hops {
    /// Which hour, counted from 1970.
    pub hour: i64,
    /// How many in it.
    pub count: u32,
}

/// What becomes of what arrives later, once what comes at once was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// There is none: it wasn't wanted, or the provider has none.
    None,
    /// It is on its way.
    Awaited(Awaited),
    /// It could not be paid for, and waits.
    Owed(DeferReason),
}

impl Hops {
    fn hour_of(now: Timestamp) -> i64 {
        now.as_second().div_euclid(3600)
    }

    pub(super) fn plus_one(self, now: Timestamp) -> Self {
        Self { hour: Self::hour_of(now), count: self.within_hour(now) + 1 }
    }

    /// How many purchases there were within the hour that `now` is in.
    pub fn within_hour(self, now: Timestamp) -> u32 {
        if self.hour == Self::hour_of(now) { self.count } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::lead::record::Record;

    /// An item as the table holds it since before the state carried its own data: what is deployed reads what waits.
    fn stored(state: &str, more: Value) -> Value {
        let mut item = json!({
            "record": "acme#crm#contact#7", "rev": 3, "state": state, "since": 1_768_471_200_000_i64,
            "request": "0123456789abcdef0123", "source": "new-lead", "occurred_at": 1_768_471_100_000_i64,
            "hops": { "hour": 0, "count": 0 },
        });
        item.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        item
    }

    fn read(item: &Value) -> Record {
        serde_json::from_value(item.clone()).expect("a record")
    }

    #[test]
    fn a_record_is_stored_as_it_always_was() {
        let deferral = json!({
            "reason": "balance", "since": 1_768_471_200_000_i64, "not_before": 1_768_471_200_000_i64,
            "until": 1_769_904_000_000_i64, "worst": { "credits": 1000 },
        });
        let items = [
            ("deferred", json!({ "deferral": deferral }), StateName::Deferred),
            ("refused", json!({ "refused": "too-old" }), StateName::Refused),
            ("failed", json!({ "failed": "write-rejected", "patch": { "title": "CTO" } }), StateName::Failed),
            ("written", json!({ "last_enriched": 1_768_471_200_000_i64 }), StateName::Written),
        ];
        for (state, more, name) in items {
            let item = stored(state, more);
            let record = read(&item);
            assert_eq!(record.state.name(), name);
            assert_eq!(serde_json::to_value(&record).expect("an item"), item, "nothing is stored otherwise");
        }
        // A record that had failed before kept the reason when it was written after all.
        let written = read(&stored("written", json!({ "failed": "crm-refused", "refused": "too-old" })));
        assert_eq!(written.state, State::Written);
    }
}
