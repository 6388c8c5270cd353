//! The shapes of requests to HubSpot and of its answers.
//!
//! Values of properties are text throughout, numbers and truth values too; an unset one is `null`. Record ids are text
//! here and numbers in webhooks. Of an answer, every field is optional: HubSpot's own descriptions disagree.

use std::collections::BTreeMap;

use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use serde::de::{Deserializer, SeqAccess};
use serde::{Deserialize, Serialize};

use crate::loose::{FromAny, List, Loose, Scalar, any, read};

/// The most records in one call of HubSpot's batch endpoints (documented).
pub(super) const RECORDS_MAX: usize = 100;

/// The most complaints that are read from one answer: one per record and property would be more than is ever written.
const COMPLAINTS_MAX: usize = 1000;

/// Body of `batch/read`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchRead<'a> {
    pub(super) properties: &'a [&'a str],
    /// Earlier values are of no use here, but HubSpot's description of the call requires the list (v3 and later).
    pub(super) properties_with_history: [&'a str; 0],
    /// What the inputs name a record by, unless it is its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_property: Option<&'a str>,
    pub(super) inputs: Vec<ReadInput<'a>>,
}

#[derive(Serialize)]
pub(super) struct ReadInput<'a> {
    pub(super) id: &'a str,
}

/// Body of `batch/update`.
#[derive(Serialize)]
pub(super) struct BatchUpdate<'a> {
    pub(super) inputs: Vec<UpdateInput<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateInput<'a> {
    pub(super) id: &'a str,
    pub(super) properties: &'a Patch,
    /// Comes back with the record's result or error, which otherwise may not say which record it is about.
    pub(super) object_write_trace_id: &'a str,
}

/// Body of the update of one record.
#[derive(Serialize)]
pub(super) struct Update<'a> {
    pub(super) properties: &'a Patch,
}

/// Answer of a batch, whole (200) or in part (207).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct BatchAnswer {
    /// `COMPLETE`, unless HubSpot has not finished.
    pub(super) status: Scalar,
    pub(super) results: List<Loose<Record>, RECORDS_MAX>,
    pub(super) errors: List<Loose<Complaint>, COMPLAINTS_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Record {
    id: Scalar,
    properties: Loose<BTreeMap<String, Scalar>>,
    object_write_trace_id: Scalar,
    /// Of a write that was accepted, in part at least.
    warnings: List<Loose<Complaint>, COMPLAINTS_MAX>,
}

impl Record {
    pub(super) fn id(&self) -> Option<String> {
        self.id.to_text()
    }

    /// Which record it answers for. A record that was merged away answers under the id of the one that survives, so
    /// what we called it comes first.
    pub(super) fn answers_for(&self) -> Option<String> {
        self.object_write_trace_id.to_text().or_else(|| self.id())
    }

    pub(super) fn warnings(&self) -> impl Iterator<Item = &Complaint> {
        self.warnings.items().iter().filter_map(Loose::as_object)
    }

    pub(super) fn properties(&self) -> Properties {
        let read = |(name, value): (&String, &Scalar)| (name.clone(), value.to_text());
        self.properties.as_object().into_iter().flatten().map(read).collect()
    }
}

/// What HubSpot objects to: the body of a failed call, an entry of a 207, a warning, or a detail of any of them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Complaint {
    category: Scalar,
    code: Scalar,
    /// The limit that a 429 is about.
    policy_name: Scalar,
    message: Scalar,
    /// The property, in details.
    r#in: Scalar,
    context: Loose<BTreeMap<String, Texts>>,
    errors: List<Loose<Complaint>, COMPLAINTS_MAX>,
}

impl Complaint {
    /// From the body of a failed call; an empty one when the body is something else, such as a proxy's page.
    pub(super) fn read(body: &[u8]) -> Self {
        match read(body) {
            Ok(Loose::Object(complaint)) => complaint,
            _ => Self::default(),
        }
    }

    /// `VALIDATION_ERROR`, `OBJECT_NOT_FOUND`, …
    pub(super) fn category(&self) -> Option<&str> {
        self.category.as_word()
    }

    /// `DAILY`, `TEN_SECONDLY_ROLLING`, …
    pub(super) fn policy(&self) -> Option<&str> {
        self.policy_name.as_word()
    }

    /// The record that stands in the way of a new one: only the sentence names it, as in `Contact already exists. Existing
    /// ID: 101` (observed).
    pub(super) fn existing(&self) -> Option<String> {
        let (_, rest) = self.message.as_text()?.split_once("Existing ID: ")?;
        let id: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (!id.is_empty()).then_some(id)
    }

    /// The records it is about, as far as it says so.
    pub(super) fn records(&self) -> impl Iterator<Item = &str> {
        self.context_texts(&["objectWriteTraceId", "ids", "id"])
    }

    /// The properties it is about, each with HubSpot's word for what is wrong. Sentences are left out: they repeat
    /// the value.
    pub(super) fn properties(&self) -> BTreeMap<String, String> {
        let mut named = BTreeMap::new();
        self.collect_properties(&mut named);
        for detail in self.errors.items().iter().filter_map(Loose::as_object) {
            detail.collect_properties(&mut named);
        }
        named
    }

    fn collect_properties(&self, named: &mut BTreeMap<String, String>) {
        let code = self.code.as_word().or(self.category()).unwrap_or("REFUSED");
        let names = self.context_texts(&["propertyName", "propertyNames", "properties"]).chain(self.r#in.as_text());
        named.extend(names.map(|name| (name.to_owned(), code.to_owned())));
        named.extend(self.message.as_text().into_iter().flat_map(verdicts));
    }

    fn context_texts(&self, keys: &'static [&'static str]) -> impl Iterator<Item = &str> {
        let context = self.context.as_object();
        keys.iter().filter_map(move |key| context?.get(*key)).flat_map(|Texts(texts)| texts).map(String::as_str)
    }
}

/// HubSpot writes what it thinks of each property as JSON within the sentence:
/// `Property values were not valid: [{"isValid":false,"error":"INVALID_OPTION","name":"industry",…}]`.
fn verdicts(message: &str) -> Vec<(String, String)> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Verdict {
        is_valid: Scalar,
        error: Scalar,
        name: Scalar,
    }
    let Some(start) = message.find("[{") else { return Vec::new() };
    let mut lists = serde_json::Deserializer::from_str(&message[start..]).into_iter();
    let list: List<Loose<Verdict>, COMPLAINTS_MAX> = lists.next().and_then(Result::ok).unwrap_or_default();
    let refused = |verdict: &Verdict| {
        let is_valid = verdict.is_valid == Scalar::Boolean(true);
        let name = verdict.name.as_text().filter(|_| !is_valid)?;
        Some((name.to_owned(), verdict.error.as_word().unwrap_or("REFUSED").to_owned()))
    };
    list.items().iter().filter_map(Loose::as_object).filter_map(refused).collect()
}

/// One text or several: an error's context has both.
#[derive(Default)]
struct Texts(Vec<String>);

impl<'de> FromAny<'de> for Texts {
    fn other(_: &'static str) -> Self {
        Self::default()
    }

    fn integer(number: i64) -> Self {
        Self(vec![number.to_string()])
    }

    fn text(text: &str) -> Self {
        Self(vec![text.to_owned()])
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        let list = List::<Scalar, RECORDS_MAX>::list(list)?;
        Ok(Self(list.items().iter().filter_map(Scalar::to_text).collect()))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(body: &str) -> Vec<(String, String)> {
        Complaint::read(body.as_bytes()).properties().into_iter().collect()
    }

    #[test]
    fn refused_properties_are_found_wherever_hubspot_names_them() {
        let named = |name: &str, code: &str| vec![(name.to_owned(), code.to_owned())];
        let in_message = r#"{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Ada was not one of the allowed options: [A, B]\",\"error\":\"INVALID_OPTION\",\"name\":\"seniority\"},{\"isValid\":true,\"name\":\"city\"}] and so on"}"#;
        assert_eq!(properties(in_message), named("seniority", "INVALID_OPTION"));
        let in_context = r#"{"errors":[{"code":"PROPERTY_DOESNT_EXIST","context":{"propertyName":["foo"]}}]}"#;
        assert_eq!(properties(in_context), named("foo", "PROPERTY_DOESNT_EXIST"));
        let in_field = r#"{"category":"VALIDATION_ERROR","errors":[{"in":"phone","message":"Ada's phone is bad"}]}"#;
        assert_eq!(properties(in_field), named("phone", "REFUSED"));
        let in_text = r#"{"code":"not a word!","context":{"propertyName":"email"}}"#;
        assert_eq!(properties(in_text), named("email", "REFUSED"));
        for nothing in ["", "[]", "<html>", r#"{"message":"x [{\"isValid\":fal"}"#, r#"{"errors":3,"context":[]}"#] {
            assert_eq!(properties(nothing), vec![], "{nothing}");
        }
    }

    #[test]
    fn an_answer_is_read_whatever_its_types() {
        let body = r#"{"status":"COMPLETE","results":[{"id":7,"properties":{"a":"x","b":null,"c":3,"d":[1]}},"what"]}"#;
        let Ok(Loose::Object(answer)) = serde_json::from_str::<Loose<BatchAnswer>>(body) else {
            panic!("an object was not read")
        };
        let record = answer.results.items()[0].as_object().expect("a record");
        assert_eq!(record.answers_for().as_deref(), Some("7"));
        let expected = [("a", Some("x")), ("b", None), ("c", Some("3")), ("d", None)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(record.properties(), Properties::from(expected));
    }
}
