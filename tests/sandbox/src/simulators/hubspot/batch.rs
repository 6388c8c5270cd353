//! The operations on up to a hundred contacts at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::contacts::Source;
use super::portal::{Portal, Refusal};
use super::records::{count, is_archived};
use super::schema::Violation;
use super::wire::{self, RecordError, Wanted};
use crate::simulators::exchange::{Answer, Call};

/// The most contacts in one call.
const INPUTS_MAX: usize = 100;

/// The most contacts when histories are asked for.
const INPUTS_WITH_HISTORY_MAX: usize = 50;

/// What HubSpot says of ids that lead nowhere.
const GONE: &str = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadBody {
    inputs: Vec<ReadInput>,
    #[serde(default)]
    properties: Vec<String>,
    properties_with_history: Option<Vec<String>>,
    id_property: Option<String>,
}

#[derive(Deserialize)]
struct ReadInput {
    id: String,
}

#[derive(Deserialize)]
struct UpdateBody {
    inputs: Vec<UpdateInput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateInput {
    id: String,
    id_property: Option<String>,
    properties: BTreeMap<String, String>,
    object_write_trace_id: Option<String>,
}

impl Portal {
    /// Reads. Ids that lead nowhere are in one error together, and the results come in no particular order. An id that was
    /// merged away gives a result under another one, or neither result nor error: both were seen.
    pub(super) fn batch_read(&mut self, call: &Call, now: Timestamp) -> Answer {
        let body: ReadBody = match self.body(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let Some(with_history) = body.properties_with_history else {
            // Required by the descriptions of v3, 2026-03 and 2026-09.
            let message = "Invalid input JSON on line 1, column 1: Cannot build `BatchReadInputSimplePublicObjectId`, some \
                           of required attributes are not set [propertiesWithHistory]";
            return self.error(400, "VALIDATION_ERROR", message);
        };
        let most = if with_history.is_empty() { INPUTS_MAX } else { INPUTS_WITH_HISTORY_MAX };
        if let Some(answer) = self.refuse_inputs(body.inputs.iter().map(|input| input.id.as_str()), most) {
            return answer;
        }
        let wanted = Wanted { properties: body.properties, with_history };
        let mut results = Vec::new();
        let mut missing = Vec::new();
        for input in body.inputs {
            let found = self.find(&input.id, body.id_property.as_deref(), is_archived(call));
            let is_merged = body.id_property.is_none() && found.is_some_and(|found| found.to_string() != input.id);
            if is_merged && self.rng.bool() {
                continue;
            }
            match found.and_then(|id| self.contacts.get(id)) {
                Some(contact) => results.push(wire::contact(contact, &wanted, |name| self.exists(name))),
                None => missing.push(input.id),
            }
        }
        self.counters.records_read += count(results.len());
        self.rng.shuffle(&mut results);
        let errors = if missing.is_empty() { Vec::new() } else { vec![gone(missing, None)] };
        wire::batch(results, &errors, now)
    }

    /// Writes. One property that doesn't exist or is read-only, or one value that isn't accepted, fails the whole call
    /// (observed: Atlas-Authority/marketing-automation#206). That an input with an `objectWriteTraceId` fails alone is
    /// documented for creating contacts only.
    pub(super) fn batch_update(&mut self, call: &Call, now: Timestamp) -> Answer {
        let body: UpdateBody = match self.body(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        if let Some(answer) = self.refuse_inputs(body.inputs.iter().map(|input| input.id.as_str()), INPUTS_MAX) {
            return answer;
        }
        if let Some(violations) = self.batch_violations(&body.inputs) {
            return wire::violations(&violations, self.portal_id, &self.correlation_id());
        }
        let mut results = Vec::new();
        let mut errors = Vec::new();
        for input in body.inputs {
            match self.update_input(input, now) {
                Ok(written) => results.push(written),
                Err(error) => errors.push(error),
            }
        }
        if !results.is_empty() {
            self.counters.writes += 1;
            self.counters.records_written += count(results.len());
        }
        self.rng.shuffle(&mut results);
        wire::batch(results, &errors, now)
    }

    fn update_input(&mut self, input: UpdateInput, now: Timestamp) -> Result<Value, RecordError> {
        let UpdateInput { id, id_property, properties, object_write_trace_id: trace_id } = input;
        let Some(found) = self.find(&id, id_property.as_deref(), false) else {
            return Err(gone(vec![id], trace_id));
        };
        match self.update(found, &properties, &Source::app(self.app_id), now) {
            Ok(()) => {
                let mut written = self.shown_written(found, properties);
                if let Some(trace_id) = trace_id {
                    written["objectWriteTraceId"] = trace_id.into();
                }
                Ok(written)
            }
            // The values were checked, but another record of the same batch may have taken the address.
            Err(Refusal::Invalid(violations)) => {
                let message = wire::violations_message(&violations, self.portal_id);
                Err(RecordError { category: "VALIDATION_ERROR", message, ids: vec![id], trace_id })
            }
            Err(Refusal::NotFound | Refusal::Exists(_)) => Err(gone(vec![id], trace_id)),
        }
    }

    /// What is wrong with the batch as a whole.
    fn batch_violations(&self, inputs: &[UpdateInput]) -> Option<Vec<Violation>> {
        let mut all: Vec<Violation> = Vec::new();
        for input in inputs {
            let checked = match self.find(&input.id, input.id_property.as_deref(), false) {
                Some(id) => self.check_update(id, &input.properties),
                None => self.schema.check(&input.properties).map_err(Refusal::Invalid),
            };
            if let Err(Refusal::Invalid(violations)) = checked {
                all.extend(violations);
            }
        }
        (!all.is_empty()).then_some(all)
    }

    /// Refuses too many inputs, and the same one twice.
    fn refuse_inputs<'a>(&mut self, ids: impl Iterator<Item = &'a str>, most: usize) -> Option<Answer> {
        let mut seen = BTreeSet::new();
        let mut inputs = 0;
        let mut repeated = Vec::new();
        for id in ids {
            inputs += 1;
            if !seen.insert(id) {
                repeated.push(id);
            }
        }
        if inputs > most {
            let message = format!("The maximum number of inputs supported in a batch request is {most}; got {inputs}");
            return Some(self.error(400, "VALIDATION_ERROR", &message));
        }
        if !repeated.is_empty() {
            let message = format!("Duplicate IDs found in batch input: {repeated:?}. IDs must be unique");
            return Some(self.error(400, "VALIDATION_ERROR", &message));
        }
        None
    }
}

fn gone(ids: Vec<String>, trace_id: Option<String>) -> RecordError {
    RecordError { category: "OBJECT_NOT_FOUND", message: GONE.to_owned(), ids, trace_id }
}
