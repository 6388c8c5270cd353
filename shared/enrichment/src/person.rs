//! A person: what the CRM knows of them to ask with, and what a provider knows.

mod clean;
mod field;
mod profile;
mod status;

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Host;

pub use self::field::ProfileField;
pub use self::profile::{Confidence, Profile};
pub use self::status::{DoNotCall, EmailStatus, NumberStatus};
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::ids::ProviderName;

/// What we ask a provider with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// E-mail address.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Employer's name.
    pub company: Option<String>,
    /// Employer's domain, bare: no scheme, no `www.`, no path.
    pub domain: Option<String>,
    /// LinkedIn profile.
    pub linkedin_url: Option<String>,
    /// What else their employer is told by, for a feed of businesses.
    pub place: Place,
    /// A provider's own id for them. Only that provider can be asked by it.
    pub found: Option<Found>,
}

/// What tells an employer with a place of its own, where the CRM has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Telephone number.
    pub phone: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// The number of its licence.
    pub licence: Option<String>,
}

/// The CRM's names of what tells such an employer. Blank, where there is no feed to be asked, or the CRM has no such property.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlaceProperties {
    /// Telephone number.
    pub phone: String,
    /// Postal code.
    pub postal_code: String,
    /// The number of its licence.
    pub licence: String,
}

/// Who has found a person, and under which id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The provider.
    pub by: ProviderName,
    /// Its id.
    pub id: String,
}

/// The CRM's names for the properties that tell who a person is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityProperties {
    /// E-mail address.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Employer's name.
    pub company: String,
    /// Employer's web site.
    pub website: String,
    /// LinkedIn profile.
    pub linkedin_url: String,
    /// What a feed of businesses is asked by. It stands with the feed in the configuration.
    #[serde(skip)]
    pub place: PlaceProperties,
}

impl IdentityProperties {
    /// Names in the order of the fields: e-mail address, given name, family name, employer, web site, LinkedIn profile.
    pub fn named([email, first_name, last_name, company, website, linkedin_url]: [&str; 6]) -> Self {
        Self {
            email: email.to_owned(),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            company: company.to_owned(),
            website: website.to_owned(),
            linkedin_url: linkedin_url.to_owned(),
            place: PlaceProperties::default(),
        }
    }

    /// All that tell a person. One that the CRM has no property for is blank.
    pub fn names(&self) -> [&str; 6] {
        [&self.email, &self.first_name, &self.last_name, &self.company, &self.website, &self.linkedin_url]
    }

    /// Those that the CRM has.
    pub fn known_names(&self) -> impl Iterator<Item = &str> {
        let PlaceProperties { phone, postal_code, licence } = &self.place;
        let place = [phone, postal_code, licence].map(String::as_str);
        self.names().into_iter().chain(place).filter(|name| !name.is_empty())
    }
}

/// A CRM record's properties, by the CRM's names. Unset ones are absent or `None`.
pub type Properties = BTreeMap<String, Option<String>>;

/// The value of a property, if it has one that isn't blank.
pub fn value_of<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    properties.get(name)?.as_deref().map(str::trim).filter(|value| !value.is_empty())
}

/// The longest text of a CRM that we ask a provider with, in characters: an address has 254 at most.
const TEXT_CHARS_MAX: usize = 300;

impl Identity {
    /// Who the record is about.
    pub fn read(properties: &Properties, names: &IdentityProperties) -> Self {
        // Anything can be typed into a CRM, and it goes into keys and calls.
        let text =
            |name: &str| value_of(properties, name).map(|it| it.chars().take(TEXT_CHARS_MAX).collect::<String>());
        Self {
            email: text(&names.email).map(|email| email.to_lowercase()),
            first_name: text(&names.first_name),
            last_name: text(&names.last_name),
            company: text(&names.company),
            domain: text(&names.website).as_deref().and_then(bare_domain),
            linkedin_url: text(&names.linkedin_url),
            place: Place {
                phone: text(&names.place.phone),
                postal_code: text(&names.place.postal_code),
                licence: text(&names.place.licence),
            },
            found: None,
        }
    }

    /// One of whom nothing is known but what this provider calls them.
    pub fn found(by: ProviderName, id: &str) -> Self {
        Self { found: Some(Found { by, id: id.to_owned() }), ..Self::default() }
    }

    /// Whether this provider can be asked about them, as far as it goes by its own ids.
    pub fn may_be_asked_of(&self, provider: &ProviderName) -> bool {
        self.found.as_ref().is_none_or(|found| found.by == *provider)
    }

    /// Whether a provider could tell who is meant: its own id, an address, a LinkedIn profile, or a full name with an employer.
    pub fn is_usable(&self) -> bool {
        let named = self.first_name.is_some() && self.last_name.is_some();
        let employed = self.company.is_some() || self.domain.is_some();
        self.email.as_deref().is_some_and(|email| email.contains('@'))
            || self.linkedin_url.is_some()
            || self.found.is_some()
            || (named && employed)
    }

    /// The employer's domain: that of the web site, else that of the address, unless all the world can have such an address.
    pub fn employer(&self) -> Option<String> {
        let of_address = || {
            let (_, domain) = self.email.as_deref()?.rsplit_once('@')?;
            bare_domain(domain).filter(|domain| !is_anybodys(domain))
        };
        self.domain.clone().or_else(of_address).map(|domain| organization(&domain))
    }

    /// What a provider tells the person by, without keeping it: the address, else the LinkedIn profile, else the name and
    /// the employer. What we write into the other fields after a purchase makes no other person of them.
    pub fn person_fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        match (&self.email, &self.linkedin_url) {
            (Some(email), _) => key.of(email),
            (None, Some(url)) => key.of(url),
            (None, None) => self.fingerprint(key),
        }
    }

    /// Tells this identity from another without keeping it.
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        let parts = [&self.email, &self.first_name, &self.last_name, &self.company, &self.domain, &self.linkedin_url];
        let mut parts: Vec<&str> = parts.iter().map(|part| part.as_deref().unwrap_or_default()).collect();
        if self.place != Place::default() {
            let Place { phone, postal_code, licence } = &self.place;
            parts.extend([phone, postal_code, licence].map(|part| part.as_deref().unwrap_or_default()));
        }
        parts.extend(self.found.iter().flat_map(|found| [found.by.as_str(), &found.id]));
        key.of(&parts.join("\n"))
    }
}

/// A host that gives addresses to all the world employs none of those who have them.
const ANYBODYS: [&str; 22] = [
    "aol",
    "comcast",
    "fastmail",
    "free",
    "gmail",
    "gmx",
    "googlemail",
    "hotmail",
    "icloud",
    "live",
    "mail",
    "me",
    "msn",
    "orange",
    "outlook",
    "proton",
    "protonmail",
    "qq",
    "t-online",
    "web",
    "yahoo",
    "yandex",
];

fn is_anybodys(domain: &str) -> bool {
    let organization = organization(domain);
    organization == domain && domain.split('.').next().is_some_and(|name| ANYBODYS.contains(&name))
}

/// The domain that an organization has registered: `example.co.uk` of `mail.eu.example.co.uk`, by the public suffix list. What
/// is known of an organization is kept by it, so that its branches are one. A domain that the list says nothing of stays.
fn organization(domain: &str) -> String {
    psl::domain_str(domain).unwrap_or(domain).to_owned()
}

/// `https://www.Example.com/about` → `example.com`, and `münchen.example` → `xn--mnchen-3ya.example`: keys are made of it.
pub fn bare_domain(website: &str) -> Option<String> {
    let rest = website.split_once("://").map_or(website, |(_, rest)| rest);
    let Ok(Host::Domain(host)) = Host::parse(rest.split(['/', '?', '#', ':']).next()?.trim()) else { return None };
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let is_domain = host.contains('.') && host.len() <= DOMAIN_CHARS_MAX;
    is_domain.then(|| host.trim_end_matches('.').to_owned())
}

/// The longest name that DNS has.
const DOMAIN_CHARS_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_site_becomes_a_bare_domain_or_nothing() {
        assert_eq!(bare_domain("https://www.Example.com/about").as_deref(), Some("example.com"));
        assert_eq!(bare_domain("example.co.uk").as_deref(), Some("example.co.uk"));
        assert_eq!(bare_domain("M\u{fc}nchen.example").as_deref(), Some("xn--mnchen-3ya.example"));
        for none in ["http://localhost:80/", "a b.example", "127.0.0.1", "", &format!("{}.example", "a".repeat(300))] {
            assert_eq!(bare_domain(none), None, "{none}");
        }
    }

    #[test]
    fn an_employer_is_known_by_its_site_or_its_addresses_but_not_by_anybodys() {
        let of = |email: &str, domain: Option<&str>| {
            let (email, domain) = (Some(email.to_owned()), domain.map(str::to_owned));
            Identity { email, domain, ..Identity::default() }.employer()
        };
        assert_eq!(of("ada@engine.example", None).as_deref(), Some("engine.example"));
        assert_eq!(of("ada@gmail.com", Some("engine.example")).as_deref(), Some("engine.example"));
        for branch in ["ada@mail.eu.engine.co.uk", "ada@engine.co.uk"] {
            assert_eq!(of(branch, None).as_deref(), Some("engine.co.uk"));
            assert_eq!(of(branch, Some("shop.engine.co.uk")).as_deref(), Some("engine.co.uk"));
        }
        assert_eq!(of("ada@mail.engine.com", None).as_deref(), Some("engine.com"), "mail is a part of it");
        for anybodys in ["ada@gmail.com", "ada@yahoo.co.uk", "ada@gmx.de", "ada", "ada@localhost"] {
            assert_eq!(of(anybodys, None), None, "{anybodys}");
        }
    }

    #[test]
    fn a_name_alone_is_not_enough_to_ask_with() {
        let mut identity =
            Identity { first_name: Some("Ada".into()), last_name: Some("L".into()), ..Identity::default() };
        assert!(!identity.is_usable());
        identity.company = Some("Analytical".into());
        assert!(identity.is_usable());
        assert!(!Identity { email: Some("nonsense".into()), ..Identity::default() }.is_usable());
    }
}
