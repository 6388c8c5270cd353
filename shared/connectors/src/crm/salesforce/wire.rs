//! The shapes of requests to Salesforce and of its answers (developer.salesforce.com, "REST API Developer Guide": sObject
//! Collections; "Status Codes and Error Responses").
//!
//! Errors of a call name their code `errorCode`, errors of one record of several `statusCode`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::person::Properties;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::record_id;
use crate::loose::{List, Loose, Scalar, read};

/// The most records that are written with one call of sObject Collections (documented). Reading takes more.
pub(super) const RECORDS_MAX: usize = 200;

/// The most errors that are read for one record, and fields for one error.
const ERRORS_MAX: usize = 50;

/// Stands in a field that a lead has to have while nothing is known for it: as good as nothing, so that it is neither taken
/// for a name nor in the way of one.
pub(super) const NOT_PROVIDED: &str = "[not provided]";

/// A person who isn't a customer yet.
pub(super) const LEAD: ObjectType = ObjectType::known("Lead");
/// A person at a customer's.
pub(super) const CONTACT: ObjectType = ObjectType::known("Contact");
/// A customer.
pub(super) const ACCOUNT: ObjectType = ObjectType::known("Account");

/// What the ids of each kind of record begin with.
pub(super) fn id_prefix(object: &ObjectType) -> &'static str {
    if *object == LEAD { "00Q" } else { "003" }
}

/// Body of a retrieve.
#[derive(Serialize)]
pub(super) struct Retrieve<'a> {
    pub(super) ids: &'a BTreeSet<String>,
    pub(super) fields: &'a BTreeSet<String>,
}

/// Body of an update: one record's failure leaves the others alone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Update {
    pub(super) all_or_none: bool,
    pub(super) records: Vec<Value>,
}

/// A record of an update.
pub(super) fn row(object: &ObjectType, id: &str, fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    let mut row: Map<String, Value> = fields.into_iter().collect();
    row.insert("attributes".to_owned(), serde_json::json!({ "type": object.as_str() }));
    row.insert("id".to_owned(), id.into());
    Value::Object(row)
}

/// A record as it is read: its fields by name, beside `attributes`.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Row(BTreeMap<String, Scalar>);

impl Row {
    /// Which record it is, in the long form.
    pub(super) fn id(&self) -> Option<String> {
        record_id::canonical(&self.field("Id")?)
    }

    /// A field. A time is told in the form that the rest of the house reads.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let text = self.0.get(name)?.to_text().filter(|text| text != NOT_PROVIDED)?;
        match text.ends_with("+0000").then(|| instant(&text)).flatten() {
            Some(instant) => Some(instant.to_string()),
            None => Some(text),
        }
    }

    /// The fields of these names, under the names that they are asked for by.
    pub(super) fn properties<'n>(&self, names: impl IntoIterator<Item = (&'n str, &'n str)>) -> Properties {
        names.into_iter().map(|(asked, field)| (asked.to_owned(), self.field(field))).collect()
    }
}

/// The rows of a retrieve, in the order of the ids. One that isn't there is null. `None` if it isn't such an answer.
pub(super) fn rows(body: &[u8]) -> Option<Vec<Option<Row>>> {
    match read::<List<Loose<Row>, RECORDS_MAX>>(body) {
        Ok(List::Of { items, .. }) => Some(items.into_iter().map(Loose::into_object).collect()),
        _ => None,
    }
}

/// What became of one record of an update.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    id: Scalar,
    success: Scalar,
    errors: List<Loose<Complaint>, ERRORS_MAX>,
}

impl Outcome {
    /// Whether it says that it is about another record.
    pub(super) fn is_of_another(&self, id: &str) -> bool {
        self.id.as_text().is_some_and(|found| record_id::canonical(found).as_deref() != Some(id))
    }

    /// Why it failed, if it did. An answer without a word of success is a failure without a reason.
    pub(super) fn failure(self) -> Option<Complaint> {
        if self.success == Scalar::Boolean(true) {
            return None;
        }
        let mut all = self.errors.into_objects().into_iter();
        let mut first = all.next().unwrap_or_default();
        all.for_each(|other| first.more.extend(other.refused()));
        Some(first)
    }
}

/// The outcomes of an update, in the order of its records. `None` if it isn't such an answer.
pub(super) fn outcomes(body: &[u8]) -> Option<Vec<Outcome>> {
    match read::<List<Loose<Outcome>, RECORDS_MAX>>(body) {
        Ok(List::Of { items, .. }) => {
            Some(items.into_iter().map(|outcome| outcome.into_object().unwrap_or_default()).collect())
        }
        _ => None,
    }
}

/// What Salesforce objects to.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Complaint {
    error_code: Scalar,
    status_code: Scalar,
    message: Scalar,
    fields: List<Scalar, ERRORS_MAX>,
    /// Fields that other errors of the same record name.
    #[serde(skip)]
    more: Vec<(String, String)>,
}

impl Complaint {
    /// The first error in the body of a failed call; an empty one when the body is something else, such as a page.
    pub(super) fn read(body: &[u8]) -> Self {
        let errors = read::<List<Loose<Self>, ERRORS_MAX>>(body).unwrap_or_default();
        errors.into_objects().into_iter().next().unwrap_or_default()
    }

    /// `UNABLE_TO_LOCK_ROW`, `STRING_TOO_LONG`, …
    pub(super) fn code(&self) -> Option<&str> {
        self.status_code.as_word().or(self.error_code.as_word())
    }

    fn word(&self) -> &str {
        self.code().unwrap_or("REFUSED")
    }

    fn fields(&self) -> impl Iterator<Item = String> {
        self.fields.items().iter().filter_map(Scalar::to_text)
    }

    /// The fields that it is about, each with Salesforce's word for what is wrong.
    pub(super) fn refused(&self) -> BTreeMap<String, String> {
        let own = self.fields().chain(self.column()).map(|field| (field, self.word().to_owned()));
        self.more.iter().cloned().chain(own).collect()
    }

    /// The field that the org doesn't have, or the user doesn't see: only the sentence names it.
    pub(super) fn column(&self) -> Option<String> {
        let (_, rest) = self.message.as_text()?.split_once("No such column '")?;
        let (column, _) = rest.split_once('\'')?;
        let in_names = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (!column.is_empty() && column.chars().all(in_names)).then(|| column.to_owned())
    }

    /// Whether its sentence has this in it. Sentences repeat values, so that they are only searched.
    pub(super) fn says(&self, words: &str) -> bool {
        self.message.as_text().is_some_and(|message| message.contains(words))
    }
}

/// The answer of the token endpoint, good or bad.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenAnswer {
    pub(super) access_token: Scalar,
    pub(super) instance_url: Scalar,
    /// An address that ends in the org's id and the user's.
    pub(super) id: Scalar,
    pub(super) error: Scalar,
}

/// A time as Salesforce writes it: with `Z` in SOAP, with `+0000` in JSON.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// How many of the day's calls were used, of how many: `Sforce-Limit-Info: api-usage=18/5000; per-app-…`.
pub(super) fn daily_usage(header: &str) -> Option<(u64, u64)> {
    let usage = header.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, most) = usage.split_once('/')?;
    Some((used.trim().parse().ok()?, most.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        let expected: Timestamp = "2026-01-15T10:00:00.5Z".parse().expect("a time");
        for form in ["2026-01-15T10:00:00.500+0000", "2026-01-15T10:00:00.500Z", "2026-01-15T11:00:00.500+01:00"] {
            assert_eq!(instant(form), Some(expected), "{form}");
        }
        assert_eq!(instant("yesterday"), None);
        let row: Row = serde_json::from_str(r#"{"attributes":{},"At":"2026-01-15T10:00:00.000+0000","T":"x+0000"}"#)
            .expect("a row");
        assert_eq!(row.field("At").as_deref(), Some("2026-01-15T10:00:00Z"));
        assert_eq!(row.field("T").as_deref(), Some("x+0000"), "no time");
    }

    #[test]
    fn the_days_usage_is_read_and_nothing_else() {
        assert_eq!(daily_usage("api-usage=18/5000"), Some((18, 5000)));
        let both = "per-app-api-usage=17/250(appName=x); api-usage=25/5000";
        assert_eq!(daily_usage(both), Some((25, 5000)));
        for wrong in ["", "api-usage=", "api-usage=a/b", "per-app-api-usage=17/250(appName=x)"] {
            assert_eq!(daily_usage(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_complaint_names_its_fields_and_no_values() {
        let refused = |body: &str| Complaint::read(body.as_bytes()).refused().into_iter().collect::<Vec<_>>();
        let named = |field: &str, code: &str| vec![(field.to_owned(), code.to_owned())];
        let long = r#"[{"message":"Title: data value too large: Ada (max length=128)","errorCode":"STRING_TOO_LONG","fields":["Title"]}]"#;
        assert_eq!(refused(long), named("Title", "STRING_TOO_LONG"));
        let column = r#"[{"message":"\nId,Foo__c\n ^\nERROR at Row:1:Column:4\nNo such column 'Foo__c' on entity 'Lead'.","errorCode":"INVALID_FIELD"}]"#;
        assert_eq!(refused(column), named("Foo__c", "INVALID_FIELD"));
        for nothing in ["", "<html>", "{}", "[]", r#"[{"errorCode":"X"}]"#, r#"[{"message":"No such column ''"}]"#] {
            assert_eq!(refused(nothing), vec![], "{nothing}");
        }
        let two =
            r#"{"success":false,"errors":[{"statusCode":"A_B","fields":["X"]},{"statusCode":"C_D","fields":["Y"]}]}"#;
        let outcome: Outcome = serde_json::from_str(two).expect("an outcome");
        let both = outcome.failure().expect("a failure").refused();
        assert_eq!(both, [("X", "A_B"), ("Y", "C_D")].map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    }
}
