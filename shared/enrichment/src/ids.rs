//! Names of things. Every id is text with a type, so that one can't be passed for another.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Separates the parts of a [`RecordKey`]. No part may contain it.
const SEPARATOR: char = '#';

/// One customer of the installation: the name of its table in `leadgate.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(String);

/// Why a text can't be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A tenant is named in URLs and keys: a small alphabet keeps both readable and safe.
    #[error("found {0:?}, expected 1 to 40 characters from a-z, 0-9 and '-'")]
    Tenant(String),
    /// A record key that doesn't have its four parts.
    #[error("found {0:?}, expected tenant#origin#object type#id")]
    Record(String),
}

impl TenantId {
    /// The name as written in the configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 40 || !text.chars().all(allowed) {
            return Err(IdError::Tenant(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name from a list that grows with the vendors, where an id is made up for each. It goes into keys, so that it has few
/// characters.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            /// One that stands in the code.
            pub const fn known(name: &'static str) -> Self {
                Self(Cow::Borrowed(name))
            }

            /// The word used in keys.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// One that comes from elsewhere: letters, digits, `_` and `-`.
            pub fn read(text: &str) -> Option<Self> {
                is_name(text).then(|| Self(Cow::Owned(text.to_owned())))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

name! {
    /// Where a record lives: the name of the tenant's CRM.
    Origin
}

impl Origin {
    /// No CRM: a person whom a search has found at a provider, and who is to be bought before they are created in the CRM.
    pub const CANDIDATE: Self = Self::known("candidate");
    /// No CRM: a page of a search, which is paid for like a record. Its kind is the profile that is searched for.
    pub const SEARCH: Self = Self::known("search");
}

name! {
    /// The kind of a row in a CRM, by the CRM's own word for it. Of a candidate, the provider that has found them.
    ObjectType
}

name! {
    /// Who sells data.
    ProviderName
}

impl ObjectType {
    /// A person.
    pub const CONTACT: Self = Self::known("contact");
}

impl PartialEq<str> for ProviderName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(allowed)
}

/// One row in one CRM of one tenant. As text: `tenant#origin#object type#id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// Whose record it is.
    pub tenant: TenantId,
    /// Where it lives.
    pub origin: Origin,
    /// What it is.
    pub object: ObjectType,
    /// The CRM's own id for it.
    pub id: String,
}

impl RecordKey {
    /// A person whom a search has found: `tenant#candidate#provider#id`, by the provider's id for them. `None` if that can't
    /// be one.
    pub fn of_candidate(tenant: &TenantId, provider: &ProviderName, id: &str) -> Option<Self> {
        let object = ObjectType::read(provider.as_str())?;
        is_name(id).then(|| Self { tenant: tenant.clone(), origin: Origin::CANDIDATE, object, id: id.to_owned() })
    }

    /// Who has found it, and under which id, if it is such a person.
    pub fn candidate(&self) -> Option<(ProviderName, &str)> {
        let provider = ProviderName::read(self.object.as_str())?;
        (self.origin == Origin::CANDIDATE).then_some((provider, self.id.as_str()))
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}#{}", self.tenant, self.origin, self.object, self.id)
    }
}

impl FromStr for RecordKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError::Record(text.to_owned());
        let parts: Vec<&str> = text.split(SEPARATOR).collect();
        let [tenant, origin, object, id] = parts[..] else { return Err(wrong()) };
        if id.is_empty() || id.len() > 64 {
            return Err(wrong());
        }
        let (origin, object) = (Origin::read(origin).ok_or_else(wrong)?, ObjectType::read(object).ok_or_else(wrong)?);
        Ok(Self { tenant: tenant.parse()?, origin, object, id: id.to_owned() })
    }
}

impl Serialize for RecordKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One request to have a record enriched. Derived from the record and the event that caused it, never random, so that
/// the same event delivered twice is the same request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(String);

impl RequestId {
    /// The id for `record` and the CRM's way to tell this event from others (`dedupe_key`).
    pub fn derive(record: &RecordKey, dedupe_key: &str) -> Self {
        Self(digest(&[&record.to_string(), dedupe_key]))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One unit of work that is paid for together: one hold, one call, one settle. It starts with the time it was made,
/// so that a tenant's ledger sorts by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PurchaseId(String);

impl PurchaseId {
    /// The id of what one invocation buys for one tenant. An invocation id is unique, so two workers can't share a
    /// purchase even when they work on the same messages in the same millisecond.
    pub fn derive(tenant: &TenantId, invocation: &str, now: Timestamp) -> Self {
        let tail = digest(&[tenant.as_str(), invocation]);
        Self(format!("{:013}-{}", now.as_millisecond(), &tail[..12]))
    }

    /// Reads an id that came from outside.
    pub fn read(text: &str) -> Option<Self> {
        let (first, allowed) = (text.strip_suffix(LATER).unwrap_or(text), |c: char| c.is_ascii_hexdigit() || c == '-');
        (!first.is_empty() && first.len() <= 40 && first.chars().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The purchase of what the same call asked for and arrives later: paid for by itself, with a hold of its own.
    pub fn asynchronous(&self) -> Self {
        Self(format!("{}{LATER}", self.first()))
    }

    /// What the same worker buys in its `turn`-th call for people, of whichever provider. The first is this one itself.
    pub fn of_turn(&self, turn: usize) -> Self {
        if turn == 0 { self.clone() } else { Self(format!("{}-{turn}", self.0)) }
    }

    /// The purchase of what is known of the employers of those whom this one is about: a call of its own.
    pub fn organizations(&self) -> Self {
        Self(format!("{}{ORGANIZATIONS}", self.first()))
    }

    /// The purchase of a page of a search that was begun as this one.
    pub fn search(&self) -> Self {
        Self(format!("{}{SEARCH}", self.first()))
    }

    /// The purchase of what came at once with the same call.
    pub fn at_once(&self) -> Self {
        Self(self.first().to_owned())
    }

    /// Our name for the person of a record in the call that it pays for, for providers that give a name back with what they
    /// find. It says nothing of the person, and which purchase it is of: see [`Self::of_name`].
    pub fn name_of(&self, record: &RecordKey) -> String {
        format!("{}.{}", self.first(), digest(&[&record.to_string()]))
    }

    /// The purchase of what arrives later that a [name](Self::name_of) is of. `None` for a name that isn't ours.
    pub fn of_name(name: &str) -> Option<Self> {
        let (purchase, person) = name.split_once('.')?;
        let is_ours = !person.is_empty() && person.bytes().all(|byte| byte.is_ascii_hexdigit());
        Self::read(purchase).filter(|_| is_ours).map(|purchase| purchase.asynchronous())
    }

    /// When it was made: the moment whose prices it is paid at.
    pub fn made_at(&self) -> Timestamp {
        let millisecond = self.0.split('-').next().and_then(|text| text.parse().ok());
        millisecond.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn first(&self) -> &str {
        self.0.strip_suffix(LATER).unwrap_or(&self.0)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Ends the id of a purchase of a page.
const SEARCH: &str = "-search";
/// Ends the id of a purchase of what arrives later.
const LATER: &str = "-later";
/// Ends the id of a purchase of organizations.
const ORGANIZATIONS: &str = "-organizations";

impl fmt::Display for PurchaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 80 bits of SHA-256 over length-prefixed parts, in hex: short enough for a log line, long enough not to collide.
pub fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(&hasher.finalize()[..10])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_known_by_its_provider_and_its_id_there() {
        let (tenant, provider) = ("acme".parse().expect("a name"), ProviderName::known("data"));
        let key = RecordKey::of_candidate(&tenant, &provider, "5f1").expect("an id");
        assert_eq!(key.to_string(), "acme#candidate#data#5f1");
        let read: RecordKey = key.to_string().parse().expect("a record");
        assert_eq!(read.candidate(), Some((provider.clone(), "5f1")));
        assert_eq!(RecordKey::of_candidate(&tenant, &provider, "5#1"), None);
        let record: RecordKey = "acme#crm#contact#1".parse().expect("a record");
        assert_eq!(record.candidate(), None);
    }

    #[test]
    fn a_record_key_survives_its_own_text() {
        let key: RecordKey = "acme#crm#contact#1246978317".parse().expect("a key");
        assert_eq!(key.to_string().parse::<RecordKey>().expect("a key"), key);
        for wrong in ["", "acme", "acme#crm#contact#", "a#b#c#d#e", "Acme#crm#contact#1", "a#b c#d#1", "a##d#1"] {
            assert!(wrong.parse::<RecordKey>().is_err(), "{wrong:?} is not a key");
        }
    }

    #[test]
    fn a_purchase_tells_when_it_was_made_and_what_it_is_for() {
        let (tenant, at) = ("acme".parse().expect("a tenant"), Timestamp::from_millisecond(1_700_000_000_123));
        let purchase = PurchaseId::derive(&tenant, "run", at.expect("in range"));
        assert_eq!(purchase.asynchronous().made_at().as_millisecond(), 1_700_000_000_123);
        assert_ne!(purchase.asynchronous(), purchase);
        assert_eq!(
            (purchase.asynchronous().at_once(), purchase.asynchronous().asynchronous()),
            (purchase.clone(), purchase.asynchronous())
        );
        assert_eq!(PurchaseId::read(purchase.asynchronous().as_str()), Some(purchase.asynchronous()));
        assert_eq!(PurchaseId::read("1#2"), None);
    }

    #[test]
    fn a_name_given_to_a_provider_tells_whose_it_is_and_nothing_of_the_person() {
        let tenant: TenantId = "acme".parse().expect("a name");
        let purchase = PurchaseId::derive(&tenant, "run", Timestamp::UNIX_EPOCH).of_turn(11);
        let record: RecordKey = "acme#crm#contact#7".parse().expect("a key");
        let name = purchase.name_of(&record);
        assert_eq!(PurchaseId::of_name(&name), Some(purchase.asynchronous()));
        assert_eq!(purchase.asynchronous().name_of(&record), name);
        assert!(name.len() <= 64 && !name.contains("contact"), "{name}");
        for other in ["", "7", "row_1", "row.1x", ".ab", "a b.12", "1-2."] {
            assert_eq!(PurchaseId::of_name(other), None, "{other}");
        }
    }

    #[test]
    fn the_same_event_is_the_same_request_and_parts_do_not_run_together() {
        let key: RecordKey = "acme#crm#contact#12".parse().expect("a key");
        let other: RecordKey = "acme#crm#contact#1".parse().expect("a key");
        assert_eq!(RequestId::derive(&key, "3"), RequestId::derive(&key, "3"));
        assert_ne!(RequestId::derive(&key, "3"), RequestId::derive(&other, "23"));
    }
}
