//! Which attributes people have, and what may be put into them (docs.attio.com, "Attribute types").

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

/// What may be put into an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// A date and time.
    Timestamp,
    /// One of these titles.
    Select(Vec<String>),
    /// Several e-mail addresses.
    Emails,
    /// Several telephone numbers.
    Phones,
    /// A name, in its parts.
    Name,
    /// A company.
    Company,
    /// Attio's own: it can be read.
    ReadOnly,
}

impl Kind {
    /// Attio's word for it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Text | Self::ReadOnly => "text",
            Self::Number => "number",
            Self::Timestamp => "timestamp",
            Self::Select(_) => "select",
            Self::Emails => "email-address",
            Self::Phones => "phone-number",
            Self::Name => "personal-name",
            Self::Company => "record-reference",
        }
    }

    pub(super) fn is_multiselect(&self) -> bool {
        matches!(self, Self::Emails | Self::Phones)
    }

    /// A value as it is stored, or `None` if it isn't one of this kind.
    fn stored(&self, value: &Value) -> Option<Value> {
        let text = value.as_str().or_else(|| value["value"].as_str());
        match self {
            Self::Text => text.map(|text| json!({ "value": text })),
            Self::Number => value.is_number().then(|| json!({ "value": value })),
            Self::Timestamp => {
                let at: Timestamp = text?.parse().ok()?;
                Some(json!({ "value": at.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string() }))
            }
            Self::Select(titles) => {
                let title = titles.iter().find(|title| Some(title.as_str()) == text)?;
                Some(json!({ "option": { "title": title } }))
            }
            Self::Emails => {
                let email = value.as_str().or_else(|| value["email_address"].as_str())?;
                let domain = email.split_once('@')?.1;
                Some(json!({ "email_address": email, "original_email_address": email, "email_domain": domain }))
            }
            Self::Phones => {
                let number = value.as_str().or_else(|| value["original_phone_number"].as_str())?;
                let digits: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
                digits.starts_with('+').then(|| json!({ "original_phone_number": number, "phone_number": digits }))
            }
            Self::Name => value.is_object().then(|| value.clone()),
            Self::Company => value["target_record_id"].is_string().then(|| value.clone()),
            Self::ReadOnly => None,
        }
    }
}

/// The attributes that there are.
#[derive(Debug)]
pub(super) struct Attributes(BTreeMap<String, Kind>);

/// What is wrong with a value: Attio's code, and its sentence.
pub(super) type Violation = (&'static str, String);

impl Attributes {
    pub(super) fn new() -> Self {
        let own = [
            ("name", Kind::Name),
            ("email_addresses", Kind::Emails),
            ("phone_numbers", Kind::Phones),
            ("job_title", Kind::Text),
            ("description", Kind::Text),
            ("linkedin", Kind::Text),
            ("company", Kind::Company),
            ("record_id", Kind::ReadOnly),
            ("created_at", Kind::ReadOnly),
        ];
        let custom = ["city", "country", "industry", "do_not_call"].map(|slug| (slug, Kind::Text));
        let all = own.into_iter().chain(custom).chain([("last_enriched_at", Kind::Timestamp)]);
        Self(all.map(|(slug, kind)| (slug.to_owned(), kind)).collect())
    }

    pub(super) fn define(&mut self, slug: &str, kind: Kind) {
        self.0.insert(slug.to_owned(), kind);
    }

    pub(super) fn remove(&mut self, slug: &str) {
        self.0.remove(slug);
    }

    pub(super) fn get(&self, slug: &str) -> Option<&Kind> {
        self.0.get(slug)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Kind)> {
        self.0.iter()
    }

    /// The values of an attribute as they are stored, or what is wrong with them. Sentences are as Attio's were seen.
    pub(super) fn stored(&self, slug: &str, given: &Value) -> Result<Vec<Value>, Violation> {
        let Some(kind) = self.0.get(slug) else {
            return Err(("value_not_found", format!("Cannot find attribute with slug/ID \"{slug}\".")));
        };
        let given = match given {
            Value::Null => Vec::new(),
            Value::Array(values) => values.clone(),
            one => vec![one.clone()],
        };
        let stored: Option<Vec<Value>> = given.iter().map(|value| kind.stored(value)).collect();
        let fits = stored.filter(|values| kind.is_multiselect() || values.len() <= 1);
        fits.ok_or_else(|| {
            ("validation_type", format!("An invalid value was passed to attribute with slug \"{slug}\"."))
        })
    }
}

/// The id of an attribute: the same for the same slug in every workspace here.
pub fn attribute_id(slug: &str) -> String {
    let number = slug.bytes().fold(7_u64, |number, byte| (number * 31 + u64::from(byte)) % 1_000_000_000_000);
    format!("a0000000-0000-4000-8000-{number:012}")
}
