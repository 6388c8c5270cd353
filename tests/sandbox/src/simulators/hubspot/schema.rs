//! Which properties a contact has, and which values they take.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::wire::instant;
use crate::kept::Table;

/// The properties that every portal of ours starts with, beside those that HubSpot keeps itself.
const STARTING_PROPERTIES: [&str; 17] = [
    "firstname",
    "lastname",
    "company",
    "jobtitle",
    "website",
    "hs_linkedin_url",
    "linkedinbio",
    "city",
    "state",
    "country",
    "industry",
    "seniority",
    "hs_seniority",
    "hs_lead_status",
    "numemployees",
    "leadgate_search",
    "leadgate_source",
];

/// The properties that every portal of ours starts with for companies (documented among HubSpot's default company
/// properties).
const COMPANY_PROPERTIES: [&str; 9] =
    ["name", "domain", "website", "industry", "city", "state", "country", "description", "linkedin_company_page"];

/// The same, for numbers.
const COMPANY_NUMBERS: [&str; 2] = ["numberofemployees", "annualrevenue"];

/// The same, for telephone numbers.
const STARTING_NUMBERS: [&str; 2] = ["phone", "mobilephone"];

/// What HubSpot keeps itself and nobody can set.
pub(super) const READ_ONLY_PROPERTIES: [&str; 3] = ["hs_object_id", "createdate", "lastmodifieddate"];

/// The most characters in a text property.
const VALUE_CHARS_MAX: usize = 65_536;

/// The stages that a portal starts with.
const LIFECYCLE_STAGES: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

/// What a property takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Any text.
    Text,
    /// An address, one per contact in a portal, kept in small letters.
    Email,
    /// A telephone number, or any text: HubSpot formats a number that it knows for one (documented), so that it reads back
    /// otherwise than it was written.
    Phone,
    /// A number: digits, at most one point, no commas and no exponent.
    Number,
    /// A day: itself, or the milliseconds since 1970 of its midnight in UTC.
    Date,
    /// An instant: ISO 8601 or milliseconds since 1970 go in, ISO 8601 comes out.
    DateTime,
    /// One of these.
    Choice(Vec<String>),
    /// Nothing: HubSpot sets it.
    ReadOnly,
}

impl Kind {
    /// HubSpot's `type` and `fieldType`.
    pub(super) fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Text | Self::Email => ("string", "text"),
            Self::Phone => ("string", "phonenumber"),
            Self::Number => ("number", "number"),
            Self::Date => ("date", "date"),
            Self::DateTime => ("datetime", "date"),
            Self::Choice(_) => ("enumeration", "select"),
            Self::ReadOnly => ("string", "text"),
        }
    }
}

/// Why a property doesn't take a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The property.
    pub property: String,
    /// HubSpot's word for it.
    pub code: &'static str,
    /// The same as a sentence.
    pub message: String,
    /// What was to be written, which HubSpot repeats.
    pub value: String,
}

impl Violation {
    pub(super) fn new(property: &str, value: &str, code: &'static str, message: String) -> Self {
        Self { property: property.to_owned(), code, message, value: value.to_owned() }
    }
}

/// The properties of contacts in one portal.
#[derive(Debug)]
pub(super) struct Schema {
    kinds: BTreeMap<String, Kind>,
    /// What became of properties since the portal was new; `None` of those that were deleted.
    pub(super) changed: Table<String, Option<Kind>>,
}

impl Schema {
    pub(super) fn new() -> Self {
        let text = STARTING_PROPERTIES.iter().map(|name| ((*name).to_owned(), Kind::Text));
        let mut kinds: BTreeMap<String, Kind> = text.collect();
        kinds.extend(STARTING_NUMBERS.iter().map(|name| ((*name).to_owned(), Kind::Phone)));
        kinds.extend(READ_ONLY_PROPERTIES.iter().map(|name| ((*name).to_owned(), Kind::ReadOnly)));
        kinds.insert("email".to_owned(), Kind::Email);
        kinds.insert("leadgate_last_enriched".to_owned(), Kind::DateTime);
        kinds.insert("mobile_do_not_call".to_owned(), Kind::Text);
        let stages = LIFECYCLE_STAGES.iter().map(|stage| (*stage).to_owned()).collect();
        kinds.insert("lifecyclestage".to_owned(), Kind::Choice(stages));
        Self { kinds, changed: Table::default() }
    }

    /// Those of companies.
    pub(super) fn of_companies() -> Self {
        let named = |names: &[&str], kind: Kind| -> Vec<(String, Kind)> {
            names.iter().map(|name| ((*name).to_owned(), kind.clone())).collect()
        };
        let kinds = [
            named(&COMPANY_PROPERTIES, Kind::Text),
            named(&COMPANY_NUMBERS, Kind::Number),
            named(&["phone"], Kind::Phone),
            named(&READ_ONLY_PROPERTIES, Kind::ReadOnly),
        ];
        Self { kinds: kinds.concat().into_iter().collect(), changed: Table::default() }
    }

    pub(super) fn define(&mut self, name: &str, kind: Kind) {
        self.changed.insert(name.to_owned(), Some(kind.clone()));
        self.kinds.insert(name.to_owned(), kind);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.changed.insert(name.to_owned(), None);
        self.kinds.remove(name);
    }

    /// Has the properties as they became since the portal was new.
    pub(super) fn apply_changes(&mut self) {
        for (name, kind) in self.changed.iter() {
            match kind {
                Some(kind) => drop(self.kinds.insert(name.clone(), kind.clone())),
                None => drop(self.kinds.remove(name)),
            }
        }
    }

    pub(super) fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Kind)> {
        self.kinds.iter()
    }

    /// The values as they will be kept, or everything that is wrong with them.
    pub(super) fn check(&self, values: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Vec<Violation>> {
        let mut kept = BTreeMap::new();
        let mut violations = Vec::new();
        for (name, value) in values {
            match self.check_one(name, value) {
                Ok(value) => drop(kept.insert(name.clone(), value)),
                Err(violation) => violations.push(violation),
            }
        }
        if violations.is_empty() { Ok(kept) } else { Err(violations) }
    }

    fn check_one(&self, name: &str, value: &str) -> Result<String, Violation> {
        let refuse = |code, message| Err(Violation::new(name, value, code, message));
        let Some(kind) = self.kinds.get(name) else {
            return refuse("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"));
        };
        match kind {
            Kind::ReadOnly => {
                refuse("READ_ONLY_VALUE", format!("\"{name}\" is a read only property; its value cannot be set."))
            }
            // An empty value clears the property, whatever it takes otherwise.
            _ if value.is_empty() => Ok(String::new()),
            _ if value.chars().count() > VALUE_CHARS_MAX => {
                refuse("VALUE_TOO_LONG", format!("The value of {name} has more than {VALUE_CHARS_MAX} characters"))
            }
            Kind::Text => Ok(value.to_owned()),
            Kind::Email if is_address(value) => Ok(value.to_lowercase()),
            Kind::Email => refuse("INVALID_EMAIL", format!("Email address {value} is invalid")),
            Kind::Phone => Ok(formatted_phone(value)),
            Kind::Number if is_number(value) => Ok(value.to_owned()),
            // Observed with an exponent: Atlas-Authority/marketing-automation#206.
            Kind::Number => refuse("INVALID_INTEGER", format!("{value} was not a valid number.")),
            Kind::Date => match read_instant(value) {
                Some(at) if is_midnight(at) => Ok(at.strftime("%Y-%m-%d").to_string()),
                // Observed: HubSpot/hubspot-api-php#74.
                Some(at) => refuse(
                    "INVALID_DATE",
                    format!("{value} is at {} UTC, not midnight!", at.strftime("%-H:%-M:%-S%.3f")),
                ),
                None => refuse("INVALID_DATE", format!("{value} was not a valid date.")),
            },
            Kind::DateTime => match read_instant(value) {
                Some(at) => Ok(instant(at)),
                None => refuse("INVALID_DATE", format!("{value} was not a valid date.")),
            },
            Kind::Choice(options) if options.iter().any(|option| option == value) => Ok(value.to_owned()),
            Kind::Choice(options) => {
                refuse("INVALID_OPTION", format!("{value} was not one of the allowed options: {options:?}"))
            }
        }
    }
}

/// An instant as HubSpot takes it: milliseconds since 1970, ISO 8601, or a date for its midnight in UTC.
pub(super) fn read_instant(value: &str) -> Option<Timestamp> {
    if let Ok(millis) = value.parse::<i64>() {
        return Timestamp::from_millisecond(millis).ok();
    }
    if let Ok(at) = value.parse::<Timestamp>() {
        return Some(at);
    }
    let midnight = value.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(midnight.timestamp())
}

fn is_midnight(at: Timestamp) -> bool {
    at.as_millisecond().rem_euclid(24 * 60 * 60 * 1000) == 0
}

/// `-12.5`, but neither `1,000` nor `1e3`.
fn is_number(value: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let value = value.strip_prefix('-').unwrap_or(value);
    value.split_once('.').map_or_else(|| digits(value), |(whole, rest)| digits(whole) && digits(rest))
}

/// A number in E.164 with the groups of its country: `+1 555-200-0001`. Which form HubSpot chooses is not documented;
/// what counts is that it is another one. Anything else is left alone.
pub fn formatted_phone(value: &str) -> String {
    match value.strip_prefix("+1").filter(|rest| rest.len() == 10 && rest.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(rest) => format!("+1 {}-{}-{}", &rest[..3], &rest[3..6], &rest[6..]),
        None => value.to_owned(),
    }
}

fn is_address(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    !local.is_empty() && domain.contains('.') && !domain.contains('@') && !value.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str) -> Result<String, &'static str> {
        let values = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        match Schema::new().check(&values) {
            Ok(kept) => Ok(kept[name].clone()),
            Err(violations) => Err(violations[0].code),
        }
    }

    fn check_as(kind: Kind, value: &str) -> Result<String, &'static str> {
        let mut schema = Schema::new();
        schema.define("property", kind);
        schema.check_one("property", value).map_err(|violation| violation.code)
    }

    #[test]
    fn values_are_kept_as_hubspot_keeps_them() {
        assert_eq!(check("email", "Ada@Example.com"), Ok("ada@example.com".to_owned()));
        assert_eq!(check("leadgate_last_enriched", "1772357400000"), Ok("2026-03-01T09:30:00Z".to_owned()));
        let nanos = check("leadgate_last_enriched", "2026-03-01T09:30:00.123456789Z");
        assert_eq!(nanos, Ok("2026-03-01T09:30:00.123Z".to_owned()));
        assert_eq!(check("email", ""), Ok(String::new()));
        assert_eq!(check("mobilephone", "+15552000001"), Ok("+1 555-200-0001".to_owned()));
        assert_eq!(check("mobilephone", "ask the desk"), Ok("ask the desk".to_owned()));
        for number in ["0", "-12.5", "2500000"] {
            assert_eq!(check_as(Kind::Number, number), Ok(number.to_owned()));
        }
        for day in ["2015-05-01", "1430438400000"] {
            assert_eq!(check_as(Kind::Date, day), Ok("2015-05-01".to_owned()), "midnight in UTC");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_in_hubspots_words() {
        assert_eq!(check("shoe_size", "43"), Err("PROPERTY_DOESNT_EXIST"));
        assert_eq!(check("createdate", "1"), Err("READ_ONLY_VALUE"));
        assert_eq!(check("email", "nonsense"), Err("INVALID_EMAIL"));
        assert_eq!(check("leadgate_last_enriched", "yesterday"), Err("INVALID_DATE"));
        assert_eq!(check("lifecyclestage", "friend"), Err("INVALID_OPTION"));
        for number in ["1,000", "1e3", "1.", ".5", "$5", "5 "] {
            assert_eq!(check_as(Kind::Number, number), Err("INVALID_INTEGER"), "{number}");
        }
        let mut schema = Schema::new();
        schema.define("shipped", Kind::Date);
        let refused = |value: &str| schema.check_one("shipped", value).expect_err("no day").message;
        assert_eq!(refused("1635545935865"), "1635545935865 is at 22:18:55.865 UTC, not midnight!");
        assert_eq!(refused("yesterday"), "yesterday was not a valid date.");
    }
}
