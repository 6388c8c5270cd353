//! Which fields persons have, and what may be put into them.

use std::collections::BTreeMap;

use serde_json::Value;

/// Custom fields of a simulated company, by the keys that Pipedrive has chosen for them.
pub const LAST_ENRICHED: &str = "1e9d3a5c7b2f4e6d8a0c1b3d5f7e9a2c4b6d8f01";
/// Where a person lives.
pub const CITY: &str = "2c17a0b4d6e8f1a3c5b7d9e0f2a4c6b8d0e1f3a5";
/// In which country.
pub const COUNTRY: &str = "3d28b1c5e7f9a2b4d6c8e0f1a3b5d7c9e1f2a4b6";
/// What the employer does.
pub const INDUSTRY: &str = "4e39c2d6f8a0b3c5e7d9f1a2b4c6e8d0f2a3b5c7";
/// Whether the number may be called.
pub const DO_NOT_CALL: &str = "5f40d3e7a9b1c4d6f8e0a2b3c5d7f9e1a3b4c6d8";

/// What may be put into a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text of so many characters.
    Text(usize),
    /// A number.
    Number,
    /// One of these options, by its number.
    Options(Vec<u64>),
    /// Several entries with a value, a label, and whether they are the primary one.
    Entries,
    /// Pipedrive's own: it can be read.
    ReadOnly,
}

impl Kind {
    /// Pipedrive's word for it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Entries => "varchar",
            Self::Number => "double",
            Self::Options(_) => "enum",
            Self::ReadOnly => "int",
        }
    }

    /// What is wrong with this value. Words repeat it, as Pipedrive's do.
    fn refuses(&self, value: &Value) -> Option<String> {
        let is_fit = match self {
            _ if value.is_null() => *self != Self::ReadOnly,
            Self::Text(most) => value.as_str().is_some_and(|text| text.chars().count() <= *most),
            Self::Number => value.is_number(),
            Self::Options(options) => value.as_u64().is_some_and(|option| options.contains(&option)),
            Self::Entries => value.as_array().is_some_and(|entries| {
                let primaries = entries.iter().filter(|entry| entry["primary"] == true).count();
                primaries <= 1 && entries.iter().all(|entry| entry["value"].is_string())
            }),
            Self::ReadOnly => false,
        };
        (!is_fit).then(|| format!("{value} is not allowed for this field"))
    }
}

/// The fields that there are.
#[derive(Debug)]
pub(super) struct Fields(BTreeMap<String, Kind>);

impl Fields {
    pub(super) fn new() -> Self {
        let own = [
            ("name", Kind::Text(255)),
            ("job_title", Kind::Text(255)),
            ("notes", Kind::Text(10_000)),
            ("owner_id", Kind::Number),
            ("org_id", Kind::Number),
            ("emails", Kind::Entries),
            ("phones", Kind::Entries),
        ];
        let read_only = ["id", "first_name", "last_name", "add_time", "update_time", "is_deleted"];
        let custom = [LAST_ENRICHED, CITY, COUNTRY, INDUSTRY, DO_NOT_CALL].map(|key| (key, Kind::Text(255)));
        let all = own.into_iter().chain(custom).chain(read_only.map(|name| (name, Kind::ReadOnly)));
        Self(all.map(|(name, kind)| (name.to_owned(), kind)).collect())
    }

    pub(super) fn define(&mut self, name: &str, kind: Kind) {
        self.0.insert(name.to_owned(), kind);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Kind)> {
        self.0.iter()
    }

    /// What is wrong with these values, each as `path: sentence`.
    pub(super) fn violations<'v>(&self, values: impl IntoIterator<Item = (&'v String, &'v Value)>) -> Vec<String> {
        let violation = |(name, value): (&'v String, &'v Value)| {
            let path = if is_custom(name) { format!("custom_fields.{name}") } else { name.clone() };
            let wrong = match self.0.get(name) {
                None => Some(format!("Parameter '{name}' is not allowed for this request")),
                Some(kind) => kind.refuses(value),
            };
            wrong.map(|wrong| format!("{path}: {wrong}"))
        };
        values.into_iter().filter_map(violation).collect()
    }
}

/// Whether it is a key of a custom field.
pub(super) fn is_custom(name: &str) -> bool {
    name.len() == 40
}
