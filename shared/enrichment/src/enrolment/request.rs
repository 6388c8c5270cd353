//! The message that asks for people to be enrolled.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::ids::{RecordKey, TenantId, digest};
use crate::lead::new_lead::Person;

/// The most people in one message. As many messages as one batch has are as many contacts as go into one call.
pub const PEOPLE_MAX: usize = 10;

/// These people are to be enrolled as a rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// Whose.
    pub tenant: TenantId,
    /// The rule's name.
    pub rule: String,
    /// Tells the signal from others. The same however often it is delivered.
    pub signal: String,
    /// From 1 to [`PEOPLE_MAX`].
    pub people: Vec<Subject>,
    /// When the signal arrived.
    #[serde(with = "millisecond::required")]
    pub arrived_at: Timestamp,
    /// Not to be taken up before.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
}

/// Whom a signal is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A record of the CRM.
    Record(RecordKey),
    /// Whoever has an e-mail address. It is sealed: the message may lie in a dead-letter queue for two weeks.
    Person {
        /// Tells the address from others.
        person: Fingerprint,
        /// What is known of the person.
        sealed: String,
    },
}

impl EnrolmentRequest {
    /// What tells a signal of this name, in a delivery that `event` tells from others, from other signals.
    pub fn signal_of(source: &str, event: &str, name: &str) -> String {
        digest(&[source, event, name])
    }

    /// The same for these people only.
    #[must_use]
    pub fn with_people(&self, people: Vec<Subject>, not_before: Option<Timestamp>) -> Self {
        Self { people, not_before, ..self.clone() }
    }
}

impl Subject {
    /// The person, so that only those with the tenant's key can read who it is. `None` if it can't be sealed.
    pub fn seal(tenant: &TenantId, person: &Person, key: &FingerprintKey) -> Option<Self> {
        let fingerprint = person.fingerprint(key);
        let sealed = key.sealing().seal(&name(tenant, &fingerprint), person.email())?;
        Some(Self::Person { person: fingerprint, sealed })
    }

    /// The e-mail address of a person who is told of by it. `None` for a record, and for what was sealed with another
    /// secret or has been changed.
    pub fn email(&self, tenant: &TenantId, key: &FingerprintKey) -> Option<String> {
        let Self::Person { person, sealed } = self else { return None };
        let email = key.sealing().open(&name(tenant, person), sealed)?;
        (key.of(&email) == *person).then_some(email)
    }

    /// What tells the subject from others, without saying who it is: a record's key, or a fingerprint.
    pub fn name(&self) -> String {
        match self {
            Self::Record(key) => key.to_string(),
            Self::Person { person, .. } => person.as_str().to_owned(),
        }
    }
}

/// What the address is sealed under.
fn name(tenant: &TenantId, person: &Fingerprint) -> String {
    format!("{tenant}#signal#{}", person.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::tests::key;
    use crate::person::ProfileField;

    #[test]
    fn a_message_says_who_it_is_to_those_with_the_secret_only() {
        let tenant: TenantId = "acme".parse().expect("a name");
        let ada = Person::read([(ProfileField::Email, "Ada@Engine.example".to_owned())]).expect("a person");
        let sealed = Subject::seal(&tenant, &ada, &key()).expect("sealed");
        let text = serde_json::to_string(&sealed).expect("JSON");
        assert!(!text.to_lowercase().contains("ada") && !text.contains("engine"), "{text}");
        assert_eq!(sealed.email(&tenant, &key()).as_deref(), Some("ada@engine.example"));
        let Subject::Person { sealed, .. } = sealed else { panic!("a person") };
        let other = Subject::Person { person: key().of("bob@engine.example"), sealed };
        assert_eq!(other.email(&tenant, &key()), None, "it can't be put into another message");
    }

    #[test]
    fn a_signal_is_known_again_by_its_source_its_event_and_its_name() {
        let first = EnrolmentRequest::signal_of("intent", "1", "job-change");
        assert_eq!(first, EnrolmentRequest::signal_of("intent", "1", "job-change"));
        for (source, event, name) in [("other", "1", "job-change"), ("intent", "2", "job-change"), ("intent", "1", "x")]
        {
            assert_ne!(first, EnrolmentRequest::signal_of(source, event, name));
        }
    }
}
