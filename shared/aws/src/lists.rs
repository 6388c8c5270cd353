//! The `lists` table: where each list of accounts stands that is built at night ([`List`]), and who was asked for by it, once
//! for each person and list, across all nights. It holds no more of a person than the provider's id.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{days, later};
use leadgate_enrichment::icp::list::List;
use leadgate_enrichment::ids::{ProviderName, RecordKey, TenantId};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::table::{Condition, Consistency, Database, Item, Put, Table, from_item, number, text, to_item};
use crate::usage::Step;

/// The partition key.
const KEY: &str = "list";
const REV: &str = "rev";
/// When DynamoDB may forget it, in whole seconds.
const FORGET_AT: &str = "forget_at";
/// Who was asked for is known for longer than any search takes.
const KEEP_REQUESTED: Duration = days(800);

/// Lists in DynamoDB.
#[derive(Clone)]
pub struct Lists {
    table: Table,
}

/// A list as an item.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// That of the list, where a condition finds it.
    rev: u64,
    state: List,
}

/// Somebody who was asked for.
#[derive(Serialize, Deserialize)]
struct Requested {
    list: String,
    run: String,
}

impl Lists {
    /// Lists in this table.
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: Table::new(database, table) }
    }

    /// How a list stands. `None` before its first night.
    pub async fn read(&self, tenant: &TenantId, icp: &str) -> Result<Option<List>, StoreError> {
        let key = vec![key_of(&list_name(tenant, icp))];
        let item = self.table.get(key, Consistency::Strong, Step::Look, READING).await?.pop();
        let kept: Option<Kept> = item.map(|item| from_item(item, READING)).transpose()?;
        Ok(kept.map(|kept| kept.state))
    }

    /// Writes a list, on condition that it is still at the `rev` it was read at, and gives it as it stands then. `None` when
    /// another worker wrote it first. A repeat of a write that is there already is a success.
    pub async fn write(&self, tenant: &TenantId, icp: &str, list: List) -> Result<Option<List>, StoreError> {
        let condition = match list.rev {
            0 => Condition::absent(KEY),
            seen => Condition::unchanged([(REV, number(seen))]),
        };
        let list = List { rev: list.rev + 1, ..list };
        let mut item = to_item(&Kept { rev: list.rev, state: list.clone() }, WRITING)?;
        item.extend(key_of(&list_name(tenant, icp)));
        let put = self.table.put_if(item, condition, Step::Search, WRITING).await?;
        Ok(matches!(put, Put::Now | Put::Same).then_some(list))
    }

    /// In which run each of these was asked for. Those who weren't are absent.
    pub async fn requested(
        &self,
        (tenant, icp): (&TenantId, &str),
        candidates: &[RecordKey],
    ) -> Result<HashMap<RecordKey, String>, StoreError> {
        let mut names: HashMap<String, &RecordKey> =
            candidates.iter().map(|candidate| (requested_name(tenant, icp, candidate), candidate)).collect();
        let keys = names.keys().map(|name| key_of(name)).collect();
        let mut requested = HashMap::new();
        for item in self.table.get(keys, Consistency::Strong, Step::Look, READING).await? {
            let kept: Requested = from_item(item, READING)?;
            requested.extend(names.remove(&kept.list).map(|candidate| (candidate.clone(), kept.run)));
        }
        Ok(requested)
    }

    /// All who were asked for by this list, in whichever run. It reads the whole table: for operators.
    pub async fn all_requested(&self, tenant: &TenantId, icp: &str) -> Result<Vec<RecordKey>, StoreError> {
        let begins = format!("requested#{tenant}#{icp}#");
        let scan = self.table.scan().filter_expression("begins_with(#key, :begins)");
        let scan = scan.expression_attribute_names("#key", KEY).expression_attribute_values(":begins", text(&begins));
        let items = self.table.all(scan, Step::Look, READING).await?;
        let candidate = |item: Item| {
            let kept: Requested = from_item(item, READING)?;
            let named = kept.list.strip_prefix(&begins).and_then(|name| name.split_once('#'));
            let key =
                named.and_then(|(provider, id)| RecordKey::of_candidate(tenant, &ProviderName::read(provider)?, id));
            key.ok_or_else(|| StoreError::unreadable(READING, "whom it names can't be told"))
        };
        items.into_iter().map(candidate).collect()
    }

    /// Remembers that somebody was asked for in this run. A repeat changes nothing.
    pub async fn note_request(
        &self,
        (tenant, icp): (&TenantId, &str),
        candidate: &RecordKey,
        run: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let requested = Requested { list: requested_name(tenant, icp, candidate), run: run.to_owned() };
        let mut item = to_item(&requested, WRITING)?;
        item.insert(FORGET_AT.to_owned(), number(later(now, KEEP_REQUESTED).as_second()));
        self.table.put(item, Step::Search, WRITING).await
    }
}

const READING: &str = "reading lists of accounts";
const WRITING: &str = "writing a list of accounts";

fn key_of(name: &str) -> Item {
    Item::from([(KEY.to_owned(), text(name))])
}

fn list_name(tenant: &TenantId, icp: &str) -> String {
    format!("list#{tenant}#{icp}")
}

fn requested_name(tenant: &TenantId, icp: &str, candidate: &RecordKey) -> String {
    format!("requested#{tenant}#{icp}#{}#{}", candidate.object, candidate.id)
}
