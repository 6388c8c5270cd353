//! Values of a record that a lead is related to, as a contact is to a company. A CRM shows them beside the lead's own, under
//! names that begin with the relation and a dot: `companies.industry`. Under that beginning alone (`companies.`) it shows the id of
//! the related record, blank where there is none: then such a value can't be written.
//!
//! A patch says in the same way which record its values are for, so that they reach the record that was read, and what was
//! written is known again in that record only: in another company, the same word is a person's.

use std::collections::BTreeMap;

use crate::fingerprint::Ours;
use crate::person::{Properties, value_of};

/// What is written, by the CRM's names.
type Patch = BTreeMap<String, String>;

/// The relation that a name begins with, with its dot.
fn relation(property: &str) -> Option<&str> {
    property.split_inclusive('.').next().filter(|relation| relation.ends_with('.'))
}

/// Whether it is the name of an id, and of no value.
pub fn names_record(property: &str) -> bool {
    property.ends_with('.')
}

/// The related record that a property is of: `None` of the lead's own, `Some(None)` where there is no such record.
pub fn record_of<'p>(current: &'p Properties, property: &str) -> Option<Option<&'p str>> {
    let relation = relation(property)?;
    current.contains_key(relation).then(|| value_of(current, relation))
}

/// Whether we wrote this value, into the record that it stands in now.
pub fn is_ours(ours: Ours<'_>, current: &Properties, property: &str, value: &str) -> bool {
    match record_of(current, property) {
        None => ours.wrote(property, value),
        Some(None) => false,
        Some(Some(id)) => ours.wrote(property, &within(id, value)),
    }
}

/// Has a patch say which records its values are for: those that were read.
pub fn name_records(patch: &mut Patch, current: &Properties) {
    let named = |property: &String| Some((relation(property)?.to_owned(), record_of(current, property)??.to_owned()));
    let named: Patch = patch.keys().filter_map(named).collect();
    patch.extend(named);
}

/// What was written, as it is known again: without ids, and what stands in a related record together with its id.
pub fn known_by(patch: &Patch) -> Patch {
    let values = patch.iter().filter(|(property, _)| !names_record(property));
    let known = values.map(|(property, value)| match relation(property).and_then(|relation| patch.get(relation)) {
        Some(id) => (property.clone(), within(id, value)),
        None => (property.clone(), value.clone()),
    });
    known.collect()
}

/// The record that a patch names for a property.
pub fn named_for<'p>(patch: &'p Patch, property: &str) -> Option<&'p str> {
    patch.get(relation(property)?).map(String::as_str)
}

/// A value in a related record. No id has such a separator.
pub(crate) fn within(id: &str, value: &str) -> String {
    format!("{id}\n{}", value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::tests::key;

    fn properties(values: &[(&str, Option<&str>)]) -> Properties {
        values.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
    }

    #[test]
    fn a_value_of_a_related_record_is_known_in_that_record_only() {
        let at = |company: Option<&str>| {
            properties(&[("companies.", company), ("companies.city", Some("London")), ("name.city", Some("London"))])
        };
        let first = at(Some("7"));
        assert_eq!(record_of(&first, "companies.city"), Some(Some("7")));
        assert_eq!(record_of(&at(None), "companies.city"), Some(None));
        assert_eq!((record_of(&first, "name.city"), record_of(&first, "city")), (None, None));

        let mut patch: Patch = [("companies.city", "London"), ("name.city", "London"), ("city", "London")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        name_records(&mut patch, &first);
        assert_eq!(patch.get("companies.").map(String::as_str), Some("7"));
        assert_eq!((named_for(&patch, "companies.city"), named_for(&patch, "name.city")), (Some("7"), None));
        let (written, key) = (key().of_all(&known_by(&patch)), key());
        let ours = Ours { written: &written, key: &key };
        assert!(written.len() == 3 && ours.wrote("city", "London"));
        assert!(is_ours(ours, &first, "companies.city", "London") && is_ours(ours, &first, "name.city", "London"));
        assert!(!is_ours(ours, &at(Some("8")), "companies.city", "London"), "another company's");
        assert!(!is_ours(ours, &at(None), "companies.city", "London"));
        let mut nowhere = Patch::from([("companies.city".to_owned(), "London".to_owned())]);
        name_records(&mut nowhere, &at(None));
        assert_eq!(nowhere.len(), 1);
    }
}
