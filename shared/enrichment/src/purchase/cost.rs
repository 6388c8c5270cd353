//! What leads have cost, in money, and what came of them.

use std::collections::{BTreeSet, HashMap};

use crate::config::Tenant;
use crate::credits::ledger::{Entry, Slice};
use crate::credits::money::{Currency, Money, Values};
use crate::credits::{Amounts, Bucket};
use crate::ids::RecordKey;
use crate::lead::record::Record;

/// What a part of the ledger has cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// What the purchases really took, less what was given back because it had not been charged.
    pub spent: Money,
    /// In which currency.
    pub currency: Currency,
    /// Kinds of credit that were spent as well and have no value: they are not in the sum.
    pub without: Vec<Bucket>,
    /// How many leads were asked about.
    pub leads: usize,
    /// In how many of them the CRM has something from us.
    pub written: usize,
    /// In how many of their mapped properties.
    pub fields: usize,
}

impl Cost {
    /// Of these entries. `records` are those of the leads that were bought for, as they stand.
    pub fn of<'e>(
        tenant: &Tenant,
        values: &Values,
        entries: impl IntoIterator<Item = &'e Entry>,
        records: &HashMap<RecordKey, Record>,
    ) -> Self {
        let (mut spent, mut leads) = (Amounts::default(), BTreeSet::new());
        for entry in entries {
            match entry {
                Entry::Purchase { slices, lines, .. } => {
                    spent += &sum(slices);
                    leads.extend(lines.iter().map(|line| &line.subject));
                }
                Entry::Resolution { slices, .. } => spent = spent.minus(&sum(slices)),
                _ => {}
            }
        }
        let is_mapped = |property: &&String| tenant.fields.iter().any(|field| field.property == **property);
        let filled = |lead: &&RecordKey| {
            let record = records.get(*lead)?;
            Some(record.written.keys().filter(is_mapped).count()).filter(|fields| *fields > 0)
        };
        let filled: Vec<usize> = leads.iter().filter_map(filled).collect();
        Self {
            spent: values.worth(&spent),
            currency: values.currency.clone(),
            without: values.lacks(&spent).into_iter().cloned().collect(),
            leads: leads.len(),
            written: filled.len(),
            fields: filled.iter().sum(),
        }
    }

    /// What each lead that was written has cost on average, with those that came to nothing.
    pub fn per_written_lead(&self) -> Option<Money> {
        self.spent.per(self.written)
    }

    /// What each property that was filled has cost on average.
    pub fn per_field(&self) -> Option<Money> {
        self.spent.per(self.fields)
    }
}

fn sum(slices: &[Slice]) -> Amounts {
    slices.iter().map(|slice| (slice.bucket.clone(), slice.amount)).collect()
}
