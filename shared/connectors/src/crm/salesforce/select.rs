//! Records that an operator has chosen: those with a value in a field; and what queries have in common.
//!
//! Documented (developer.salesforce.com, "SOQL SELECT Syntax", "Quoted String Escape Sequences", "Query"): texts stand in quotes,
//! numbers and truth values don't; an answer has at most 2,000 rows. A query is gone on with by the last id, so that nothing is
//! kept open in the org. What a list view holds is left to the org: its answer is cut off at 2,000 rows.

use leadgate_enrichment::crm::schema::Takes;
use leadgate_enrichment::crm::{CrmError, Selected, Selection};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use super::classify::unreadable;
use super::client::{NOTHING, Salesforce, long};
use super::wire::{LEAD, Row};
use crate::loose::{List, Loose, Scalar, read};

/// The most rows of one answer.
const ROWS_MAX: usize = 2000;
/// One that was converted is chosen as the contact that it has become.
pub(super) const UNCONVERTED: &str = "IsConverted = false AND ";

/// The answer of a query.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    done: Scalar,
    records: List<Loose<Row>, ROWS_MAX>,
}

/// The records that a query has found.
pub(super) struct Ids {
    pub(super) ids: Vec<String>,
    /// Whether these are all of them.
    pub(super) done: bool,
}

impl Salesforce {
    pub(super) async fn chosen(
        &self,
        object: &ObjectType,
        selection: &Selection,
        after: Option<&str>,
    ) -> Result<Selected, CrmError> {
        let Selection::Value { property, value } = selection else {
            let reason = "Salesforce's list views can't be read by Leadgate: choose by --search FIELD=VALUE, or name the \
                          records in a file";
            return Err(never(reason.to_owned()));
        };
        let (field, literal) = self.literal(object, property, value).await?;
        let only = if *object == LEAD { UNCONVERTED } else { "" };
        let behind = after.map(|id| format!(" AND Id > {}", quoted(id))).unwrap_or_default();
        let query =
            format!("SELECT Id FROM {object} WHERE {only}{field} = {literal}{behind} ORDER BY Id LIMIT {ROWS_MAX}");
        let Ids { ids, done } = self.ids_of(object, &query).await?;
        let next = ids.last().filter(|_| !done || ids.len() == ROWS_MAX).cloned();
        Ok(Selected { ids, next })
    }

    /// The field as the org spells it, and the value as a query wants it of such a field. Nothing that is typed stands in a
    /// query otherwise.
    async fn literal(&self, object: &ObjectType, field: &str, value: &str) -> Result<(String, String), CrmError> {
        let known = self.describe(object).await?;
        let known = known.into_iter().find(|property| property.name.eq_ignore_ascii_case(field));
        let Some(property) = known else {
            return Err(never(format!("{object} has no field {field:?}, or Leadgate's user doesn't see it")));
        };
        let is_number = || value.parse::<f64>().is_ok() && value.chars().all(|c| matches!(c, '0'..='9' | '.' | '-'));
        let literal = match &property.takes {
            Takes::Text { .. } | Takes::Choice(_) => quoted(value),
            Takes::Other(kind) if kind == "reference" => quoted(value),
            Takes::Number if is_number() => value.to_owned(),
            Takes::Number => return Err(never(format!("found {value:?} for {field}, expected a number"))),
            Takes::Other(kind) if kind == "boolean" && ["true", "false"].contains(&value) => value.to_owned(),
            Takes::Other(kind) if kind == "boolean" => {
                return Err(never(format!("found {value:?} for {field}, expected true or false")));
            }
            Takes::Instant | Takes::Other(_) => {
                return Err(never(format!(
                    "records can't be chosen by {field}: choose by a text, a number or a checkbox"
                )));
            }
        };
        Ok((property.name, literal))
    }

    /// The ids of the records of this kind that a query finds.
    pub(super) async fn ids_of(&self, object: &ObjectType, query: &str) -> Result<Ids, CrmError> {
        let path = format!("/query?q={}", byte_serialize(query.as_bytes()).collect::<String>());
        let answer = self.call(Method::GET, &path, NOTHING).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let found = read::<Loose<Found>>(&answer.body).ok().and_then(Loose::into_object);
        let Some(Found { done, records: List::Of { items, .. } }) = found else {
            return Err(unreadable("no rows of a query"));
        };
        let id = |row: Loose<Row>| {
            let id = row.into_object().and_then(|row| row.id()).and_then(|id| long(object, &id));
            id.ok_or_else(|| unreadable("a row of another kind"))
        };
        let ids = items.into_iter().map(id).collect::<Result<_, _>>()?;
        Ok(Ids { ids, done: done == Scalar::Boolean(true) })
    }
}

/// As a text stands in a query: a backslash is put before these.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn never(reason: String) -> CrmError {
    CrmError { reason, retry: Retry::Never }
}
