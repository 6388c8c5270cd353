//! Reading and editing what is sent to DynamoDB.

use serde_json::{Map, Value, json};

use leadgate_sandbox::world::{Call, Rewrite};

/// The write of a record, as it shall be. `None` for every other call.
pub(super) fn record<'v>(call: &Call, body: &'v Value) -> Option<&'v Value> {
    let is_record = call.operation == "dynamodb PutItem" && body["Item"].get("record").is_some();
    is_record.then(|| &body["Item"])
}

/// A record's state.
pub(super) fn state(record: &Value) -> &str {
    record["state"]["S"].as_str().unwrap_or_default()
}

/// The writes of a transaction.
pub(super) fn writes<'v>(call: &Call, body: &'v Value) -> &'v [Value] {
    match call.operation.as_str() {
        "dynamodb TransactWriteItems" => body["TransactItems"].as_array().map_or(&[], Vec::as_slice),
        _ => &[],
    }
}

/// Whether a transaction puts an item of this kind: `hold`, `purchase`, `wallet`.
pub(super) fn puts(writes: &[Value], kind: &str) -> bool {
    writes.iter().any(|write| is_put(write, kind))
}

/// Whether a write puts an item of this kind.
pub(super) fn is_put(write: &Value, kind: &str) -> bool {
    let name = write["Put"]["Item"]["item"]["S"].as_str();
    name.and_then(|name| name.strip_prefix(kind)).is_some_and(|rest| rest.starts_with('#'))
}

/// Whether a transaction settles a purchase of what arrives later.
pub(super) fn purchases_later(writes: &[Value]) -> bool {
    let name = |write: &Value| write["Put"]["Item"]["item"]["S"].as_str().is_some_and(|name| name.ends_with("-later"));
    writes.iter().any(|write| is_put(write, "purchase") && name(write))
}

/// The write of an answer that others may use, or of the claim to ask for it: whom it is about. `None` for every other
/// call.
pub(super) fn answer<'v>(call: &Call, body: &'v Value) -> Option<&'v str> {
    (call.operation == "dynamodb PutItem").then(|| body["Item"]["answer"]["S"].as_str())?
}

/// Whether a transaction resolves a hold.
pub(super) fn resolves(writes: &[Value]) -> bool {
    writes.iter().any(|write| write.get("Delete").is_some())
}

/// The same transaction with each of its writes edited; those that `edit` gives nothing for are left out.
pub(super) fn rewritten(body: &Value, edit: impl Fn(Value) -> Option<Value>) -> Rewrite {
    let mut body = body.clone();
    let writes = body["TransactItems"].take();
    let writes = if let Value::Array(writes) = writes { writes } else { Vec::new() };
    body["TransactItems"] = writes.into_iter().filter_map(edit).collect();
    Rewrite::Sent(body)
}

/// The write without its condition.
pub(super) fn unconditional(mut write: Value) -> Value {
    if let Value::Object(fields) = &mut write {
        fields.remove("ConditionExpression");
        forget_unused(fields);
    }
    write
}

/// The write without those of its conditions in which `word` stands.
pub(super) fn without_conditions(mut write: Value, word: &str) -> Value {
    let Some(condition) = write["ConditionExpression"].as_str() else { return write };
    let left: Vec<&str> = condition.split(" AND ").filter(|part| !part.contains(word)).collect();
    let left = left.join(" AND ");
    if left.is_empty() {
        return unconditional(write);
    }
    write["ConditionExpression"] = left.into();
    if let Value::Object(fields) = &mut write {
        forget_unused(fields);
    }
    write
}

/// DynamoDB refuses names and values that no expression uses.
fn forget_unused(fields: &mut Map<String, Value>) {
    let text = |fields: &Map<String, Value>, name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let expressions = ["ConditionExpression", "UpdateExpression"].map(|name| text(fields, name).unwrap_or_default());
    let words: Vec<&str> =
        expressions.iter().flat_map(|text| text.split(|c: char| !(c.is_alphanumeric() || "#:_".contains(c)))).collect();
    for name in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        let Some(Value::Object(used)) = fields.get_mut(name) else { continue };
        used.retain(|word, _| words.contains(&word.as_str()));
        if used.is_empty() {
            fields.remove(name);
        }
    }
}

/// What DynamoDB answers to a write.
pub(super) fn swallowed() -> Rewrite {
    Rewrite::Answered(json!({}))
}
