//! One update of a wallet as a part of a transaction, written down condition by condition.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Update};
use jiff::Timestamp;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::credits::{Amounts, Milli};

use super::items::CARRYING;
use crate::error::StoreError;
use crate::table::number;

const OPENS: &str = "opens";
const EXPIRES: &str = "expires";
const AVAILABLE: &str = "available";
const HELD: &str = "held";
const SPENT: &str = "spent";
const GRANTED: &str = "granted";
const CONFIGURED: &str = "configured";

/// What is set, and on what condition.
pub(super) struct WalletUpdate {
    update: UpdateBuilder,
    sets: Vec<String>,
    conditions: Vec<String>,
    /// How many values have a name already.
    named: usize,
}

impl WalletUpdate {
    /// Of a wallet that closes when it was read to close.
    pub(super) fn that_expires(at: Timestamp) -> Self {
        let mut update = Self { update: Update::builder(), sets: Vec::new(), conditions: Vec::new(), named: 0 };
        let (name, value) = (update.name(EXPIRES), update.value(instant(at)));
        update.conditions.push(format!("{name} = {value}"));
        update
    }

    /// Opens then, and closes then.
    pub(super) fn reschedule(&mut self, opens: Timestamp, expires: Timestamp) {
        self.set(OPENS, instant(opens));
        self.set(EXPIRES, instant(expires));
    }

    /// Closes then.
    pub(super) fn close(&mut self, expires: Timestamp) {
        self.set(EXPIRES, instant(expires));
    }

    /// Holds are to be moved into it first.
    pub(super) fn carry(&mut self) {
        self.set(CARRYING, AttributeValue::Bool(true));
    }

    /// On condition that exactly this is available.
    pub(super) fn expect_available(&mut self, amounts: &Amounts) {
        self.expect(AVAILABLE, amounts);
    }

    /// On condition that it stands as it was read.
    pub(super) fn expect_balances(&mut self, seen: &Wallet) {
        self.expect(AVAILABLE, &seen.available);
        self.expect(HELD, &seen.held);
        self.expect(SPENT, &seen.spent);
    }

    fn expect(&mut self, balance: &str, amounts: &Amounts) {
        for (bucket, amount) in amounts.iter() {
            let path = format!("{}.{}", self.name(balance), self.name(bucket.as_str()));
            let value = self.value(milli(amount));
            self.conditions.push(format!("{path} = {value}"));
        }
    }

    /// On condition that the configuration has granted exactly this so far.
    pub(super) fn expect_configured(&mut self, seen: Option<&Amounts>) -> Result<(), StoreError> {
        let name = self.name(CONFIGURED);
        let condition = match seen {
            Some(seen) => format!("{name} = {}", self.value(map(seen)?)),
            None => format!("attribute_not_exists({name})"),
        };
        self.conditions.push(condition);
        Ok(())
    }

    /// Remembers what the configuration has granted.
    pub(super) fn configured(&mut self, amounts: &Amounts) -> Result<(), StoreError> {
        self.set(CONFIGURED, map(amounts)?);
        Ok(())
    }

    /// Adds to what is granted and available. What is taken away must be there.
    pub(super) fn grant(&mut self, by: &Amounts) {
        if by.is_zero() {
            return;
        }
        // A value that no expression names would be refused.
        let zero = self.value(milli(Milli::ZERO));
        for (bucket, amount) in by.iter().filter(|(_, amount)| *amount != Milli::ZERO) {
            let (bucket, value) = (self.name(bucket.as_str()), self.value(milli(amount)));
            for field in [AVAILABLE, GRANTED] {
                let path = format!("{}.{bucket}", self.name(field));
                self.sets.push(format!("{path} = if_not_exists({path}, {zero}) + {value}"));
            }
            if amount < Milli::ZERO {
                let path = format!("{}.{bucket}", self.name(AVAILABLE));
                let least = self.value(milli(Milli::ZERO - amount));
                self.conditions.push(format!("{path} >= {least}"));
            }
        }
    }

    pub(super) fn build(self) -> UpdateBuilder {
        let update = self.update.update_expression(format!("SET {}", self.sets.join(", ")));
        update.condition_expression(self.conditions.join(" AND "))
    }

    fn set(&mut self, name: &str, value: AttributeValue) {
        let set = format!("{} = {}", self.name(name), self.value(value));
        self.sets.push(set);
    }

    /// A placeholder for a name: the names of buckets are the operator's, and some words are DynamoDB's own.
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{}", hex(name));
        let update = std::mem::replace(&mut self.update, Update::builder());
        self.update = update.expression_attribute_names(&placeholder, name);
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.named);
        self.named += 1;
        let update = std::mem::replace(&mut self.update, Update::builder());
        self.update = update.expression_attribute_values(&placeholder, value);
        placeholder
    }
}

/// Any name as one that an expression may hold.
fn hex(name: &str) -> String {
    use std::fmt::Write;
    name.bytes().fold("n".to_owned(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn instant(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}

fn milli(amount: Milli) -> AttributeValue {
    number(amount.get())
}

fn map(amounts: &Amounts) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(amounts).map_err(|error| StoreError::unreadable("changing a wallet", error))
}
