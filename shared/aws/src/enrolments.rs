//! The `enrolments` table: a line for each contact and sequence ([`Line`]), how many each mailbox has sent to on a day, and
//! who is not to be enrolled since a signal said so, and who was requested for the CRM ([`Requested`]).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use jiff::civil::Date;
use leadgate_enrichment::clock::{days, later};
use leadgate_enrichment::enrolment::line::Line;
use leadgate_enrichment::enrolment::requested::Requested;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::table::{Condition, Consistency, Database, Item, Put, Table, from_item, number, text, to_item};
use crate::usage::Step;

/// The partition key.
const KEY: &str = "enrolment";
const REV: &str = "rev";
/// When DynamoDB may forget it, in whole seconds.
const FORGET_AT: &str = "forget_at";
/// A line is kept for longer than any cool-down that makes sense, and than anything is delivered again.
const KEEP_LINES: Duration = days(800);
/// A mailbox's day is over by then in all time zones.
const KEEP_DAYS: Duration = days(3);
/// When a stop is over, in milliseconds.
const UNTIL: &str = "until";
/// How many a mailbox has sent to.
const USED: &str = "used";

/// Enrolments in DynamoDB.
#[derive(Clone)]
pub struct Enrolments {
    table: Table,
}

/// A contact and a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineKey {
    /// The contact's record in the CRM.
    pub record: RecordKey,
    /// The sequence's id.
    pub sequence: String,
}

/// A line as an item.
#[derive(Serialize, Deserialize)]
struct Kept {
    enrolment: String,
    /// That of the line, where a condition finds it.
    rev: u64,
    line: Line,
}

/// What is remembered of a person who was requested, as an item.
#[derive(Serialize, Deserialize)]
struct KeptRequested {
    enrolment: String,
    /// That of what is remembered, where a condition finds it.
    rev: u64,
    requested: Requested,
}

#[derive(Deserialize)]
struct Stop {
    enrolment: String,
    until: i64,
}

impl Enrolments {
    /// Enrolments in this table.
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: Table::new(database, table) }
    }

    /// The lines of these. Those that there is nothing of are absent.
    pub async fn read(&self, keys: &[LineKey]) -> Result<HashMap<LineKey, Line>, StoreError> {
        let mut names: HashMap<String, &LineKey> = keys.iter().map(|key| (line_name(key), key)).collect();
        let items = names.keys().map(|name| key_of(name)).collect();
        let mut lines = HashMap::new();
        for item in self.table.get(items, Consistency::Strong, Step::Look, READING).await? {
            let kept: Kept = from_item(item, READING)?;
            lines.extend(names.remove(&kept.enrolment).map(|key| (key.clone(), kept.line)));
        }
        Ok(lines)
    }

    /// Writes a line, on condition that it is still at the `rev` it was read at, and gives it as it stands then. `None` when
    /// another worker wrote it first. A repeat of a write that is there already is a success.
    pub async fn write(&self, key: &LineKey, line: Line, now: Timestamp) -> Result<Option<Line>, StoreError> {
        let condition = match line.rev {
            0 => Condition::absent(KEY),
            seen => Condition::unchanged([(REV, number(seen))]),
        };
        let line = Line { rev: line.rev + 1, ..line };
        let mut item = to_item(&Kept { enrolment: line_name(key), rev: line.rev, line: line.clone() }, WRITING)?;
        item.insert(FORGET_AT.to_owned(), number(later(now, KEEP_LINES).as_second()));
        let put = self.table.put_if(item, condition, Step::Enrol, WRITING).await?;
        Ok(matches!(put, Put::Now | Put::Same).then_some(line))
    }

    /// Nobody of this name is enrolled until then. One that holds for longer stays.
    pub async fn stop(&self, tenant: &TenantId, name: &str, until: Timestamp) -> Result<(), StoreError> {
        let update = self.table.update().set_key(Some(key_of(&stop_name(tenant, name))));
        let update = update
            .update_expression("SET #until = :until, #forget_at = :forget_at")
            .condition_expression("attribute_not_exists(#until) OR #until < :until")
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_names("#forget_at", FORGET_AT)
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":forget_at", number(until.as_second() + 1));
        self.table.send_update(update, Step::Enrol, "stopping enrolments").await.map(drop)
    }

    /// Those of these names who are not to be enrolled now.
    pub async fn stopped(
        &self,
        tenant: &TenantId,
        names: &[String],
        now: Timestamp,
    ) -> Result<HashSet<String>, StoreError> {
        let by_key: HashMap<String, &String> = names.iter().map(|name| (stop_name(tenant, name), name)).collect();
        let keys = by_key.keys().map(|name| key_of(name)).collect();
        let mut stopped = HashSet::new();
        for item in self.table.get(keys, Consistency::Strong, Step::Look, READING).await? {
            let stop: Stop = from_item(item, READING)?;
            let name = by_key.get(&stop.enrolment).filter(|_| now.as_millisecond() < stop.until);
            stopped.extend(name.map(|name| (*name).clone()));
        }
        Ok(stopped)
    }

    /// What is remembered of people who were requested for the CRM, by fingerprint and signal. Those of whom there is nothing
    /// are absent.
    pub async fn requested(
        &self,
        tenant: &TenantId,
        people: &[(Fingerprint, String)],
    ) -> Result<HashMap<(Fingerprint, String), Requested>, StoreError> {
        let mut by_name: HashMap<String, &(Fingerprint, String)> =
            people.iter().map(|person| (requested_name(tenant, person), person)).collect();
        let keys = by_name.keys().map(|name| key_of(name)).collect();
        let mut requested = HashMap::new();
        for item in self.table.get(keys, Consistency::Strong, Step::Look, READING).await? {
            let kept: KeptRequested = from_item(item, READING)?;
            requested.extend(by_name.remove(&kept.enrolment).map(|person| (person.clone(), kept.requested)));
        }
        Ok(requested)
    }

    /// Writes what is remembered of a person who was requested, on condition that it is still as `before`. `false` when
    /// another worker wrote it first. A repeat of a write that is there already is a success.
    pub async fn write_requested(
        &self,
        tenant: &TenantId,
        person: &(Fingerprint, String),
        (before, requested): (Option<&Requested>, &Requested),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let condition = match before {
            None => Condition::absent(KEY),
            Some(before) => Condition::unchanged([(REV, number(rev_of(before)))]),
        };
        let enrolment = requested_name(tenant, person);
        let kept = KeptRequested { enrolment, rev: rev_of(requested), requested: requested.clone() };
        let mut item = to_item(&kept, WRITING_REQUESTED)?;
        item.insert(FORGET_AT.to_owned(), number(later(now, KEEP_LINES).as_second()));
        let put = self.table.put_if(item, condition, Step::Enrol, WRITING_REQUESTED).await?;
        Ok(matches!(put, Put::Now | Put::Same))
    }

    /// What is remembered of everybody whom a tenant's signals had requested. It reads the whole table, which no function
    /// may: for the operator's tool.
    pub async fn all_requested(&self, tenant: &TenantId) -> Result<Vec<Requested>, StoreError> {
        let items = self.all_of(&format!("requested#{tenant}#")).await?;
        let requested = |item| from_item(item, READING).map(|kept: KeptRequested| kept.requested);
        items.into_iter().map(requested).collect()
    }

    /// Takes places of a mailbox on a day: `wanted`, or none if there aren't so many left of `most`.
    pub async fn take_places(
        &self,
        (tenant, mailbox, day): (&TenantId, &str, Date),
        wanted: u32,
        most: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(room) = most.checked_sub(wanted) else { return Ok(false) };
        let update = self.table.update().set_key(Some(key_of(&day_name(tenant, mailbox, day))));
        let update = update
            .update_expression("SET #forget_at = :forget_at ADD #used :wanted")
            .condition_expression("attribute_not_exists(#used) OR #used <= :room")
            .expression_attribute_names("#used", USED)
            .expression_attribute_names("#forget_at", FORGET_AT)
            .expression_attribute_values(":wanted", number(wanted))
            .expression_attribute_values(":room", number(room))
            .expression_attribute_values(":forget_at", number(later(now, KEEP_DAYS).as_second()))
            .return_values(ReturnValue::None);
        Ok(self.table.send_update(update, Step::Enrol, "taking places of a mailbox").await?.is_some())
    }

    /// How many places of each mailbox are taken on a day.
    pub async fn places_taken(
        &self,
        tenant: &TenantId,
        mailboxes: &[String],
        day: Date,
    ) -> Result<HashMap<String, u32>, StoreError> {
        let by_key: HashMap<String, &String> =
            mailboxes.iter().map(|mailbox| (day_name(tenant, mailbox, day), mailbox)).collect();
        let keys = by_key.keys().map(|name| key_of(name)).collect();
        let items = self.table.get(keys, Consistency::Strong, Step::Look, READING).await?;
        let taken = |item: &Item| {
            let mailbox = by_key.get(item.get(KEY)?.as_s().ok()?)?;
            Some(((*mailbox).clone(), item.get(USED)?.as_n().ok()?.parse().ok()?))
        };
        Ok(items.iter().filter_map(taken).collect())
    }

    /// Every line of a tenant. It reads the whole table, which no function may: for the operator's tool.
    pub async fn all(&self, tenant: &TenantId) -> Result<Vec<(LineKey, Line)>, StoreError> {
        let items = self.all_of(&format!("line#{tenant}#")).await?;
        let line = |item: Item| {
            let kept: Kept = from_item(item, READING)?;
            let key = kept.enrolment.strip_prefix("line#").and_then(|name| {
                let (record, sequence) = name.rsplit_once('#')?;
                Some(LineKey { record: record.parse().ok()?, sequence: sequence.to_owned() })
            });
            let key = key.ok_or_else(|| StoreError::unreadable(READING, "a line without its name"))?;
            Ok((key, kept.line))
        };
        items.into_iter().map(line).collect()
    }

    async fn all_of(&self, begins: &str) -> Result<Vec<Item>, StoreError> {
        let scan = self.table.scan().filter_expression("begins_with(#key, :begins)");
        let scan = scan.expression_attribute_names("#key", KEY).expression_attribute_values(":begins", text(begins));
        self.table.all(scan, Step::Look, READING).await
    }
}

const READING: &str = "reading enrolments";
const WRITING: &str = "writing an enrolment";
const WRITING_REQUESTED: &str = "writing down that a person was requested";

fn key_of(name: &str) -> Item {
    Item::from([(KEY.to_owned(), text(name))])
}

fn line_name(LineKey { record, sequence }: &LineKey) -> String {
    format!("line#{record}#{sequence}")
}

fn stop_name(tenant: &TenantId, name: &str) -> String {
    format!("stop#{tenant}#{name}")
}

fn requested_name(tenant: &TenantId, (person, signal): &(Fingerprint, String)) -> String {
    format!("requested#{tenant}#{}#{signal}", person.as_str())
}

/// Each write has one more: it looked once more, or it ended.
fn rev_of(requested: &Requested) -> u64 {
    u64::from(requested.looks) + u64::from(requested.ended.is_some())
}

fn day_name(tenant: &TenantId, mailbox: &str, day: Date) -> String {
    format!("mailbox#{tenant}#{mailbox}#{day}")
}
