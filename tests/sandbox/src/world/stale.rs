//! What an eventually consistent read may still answer: the records as they stood before their last write.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// How long a read may lag behind a write, by the world's clock. DynamoDB says "usually a second or less".
const LAG_MAX: Duration = Duration::from_secs(10);
/// The key of the records table. Only records are read with eventual consistency.
const KEY: &str = "record";

/// The last write of each record.
#[derive(Default)]
pub(super) struct Writes {
    /// How much time has passed since the first.
    passed: Duration,
    last: BTreeMap<String, Write>,
}

struct Write {
    at: Duration,
    before: Option<Value>,
    now: Value,
}

impl Writes {
    /// Time passes.
    pub(super) fn pass(&mut self, by: Duration) {
        self.passed += by;
    }

    /// Takes note of a PutItem, if it was that of a record.
    pub(super) fn note(&mut self, request: &[u8]) {
        let Ok(mut request) = serde_json::from_slice::<Value>(request) else { return };
        let Some(key) = key_of(&request["Item"]).map(str::to_owned) else { return };
        let now = request["Item"].take();
        let before = self.last.remove(&key).map(|write| write.now);
        self.last.insert(key, Write { at: self.passed, before, now });
    }

    /// The answer to this request, without the last write of each record in it that was just now.
    pub(super) fn as_before(&self, request: &Value, mut answer: Value) -> Value {
        if let Some(tables) = request["RequestItems"].as_object() {
            for (table, asked) in tables.iter().filter(|(_, asked)| asked["ConsistentRead"] != true) {
                let keys: Vec<&str> = asked["Keys"].as_array().into_iter().flatten().filter_map(key_of).collect();
                if let Some(items) = answer["Responses"][table].as_array_mut() {
                    self.turn_back(items, |key, _| keys.contains(&key));
                }
            }
        } else if request["IndexName"].is_string() && request["ConsistentRead"] != true {
            let Some((attribute, value)) = partition(request) else { return answer };
            let count = answer["Items"].as_array_mut().map(|items| {
                self.turn_back(items, |_, before| before[attribute] == *value);
                items.len()
            });
            if let Some(count) = count {
                answer["Count"] = count.into();
                answer["ScannedCount"] = count.into();
            }
        }
        answer
    }

    /// Puts what stood there before in the place of what was written just now, where it belongs to the answer.
    fn turn_back(&self, items: &mut Vec<Value>, belongs: impl Fn(&str, &Value) -> bool) {
        let is_recent = |write: &Write| self.passed - write.at < LAG_MAX;
        items.retain(|item| key_of(item).and_then(|key| self.last.get(key)).is_none_or(|write| !is_recent(write)));
        for (key, write) in self.last.iter().filter(|(_, write)| is_recent(write)) {
            items.extend(write.before.iter().filter(|before| belongs(key, before)).cloned());
        }
    }
}

fn key_of(item: &Value) -> Option<&str> {
    item[KEY]["S"].as_str()
}

/// The attribute that a query of an index goes by, and its value: `#name = :value`.
fn partition(request: &Value) -> Option<(&str, &Value)> {
    let (name, value) = request["KeyConditionExpression"].as_str()?.split_once(" = ")?;
    Some((request["ExpressionAttributeNames"][name].as_str()?, &request["ExpressionAttributeValues"][value]))
}
