//! What a field of a lead is called on a contact. A tenant's mapping has the names of leads; where a contact has the same
//! under another name, it goes there. The account's name is read from the contact and never written, and what only an account
//! has is not there at all (zoho.com/crm, "Modules and fields", "API names of fields").

use jiff::Timestamp;
use leadgate_enrichment::ids::ObjectType;
use serde_json::Value;

use super::wire::CONTACTS;

/// Where a property is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// On the record itself, under this name.
    Own(&'a str),
    /// On the record, as the name of another one: only read.
    Named(&'static str),
    /// Not on records of this kind.
    Nowhere,
}

/// Names of leads, and of contacts.
const RENAMED: [(&str, &str); 6] = [
    ("Designation", "Title"),
    ("Street", "Mailing_Street"),
    ("City", "Mailing_City"),
    ("State", "Mailing_State"),
    ("Zip_Code", "Mailing_Zip"),
    ("Country", "Mailing_Country"),
];
/// Names of leads for what a contact has from its account, as far as a contact shows it.
const OF_ACCOUNT: (&str, &str) = ("Company", "Account_Name");
/// Names of leads for what only the account has.
const ONLY_OF_ACCOUNT: [&str; 4] = ["Website", "Industry", "No_of_Employees", "Annual_Revenue"];

/// Where a property of this kind of record is.
pub(super) fn place<'a>(object: &ObjectType, property: &'a str) -> Place<'a> {
    if *object != CONTACTS {
        return Place::Own(property);
    }
    match property {
        _ if property == OF_ACCOUNT.0 => Place::Named(OF_ACCOUNT.1),
        _ if ONLY_OF_ACCOUNT.contains(&property) => Place::Nowhere,
        _ => Place::Own(RENAMED.iter().find(|(lead, _)| *lead == property).map_or(property, |(_, contact)| contact)),
    }
}

/// The value as it is sent: a blank one clears the field, and a time goes to the second, with an offset ("Update records").
pub(super) fn sent(value: &str) -> Value {
    let at: Option<Timestamp> = value.parse().ok();
    match at {
        _ if value.is_empty() => Value::Null,
        Some(at) => at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string().into(),
        None => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::LEADS;
    use super::*;

    #[test]
    fn a_property_of_a_lead_has_its_place_on_a_contact() {
        assert_eq!(place(&LEADS, "City"), Place::Own("City"));
        for (property, expected) in [
            ("City", Place::Own("Mailing_City")),
            ("Designation", Place::Own("Title")),
            ("Company", Place::Named("Account_Name")),
            ("Industry", Place::Nowhere),
            ("Email", Place::Own("Email")),
        ] {
            assert_eq!(place(&CONTACTS, property), expected, "{property}");
        }
        assert_eq!(sent("2026-01-15T10:00:00.123Z"), "2026-01-15T10:00:00+00:00");
        assert_eq!((sent(""), sent("CTO")), (Value::Null, "CTO".into()));
    }
}
