//! The properties of the company that a contact is with, among the contact's own: `companies.industry`. Several contacts may be
//! with one company, which is written once.
//!
//! Which company that is, the associations say: HubSpot calls one of them the primary one (developers.hubspot.com,
//! "Associations": association type 1, "Contact to primary company"). A contact without one has no place for these properties.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use serde::{Deserialize, Serialize};

use super::classify::unreadable;
use super::client::{HubSpot, NOT_FOUND, is_record_id};
use super::wire::{Complaint, RECORDS_MAX, ReadInput};
use crate::loose::{List, Loose, Scalar, read};

/// What the names of a company's properties begin with. Alone, it is the name of the company's id.
pub(super) const OF_COMPANY: &str = "companies.";

/// A company that is a record itself.
pub(super) const COMPANY: ObjectType = ObjectType::known("company");

/// The type of the association with the primary company, and whose type it is. Those that an account defines have numbers, too.
const PRIMARY: (i64, &str) = (1, "HUBSPOT_DEFINED");

/// The most companies of one contact that are looked through. What is on another page is no primary company here: its
/// properties are left alone.
const COMPANIES_MAX: usize = 500;
/// A pair has a type for each label.
const TYPES_MAX: usize = 100;

/// Why a value isn't written: another contact of the same batch has another one for the same company.
const OTHER_VALUE_WRITTEN: &str = "ANOTHER_VALUE_IS_WRITTEN_FOR_THE_SAME_COMPANY";
/// Why a value isn't written that says of no company that it is for it.
const NO_COMPANY: &str = "NO_COMPANY";

#[derive(Serialize)]
struct Inputs<'a> {
    inputs: Vec<ReadInput<'a>>,
}

/// The answer of a list of associations. Contacts without any are left out, or named in errors (both as others have seen it).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Associations {
    status: Scalar,
    results: List<Loose<Associated>, RECORDS_MAX>,
    errors: List<Loose<Complaint>, RECORDS_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Associated {
    from: Loose<From>,
    to: List<Loose<To>, COMPANIES_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct From {
    id: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct To {
    to_object_id: Scalar,
    association_types: List<Loose<Type>, TYPES_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Type {
    category: Scalar,
    type_id: Scalar,
}

/// A batch of patches, by what they are for.
pub(super) struct Parts {
    /// What is for the contacts themselves.
    pub(super) own: BTreeMap<String, Patch>,
    /// What is for their companies, by the contacts.
    of_company: BTreeMap<String, OfCompany>,
}

/// What a patch has for a company.
#[derive(Default)]
struct OfCompany {
    id: Option<String>,
    /// By the company's own names.
    values: Patch,
}

impl Parts {
    pub(super) fn of(patches: &BTreeMap<String, Patch>) -> Self {
        let mut parts = Self { own: BTreeMap::new(), of_company: BTreeMap::new() };
        for (id, patch) in patches {
            let mut own = Patch::new();
            for (property, value) in patch {
                match property.strip_prefix(OF_COMPANY) {
                    None => drop(own.insert(property.clone(), value.clone())),
                    Some("") => parts.of_company.entry(id.clone()).or_default().id = Some(value.clone()),
                    Some(name) => {
                        let values = &mut parts.of_company.entry(id.clone()).or_default().values;
                        values.insert(name.to_owned(), value.clone());
                    }
                }
            }
            parts.own.insert(id.clone(), own);
        }
        parts.of_company.retain(|_, of| !of.values.is_empty());
        parts
    }

    /// What each company gets, from contacts that are there. Of two values for one property, that of the first contact.
    fn by_company(&self, written: &BTreeMap<String, Written>) -> BTreeMap<String, Patch> {
        let mut companies: BTreeMap<String, Patch> = BTreeMap::new();
        for (contact, OfCompany { id, values }) in &self.of_company {
            let is_there = matches!(written.get(contact), Some(Written::Done { .. }));
            let Some(id) = id.as_ref().filter(|id| is_there && is_record_id(id)) else { continue };
            let company = companies.entry(id.clone()).or_default();
            for (name, value) in values {
                company.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        companies
    }
}

impl HubSpot {
    /// Puts the properties of their primary companies among those of contacts.
    pub(super) async fn add_companies(
        &self,
        contacts: &mut BTreeMap<String, Properties>,
        properties: &[&str],
    ) -> Result<(), CrmError> {
        if contacts.is_empty() {
            return Ok(());
        }
        let companies = self.primary_companies(contacts.keys()).await?;
        let ids: BTreeSet<String> = companies.values().cloned().collect();
        let names: Vec<&str> = properties.iter().filter_map(|property| property.strip_prefix(OF_COMPANY)).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let cards = match ids.is_empty() {
            true => BTreeMap::new(),
            false => self.read_records(&COMPANY, &ids.into_iter().collect::<Vec<_>>(), &names).await?,
        };
        let mut without = 0_usize;
        for (contact, card) in contacts {
            let company = companies.get(contact).and_then(|id| Some((id, cards.get(id)?)));
            without += usize::from(company.is_none());
            card.insert(OF_COMPANY.to_owned(), company.map(|(id, _)| id.clone()));
            for name in company.iter().flat_map(|_| &names) {
                let value = company.and_then(|(_, values)| values.get(*name)?.clone());
                card.insert(format!("{OF_COMPANY}{name}"), value);
            }
        }
        if without > 0 {
            tracing::info!(contacts = without, "contacts without a primary company have no place for its properties");
        }
        Ok(())
    }

    /// The primary companies of contacts that have one.
    async fn primary_companies(
        &self,
        contacts: impl Iterator<Item = &String>,
    ) -> Result<BTreeMap<String, String>, CrmError> {
        let inputs = contacts.map(|id| ReadInput { id }).collect();
        let path = self.api_version().companies_of_contacts_path();
        let answer = self.post(&path, &Inputs { inputs }).await?;
        if !matches!(answer.status.as_u16(), 200 | 207) {
            return Err(answer.failure());
        }
        let Ok(Loose::Object(listed)) = read::<Loose<Associations>>(&answer.body) else {
            return Err(unreadable("not a JSON object"));
        };
        if listed.status.as_text().is_some_and(|status| status != "COMPLETE") {
            return Err(unreadable("a batch that isn't complete"));
        }
        let mut errors = listed.errors.items().iter().filter_map(Loose::as_object);
        if errors.any(|complaint| complaint.category() != Some(NOT_FOUND)) {
            return Err(unreadable("associations that it has but didn't list"));
        }
        match listed.results {
            List::Other(_) => Err(unreadable("no list of associations")),
            results => Ok(results.into_objects().iter().filter_map(Associated::primary).collect()),
        }
    }

    /// Writes what is for companies, each once, and adds what became of it to what became of the contacts. A contact whose
    /// company could not be called about has no answer: it has failed, and comes again with the same values.
    pub(super) async fn write_companies(
        &self,
        parts: &Parts,
        mut written: BTreeMap<String, Written>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let companies = parts.by_company(&written);
        let ends = match companies.is_empty() {
            true => BTreeMap::new(),
            false => match self.write_records(&COMPANY, &companies).await {
                Ok(ends) => ends,
                Err(error) => {
                    let is_of_it = |contact: &String| parts.of_company.contains_key(contact);
                    if written.keys().all(is_of_it) {
                        return Err(error);
                    }
                    tracing::warn!(reason = error.reason, "HubSpot took contacts and not their companies");
                    BTreeMap::new()
                }
            },
        };
        for (contact, of) in &parts.of_company {
            let Some(Written::Done { .. }) = written.get(contact) else { continue };
            let company = of.id.as_ref().and_then(|id| Some((id, companies.get(id)?)));
            let end = match company {
                None => Some(Written::Rejected(NO_COMPANY.to_owned())),
                Some((id, _)) => ends.get(id).cloned(),
            };
            match (end, written.remove(contact)) {
                (Some(end), Some(own)) => {
                    let is_all = parts.own.get(contact).is_none_or(Patch::is_empty);
                    let sent = company.map(|(_, sent)| sent);
                    written.insert(contact.clone(), of.added_to(own, &end, sent, is_all));
                }
                _ => drop(written.remove(contact)),
            }
        }
        Ok(written)
    }
}

impl OfCompany {
    /// What became of a contact and of what is for its company, of which this was sent. `is_all` if nothing was for the contact.
    fn added_to(&self, own: Written, end: &Written, sent: Option<&Patch>, is_all: bool) -> Written {
        let Written::Done { mut dropped, mut reformatted } = own else { return own };
        for (name, value) in &self.values {
            let property = format!("{OF_COMPANY}{name}");
            let reason = match end {
                Written::Gone => Some(NOT_FOUND.to_owned()),
                Written::Rejected(reason) => Some(reason.clone()),
                Written::Done { dropped, .. } => {
                    let is_other = sent.and_then(|sent| sent.get(name)).is_some_and(|sent| sent != value);
                    dropped.get(name).cloned().or_else(|| is_other.then(|| OTHER_VALUE_WRITTEN.to_owned()))
                }
            };
            match (reason, end) {
                (Some(reason), _) => drop(dropped.insert(property, reason)),
                (None, Written::Done { reformatted: forms, .. }) => {
                    reformatted.extend(forms.get(name).map(|form| (property, form.clone())));
                }
                (None, _) => {}
            }
        }
        match end {
            Written::Rejected(reason) if is_all => Written::Rejected(reason.clone()),
            _ => Written::Done { dropped, reformatted },
        }
    }
}

impl Associated {
    /// The contact and its primary company.
    fn primary(&self) -> Option<(String, String)> {
        let is_primary = |to: &&To| {
            let mut types = to.association_types.items().iter().filter_map(Loose::as_object);
            types.any(|kind| (kind.type_id.to_integer(), kind.category.as_text()) == (Some(PRIMARY.0), Some(PRIMARY.1)))
        };
        let to = self.to.items().iter().filter_map(Loose::as_object).find(is_primary)?;
        let company = to.to_object_id.to_text().filter(|id| is_record_id(id))?;
        Some((self.from.as_object()?.id.to_text()?, company))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(values: &[(&str, &str)]) -> Patch {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_company_of_several_contacts_is_written_once_with_the_values_of_the_first() {
        let of = |company: &str, city: &str| {
            patch(&[("jobtitle", "CTO"), ("companies.", company), ("companies.city", city)])
        };
        let ids = |id: &str| id.to_owned();
        let patches = [(ids("1"), of("7", "London")), (ids("2"), of("7", "Paris")), (ids("3"), of("8", "Rome"))];
        let parts = Parts::of(&patches.into());
        assert_eq!(parts.own["1"], patch(&[("jobtitle", "CTO")]));
        let written = ["1", "2"].map(|id| (ids(id), Written::whole()));
        let written = written.into_iter().chain([(ids("3"), Written::Gone)]).collect();
        let companies = parts.by_company(&written);
        assert_eq!(companies, [(ids("7"), patch(&[("city", "London")]))].into(), "who is gone is with no company");

        let ends = |end: Written| parts.of_company["2"].added_to(Written::whole(), &end, companies.get("7"), false);
        let dropped =
            |reason: &str| Written::Done { dropped: patch(&[("companies.city", reason)]), reformatted: Patch::new() };
        assert_eq!(ends(Written::whole()), dropped(OTHER_VALUE_WRITTEN));
        assert_eq!((ends(Written::Gone), ends(Written::Rejected("no".into()))), (dropped(NOT_FOUND), dropped("no")));
    }
}
