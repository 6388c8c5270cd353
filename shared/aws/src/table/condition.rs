//! On what condition an item is put.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::number;

pub(crate) struct Condition {
    pub(super) expression: String,
    pub(super) names: HashMap<String, String>,
    /// DynamoDB refuses an empty map.
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

impl Condition {
    /// There is no item with this key, of which `key` names one attribute.
    pub(crate) fn absent(key: &str) -> Self {
        let names = HashMap::from([("#key".to_owned(), key.to_owned())]);
        Self { expression: "attribute_not_exists(#key)".to_owned(), names, values: None }
    }

    /// There is one, and these attributes of it are as they were read.
    pub(crate) fn unchanged<const N: usize>(seen: [(&str, AttributeValue); N]) -> Self {
        let (mut parts, mut names, mut values) = (Vec::new(), HashMap::new(), HashMap::new());
        for (i, (name, value)) in seen.into_iter().enumerate() {
            parts.push(format!("#n{i} = :v{i}"));
            names.insert(format!("#n{i}"), name.to_owned());
            values.insert(format!(":v{i}"), value);
        }
        Self { expression: parts.join(" AND "), names, values: Some(values) }
    }

    /// There is none, or it has something else than this there.
    pub(crate) fn absent_or_other(key: &str, name: &str, value: AttributeValue) -> Self {
        let names = [("#key", key), ("#name", name)].map(|(mark, name)| (mark.to_owned(), name.to_owned()));
        Self {
            expression: "attribute_not_exists(#key) OR attribute_not_exists(#name) OR #name <> :value".to_owned(),
            names: HashMap::from(names),
            values: Some(HashMap::from([(":value".to_owned(), value)])),
        }
    }

    /// There is none, or its time, in milliseconds, is over.
    pub(crate) fn absent_or_over(key: &str, until: &str, now: Timestamp) -> Self {
        let names = [("#key", key), ("#until", until)].map(|(mark, name)| (mark.to_owned(), name.to_owned()));
        Self {
            expression: "attribute_not_exists(#key) OR #until <= :now".to_owned(),
            names: HashMap::from(names),
            values: Some(HashMap::from([(":now".to_owned(), number(now.as_millisecond()))])),
        }
    }

    /// The same, or this attribute of it is as it is to be.
    pub(crate) fn or_same(mut self, name: &str, value: AttributeValue) -> Self {
        self.expression.push_str(" OR #same = :same");
        self.names.insert("#same".to_owned(), name.to_owned());
        self.values.get_or_insert_default().insert(":same".to_owned(), value);
        self
    }
}
