//! Which fields contacts have, and what may be put into them (developer.close.com, "Contacts", "Contact custom fields").

use std::collections::BTreeMap;

use serde_json::Value;

/// Custom fields of a simulated organization, by the ids that Close has chosen for them.
pub const LAST_ENRICHED: &str = "custom.cf_simulated0lastEnriched";
/// Where a contact lives.
pub const CITY: &str = "custom.cf_simulated0city";
/// In which country.
pub const COUNTRY: &str = "custom.cf_simulated0country";
/// What the employer does.
pub const INDUSTRY: &str = "custom.cf_simulated0industry";
/// Whether the number may be called.
pub const DO_NOT_CALL: &str = "custom.cf_simulated0doNotCall";

/// What may be put into a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// A date and time.
    DateTime,
    /// One of these.
    Choices(Vec<String>),
    /// Several entries, whose value is under this name.
    Entries(&'static str),
    /// Close's own: it can be read.
    ReadOnly,
}

impl Kind {
    /// Close's word for it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Text | Self::Entries(_) | Self::ReadOnly => "text",
            Self::Number => "number",
            Self::DateTime => "datetime",
            Self::Choices(_) => "choices",
        }
    }

    /// What is wrong with this value.
    fn refuses(&self, value: &Value) -> Option<String> {
        let is_fit = match self {
            _ if value.is_null() => *self != Self::ReadOnly,
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::DateTime => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
            Self::Choices(choices) => value.as_str().is_some_and(|text| choices.iter().any(|choice| choice == text)),
            Self::Entries(name) => value.as_array().is_some_and(|entries| {
                entries.iter().all(|entry| entry[*name].as_str().is_some_and(|text| !text.is_empty()))
            }),
            Self::ReadOnly => false,
        };
        (!is_fit).then(|| format!("{value} is not a valid value."))
    }
}

/// The fields that there are.
#[derive(Debug)]
pub(super) struct Fields(BTreeMap<String, Kind>);

impl Fields {
    pub(super) fn new() -> Self {
        let own = [
            ("name", Kind::Text),
            ("title", Kind::Text),
            ("lead_id", Kind::Text),
            ("emails", Kind::Entries("email")),
            ("phones", Kind::Entries("phone")),
            ("urls", Kind::Entries("url")),
            ("id", Kind::ReadOnly),
            ("organization_id", Kind::ReadOnly),
        ];
        let custom = [CITY, COUNTRY, INDUSTRY, DO_NOT_CALL].map(|name| (name, Kind::Text));
        let all = own.into_iter().chain(custom).chain([(LAST_ENRICHED, Kind::DateTime)]);
        Self(all.map(|(name, kind)| (name.to_owned(), kind)).collect())
    }

    pub(super) fn define(&mut self, name: &str, kind: Kind) {
        self.0.insert(name.to_owned(), kind);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn custom(&self) -> impl Iterator<Item = (&str, &Kind)> {
        self.0.iter().filter_map(|(name, kind)| Some((name.strip_prefix("custom.")?, kind)))
    }

    /// What is wrong with these values, by field.
    pub(super) fn violations<'v>(
        &self,
        values: impl IntoIterator<Item = (&'v String, &'v Value)>,
    ) -> BTreeMap<String, String> {
        let violation = |(name, value): (&'v String, &'v Value)| {
            let wrong = match self.0.get(name) {
                None => Some(format!("The Custom Field \"{name}\" does not exist.")),
                Some(kind) => kind.refuses(value),
            };
            Some((name.clone(), wrong?))
        };
        values.into_iter().filter_map(violation).collect()
    }
}
