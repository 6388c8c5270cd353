//! Who is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::organizations::Organization;
use crate::kept::Table;

/// What Apollo says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EmailStatus {
    /// It was checked.
    Verified,
    /// It was guessed.
    Extrapolated,
    /// There is none.
    Unavailable,
}

impl EmailStatus {
    /// In Apollo's words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Extrapolated => "extrapolated",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A mobile number. Apollo has none at hand: it takes minutes to find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mobile {
    /// In E.164.
    pub number: String,
    /// Whether Apollo has checked it.
    pub is_valid: bool,
    /// What Apollo knows of registers.
    pub do_not_call: DoNotCall,
}

impl Mobile {
    /// A number that was checked, and is on no register.
    pub fn new(number: &str) -> Self {
        Self { number: number.to_owned(), is_valid: true, do_not_call: DoNotCall::NotListed }
    }
}

/// What Apollo says of a number's being on a do-not-call register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DoNotCall {
    /// It is on one: `found`.
    Listed,
    /// It is on none: `not_found`.
    NotListed,
    /// It didn't look: `null`.
    Unknown,
}

impl DoNotCall {
    /// In Apollo's words.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Listed => Some("found"),
            Self::NotListed => Some("not_found"),
            Self::Unknown => None,
        }
    }
}

/// Somebody. What is blank is `null` in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Person {
    /// 24 hexadecimal digits.
    pub id: String,
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub email_status: EmailStatus,
    /// The address that other sources have.
    pub other_email: Option<String>,
    pub mobile: Option<Mobile>,
    /// The number of a desk. It is found along with the mobile number, and costs nothing.
    pub direct_phone: Option<String>,
    pub title: String,
    pub headline: String,
    pub seniority: String,
    pub departments: Vec<String>,
    pub linkedin_url: String,
    pub city: String,
    pub state: String,
    pub country: String,
    pub organization: Option<Organization>,
}

impl Person {
    /// Somebody of whom nothing is known but the name and a checked address.
    pub fn new(first_name: &str, last_name: &str, email: &str) -> Self {
        let email = email.to_lowercase();
        Self {
            id: object_id("person", &email),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            email: Some(email),
            email_status: EmailStatus::Verified,
            other_email: None,
            mobile: None,
            direct_phone: None,
            title: String::new(),
            headline: String::new(),
            seniority: String::new(),
            departments: Vec::new(),
            linkedin_url: String::new(),
            city: String::new(),
            state: String::new(),
            country: String::new(),
            organization: None,
        }
    }

    fn is_called(&self, first_name: &str, last_name: &str) -> bool {
        self.first_name.eq_ignore_ascii_case(first_name) && self.last_name.eq_ignore_ascii_case(last_name)
    }

    fn works_at(&self, asked: &Asked) -> bool {
        let Some(organization) = &self.organization else { return false };
        let is_domain = asked.domain().is_some_and(|domain| organization.domain.eq_ignore_ascii_case(&domain));
        let is_name = text(&asked.organization_name).is_some_and(|name| organization.name.eq_ignore_ascii_case(name));
        is_domain || is_name
    }
}

/// What Apollo is asked with. More of it makes a better match; the first that tells who is meant counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are Apollo's")]
pub struct Asked {
    pub id: Option<String>,
    pub email: Option<String>,
    pub linkedin_url: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub name: Option<String>,
    pub organization_name: Option<String>,
    pub domain: Option<String>,
}

impl Asked {
    /// By address alone.
    pub fn email(email: &str) -> Self {
        Self { email: Some(email.to_owned()), ..Self::default() }
    }

    /// What tells this question from others.
    pub fn key(&self) -> String {
        let name = self.full_name().map(|(first, last)| format!("{first} {last}"));
        let employer = self.domain().or_else(|| text(&self.organization_name).map(str::to_owned));
        let key = [
            text(&self.id).map(str::to_owned),
            self.address(),
            self.profile(),
            Some(format!("{} @ {}", name.unwrap_or_default(), employer.unwrap_or_default())),
        ];
        key.into_iter().flatten().next().unwrap_or_default().to_lowercase()
    }

    /// The address, in small letters.
    pub(in crate::simulators) fn address(&self) -> Option<String> {
        text(&self.email).map(str::to_lowercase)
    }

    /// The last part of the LinkedIn URL, in small letters.
    pub(super) fn profile(&self) -> Option<String> {
        text(&self.linkedin_url).and_then(profile)
    }

    /// The domain, without what Apollo says doesn't belong there.
    pub(super) fn domain(&self) -> Option<String> {
        let domain = text(&self.domain)?.to_lowercase();
        Some(domain.trim_start_matches("www.").trim_start_matches('@').to_owned())
    }

    /// From the pair, or from the full name.
    pub(super) fn full_name(&self) -> Option<(&str, &str)> {
        match (text(&self.first_name), text(&self.last_name)) {
            (Some(first), Some(last)) => Some((first, last)),
            _ => text(&self.name)?.split_once(' ').map(|(first, last)| (first, last.trim())),
        }
    }
}

type Know = Arc<dyn Fn(&Asked) -> Option<Person> + Send + Sync>;

/// Everybody.
pub(in crate::simulators) struct Directory {
    introduced: Vec<Person>,
    by_email: BTreeMap<String, usize>,
    pub(super) by_id: Table<String, Person>,
    forgotten: BTreeSet<String>,
    /// What was said of somebody's number, by their address.
    mobiles: BTreeMap<String, Option<Mobile>>,
    by_default: Know,
}

impl Directory {
    pub(in crate::simulators) fn new(by_default: impl Fn(&Asked) -> Option<Person> + Send + Sync + 'static) -> Self {
        Self {
            introduced: Vec::new(),
            by_email: BTreeMap::new(),
            by_id: Table::default(),
            forgotten: BTreeSet::new(),
            mobiles: BTreeMap::new(),
            by_default: Arc::new(by_default),
        }
    }

    pub(in crate::simulators) fn know(&mut self, person: Person) {
        if let Some(email) = person.email.as_ref().map(|email| email.to_lowercase()) {
            self.forgotten.remove(&email);
            self.by_email.insert(email, self.introduced.len());
        }
        self.by_id.insert(person.id.clone(), person.clone());
        self.introduced.push(person);
    }

    pub(super) fn know_by_default(&mut self, know: impl Fn(&Asked) -> Option<Person> + Send + Sync + 'static) {
        self.by_default = Arc::new(know);
    }

    pub(in crate::simulators) fn forget(&mut self, email: &str) {
        self.forgotten.insert(email.to_lowercase());
    }

    pub(super) fn introduced(&self) -> impl Iterator<Item = &Person> {
        self.introduced.iter()
    }

    pub(super) fn set_mobile(&mut self, email: &str, mobile: Option<Mobile>) {
        self.mobiles.insert(email.to_lowercase(), mobile);
    }

    /// Whoever is asked for, whatever is asked with.
    pub(in crate::simulators) fn find(&mut self, asked: &Asked) -> Option<Person> {
        let address = asked.address();
        if address.as_ref().is_some_and(|email| self.forgotten.contains(email)) {
            return None;
        }
        let mut found = self.find_introduced(asked, address.as_deref()).or_else(|| (self.by_default)(asked))?;
        if let Some(email) = found.email.as_ref().map(|email| email.to_lowercase()) {
            if self.forgotten.contains(&email) {
                return None;
            }
            if let Some(mobile) = self.mobiles.get(&email) {
                found.mobile.clone_from(mobile);
            }
        }
        // Whoever was in an answer can be asked for by id from then on.
        if !self.by_id.contains_key(&found.id) {
            self.by_id.insert(found.id.clone(), found.clone());
        }
        Some(found)
    }

    fn find_introduced(&self, asked: &Asked, address: Option<&str>) -> Option<Person> {
        if let Some(person) = text(&asked.id).and_then(|id| self.by_id.get(id)) {
            return Some(person.clone());
        }
        if let Some(index) = address.and_then(|email| self.by_email.get(email)) {
            return self.introduced.get(*index).cloned();
        }
        if let Some(slug) = asked.profile() {
            let person = self.introduced.iter().rev().find(|it| profile(&it.linkedin_url).as_ref() == Some(&slug));
            return person.cloned();
        }
        let (first, last) = asked.full_name()?;
        self.introduced.iter().rev().find(|it| it.is_called(first, last) && it.works_at(asked)).cloned()
    }
}

/// An id as Apollo has them, made of `of`.
pub(super) fn object_id(kind: &str, of: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(kind).chain_update("\n").chain_update(of).finalize();
    hex::encode(&digest[..12])
}

/// A text that isn't blank.
pub(super) fn text(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|value| !value.is_empty())
}

/// `https://www.linkedin.com/in/Ada-L/?x=y` → `ada-l`.
fn profile(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("/in/")?;
    let slug = rest.split(['/', '?', '#']).next()?;
    (!slug.is_empty()).then(|| slug.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Person {
        let organization = Organization::new("Analytical Engines", "analytical.example");
        let linkedin_url = "http://www.linkedin.com/in/ada-l".to_owned();
        let organization = Some(organization);
        Person { linkedin_url, organization, ..Person::new("Ada", "Lovelace", "Ada@Analytical.example") }
    }

    #[test]
    fn somebody_is_found_by_whatever_tells_who_is_meant() {
        let mut directory = Directory::new(|_| None);
        directory.know(ada());
        let some = |value: &str| Some(value.to_owned());
        let by_id = Asked { id: Some(ada().id), ..Asked::default() };
        let by_profile = Asked { linkedin_url: some("https://linkedin.com/in/Ada-L/?trk=x"), ..Asked::default() };
        let by_name = Asked { name: some("ada lovelace"), domain: some("www.analytical.example"), ..Asked::default() };
        let by_email = Asked::email(" ADA@analytical.example ");
        for asked in [by_id, by_profile, by_name, by_email] {
            assert_eq!(directory.find(&asked), Some(ada()), "{asked:?}");
        }
        let elsewhere = Asked { name: some("Ada Lovelace"), domain: some("other.example"), ..Asked::default() };
        assert_eq!(directory.find(&elsewhere), None);
    }

    #[test]
    fn whoever_is_forgotten_is_not_found_by_any_way() {
        let mut directory = Directory::new(|_| None);
        directory.know(ada());
        directory.forget("ADA@analytical.example");
        assert_eq!(directory.find(&Asked::email("ada@analytical.example")), None);
        assert_eq!(directory.find(&Asked { id: Some(ada().id), ..Asked::default() }), None);
        directory.know(ada());
        assert_eq!(directory.find(&Asked::email("ada@analytical.example")), Some(ada()));
    }
}
