//! DataLane as the provider that a flow works with: what it delivered in batches is looked up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::business::{BusinessKey, Businesses, Delivered, NotRead};
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::ids::TenantId;
use leadgate_enrichment::person::{Identity, Profile, ProfileField};
use leadgate_enrichment::provider::limits::Rates;
use leadgate_enrichment::provider::{Answer, AsynchronousRequest, CallKind, Provider, Reply, Told};

use super::super::exchange::answered;

/// As many as a worker has at once.
const PEOPLE_MAX: usize = 10;

/// What was delivered to one tenant.
pub struct DataLane {
    tenant: TenantId,
    /// The country of numbers without one.
    calling_code: String,
    businesses: Option<Arc<dyn Businesses>>,
}

impl DataLane {
    /// What was delivered to this tenant.
    pub fn new(tenant: &Tenant, businesses: Option<Arc<dyn Businesses>>) -> Self {
        let calling_code = tenant.feed.as_ref().map_or_else(String::new, |feed| feed.calling_code.clone());
        Self { tenant: tenant.id.clone(), calling_code, businesses }
    }

    async fn answers(&self, people: &[Identity]) -> Result<Vec<Answer>, NotRead> {
        let businesses = self.businesses.as_ref().ok_or_else(|| NotRead("there is no table of a feed".to_owned()))?;
        let keys: Vec<Vec<BusinessKey>> = people.iter().map(|person| self.keys(person)).collect();
        let found = businesses.find_all(&self.tenant, &keys).await?;
        let answer = |(person, business): (&Identity, Option<Delivered>)| {
            business.and_then(|business| known(person, &business)).map_or(Answer::Miss, Answer::Hit)
        };
        Ok(people.iter().zip(found).map(answer).collect())
    }

    /// What their employer is told by.
    fn keys(&self, person: &Identity) -> Vec<BusinessKey> {
        let place = &person.place;
        let named = person.company.as_deref().zip(place.postal_code.as_deref());
        let all = [
            place.licence.as_deref().and_then(BusinessKey::licence),
            place.phone.as_deref().and_then(|phone| BusinessKey::phone(phone, &self.calling_code)),
            person.employer().as_deref().and_then(BusinessKey::domain),
            named.and_then(|(name, code)| BusinessKey::name_and_postal_code(name, code)),
        ];
        all.into_iter().flatten().collect()
    }
}

/// What is told of a person by what is told of their employer. `None` if it is told of somebody else. A record that names no
/// person stands for the business, so that whoever runs it is who is looked for.
fn known(person: &Identity, business: &Delivered) -> Option<Profile> {
    let told = |field: ProfileField| business.values.get(&field).map(String::as_str);
    let is_same = |own: &Option<String>, field: ProfileField| {
        own.as_deref().zip(told(field)).is_some_and(|(own, told)| own.to_lowercase() == told.to_lowercase())
    };
    let has_name = person.first_name.is_some() || person.last_name.is_some();
    let names_nobody = !has_name && person.email.is_none() && person.linkedin_url.is_none();
    let is_them = names_nobody
        || is_same(&person.email, ProfileField::Email)
        || (is_same(&person.first_name, ProfileField::FirstName) && is_same(&person.last_name, ProfileField::LastName));
    if has_name && !is_them {
        return None;
    }
    let mut profile = Profile::default();
    for (field, value) in business.values.iter().filter(|(field, _)| is_them || field.is_of_employer()) {
        profile.set(*field, Some(value));
    }
    profile.set_id(Some(&business.id));
    (!profile.is_blank()).then_some(profile)
}

#[async_trait::async_trait]
impl Provider for DataLane {
    fn people_max(&self, _: &BTreeSet<ProfileField>, _: &[PricedField]) -> usize {
        PEOPLE_MAX
    }

    fn endpoint(&self, _: CallKind) -> &'static str {
        "batches"
    }

    async fn look_up(
        &self,
        people: &[Identity],
        _: &BTreeSet<ProfileField>,
        _: Option<&AsynchronousRequest>,
        _: Duration,
    ) -> Told<Reply> {
        match self.answers(people).await {
            Ok(answers) => answered(answers, Rates::default()),
            Err(error) => Told::without_rates(Reply::Transient(error.to_string())),
        }
    }
}
