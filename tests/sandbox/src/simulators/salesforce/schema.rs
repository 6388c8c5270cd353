//! Which fields there are, and what fits into them
//! (developer.salesforce.com, "Object Reference": Lead, Contact, Account).

use std::collections::BTreeMap;

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text of so many characters.
    Text(usize),
    /// An e-mail address.
    Email,
    /// A number.
    Number,
    /// One of these values and no other.
    Picklist(Vec<String>),
    /// A time.
    DateTime,
    /// Another record's id.
    Reference,
    /// Salesforce's own: it can be read.
    ReadOnly,
}

/// A value that doesn't fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `STRING_TOO_LONG`, …
    pub code: &'static str,
    /// The field.
    pub field: String,
    /// In words that repeat the value.
    pub message: String,
}

/// Fields that leads, contacts and accounts have.
#[derive(Debug)]
pub(super) struct Schema {
    fields: BTreeMap<&'static str, BTreeMap<String, Kind>>,
}

/// What every record has.
const OF_ALL: [&str; 6] = ["Id", "CreatedDate", "LastModifiedDate", "LastModifiedById", "IsDeleted", "SystemModstamp"];

impl Schema {
    pub(super) fn new() -> Self {
        let text = |names: &[(&str, usize)]| -> BTreeMap<String, Kind> {
            names.iter().map(|(name, most)| ((*name).to_owned(), Kind::Text(*most))).collect()
        };
        let person = [
            ("FirstName", 40),
            ("LastName", 80),
            ("Title", 128),
            ("Phone", 40),
            ("MobilePhone", 40),
            ("Description", 32_000),
            ("LeadSource", 40),
        ];
        let lead = [
            ("Company", 255),
            ("Website", 255),
            ("Industry", 40),
            ("Street", 255),
            ("City", 40),
            ("State", 80),
            ("PostalCode", 20),
            ("Country", 80),
            ("Status", 40),
        ];
        let contact = [
            ("Department", 80),
            ("MailingStreet", 255),
            ("MailingCity", 40),
            ("MailingState", 80),
            ("MailingPostalCode", 20),
            ("MailingCountry", 80),
        ];
        let account = [("Name", 255), ("Website", 255), ("Industry", 40), ("Phone", 40)];
        let mut fields = BTreeMap::from([
            ("Lead", text(&[&person[..], &lead[..]].concat())),
            ("Contact", text(&[&person[..], &contact[..]].concat())),
            ("Account", text(&account)),
        ]);
        let mut add = |object: &'static str, name: &str, kind: Kind| {
            fields.entry(object).or_default().insert(name.to_owned(), kind);
        };
        for object in ["Lead", "Contact", "Account"] {
            OF_ALL.iter().for_each(|name| add(object, name, Kind::ReadOnly));
            add(object, "OwnerId", Kind::Reference);
        }
        for object in ["Lead", "Contact"] {
            add(object, "Email", Kind::Email);
            add(object, "Last_Enriched_At__c", Kind::DateTime);
        }
        for object in ["Lead", "Account"] {
            add(object, "NumberOfEmployees", Kind::Number);
            add(object, "AnnualRevenue", Kind::Number);
        }
        add("Lead", "IsConverted", Kind::ReadOnly);
        add("Lead", "ConvertedContactId", Kind::ReadOnly);
        add("Contact", "AccountId", Kind::Reference);
        Self { fields }
    }

    pub(super) fn define(&mut self, name: &str, kind: Kind) {
        for object in ["Lead", "Contact"] {
            self.fields.entry(object).or_default().insert(name.to_owned(), kind.clone());
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.fields.values_mut().for_each(|fields| drop(fields.remove(name)));
    }

    pub(super) fn has(&self, object: &str) -> bool {
        self.fields.contains_key(object)
    }

    /// The fields of a kind of record.
    pub(super) fn of(&self, object: &str) -> impl Iterator<Item = (&str, &Kind)> {
        self.fields.get(object).into_iter().flatten().map(|(name, kind)| (name.as_str(), kind))
    }

    pub(super) fn kind(&self, object: &str, field: &str) -> Option<&Kind> {
        self.fields.get(object)?.get(field)
    }

    /// What is wrong with these values. All of it is said at once.
    pub(super) fn violations(&self, object: &str, values: &BTreeMap<String, String>) -> Vec<Violation> {
        let violation = |(field, value): (&String, &String)| {
            let kind = self.kind(object, field)?;
            let (code, why) = kind.refuses(value)?;
            Some(Violation { code, field: field.clone(), message: format!("{field}: {why}: {value}") })
        };
        values.iter().filter_map(violation).collect()
    }
}

impl Kind {
    fn refuses(&self, value: &str) -> Option<(&'static str, &'static str)> {
        let refused = match self {
            Self::Text(most) if value.chars().count() > *most => ("STRING_TOO_LONG", "data value too large"),
            Self::Email if !value.is_empty() && !value.contains('@') => {
                ("INVALID_EMAIL_ADDRESS", "invalid email address")
            }
            Self::Picklist(values) if !value.is_empty() && !values.iter().any(|known| known == value) => {
                ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field")
            }
            Self::ReadOnly => ("INVALID_FIELD_FOR_INSERT_UPDATE", "unable to create/update fields"),
            _ => return None,
        };
        Some(refused)
    }
}
