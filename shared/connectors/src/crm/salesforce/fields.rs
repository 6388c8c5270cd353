//! What a field of a lead is called on a contact. A tenant's mapping has the names of leads; where a contact has the same
//! under another name, it goes there, and what a contact has from its account is read there and never written: an account
//! is about more than one person.
//!
//! (developer.salesforce.com, "Object Reference": Lead, Contact, Account.)

use jiff::Timestamp;
use leadgate_enrichment::ids::ObjectType;
use serde_json::Value;

use super::wire::CONTACT;

/// Where a property is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// On the record itself, under this name.
    Own(&'a str),
    /// On the contact's account.
    OfAccount(&'a str),
}

/// Names of leads, and of contacts.
const RENAMED: [(&str, &str); 7] = [
    ("Street", "MailingStreet"),
    ("City", "MailingCity"),
    ("State", "MailingState"),
    ("StateCode", "MailingStateCode"),
    ("PostalCode", "MailingPostalCode"),
    ("Country", "MailingCountry"),
    ("CountryCode", "MailingCountryCode"),
];

/// Names of leads, and of accounts.
const OF_ACCOUNT: [(&str, &str); 5] = [
    ("Company", "Name"),
    ("Website", "Website"),
    ("Industry", "Industry"),
    ("NumberOfEmployees", "NumberOfEmployees"),
    ("AnnualRevenue", "AnnualRevenue"),
];

/// Fields that hold numbers.
const NUMBERS: [&str; 2] = ["NumberOfEmployees", "AnnualRevenue"];

/// Where a property of this kind of record is.
pub(super) fn place<'a>(object: &ObjectType, property: &'a str) -> Place<'a> {
    let named = |names: &[(&str, &'static str)]| names.iter().find(|(lead, _)| *lead == property).map(|(_, it)| *it);
    match *object == CONTACT {
        true => match (named(&RENAMED), named(&OF_ACCOUNT)) {
            (Some(name), _) => Place::Own(name),
            (None, Some(name)) => Place::OfAccount(name),
            (None, None) => Place::Own(property),
        },
        false => Place::Own(property),
    }
}

/// The value as it is sent: a blank one clears the field. `None` if the field holds numbers and this is none: the whole call would be refused, without
/// a word about the field.
pub(super) fn sent(field: &str, value: &str) -> Option<Value> {
    if value.is_empty() {
        return Some(Value::Null);
    }
    if !NUMBERS.contains(&field) {
        return Some(in_milliseconds(value).map_or_else(|| value.into(), Value::from));
    }
    let whole = value.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| value.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from))
}

/// A time that is told more exactly than to the millisecond, to the millisecond: Salesforce reads no more digits
/// (developer.salesforce.com, "Valid Date and DateTime Formats").
fn in_milliseconds(value: &str) -> Option<String> {
    let at: Timestamp = value.parse().ok()?;
    let is_finer = at.subsec_nanosecond() % 1_000_000 != 0;
    let at = Timestamp::from_millisecond(at.as_millisecond()).ok().filter(|_| is_finer)?;
    Some(at.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::wire::LEAD;
    use super::*;

    #[test]
    fn a_contact_has_some_fields_elsewhere() {
        assert_eq!(place(&LEAD, "City"), Place::Own("City"));
        assert_eq!(place(&CONTACT, "City"), Place::Own("MailingCity"));
        assert_eq!(place(&CONTACT, "Company"), Place::OfAccount("Name"));
        assert_eq!(place(&CONTACT, "Title"), Place::Own("Title"));
    }

    #[test]
    fn only_numbers_go_into_fields_of_numbers() {
        assert_eq!(sent("NumberOfEmployees", "250"), Some(Value::from(250)));
        assert_eq!(sent("AnnualRevenue", "1.5"), Some(Value::from(1.5)));
        for wrong in ["51-200", " ", "NaN", "1e999"] {
            assert_eq!(sent("NumberOfEmployees", wrong), None, "{wrong}");
        }
        assert_eq!(sent("Title", "250"), Some(Value::from("250")));
        assert_eq!([sent("Title", ""), sent("NumberOfEmployees", "")], [Some(Value::Null), Some(Value::Null)]);
    }

    #[test]
    fn a_time_is_sent_to_the_millisecond() {
        let time = |value: &str| sent("Last_Enriched_At__c", value);
        assert_eq!(time("2026-01-15T10:00:03.123456789Z"), Some(Value::from("2026-01-15T10:00:03.123Z")));
        assert_eq!(time("2026-01-15T10:00:03Z"), Some(Value::from("2026-01-15T10:00:03Z")));
    }
}
