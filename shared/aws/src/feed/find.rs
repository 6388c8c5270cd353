//! Which business is meant.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use leadgate_enrichment::business::{BusinessKey, Businesses, Delivered, KeyKind, NotRead};
use leadgate_enrichment::ids::TenantId;

use super::{Business, Feed, ITEM, KEY, READING, pointer_key, text_of, told_by};
use crate::error::StoreError;
use crate::table::text;
use crate::usage::Step;

/// Of so many that share a telephone or a domain, that doesn't tell which one is meant.
const SHARED_BY_MAX: i32 = 10;

/// What is known by some keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One business.
    One(Box<Business>),
    /// None.
    None,
    /// More than one, of which none is meant more than the others.
    Several,
}

impl Feed {
    /// The business that is told by these: by the surest of them, and where several share that, by most of the others.
    pub async fn find(&self, tenant: &TenantId, keys: &[BusinessKey]) -> Result<Found, StoreError> {
        Ok(self.found(tenant, &[keys.to_vec()]).await?.pop().unwrap_or(Found::None))
    }

    /// The same for several, each by its own keys. What several are told by is read once, and all businesses together.
    async fn found(&self, tenant: &TenantId, asked: &[Vec<BusinessKey>]) -> Result<Vec<Found>, StoreError> {
        let keys: BTreeSet<&BusinessKey> = asked.iter().flatten().collect();
        let ids = try_join_all(keys.into_iter().map(|key| self.told_by(tenant, key))).await?;
        let ids: BTreeSet<String> = ids.into_iter().flatten().collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let stored = self.stored(tenant, &ids, Step::Look).await?;
        Ok(asked.iter().map(|keys| meant(keys, stored.values())).collect())
    }

    /// Whose this is, as far as it tells.
    async fn told_by(&self, tenant: &TenantId, key: &BusinessKey) -> Result<Vec<String>, StoreError> {
        let query = self.table.query().key_condition_expression("#key = :key").expression_attribute_names("#key", KEY);
        let query = query.expression_attribute_values(":key", text(pointer_key(tenant, &told_by(key))));
        let page = self.table.page(query.limit(SHARED_BY_MAX), Step::Look, READING).await?;
        let items = page.items.unwrap_or_default();
        Ok(items.iter().filter_map(|item| text_of(item, ITEM)).map(str::to_owned).collect())
    }
}

#[async_trait::async_trait]
impl Businesses for Feed {
    async fn find_all(&self, tenant: &TenantId, asked: &[Vec<BusinessKey>]) -> Result<Vec<Option<Delivered>>, NotRead> {
        let found = self.found(tenant, asked).await.map_err(|error| NotRead(error.to_string()))?;
        let delivered = found.into_iter().map(|found| match found {
            Found::One(business) => Some(Delivered { id: business.id, values: business.values }),
            Found::None | Found::Several => None,
        });
        Ok(delivered.collect())
    }
}

/// Which of these is meant.
fn meant<'b>(keys: &[BusinessKey], businesses: impl Iterator<Item = &'b Business>) -> Found {
    let mut by_sureness: BTreeMap<(Reverse<KeyKind>, usize), Vec<&Business>> = BTreeMap::new();
    for business in businesses {
        let own: Vec<&BusinessKey> = keys.iter().filter(|key| business.keys.contains(&told_by(key))).collect();
        // What doesn't confirm any of them was told by it once.
        if let Some(surest) = own.iter().map(|key| key.kind()).min() {
            by_sureness.entry((Reverse(surest), own.len())).or_default().push(business);
        }
    }
    let Some((_, mut best)) = by_sureness.pop_last() else { return Found::None };
    match (best.pop(), best.is_empty()) {
        (Some(only), true) => Found::One(Box::new(only.clone())),
        _ => Found::Several,
    }
}
