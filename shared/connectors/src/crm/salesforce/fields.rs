//! What a field of a lead is called on a contact. A tenant's mapping has the names of leads; where a contact has the same
//! under another name, it goes there, and what a contact has from its account is read there and never written: an account
//! is about more than one person.
//!
//! (developer.salesforce.com, "Object Reference": Lead, Contact, Account.)

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

/// The value as it is sent. `None` if the field holds numbers and this is none: the whole call would be refused, without
/// a word about the field.
pub(super) fn sent(field: &str, value: &str) -> Option<Value> {
    if !NUMBERS.contains(&field) {
        return Some(value.into());
    }
    let whole = value.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| value.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from))
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
        for wrong in ["51-200", "", "NaN", "1e999"] {
            assert_eq!(sent("NumberOfEmployees", wrong), None, "{wrong}");
        }
        assert_eq!(sent("Title", "250"), Some(Value::from("250")));
    }
}
