//! What a transaction does to the items of one tenant's credits, condition by condition.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Update};
use jiff::Timestamp;
use leadgate_enrichment::credits::cap::Limit;
use leadgate_enrichment::credits::ledger::{Hold, Slice};
use leadgate_enrichment::credits::money::Values;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::TenantId;
use serde::Serialize;

use super::items::{CAP, CARRYING, HOLD, ITEM, MONEY, SLICES, USED, WALLET, key, range_key};
use super::wallet_update::WalletUpdate;
use crate::error::StoreError;
use crate::table::{Committed, Condition, Transaction, number, to_item};

/// Writes to the credits of one tenant that are made together or not at all.
pub(super) struct CreditTransaction<'a> {
    tenant: &'a TenantId,
    writes: Transaction<'a>,
}

impl<'a> CreditTransaction<'a> {
    pub(super) fn new(tenant: &'a TenantId, writes: Transaction<'a>) -> Self {
        Self { tenant, writes }
    }

    /// An item that must not be there yet.
    pub(super) fn put_new(&mut self, item: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let mut fields = to_item(value, self.writes.doing())?;
        fields.extend(key(self.tenant, item));
        self.writes.put_if(fields, Condition::absent(ITEM))
    }

    /// A mark that must still be the old one.
    pub(super) fn replace_mark(&mut self, item: &str, old: &str, new: &str) -> Result<(), StoreError> {
        let update = Update::builder()
            .update_expression("SET #value = :new")
            .condition_expression("#value = :old")
            .expression_attribute_names("#value", "value")
            .expression_attribute_values(":old", AttributeValue::S(old.to_owned()))
            .expression_attribute_values(":new", AttributeValue::S(new.to_owned()));
        self.update(item, update)
    }

    /// A hold that must be there as it was read, in these wallets, and goes.
    pub(super) fn delete_hold(&mut self, hold: &Hold) -> Result<(), StoreError> {
        let delete = Delete::builder()
            .condition_expression("attribute_exists(#item) AND #slices = :slices")
            .expression_attribute_names("#item", ITEM)
            .expression_attribute_names("#slices", SLICES)
            .expression_attribute_values(":slices", self.slices(&hold.slices)?);
        self.writes.delete(key(self.tenant, &range_key(HOLD, hold.purchase.as_str())), delete)
    }

    /// Gives a hold other slices, on condition that it has those that it was read with.
    pub(super) fn move_hold(&mut self, hold: &Hold, slices: &[Slice]) -> Result<(), StoreError> {
        let update = Update::builder()
            .update_expression("SET #slices = :new")
            .condition_expression("#slices = :old")
            .expression_attribute_names("#slices", SLICES)
            .expression_attribute_values(":old", self.slices(&hold.slices)?)
            .expression_attribute_values(":new", self.slices(slices)?);
        self.update(&range_key(HOLD, hold.purchase.as_str()), update)
    }

    /// A wallet into which no hold is to be moved any more.
    pub(super) fn end_carrying(&mut self, wallet: &str) -> Result<(), StoreError> {
        let update = Update::builder()
            .update_expression("REMOVE #carrying")
            .condition_expression("attribute_exists(#carrying)")
            .expression_attribute_names("#carrying", CARRYING);
        self.update_wallet(wallet, update)
    }

    fn slices(&self, slices: &[Slice]) -> Result<AttributeValue, StoreError> {
        serde_dynamo::to_attribute_value(slices).map_err(|error| StoreError::unreadable(self.writes.doing(), error))
    }

    /// Moves amounts of a wallet from available to held, on condition that they are there, that of each `(bucket,
    /// amount, keep)` what is to be kept is left, that the wallet is open beyond `until`, and that no hold is still to be
    /// moved into it.
    pub(super) fn reserve<'b>(
        &mut self,
        wallet: &str,
        amounts: impl Iterator<Item = (&'b Bucket, Milli, Milli)>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let conditions = vec!["expires > :until".to_owned(), format!("attribute_not_exists({CARRYING})")];
        self.reserve_on(wallet, amounts, until, conditions)
    }

    /// The same for a hold that is moved into the wallet.
    pub(super) fn reserve_carried<'b>(
        &mut self,
        wallet: &str,
        amounts: impl Iterator<Item = (&'b Bucket, Milli)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let amounts = amounts.map(|(bucket, amount)| (bucket, amount, Milli::ZERO));
        self.reserve_on(wallet, amounts, now, vec!["expires > :until".to_owned()])
    }

    fn reserve_on<'b>(
        &mut self,
        wallet: &str,
        amounts: impl Iterator<Item = (&'b Bucket, Milli, Milli)>,
        until: Timestamp,
        mut conditions: Vec<String>,
    ) -> Result<(), StoreError> {
        let mut sets = Vec::new();
        let mut update = Update::builder().expression_attribute_values(":until", number(until.as_millisecond()));
        for (i, (bucket, amount, keep)) in amounts.enumerate() {
            sets.push(format!("available.#b{i} = available.#b{i} - :a{i}"));
            sets.push(format!("held.#b{i} = if_not_exists(held.#b{i}, :zero) + :a{i}"));
            conditions.push(format!("available.#b{i} >= :c{i}"));
            update = update
                .expression_attribute_names(format!("#b{i}"), bucket.as_str())
                .expression_attribute_values(format!(":a{i}"), number(amount.get()))
                .expression_attribute_values(format!(":c{i}"), number((amount + keep).get()));
        }
        update = update.expression_attribute_values(":zero", number(0));
        update = update.update_expression(format!("SET {}", sets.join(", ")));
        self.update_wallet(wallet, update.condition_expression(conditions.join(" AND ")))
    }

    /// Takes amounts of a wallet out of held: of each `(bucket, held, spent)`, `spent` is gone and the rest is free.
    /// No condition: that the hold is there is condition enough.
    pub(super) fn release(&mut self, wallet: &str, amounts: &[(&Bucket, Milli, Milli)]) -> Result<(), StoreError> {
        let mut sets = Vec::new();
        let mut update = Update::builder().expression_attribute_values(":zero", number(0));
        for (i, (bucket, held, spent)) in amounts.iter().enumerate() {
            sets.push(format!("held.#b{i} = if_not_exists(held.#b{i}, :zero) - :h{i}"));
            sets.push(format!("spent.#b{i} = if_not_exists(spent.#b{i}, :zero) + :s{i}"));
            sets.push(format!("available.#b{i} = if_not_exists(available.#b{i}, :zero) + :f{i}"));
            update = update
                .expression_attribute_names(format!("#b{i}"), bucket.as_str())
                .expression_attribute_values(format!(":h{i}"), number(held.get()))
                .expression_attribute_values(format!(":s{i}"), number(spent.get()))
                .expression_attribute_values(format!(":f{i}"), number((*held - *spent).get()));
        }
        self.update_wallet(wallet, update.update_expression(format!("SET {}", sets.join(", "))))
    }

    /// Adds to what is available in a wallet and to what was granted. What is taken away must be there.
    pub(super) fn adjust(&mut self, wallet: &str, amounts: &Amounts) -> Result<(), StoreError> {
        let mut sets = Vec::new();
        let mut conditions = vec!["attribute_exists(#item)".to_owned()];
        let mut update =
            Update::builder().expression_attribute_names("#item", ITEM).expression_attribute_values(":zero", number(0));
        for (i, (bucket, amount)) in amounts.iter().enumerate() {
            sets.push(format!("available.#b{i} = if_not_exists(available.#b{i}, :zero) + :a{i}"));
            sets.push(format!("granted.#b{i} = if_not_exists(granted.#b{i}, :zero) + :a{i}"));
            if amount < Milli::ZERO {
                conditions.push(format!("available.#b{i} >= :c{i}"));
                update = update.expression_attribute_values(format!(":c{i}"), number(-amount.get()));
            }
            update = update
                .expression_attribute_names(format!("#b{i}"), bucket.as_str())
                .expression_attribute_values(format!(":a{i}"), number(amount.get()));
        }
        let update = update.update_expression(format!("SET {}", sets.join(", ")));
        self.update_wallet(wallet, update.condition_expression(conditions.join(" AND ")))
    }

    /// Moves all that is available in a wallet to expired, on condition that it is what was seen.
    pub(super) fn expire(&mut self, wallet: &str, seen: &Amounts) -> Result<(), StoreError> {
        let (mut sets, mut conditions) = (Vec::new(), Vec::new());
        let mut update = Update::builder().expression_attribute_values(":zero", number(0));
        for (i, (bucket, amount)) in seen.iter().enumerate() {
            sets.push(format!("available.#b{i} = :zero"));
            sets.push(format!("expired.#b{i} = if_not_exists(expired.#b{i}, :zero) + :a{i}"));
            conditions.push(format!("available.#b{i} = :a{i}"));
            update = update
                .expression_attribute_names(format!("#b{i}"), bucket.as_str())
                .expression_attribute_values(format!(":a{i}"), number(amount.get()));
        }
        let update = update.update_expression(format!("SET {}", sets.join(", ")));
        self.update_wallet(wallet, update.condition_expression(conditions.join(" AND ")))
    }

    /// Adds to what counts towards a cap, and what that is worth by `values`, on condition that it stays within `limit` in
    /// each kind that it names, and in money. What costs nothing counts nothing.
    pub(super) fn count(
        &mut self,
        cap: &str,
        amounts: &Amounts,
        values: Option<&Values>,
        limit: Option<&Limit>,
    ) -> Result<(), StoreError> {
        let some = amounts.iter().filter(|(_, amount)| *amount != Milli::ZERO);
        let credits = some.map(|(bucket, amount)| {
            let most = limit.map(|limit| &limit.credits).filter(|most| most.names(bucket));
            let most = most.map(|most| most.get(bucket).get());
            (format!("{USED}{}", bucket.as_str()), amount.get(), most)
        });
        let money = values.map(|values| {
            let most = limit.and_then(|limit| limit.money.as_ref()).map(|money| money.most.get());
            (format!("{MONEY}{}", values.currency), values.worth(amounts).get(), most)
        });
        let counted: Vec<_> = credits.chain(money).filter(|(_, by, _)| *by != 0).collect();
        if counted.is_empty() {
            return Ok(());
        }
        self.update(&range_key(CAP, cap), counting(counted))
    }

    /// A change of a wallet, on its own conditions.
    pub(super) fn change_wallet(&mut self, wallet: &str, update: WalletUpdate) -> Result<(), StoreError> {
        self.update_wallet(wallet, update.build())
    }

    fn update_wallet(&mut self, wallet: &str, update: UpdateBuilder) -> Result<(), StoreError> {
        self.update(&range_key(WALLET, wallet), update)
    }

    fn update(&mut self, item: &str, update: UpdateBuilder) -> Result<(), StoreError> {
        self.writes.update(key(self.tenant, item), update)
    }

    /// Writes it all.
    pub(super) async fn commit(self) -> Result<Committed, StoreError> {
        self.writes.commit().await
    }
}

/// Adds to each of these `(attribute, by, most)`, on condition that it comes to no more than the most, if there is one.
fn counting(counted: Vec<(String, i64, Option<i64>)>) -> UpdateBuilder {
    let (mut sets, mut conditions) = (Vec::new(), Vec::new());
    let mut update = Update::builder().expression_attribute_values(":zero", number(0));
    for (i, (attribute, by, most)) in counted.into_iter().enumerate() {
        sets.push(format!("#b{i} = if_not_exists(#b{i}, :zero) + :a{i}"));
        if let Some(room) = most.map(|most| most.saturating_sub(by)) {
            // What has not been counted yet is zero, unless a cap below the amount lets nothing through at all.
            conditions.push(match room >= 0 {
                true => format!("(attribute_not_exists(#b{i}) OR #b{i} <= :r{i})"),
                false => format!("#b{i} <= :r{i}"),
            });
            update = update.expression_attribute_values(format!(":r{i}"), number(room));
        }
        update = update
            .expression_attribute_names(format!("#b{i}"), attribute)
            .expression_attribute_values(format!(":a{i}"), number(by));
    }
    let update = update.update_expression(format!("SET {}", sets.join(", ")));
    if conditions.is_empty() { update } else { update.condition_expression(conditions.join(" AND ")) }
}
