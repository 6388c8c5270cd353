//! The `feed` table: businesses that came in batches, and what has become of each batch.
//!
//! A business is one item, found by its id, and one small item for each of the things that it is told by, which says only
//! whose that is. So a new business with four of those costs five write units, a changed one costs one, and one that is
//! as it was costs half a read unit. Had each of the four a whole copy of the business, looking one up would be one read
//! rather than two, and each change four writes rather than one: changes are what there is most of.
//!
//! The small items are written first and the business last. If a call breaks between them, the business is still as it
//! was or isn't there, so that the next try sees that there is something to write. A business says itself by what it is
//! told, and a small item that it doesn't confirm means nothing.

mod drops;
mod find;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use leadgate_enrichment::business::BusinessKey;
use leadgate_enrichment::ids::TenantId;
use leadgate_enrichment::person::ProfileField;
use serde::{Deserialize, Serialize};

pub use self::drops::{Begun, Counts, DropState, FeedDrop, Place, Taken};
pub use self::find::Found;
use crate::error::StoreError;
use crate::table::{Consistency, Database, Item, Table, Write, from_item, text, to_item};
use crate::usage::Step;

/// The partition key: a business, or what one is told by.
const KEY: &str = "feed";
/// The sort key: of what one is told by, whose it is.
const ITEM: &str = "item";
/// The sort key of a business itself.
const BUSINESS: &str = "business";

const READING: &str = "reading the feed";
const WRITING: &str = "writing the feed";

/// The feed in DynamoDB.
#[derive(Clone)]
pub struct Feed {
    table: Table,
}

/// A business, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Business {
    /// The feed's id of it.
    pub id: String,
    /// What it is told by, as [`BusinessKey::text`] writes it.
    pub keys: BTreeSet<String>,
    /// What is told of it.
    pub values: BTreeMap<ProfileField, String>,
    /// Tells what is stored from what a later batch says.
    pub fingerprint: String,
    /// When the batch was made that it is from. What an older one says is not written over it.
    #[serde(with = "millisecond::required")]
    pub as_of: Timestamp,
    /// The batch that wrote it last.
    pub written_by: String,
    /// The batch that wrote it first.
    pub first_by: String,
}

impl Feed {
    /// The feed in this table.
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: Table::new(database, table) }
    }

    /// What is stored of the businesses with these ids. The rest is absent.
    pub async fn stored(
        &self,
        tenant: &TenantId,
        ids: &[&str],
        step: Step,
    ) -> Result<HashMap<String, Business>, StoreError> {
        let keys = ids.iter().map(|id| key(business_key(tenant, id), BUSINESS.to_owned())).collect();
        // A moment ago an import may have written one of them.
        let items = self.table.get_many(keys, Consistency::Strong, step, READING).await?;
        let businesses = items.into_iter().map(|item| from_item::<Business>(item, READING));
        businesses.map(|business| business.map(|business| (business.id.clone(), business))).collect()
    }

    /// Writes businesses, each with what is stored of it now. No two may have the same id. After an error some are written
    /// and some aren't; writing all of them again ends as if there had been none.
    pub async fn write(&self, tenant: &TenantId, changes: &[Change<'_>]) -> Result<(), StoreError> {
        let pointers = changes.iter().flat_map(|change| change.pointers(tenant)).collect();
        self.table.write(pointers, Step::Import, WRITING).await?;
        let businesses: Result<Vec<Write>, StoreError> = changes.iter().map(|change| change.business(tenant)).collect();
        self.table.write(businesses?, Step::Import, WRITING).await
    }
}

/// A business that is to be written.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// What is stored of it.
    pub from: Option<&'a Business>,
    /// What is to be.
    pub to: &'a Business,
}

impl Change<'_> {
    /// What it is told by from now on, and what it is told by no longer.
    fn pointers(&self, tenant: &TenantId) -> Vec<Write> {
        let none = BTreeSet::new();
        let (before, after) = (self.from.map_or(&none, |from| &from.keys), &self.to.keys);
        let item = |told_by: &String| key(pointer_key(tenant, told_by), self.to.id.clone());
        let new = after.difference(before).map(|told_by| Write::Put(item(told_by)));
        new.chain(before.difference(after).map(|told_by| Write::Delete(item(told_by)))).collect()
    }

    fn business(&self, tenant: &TenantId) -> Result<Write, StoreError> {
        let mut item = to_item(self.to, WRITING)?;
        item.extend(key(business_key(tenant, &self.to.id), BUSINESS.to_owned()));
        Ok(Write::Put(item))
    }
}

fn key(partition: String, sort: String) -> Item {
    Item::from([(KEY.to_owned(), text(partition)), (ITEM.to_owned(), text(sort))])
}

fn business_key(tenant: &TenantId, id: &str) -> String {
    format!("{tenant}#business#{id}")
}

fn pointer_key(tenant: &TenantId, told_by: &str) -> String {
    format!("{tenant}#by#{told_by}")
}

fn told_by(key: &BusinessKey) -> String {
    key.text()
}

fn text_of<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name).and_then(|value| AttributeValue::as_s(value).ok()).map(String::as_str)
}
