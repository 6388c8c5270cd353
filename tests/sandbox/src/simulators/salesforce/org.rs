//! What may happen to an org's records, and what follows from it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::{later, until};

use super::outbox::{Happening, Outbox};
use super::records::{Record, long};
use super::schema::{Schema, Violation};
use crate::kept::{Keep, Kept, One, Table};

/// Why Salesforce doesn't do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such record.
    NotFound,
    /// It is in the recycle bin.
    Deleted,
    /// It is a lead that has become a contact.
    Converted,
    /// The values aren't accepted.
    Invalid(Vec<Violation>),
}

/// What the API was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived, whatever became of them.
    pub received: u64,
    /// Tokens given.
    pub tokens: u64,
    /// Calls without a token that is good.
    pub unauthorized: u64,
    /// Calls turned away because the day's are used up.
    pub over_limit: u64,
    /// Calls of the API that were carried out.
    pub calls: u64,
    /// Records handed out.
    pub records_read: u64,
    /// Calls that create a record, whatever becomes of them.
    pub created: u64,
    /// Calls that wrote something.
    pub writes: u64,
    /// Records written by them.
    pub records_written: u64,
}

/// Everything that is behind one lock.
pub(super) struct Org {
    pub(super) schema: Schema,
    pub(super) records: Table<String, Record>,
    pub(super) created: One<u64>,
    pub(super) outbox: Outbox,
    /// When each token ends, and whose it is.
    pub(super) tokens: BTreeMap<String, (Timestamp, String)>,
    pub(super) meter: Meter,
    pub(super) counters: Counters,
    pub(super) rng: Rng,
}

/// What was counted, the tokens, and what was used of the limits end with the process.
impl Keep for Org {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![
            ("records", &mut self.records),
            ("created", &mut self.created),
            ("events", &mut self.outbox.undelivered),
            ("given_up", &mut self.outbox.lost),
            ("told", &mut self.outbox.told),
        ]
    }
}

impl Org {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            schema: Schema::new(),
            records: Table::default(),
            created: One::default(),
            outbox: Outbox::default(),
            tokens: BTreeMap::new(),
            meter: Meter::default(),
            counters: Counters::default(),
            rng: Rng::with_seed(seed),
        }
    }

    pub(super) fn create(
        &mut self,
        object: &str,
        values: &BTreeMap<String, String>,
        by: &str,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let violations = self.schema.violations(object, values);
        if !violations.is_empty() {
            return Err(Refusal::Invalid(violations));
        }
        *self.created += 1;
        let prefix = match object {
            "Lead" => "00Q",
            "Contact" => "003",
            _ => "001",
        };
        let id = long(&format!("{prefix}{:012}", *self.created)).unwrap_or_default();
        let mut record = Record::new(id.clone(), object, by, now);
        record.set(values, by, now);
        self.outbox.tell(&record, Happening::Created);
        self.records.insert(id.clone(), record);
        Ok(id)
    }

    /// Saves values. That is told whether or not any of them is another, as it starts flows.
    pub(super) fn update(
        &mut self,
        id: &str,
        values: &BTreeMap<String, String>,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let record = self.records.get(id).ok_or(Refusal::NotFound)?;
        let violations = self.schema.violations(&record.object, values);
        match record {
            _ if record.is_deleted => return Err(Refusal::Deleted),
            _ if record.converted_to.is_some() => return Err(Refusal::Converted),
            _ if !violations.is_empty() => return Err(Refusal::Invalid(violations)),
            _ => {}
        }
        if let Some(record) = self.records.get_mut(&id.to_owned()) {
            record.set(values, by, now);
            self.outbox.tell(record, Happening::Edited { fields: values.keys().cloned().collect() });
        }
        Ok(())
    }

    /// Makes a contact of a lead, at an account that has the name of its company.
    pub(super) fn convert(&mut self, lead: &str, by: &str, now: Timestamp) -> Option<String> {
        let values = self.records.get(lead).filter(|lead| lead.object == "Lead")?.values().clone();
        let of = |name: &str, lead: &str| values.get(lead).map(|value| (name.to_owned(), value.clone()));
        let account = ["Website", "Industry"].iter().filter_map(|name| of(name, name)).chain(of("Name", "Company"));
        let account = self.create("Account", &account.collect(), by, now).ok()?;
        let renamed = [("MailingStreet", "Street"), ("MailingCity", "City"), ("MailingCountry", "Country")];
        let same = ["FirstName", "LastName", "Title", "Email", "Phone", "MobilePhone", "Last_Enriched_At__c"];
        let mut contact: BTreeMap<String, String> = same.iter().filter_map(|name| of(name, name)).collect();
        contact.extend(renamed.iter().filter_map(|(name, lead)| of(name, lead)));
        contact.insert("AccountId".to_owned(), account);
        let contact = self.create("Contact", &contact, by, now).ok()?;
        let lead = self.records.get_mut(&lead.to_owned())?;
        lead.converted_to = Some(contact.clone());
        lead.set(&BTreeMap::new(), by, now);
        self.outbox.tell(lead, Happening::Edited { fields: vec!["IsConverted".to_owned()] });
        Some(contact)
    }

    pub(super) fn delete(&mut self, id: &str, by: &str, now: Timestamp) -> bool {
        self.remove(id, by, now, Happening::Deleted)
    }

    pub(super) fn forget(&mut self, id: &str, by: &str, now: Timestamp) -> bool {
        self.remove(id, by, now, Happening::Forgotten)
    }

    fn remove(&mut self, id: &str, by: &str, now: Timestamp, happening: Happening) -> bool {
        let Some(record) = self.records.get_mut(&id.to_owned()).filter(|record| !record.is_deleted) else {
            return false;
        };
        record.is_deleted = true;
        record.set(&BTreeMap::new(), by, now);
        self.outbox.tell(record, happening);
        true
    }
}

/// The API calls of the last 24 hours.
#[derive(Debug, Default)]
pub(super) struct Meter(VecDeque<(Timestamp, u64)>);

/// Over which calls are counted (help.salesforce.com, "API Request Limits and Allocations").
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Meter {
    /// One more call, unless so many were made. How many were made by then.
    pub(super) fn take(&mut self, most: u64, now: Timestamp) -> Result<u64, u64> {
        let used = self.used(now);
        if used >= most {
            return Err(used);
        }
        self.others(1, now);
        Ok(used + 1)
    }

    pub(super) fn others(&mut self, calls: u64, now: Timestamp) {
        self.0.push_back((now, calls));
    }

    fn used(&mut self, now: Timestamp) -> u64 {
        self.0.retain(|(at, _)| !until(now, later(*at, DAY)).is_zero());
        self.0.iter().map(|(_, calls)| calls).sum()
    }
}
