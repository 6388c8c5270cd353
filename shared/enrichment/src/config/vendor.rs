//! What the configuration has to know of a vendor before anything is asked of it: its keys, its secrets, and what it can
//! do. Each vendor describes itself, in its own folder of `leadgate-connectors`; here is only what a description is made of.

use std::collections::BTreeMap;

use toml::Table;

use super::shape::{Key, Shape};
use crate::credits::price::PricedField;
use crate::ids::ObjectType;
use crate::person::{Identity, IdentityProperties, ProfileField};
use crate::provider::limits::CallLimits;
use crate::provider::prospecting::SearchCeiling;

/// The vendors that a configuration may name.
#[derive(Debug, Clone, Default)]
pub struct Vendors {
    /// CRMs.
    pub crms: Vec<&'static CrmVendor>,
    /// Data providers.
    pub providers: Vec<&'static ProviderVendor>,
    /// The names of those that send sequences of messages.
    pub sequencers: Vec<&'static str>,
    /// Names of the providers that check addresses, and how often each may be asked to under its smallest plan.
    pub verifiers: Vec<(&'static str, CallLimits)>,
    /// The names of those that find accounts and people, and how much of one search each shows.
    pub prospectors: Vec<(&'static str, SearchCeiling)>,
}

impl Vendors {
    /// How often this provider may be asked to check an address. `None` for one that doesn't.
    pub(super) fn verifies(&self, provider: &str) -> Option<CallLimits> {
        self.verifiers.iter().find(|(name, _)| *name == provider).map(|(_, limits)| *limits)
    }

    /// The CRM of this name.
    pub fn crm(&self, name: &str) -> Option<&'static CrmVendor> {
        self.crms.iter().find(|vendor| vendor.name == name).copied()
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&'static ProviderVendor> {
        self.providers.iter().find(|vendor| vendor.name == name).copied()
    }

    /// The price lists that come with Leadgate: names and texts.
    pub(super) fn price_lists(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.providers.iter().flat_map(|vendor| vendor.price_lists.iter().copied())
    }
}

/// A CRM.
#[derive(Debug)]
pub struct CrmVendor {
    /// Its name in `kind`, in record keys and in the webhook's route: a-z and digits.
    pub name: &'static str,
    /// Where its API is, unless the configuration says otherwise.
    pub base_url: &'static str,
    /// Its property for whose record it is, unless the configuration says otherwise.
    pub owner_property: &'static str,
    /// Its names of the properties that tell who a person is, unless the configuration says otherwise.
    pub identity: fn() -> IdentityProperties,
    /// Whether no two of its people have the same e-mail address, so that a person who has one is not there twice.
    pub has_unique_email: bool,
    /// The most records in one call that reads or writes them.
    pub records_per_call: usize,
    /// It takes no longer name of a property.
    pub property_name_max: usize,
    /// What the names of properties begin with that are of a record which a lead is related to
    /// ([`related`](crate::lead::related)): the kind of that record, and a dot.
    pub related: &'static [&'static str],
    /// The keys that only this CRM has, without those of secrets.
    pub keys: &'static [Key],
    /// Its keys that name secrets.
    pub secrets: &'static [SecretKey],
    /// The key that says which of its accounts is the tenant's. No two tenants may have the same.
    pub account_key: Option<&'static str>,
    /// The kinds of record that are people.
    pub objects: &'static [ObjectKind],
    /// The kind of record that is a company, where such can be enriched as well.
    pub company: Option<&'static CompanyKind>,
    /// What an operator means who names a record by its id alone: its kind, and the id as it stands in keys.
    /// [`contact`], where there is one kind.
    pub record_of: fn(&str) -> (ObjectType, String),
    /// Checks what the shape of its own keys doesn't. The names of secrets are among them.
    pub check: fn(&OwnKeys) -> Vec<Wrong>,
}

/// The kind of record that is a company.
#[derive(Debug)]
pub struct CompanyKind {
    /// The CRM's own word for it.
    pub object: ObjectType,
    /// Its property for the company's domain or web site, unless the configuration says otherwise.
    pub domain_property: &'static str,
}

/// A kind of record that is a person.
#[derive(Debug)]
pub struct ObjectKind {
    /// The CRM's own word for it.
    pub object: ObjectType,
    /// Whether a person who isn't in the CRM can be created as one, with
    /// [`create_person`](crate::crm::Crm::create_person).
    pub is_created: bool,
    /// An id as it stands in keys. `None` if it can't be one of such a record: what comes from elsewhere is anything.
    pub id: fn(&str) -> Option<String>,
}

impl ObjectKind {
    /// One whose ids are numbers.
    pub const fn numbered(object: ObjectType) -> Self {
        Self { object, is_created: false, id: number }
    }

    /// The same, of which one is created for a person who isn't in the CRM.
    pub const fn numbered_and_created(object: ObjectType) -> Self {
        Self { object, is_created: true, id: number }
    }
}

fn number(text: &str) -> Option<String> {
    let is_number = (1..=NUMBER_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.to_owned())
}

/// No id that is a number is longer.
const NUMBER_CHARS_MAX: usize = 20;

/// A contact with this id.
pub fn contact(id: &str) -> (ObjectType, String) {
    (ObjectType::CONTACT, id.to_owned())
}

/// A data provider.
#[derive(Debug)]
pub struct ProviderVendor {
    /// Its name in `kind`, in price lists and in the callback's route: a-z and digits.
    pub name: &'static str,
    /// Where its API is, unless the configuration says otherwise.
    pub base_url: &'static str,
    /// How often each of its endpoints may be called under its smallest plan: what goes until the provider, or the
    /// configuration, says otherwise.
    pub limits: CallLimits,
    /// The keys that only this provider has, without those of secrets.
    pub keys: &'static [Key],
    /// Its keys that name secrets.
    pub secrets: &'static [SecretKey],
    /// The price lists that come with Leadgate: names and texts.
    pub price_lists: &'static [(&'static str, &'static str)],
    /// What a field is paid for as, if it arrives minutes later. `None` for what comes at once.
    pub asynchronous: fn(&OwnKeys, ProfileField) -> Option<PricedField>,
    /// Whether it can't be asked for what arrives later without an address to deliver to.
    pub needs_callback: bool,
    /// Whether it tells this of a person at all.
    pub tells: fn(ProfileField) -> bool,
    /// Whether this is enough to ask it with, of an [`Identity`] that is usable at all.
    pub can_be_asked: fn(&Identity) -> bool,
    /// Checks what the shape of its own keys doesn't.
    pub check: fn(&OwnKeys) -> Vec<Wrong>,
}

impl ProviderVendor {
    /// Whether it delivers in batches, and isn't called: who is called asks for a key. What was delivered costs nothing to
    /// look up.
    pub fn delivers_in_batches(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Whether this is enough to ask it with. A person is told by less to a feed of businesses than to who is paid for people.
    pub fn can_find(&self, identity: &Identity) -> bool {
        (self.delivers_in_batches() || identity.is_usable()) && (self.can_be_asked)(identity)
    }
}

/// Something that is wrong with a value of a vendor's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The key.
    pub key: &'static str,
    /// What is there. Never a secret.
    pub found: String,
    /// What should be.
    pub expected: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The values of a vendor's own keys.
#[derive(Debug, Clone, Default)]
pub struct OwnKeys(pub(super) Table);

impl OwnKeys {
    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// A whole number that isn't negative.
    pub fn whole(&self, key: &str) -> Option<u64> {
        u64::try_from(self.0.get(key)?.as_integer()?).ok()
    }

    /// A list of texts. `None` if there is none, which is not the same as an empty one.
    pub fn texts(&self, key: &str) -> Option<Vec<&str>> {
        self.0.get(key)?.as_array().map(|items| items.iter().filter_map(|item| item.as_str()).collect())
    }

    /// A table of texts, whose keys are up to who writes it.
    pub fn named_texts(&self, key: &str) -> Option<BTreeMap<String, String>> {
        let text = |(name, value): (&String, &toml::Value)| Some((name.clone(), value.as_str()?.to_owned()));
        self.0.get(key)?.as_table().map(|table| table.iter().filter_map(text).collect())
    }

    /// A value as it would be written in the file.
    pub(super) fn shown(&self, key: &str) -> Option<String> {
        self.0.get(key).map(ToString::to_string)
    }
}

/// A key of the configuration that names secrets.
#[derive(Debug)]
pub struct SecretKey {
    /// The key.
    pub key: &'static str,
    /// What the secrets are for.
    pub role: SecretRole,
    /// Whether it has to be there.
    pub needed: bool,
}

impl SecretKey {
    /// One that has to be there.
    pub const fn needed(key: &'static str, role: SecretRole) -> Self {
        Self { key, role, needed: true }
    }

    /// One that may be left out.
    pub const fn optional(key: &'static str, role: SecretRole) -> Self {
        Self { key, role, needed: false }
    }
}

/// What a secret is for. The functions' permissions go by it, so that another vendor needs no other permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretRole {
    /// Signs a CRM's webhooks, or those of another system that tells of leads.
    CrmSigning,
    /// Opens a CRM's API.
    CrmToken,
    /// Opens a provider's API.
    ProviderKey,
    /// Makes the tokens in the addresses that a provider delivers to, or signs what it delivers there.
    ProviderCallback,
}

impl SecretRole {
    /// What the last part of a secret's name has to be. Of two, the second is for the secret that is to replace the first,
    /// and a list of both may be written.
    pub fn last_parts(self) -> &'static [&'static str] {
        match self {
            Self::CrmSigning => &["crm-signing", "crm-signing-next"],
            Self::CrmToken => &["crm-token"],
            Self::ProviderKey => &["provider-key"],
            Self::ProviderCallback => &["provider-callback", "provider-callback-next"],
        }
    }

    /// Whether a list is written: the secret and the one that is to replace it.
    pub(super) fn is_list(self) -> bool {
        self.last_parts().len() > 1
    }

    /// What is written for it.
    pub(super) const fn shape(self) -> Shape {
        match self {
            Self::CrmSigning => Shape::List(&Shape::Secret("leadgate/acme/crm-signing")),
            Self::CrmToken => Shape::Secret("leadgate/acme/crm-token"),
            Self::ProviderKey => Shape::Secret("leadgate/acme/provider-key"),
            Self::ProviderCallback => Shape::List(&Shape::Secret("leadgate/acme/provider-callback")),
        }
    }
}

/// Names of secrets, by the key that names them.
#[derive(Debug, Clone, Default)]
pub struct SecretNames(pub(super) Vec<(&'static SecretKey, Vec<String>)>);

impl SecretNames {
    /// All names for this purpose: the current one first.
    pub fn of(&self, role: SecretRole) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key.role == role).flat_map(|(_, names)| names.iter().map(String::as_str))
    }

    /// Every key, with the names there.
    pub fn iter(&self) -> impl Iterator<Item = (&'static SecretKey, &[String])> {
        self.0.iter().map(|(key, names)| (*key, names.as_slice()))
    }
}
