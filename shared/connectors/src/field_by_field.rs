//! One record, written to a CRM that takes one record with a call and refuses all of the call for one bad field: what its
//! answer names is left out, and where it names nothing the fields are sent in halves, which finds it.

use std::collections::BTreeMap;

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::lead::patch::{Patch, is_same_number};
use serde_json::Value;

/// How many calls the write of one record makes. What isn't told apart by then is left out together.
const CALLS_MAX: usize = 24;

/// Why a field is left out.
const REFUSED: &str = "REFUSED";
const REFUSED_WITH_OTHERS: &str = "REFUSED_WITH_OTHERS";
/// Why a value isn't written: a person has put another one there since it was decided on.
pub(crate) const CHANGED_MEANWHILE: &str = "CHANGED_MEANWHILE";

/// A field as it is sent.
pub(crate) struct Field {
    /// What the mapping calls it.
    pub(crate) property: String,
    pub(crate) value: Value,
}

/// One record to be written.
#[derive(Default)]
pub(crate) struct Job {
    /// By the names that they are sent under.
    fields: BTreeMap<String, Field>,
    /// Refused properties, with the reasons.
    dropped: BTreeMap<String, String>,
    /// What the CRM has put into another form.
    reformatted: Patch,
    accepted: bool,
    rejection: Option<String>,
    /// Names that are still to be sent, those of each call together. Empty before the first call.
    waiting: Vec<Vec<String>>,
    calls: usize,
}

/// What a CRM says of a call that it refuses.
pub(crate) struct Refusal {
    /// The fields that it names.
    pub(crate) named: Vec<String>,
    /// Its word for what is wrong.
    pub(crate) code: Option<String>,
    /// Safe to log.
    pub(crate) reason: String,
}

impl Job {
    pub(crate) fn add(&mut self, name: &str, property: &str, value: Value) {
        self.fields.insert(name.to_owned(), Field { property: property.to_owned(), value });
        self.waiting = vec![self.fields.keys().cloned().collect()];
    }

    /// It isn't sent at all.
    pub(crate) fn leave_out(&mut self, property: &str, reason: &str) {
        self.dropped.insert(property.to_owned(), reason.to_owned());
    }

    /// Something of it stands there already.
    pub(crate) fn stands(&mut self) {
        self.accepted = true;
    }

    /// The names of what the next call sends. `None` when there is nothing more to send.
    pub(crate) fn next_call(&mut self) -> Option<Vec<String>> {
        while self.calls < CALLS_MAX {
            let group = self.waiting.pop()?;
            if !group.is_empty() {
                self.calls += 1;
                return Some(group);
            }
        }
        for name in std::mem::take(&mut self.waiting).into_iter().flatten() {
            self.drop_field(&name, REFUSED_WITH_OTHERS);
        }
        None
    }

    /// The fields of a call.
    pub(crate) fn fields<'a>(&'a self, group: &'a [String]) -> impl Iterator<Item = (&'a String, &'a Field)> {
        group.iter().filter_map(|name| self.fields.get_key_value(name))
    }

    /// The call was carried out, and this is how a value stands in the CRM now.
    pub(crate) fn taken(&mut self, group: &[String], shown: impl Fn(&Field) -> (Option<String>, Option<String>)) {
        self.accepted = true;
        for field in group.iter().filter_map(|name| self.fields.get(name)) {
            // Any other value that isn't what was sent may be a person's, typed in at the same moment.
            if let (Some(sent), Some(shown)) = shown(field)
                && sent.trim() != shown.trim()
                && is_same_number(&sent, &shown)
            {
                self.reformatted.insert(field.property.clone(), shown);
            }
        }
    }

    /// Nothing of the call was written. It is sent again without what is named, or else each half by itself.
    pub(crate) fn refused(&mut self, group: Vec<String>, refusal: Refusal) {
        let Refusal { named, code, reason } = refusal;
        self.rejection = Some(reason);
        let (mut named, mut rest): (Vec<String>, Vec<String>) =
            group.into_iter().partition(|name| named.contains(name));
        if named.is_empty() && rest.len() > 1 {
            let other = rest.split_off(rest.len() / 2);
            self.waiting.extend([rest, other]);
            return;
        }
        if named.is_empty() {
            named = std::mem::take(&mut rest);
        }
        for name in named {
            match self.fields.get_mut(&name).and_then(Field::as_number) {
                Some(()) => rest.push(name),
                None => self.drop_field(&name, code.as_deref().unwrap_or(REFUSED)),
            }
        }
        self.waiting.push(rest);
    }

    fn drop_field(&mut self, name: &str, reason: &str) {
        if let Some(field) = self.fields.remove(name) {
            self.leave_out(&field.property, reason);
        }
    }

    pub(crate) fn done(self) -> Written {
        match self.rejection {
            Some(reason) if !self.accepted => Written::Rejected(reason),
            _ => Written::Done { dropped: self.dropped, reformatted: self.reformatted },
        }
    }
}

impl Field {
    /// The text that was sent, if it is one.
    pub(crate) fn text(&self) -> Option<String> {
        self.value.as_str().map(str::to_owned)
    }

    /// A field that holds numbers takes no text: what was sent as text is sent as a number, once, if it is one.
    fn as_number(&mut self) -> Option<()> {
        let text = self.value.as_str()?;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number: Value = serde_json::from_str(text).ok().filter(|_| is_number)?;
        self.value = number;
        Some(())
    }
}

/// Notes how the write of one record ended; `None` if it has to be read again first. Whether to go on with the next one:
/// what has been written is told, and the rest has no answer, and so has failed.
pub(crate) fn goes_on(
    ends: &mut BTreeMap<String, Written>,
    id: &str,
    end: Result<Option<Written>, CrmError>,
) -> Result<bool, CrmError> {
    match end {
        Ok(end) => {
            ends.extend(end.map(|end| (id.to_owned(), end)));
            Ok(true)
        }
        Err(error) if ends.is_empty() => Err(error),
        Err(error) => {
            tracing::warn!(reason = error.reason, "the CRM took only a part of a batch");
            Ok(false)
        }
    }
}
