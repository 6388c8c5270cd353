//! A person of whom another system tells, and who is to be found or created in the CRM before anything is bought.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::ids::{TenantId, digest};
use crate::lead::patch::Patch;
use crate::lead::source::Source;
use crate::person::{IdentityProperties, Profile, ProfileField};

/// The message about such a person. Who it is, is sealed: it may lie in a dead-letter queue for two weeks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLead {
    /// Whose.
    pub tenant: TenantId,
    /// Tells the person from others: of the e-mail address.
    pub new_lead: Fingerprint,
    /// The name of the system that tells of them.
    pub told_by: String,
    /// Tells the event from others. The same however often it is delivered.
    pub event: String,
    /// What is known of the person, sealed.
    pub person: String,
    /// When it arose.
    #[serde(with = "millisecond::required")]
    pub occurred_at: Timestamp,
    /// Not to be taken up before.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// When it was first put on the queue.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub queued_at: Option<Timestamp>,
    /// Where the request for what is bought of them comes from.
    #[serde(skip_serializing_if = "Source::is_new_lead", default)]
    pub source: Source,
    /// One of many that came at once.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub bulk: bool,
}

/// What is known of a person who isn't in the CRM yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(BTreeMap<ProfileField, String>);

/// What may be told of such a person, and the word for it.
pub const FIELDS: [(&str, ProfileField); 6] = [
    ("email", ProfileField::Email),
    ("first_name", ProfileField::FirstName),
    ("last_name", ProfileField::LastName),
    ("company", ProfileField::CompanyName),
    ("domain", ProfileField::CompanyDomain),
    ("linkedin_url", ProfileField::LinkedinUrl),
];

/// The longest e-mail address (RFC 5321).
const EMAIL_CHARS_MAX: usize = 254;

impl Person {
    /// From what stands in a form or a table, made safe for a CRM. `None` without an e-mail address: a person is found by it.
    pub fn read(values: impl IntoIterator<Item = (ProfileField, String)>) -> Option<Self> {
        let (mut known, mut email) = (Profile::default(), None);
        for (field, value) in values {
            if field == ProfileField::Email {
                email = Some(value.trim().to_lowercase());
            }
            known.set(field, Some(value));
        }
        let (mut values, email) = (known.values().clone(), email?);
        // What had to be taken out of an address makes another one of it.
        let is_safe = values.get(&ProfileField::Email).is_some_and(|safe| safe.eq_ignore_ascii_case(&email));
        if !is_safe || !is_email(&email) {
            return None;
        }
        values.insert(ProfileField::Email, email);
        Some(Self(values))
    }

    /// Who was bought. `None` without an e-mail address.
    pub fn of_profile(profile: &Profile) -> Option<Self> {
        let told = FIELDS.iter().filter_map(|(_, field)| Some((*field, profile.get(*field)?.to_owned())));
        Self::read(told)
    }

    /// The e-mail address, in small letters.
    pub fn email(&self) -> &str {
        self.0.get(&ProfileField::Email).map_or("", String::as_str)
    }

    /// Tells the person from others, as their identity in the CRM does.
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        key.of(self.email())
    }

    /// By the CRM's names.
    pub fn properties(&self, names: &IdentityProperties) -> Patch {
        let named = FIELDS.iter().zip(names.names()).filter(|(_, name)| !name.is_empty());
        named.filter_map(|((_, field), name)| Some((name.to_owned(), self.0.get(field)?.clone()))).collect()
    }
}

fn is_email(text: &str) -> bool {
    let is_plain = text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>,;:\"\\()[]".contains(c));
    let parts = text.split_once('@').filter(|(name, domain)| !name.is_empty() && !domain.contains('@'));
    let is_domain = |domain: &str| domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.');
    is_plain && text.chars().count() <= EMAIL_CHARS_MAX && parts.is_some_and(|(_, domain)| is_domain(domain))
}

impl NewLead {
    /// The message about this person, told by `told_by` in an event that `event` tells from others. `None` if it can't be
    /// sealed.
    pub fn seal(
        tenant: &TenantId,
        told_by: &str,
        event: &str,
        person: &Person,
        occurred_at: Timestamp,
        key: &FingerprintKey,
    ) -> Option<Self> {
        let (new_lead, text) = (person.fingerprint(key), serde_json::to_string(&person.0).ok()?);
        let sealed = key.sealing().seal(&name(tenant, &new_lead), &text)?;
        Some(Self {
            tenant: tenant.clone(),
            new_lead,
            told_by: told_by.to_owned(),
            // An id of theirs may say who it is about.
            event: digest(&[told_by, event]),
            person: sealed,
            occurred_at,
            not_before: None,
            queued_at: None,
            source: Source::NewLead,
            bulk: false,
        })
    }

    /// The message about this person, of whom the CRM knew nothing when a signal came. The same however often the signal is
    /// delivered. `None` if it can't be sealed.
    pub fn of_signal(
        tenant: &TenantId,
        signal: &str,
        person: &Person,
        arrived_at: Timestamp,
        key: &FingerprintKey,
    ) -> Option<Self> {
        let lead = Self::seal(tenant, "signal", signal, person, arrived_at, key)?;
        Some(Self { source: Source::Signal, bulk: true, ..lead })
    }

    /// Who it is. `None` when it was sealed with another secret, or has been changed.
    pub fn open(&self, key: &FingerprintKey) -> Option<Person> {
        let text = key.sealing().open(&name(&self.tenant, &self.new_lead), &self.person)?;
        let person = Person(serde_json::from_str(&text).ok()?);
        (person.fingerprint(key) == self.new_lead).then_some(person)
    }

    /// Whether both are about the same person.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.tenant, &self.new_lead) == (&other.tenant, &other.new_lead)
    }
}

/// What the person is sealed under.
fn name(tenant: &TenantId, new_lead: &Fingerprint) -> String {
    format!("{tenant}#new-lead#{}", new_lead.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::tests::key;

    fn person(email: &str) -> Option<Person> {
        let named = [(ProfileField::Email, email.to_owned()), (ProfileField::FirstName, "=Ada".to_owned())];
        Person::read(named)
    }

    #[test]
    fn a_person_has_an_address_and_nothing_that_a_spreadsheet_or_a_browser_runs() {
        let ada = person(" Ada.L+x@Engine.example ").expect("a person");
        assert_eq!(ada.email(), "ada.l+x@engine.example");
        let names = IdentityProperties::named(["Email", "First", "Last", "Company", "", ""]);
        let expected = [("Email", "ada.l+x@engine.example"), ("First", "Ada")];
        assert_eq!(ada.properties(&names), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        for none in ["", "ada", "ada@", "@x.example", "ada@localhost", "a b@x.example", "=a@x.example", "<a@x.example>"]
        {
            assert_eq!(person(none), None, "{none}");
        }
        let long = format!("{}@x.example", "a".repeat(250));
        assert_eq!((person(&long), person("a@b@x.example"), person("a,b@x.example")), (None, None, None));
        assert_eq!(Person::read([(ProfileField::FirstName, "Ada".to_owned())]), None);
    }

    #[test]
    fn a_message_says_who_it_is_to_those_with_the_secret_only() {
        let (tenant, ada) = ("acme".parse().expect("a name"), person("ada@engine.example").expect("a person"));
        let seal = |event: &str| NewLead::seal(&tenant, "form", event, &ada, Timestamp::UNIX_EPOCH, &key());
        let message = seal("ada@engine.example").expect("sealed");
        let text = serde_json::to_string(&message).expect("JSON");
        assert!(!text.to_lowercase().contains("ada") && !text.contains("engine"), "{text}");
        assert_eq!(message.open(&key()), Some(ada.clone()));
        assert_eq!(Some(&message), seal("ada@engine.example").as_ref(), "a repeat is the same");
        let other = NewLead { new_lead: key().of("bob@engine.example"), ..message.clone() };
        assert_eq!(other.open(&key()), None, "it can't be put into another message");
        assert_ne!(seal("2").expect("sealed").event, message.event);
    }
}
