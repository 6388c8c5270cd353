//! Meters and breakers as items.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use leadgate_enrichment::provider::breaker::Breaker;
use leadgate_enrichment::provider::limits::{Count, LimitKey, Meter, Span};

use super::{Limits, Sight};
use crate::error::StoreError;
use crate::table::{Condition, Consistency, Item, Put, from_item, number, text, to_item};
use crate::usage::Step;

/// The partition key: what it is for.
const KEY: &str = "limit";
/// Counts changes.
const REV: &str = "rev";
/// Counts permits since the last change. A breaker has none.
const GRANTED: &str = "granted";

const READING: &str = "reading limits";
pub(super) const WRITING: &str = "writing limits";

/// What is to be kept in the place of what was read.
pub(super) enum Kept {
    Meter(Box<Meter>),
    Breaker(Breaker),
}

/// What came of counting a permit.
pub(super) enum Counted {
    /// It is counted: the meter with it.
    There(Box<Meter>),
    /// There was no room, or the meter was changed meanwhile.
    Changed,
}

impl Limits {
    /// The meter and the breaker, in one BatchGetItem.
    pub(super) async fn read(&self, key: &LimitKey, consistency: Consistency) -> Result<Sight, StoreError> {
        let keys = [key.meter(), key.breaker()].map(|name| Item::from([named(name)])).to_vec();
        let mut sight = Sight::default();
        for item in self.table.get(keys, consistency, Step::Permit, READING).await? {
            if item.get(KEY) == Some(&text(key.meter())) {
                sight.meter = from_item(item, READING)?;
            } else {
                sight.breaker = from_item(item, READING)?;
            }
        }
        Ok(sight)
    }

    /// Counts a permit, on condition that there is room. One whose acknowledgement is lost is counted again: that
    /// wastes a call of the limit, and nothing else.
    pub(super) async fn count(&self, key: &LimitKey, seen: &Meter, count: Count) -> Result<Counted, StoreError> {
        let mut update = "SET #granted = #granted + :one".to_owned();
        let (name, value) = named(key.meter());
        let mut request = self.table.update().key(name, value);
        for (span, _) in Span::ALL.into_iter().zip(count.late).filter(|(_, late)| *late) {
            let window = span.word();
            update += &format!(", #{window}.#late = #{window}.#late + :one");
            request = request
                .expression_attribute_names(format!("#{window}"), window)
                .expression_attribute_names("#late", "late");
        }
        let request = request
            .update_expression(update)
            .condition_expression("#rev = :seen AND #granted < :room")
            .expression_attribute_names("#rev", REV)
            .expression_attribute_names("#granted", GRANTED)
            .expression_attribute_values(":seen", number(seen.rev))
            .expression_attribute_values(":room", number(count.room))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew);
        match self.table.send_update(request, Step::Permit, WRITING).await? {
            Some(item) => Ok(Counted::There(Box::new(from_item(item, READING)?))),
            None => Ok(Counted::Changed),
        }
    }

    /// Keeps `next`, on condition that what it was decided on is still there. A repeat of a write that is there already
    /// is a success: its acknowledgement was lost on the way.
    pub(super) async fn keep(&self, key: &LimitKey, seen: &Sight, next: &Kept) -> Result<bool, StoreError> {
        let (rev, granted, item) = match next {
            Kept::Meter(next) => (seen.meter.rev, Some(seen.meter.granted), item_of(key.meter(), &**next)?),
            Kept::Breaker(next) => (seen.breaker.rev, None, item_of(key.breaker(), next)?),
        };
        let condition = match (rev, granted) {
            (0, _) => Condition::absent(KEY),
            (rev, None) => Condition::unchanged([(REV, number(rev))]),
            (rev, Some(granted)) => Condition::unchanged([(REV, number(rev)), (GRANTED, number(granted))]),
        };
        let put = self.table.put_if(item, condition, Step::Permit, WRITING).await?;
        Ok(matches!(put, Put::Now | Put::Same))
    }
}

fn item_of<T: serde::Serialize>(name: String, kept: &T) -> Result<Item, StoreError> {
    let mut item = to_item(kept, WRITING)?;
    item.extend([named(name)]);
    Ok(item)
}

fn named(name: String) -> (String, AttributeValue) {
    (KEY.to_owned(), text(name))
}
