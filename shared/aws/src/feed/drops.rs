//! What has become of each batch, and who is at work on one.
//!
//! One import at a time works on a tenant's feed, so that an older batch can't be written over a newer one. Whoever does has
//! a lease, and renews it before each piece of work, which takes less time than a lease lasts. How far a batch has come
//! is written down after what it says, by the one who began it last: never ahead of what is written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::ids::TenantId;
use serde::{Deserialize, Serialize};

use super::{Feed, ITEM, KEY};
use crate::error::StoreError;
use crate::table::{Condition, Consistency, Item, Put, from_item, number, text, to_item};
use crate::usage::Step;

/// For how long one may work on a feed without saying so again: longer than the slowest piece of work, in which each call is
/// made again and again.
const LEASE: std::time::Duration = std::time::Duration::from_secs(180);

const LEASING: &str = "beginning an import";
const NOTING: &str = "noting how far an import has come";
const LISTING: &str = "listing what was imported";

/// A batch, or drop: a version of an object, read in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedDrop {
    /// Tells it from any other: another version, or the same with other columns, has another.
    pub id: String,
    /// The object's name, or the file's.
    pub object: String,
    /// When it was made.
    #[serde(with = "millisecond::required")]
    pub made_at: Timestamp,
    /// What has become of it.
    pub state: DropState,
    /// Where the next row stands.
    pub place: Place,
    /// What was found in it so far.
    pub counts: Counts,
    /// Who began it last.
    pub run: String,
    /// When it was begun.
    #[serde(with = "millisecond::required")]
    pub begun_at: Timestamp,
    /// When it came so far.
    #[serde(with = "millisecond::required")]
    pub noted_at: Timestamp,
}

/// What has become of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropState {
    /// There is more to come, from where it came to.
    #[default]
    Begun,
    /// All of it was read.
    Done,
    /// It can't be read any further, whoever tries.
    Stopped(String),
}

/// Where a row stands in a file, unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// So many bytes stand before it.
    pub byte: u64,
    /// Its line, from 1. None but the header stands before it at first.
    pub line: u64,
    /// So many bytes of rejects were written for what stands before it.
    pub rejects: u64,
}

/// What was found in a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Rows, without the header.
    pub rows: u64,
    /// Businesses that weren't there before.
    pub new: u64,
    /// Businesses of which something else was told before.
    pub changed: u64,
    /// Businesses that were there as they are.
    pub unchanged: u64,
    /// Businesses of which a batch that was made later had told already.
    pub older: u64,
    /// Rows about a business that a later row of the same piece is about.
    pub repeated: u64,
    /// Rows that were left out.
    pub rejected: u64,
    /// Values that were left out of rows that weren't.
    pub values_left_out: u64,
    /// Of so many businesses, by the word for it, something was told.
    pub told: BTreeMap<String, u64>,
    /// So many businesses are told by it, by the word for it.
    pub told_by: BTreeMap<String, u64>,
}

/// Whether an import may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// From here.
    At(Box<FeedDrop>),
    /// There is nothing more to do.
    Ended(Box<FeedDrop>),
    /// Another works on the feed.
    Busy(Taken),
}

/// Another works on the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Until then, unless it says so again. `None` if that isn't known.
    pub until: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Delivery {
    #[serde(with = "millisecond::required")]
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Lease {
    run: String,
    #[serde(with = "millisecond::required")]
    until: Timestamp,
}

impl Feed {
    /// Begins a batch, or goes on with it. `drop` is what it is when nothing is known of it.
    pub async fn begin(&self, tenant: &TenantId, drop: FeedDrop, now: Timestamp) -> Result<Begun, StoreError> {
        if let Some(there) = self.drop_of(tenant, &drop.id).await?.filter(|there| there.state != DropState::Begun) {
            return Ok(Begun::Ended(Box::new(there)));
        }
        if let Err(taken) = self.renew(tenant, &drop.run, now).await? {
            return Ok(Begun::Busy(taken));
        }
        // What was there before the lease may have come further since.
        let drop = match self.drop_of(tenant, &drop.id).await? {
            Some(there) if there.state != DropState::Begun => {
                self.release(tenant, &drop.run).await?;
                return Ok(Begun::Ended(Box::new(there)));
            }
            Some(there) => FeedDrop { run: drop.run, ..there },
            None => drop,
        };
        self.table.put(drop.item(tenant)?, Step::Import, NOTING).await?;
        Ok(Begun::At(Box::new(drop)))
    }

    /// Says that this run is at work for another while. Not if another is.
    pub async fn renew(&self, tenant: &TenantId, run: &str, now: Timestamp) -> Result<Result<(), Taken>, StoreError> {
        let lease = Lease { run: run.to_owned(), until: later(now, LEASE) };
        let mut item = to_item(&lease, LEASING)?;
        item.extend(drops_key(tenant, LEASE_ITEM));
        let condition = Condition::absent_or_over(KEY, "until", now).or_same("run", text(run));
        Ok(match self.table.put_if(item, condition, Step::Import, LEASING).await? {
            Put::Now | Put::Same => Ok(()),
            Put::Refused(there) => {
                let there = there.and_then(|there| from_item::<Lease>(there, LEASING).ok());
                Err(Taken { until: there.map(|there| there.until) })
            }
        })
    }

    /// Lets others work on the feed, if it was this run that did.
    pub async fn release(&self, tenant: &TenantId, run: &str) -> Result<(), StoreError> {
        let update = self.table.update().set_key(Some(drops_key(tenant, LEASE_ITEM)));
        let update = update.update_expression("SET #until = :zero").condition_expression("#run = :run");
        let update = update.expression_attribute_names("#until", "until").expression_attribute_names("#run", "run");
        let update =
            update.expression_attribute_values(":zero", number(0)).expression_attribute_values(":run", text(run));
        self.table.send_update(update, Step::Import, LEASING).await.map(|_| ())
    }

    /// Notes how far a batch has come, unless another run has begun it since: `false` then, and nothing is changed.
    pub async fn note(&self, tenant: &TenantId, drop: &FeedDrop) -> Result<bool, StoreError> {
        let condition = Condition::unchanged([("run", text(&drop.run))]);
        let put = self.table.put_if(drop.item(tenant)?, condition, Step::Import, NOTING).await?;
        Ok(!matches!(put, Put::Refused(_)))
    }

    /// Says that a batch was taken in, before it is noted: from now on, what wasn't there before may be.
    pub async fn delivered(&self, tenant: &TenantId, at: Timestamp) -> Result<(), StoreError> {
        let mut item = to_item(&Delivery { at }, NOTING)?;
        item.extend(drops_key(tenant, DELIVERY_ITEM));
        self.table.put(item, Step::Import, NOTING).await
    }

    /// When the last batch was taken in.
    pub async fn delivered_at(&self, tenant: &TenantId) -> Result<Option<Timestamp>, StoreError> {
        let keys = vec![drops_key(tenant, DELIVERY_ITEM)];
        let items = self.table.get(keys, Consistency::Strong, Step::Look, LISTING).await?;
        let delivery = items.into_iter().next().map(|item| from_item::<Delivery>(item, LISTING)).transpose()?;
        Ok(delivery.map(|delivery| delivery.at))
    }

    /// What is known of a batch.
    pub async fn drop_of(&self, tenant: &TenantId, id: &str) -> Result<Option<FeedDrop>, StoreError> {
        let keys = vec![drops_key(tenant, &drop_item(id))];
        let items = self.table.get(keys, Consistency::Strong, Step::Import, LISTING).await?;
        items.into_iter().next().map(|item| from_item(item, LISTING)).transpose()
    }

    /// All batches, the last to be made first.
    pub async fn drops(&self, tenant: &TenantId) -> Result<Vec<FeedDrop>, StoreError> {
        let query = self.table.query().consistent_read(true);
        let query = query.key_condition_expression("#key = :key AND begins_with(#item, :drop)");
        let query = query.expression_attribute_names("#key", KEY).expression_attribute_names("#item", ITEM);
        let query = query.expression_attribute_values(":key", text(drops_partition(tenant)));
        let query = query.expression_attribute_values(":drop", text(drop_item("")));
        let items = self.table.pages(query, None, Step::Look, LISTING).await?;
        let drops: Result<Vec<FeedDrop>, StoreError> = items.into_iter().map(|item| from_item(item, LISTING)).collect();
        let mut drops = drops?;
        drops.sort_by(|one, other| (other.made_at, &other.object, &other.id).cmp(&(one.made_at, &one.object, &one.id)));
        Ok(drops)
    }
}

/// The sort key of when the last batch was taken in.
const DELIVERY_ITEM: &str = "delivery";
/// The sort key of the lease.
const LEASE_ITEM: &str = "lease";

fn drops_partition(tenant: &TenantId) -> String {
    format!("{tenant}#drops")
}

fn drop_item(id: &str) -> String {
    format!("drop#{id}")
}

fn drops_key(tenant: &TenantId, item: &str) -> Item {
    super::key(drops_partition(tenant), item.to_owned())
}

impl FeedDrop {
    fn item(&self, tenant: &TenantId) -> Result<Item, StoreError> {
        let mut item = to_item(self, NOTING)?;
        item.extend(drops_key(tenant, &drop_item(&self.id)));
        Ok(item)
    }
}

impl Counts {
    /// Takes in what was found in the next piece.
    pub fn add(&mut self, other: &Self) {
        let Self { rows, new, changed, unchanged, older, repeated, rejected, values_left_out, told, told_by } = other;
        self.rows += rows;
        self.new += new;
        self.changed += changed;
        self.unchanged += unchanged;
        self.older += older;
        self.repeated += repeated;
        self.rejected += rejected;
        self.values_left_out += values_left_out;
        for (own, other) in [(&mut self.told, told), (&mut self.told_by, told_by)] {
            for (word, count) in other {
                *own.entry(word.clone()).or_default() += count;
            }
        }
    }

    /// Businesses that the rows are about.
    pub fn businesses(&self) -> u64 {
        self.new + self.changed + self.unchanged + self.older
    }
}
