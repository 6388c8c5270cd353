//! The line of parked records, as the index tells of it. The index lags behind the table by moments: a record is read
//! before it is acted on.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::lead::record::{Deferral, Record};
use leadgate_enrichment::lead::request::Source;
use serde::Deserialize;

use super::{KEY, Records};
use crate::error::StoreError;
use crate::table::{Item, text};
use crate::usage::Step;

/// The index of parked records. Sparse: only they carry its keys.
const INDEX: &str = "deferred";
const TENANT: &str = "deferred_tenant";
const ORDER: &str = "deferred_order";
/// The place in the line of a record of which it isn't known where its request came from: at the end.
const LAST: u8 = 9;
/// What the places begin with of those that wait for nothing that has to be paid for: in front of all.
const FREE: char = '!';
/// How many are read together: some 300 KB of the index, well within DynamoDB's 1 MB.
const PAGE: i32 = 1000;

const LISTING: &str = "listing parked records";

/// A parked record: enough of it to see whether it may go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Parked {
    /// Which.
    #[serde(rename = "record")]
    pub key: RecordKey,
    /// Where its request came from.
    #[serde(default)]
    pub source: Option<Source>,
    /// When the person asked to be forgotten.
    #[serde(with = "millisecond::optional", default)]
    pub erased_at: Option<Timestamp>,
    /// Why it waits, until when, and for what.
    pub deferral: Deferral,
}

impl Parked {
    /// The same of a record that was read, if it is parked.
    pub fn of(record: &Record) -> Option<Self> {
        let (key, source, erased_at) = (record.key.clone(), record.source, record.erased_at);
        Some(Self { key, source, erased_at, deferral: record.state.deferral().cloned()? })
    }
}

/// Some of the line, in order.
#[derive(Debug, Default)]
pub struct Page {
    /// Those of them that can be read.
    pub parked: Vec<Parked>,
    /// How many of them can't be: another version's, or hand-made ones.
    pub unreadable: usize,
    /// From where to go on, if there are more.
    pub next: Option<Next>,
}

/// Which of those in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedLine {
    /// All of them.
    All,
    /// Those that wait for nothing that has to be paid for, and go whatever is left of the credits.
    Free,
}

/// Where a record stands in the line, before its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In front: it waits for nothing that has to be paid for.
    Free,
    /// With those whose requests came from there.
    Of(Option<Source>),
}

/// A place in the line.
#[derive(Debug)]
pub struct Next(Item);

impl Records {
    /// The parked records of a tenant, a page at a time, in the order in which they shall be released: by source, then by
    /// age. In front are those that wait for nothing that has to be paid for.
    pub async fn parked(&self, tenant: &TenantId, line: ParkedLine, after: Option<Next>) -> Result<Page, StoreError> {
        let query = match line {
            ParkedLine::All => self.line(tenant).key_condition_expression("#tenant = :tenant"),
            ParkedLine::Free => self
                .line(tenant)
                .key_condition_expression("#tenant = :tenant AND begins_with(#order, :free)")
                .expression_attribute_names("#order", ORDER)
                .expression_attribute_values(":free", text(FREE)),
        };
        let query = query.limit(PAGE);
        let query = query.set_exclusive_start_key(after.map(|Next(key)| key));
        let answer = self.table.page(query, Step::Release, LISTING).await?;
        let next = answer.last_evaluated_key.filter(|key| !key.is_empty()).map(Next);
        let mut page = Page { next, ..Page::default() };
        for item in answer.items.unwrap_or_default() {
            match serde_dynamo::from_item(item) {
                Ok(parked) => page.parked.push(parked),
                Err(_) => page.unreadable += 1,
            }
        }
        Ok(page)
    }

    /// The oldest `limit` parked records of a tenant at one place whose requests arose by then.
    pub async fn parked_since(
        &self,
        tenant: &TenantId,
        at: Place,
        arose_by: Timestamp,
        limit: i32,
    ) -> Result<Vec<RecordKey>, StoreError> {
        let query = self.line(tenant).key_condition_expression("#tenant = :tenant AND #order BETWEEN :first AND :last");
        let query = query
            .expression_attribute_names("#order", ORDER)
            .expression_attribute_values(":first", text(place(at, Timestamp::UNIX_EPOCH)))
            .expression_attribute_values(":last", text(place(at, arose_by)));
        let answer = self.table.page(query.limit(limit), Step::Release, LISTING).await?;
        answer.items.unwrap_or_default().iter().map(key_of).collect()
    }

    /// The first `limit` parked records of a tenant, in the order in which they shall be released.
    pub async fn deferred(&self, tenant: &TenantId, limit: usize) -> Result<Vec<RecordKey>, StoreError> {
        let page = i32::try_from(limit).unwrap_or(PAGE).min(PAGE);
        let query = self.line(tenant).key_condition_expression("#tenant = :tenant").limit(page);
        let items = self.table.pages(query, Some(limit), Step::Release, LISTING).await?;
        items.iter().map(key_of).collect()
    }

    fn line(&self, tenant: &TenantId) -> QueryFluentBuilder {
        let query = self.table.query().index_name(INDEX).expression_attribute_names("#tenant", TENANT);
        query.expression_attribute_values(":tenant", text(tenant.as_str()))
    }
}

fn key_of(item: &Item) -> Result<RecordKey, StoreError> {
    let key = item.get(KEY).and_then(|key| key.as_s().ok()).map_or("", String::as_str);
    key.parse().map_err(|error| StoreError::unreadable(LISTING, error))
}

/// By source, then by when the request arose.
fn place(at: Place, arose: Timestamp) -> String {
    let arose = arose.as_millisecond();
    match at {
        Place::Free => format!("{FREE}#{arose:013}"),
        Place::Of(source) => format!("{}#{arose:013}", source.map_or(LAST, Source::rank)),
    }
}

/// The keys of the index, which only a parked record carries.
pub(super) fn keys(record: &Record) -> Item {
    let Some(deferral) = record.state.deferral() else { return Item::new() };
    let at = if deferral.worst.is_zero() { Place::Free } else { Place::Of(record.source) };
    let order = place(at, record.occurred_at.unwrap_or(deferral.since));
    Item::from([(TENANT.to_owned(), text(record.key.tenant.as_str())), (ORDER.to_owned(), text(order))])
}
