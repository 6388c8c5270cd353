//! How the `credits` table is keyed: the tenant, then what kind of item it is and its name.

use aws_sdk_dynamodb::types::AttributeValue;
use leadgate_enrichment::ids::TenantId;

use crate::table::{Item, text};

pub(super) const TENANT: &str = "tenant";
pub(super) const ITEM: &str = "item";

pub(super) const WALLET: &str = "wallet";
pub(super) const HOLD: &str = "hold";
pub(super) const GRANT: &str = "grant";
pub(super) const ADJUST: &str = "adjust";
pub(super) const PLAN_CHANGE: &str = "plan-change";
pub(super) const EXPIRE: &str = "expire";
pub(super) const RESOLUTION: &str = "resolution";
pub(super) const DRIFT: &str = "drift";
pub(super) const PURCHASE: &str = "purchase";
pub(super) const CAP: &str = "cap";
pub(super) const MARK: &str = "mark";
/// In a hold: where its credits are reserved.
pub(super) const SLICES: &str = "slices";
/// In a wallet: holds are still to be moved into it.
pub(super) const CARRYING: &str = "carrying";
/// Before the name of a kind of credit: how much of it counts towards a cap.
pub(super) const USED: &str = "used_";
/// Before the code of a currency: how much money counts towards a cap.
pub(super) const MONEY: &str = "money_";

pub(super) fn range_key(kind: &str, name: &str) -> String {
    format!("{kind}#{name}")
}

pub(super) fn key(tenant: &TenantId, item: &str) -> Item {
    Item::from([(TENANT.to_owned(), text(tenant.as_str())), (ITEM.to_owned(), text(item))])
}

pub(super) fn has_prefix(item: &Item, kind: &str) -> bool {
    let Some(AttributeValue::S(name)) = item.get(ITEM) else { return false };
    name.strip_prefix(kind).is_some_and(|rest| rest.starts_with('#'))
}
