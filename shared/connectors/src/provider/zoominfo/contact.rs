//! What of a contact becomes a profile, and under which names it is asked for.

use leadgate_enrichment::person::{Confidence, Profile, ProfileField};
use serde::Deserialize;

use super::super::person::{do_not_call, e164, set_amounts, set_domain, set_texts};
use crate::loose::{List, Loose, Scalar};

/// The most levels, industries and addresses of profiles of one contact that are read.
const SOME_MAX: usize = 20;

/// What a field is asked for as, if there is one for it.
pub(super) fn output_field(field: ProfileField) -> Option<&'static str> {
    Some(match field {
        ProfileField::FirstName => "firstName",
        ProfileField::LastName => "lastName",
        ProfileField::Email => "email",
        ProfileField::Title => "jobTitle",
        ProfileField::Seniority => "managementLevel",
        ProfileField::LinkedinUrl => "externalUrls",
        ProfileField::City => "city",
        ProfileField::State => "state",
        ProfileField::Country => "country",
        ProfileField::MobilePhone => "mobilePhone",
        ProfileField::MobilePhoneDoNotCall => "mobilePhoneDoNotCall",
        ProfileField::CompanyName => "companyName",
        ProfileField::CompanyDomain | ProfileField::CompanyWebsite => "companyWebsite",
        ProfileField::CompanyIndustry => "companyPrimaryIndustry",
        ProfileField::CompanyEmployees => "companyEmployeeCount",
        ProfileField::CompanyPhone => "companyPhone",
        ProfileField::CompanyRevenue => "companyRevenueNumeric",
        ProfileField::CompanyDescription => "companyDescription",
        ProfileField::CompanyCity => "companyCity",
        ProfileField::CompanyCountry => "companyCountry",
        _ => return None,
    })
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Contact {
    first_name: Scalar,
    last_name: Scalar,
    email: Scalar,
    job_title: Scalar,
    management_level: List<Scalar, SOME_MAX>,
    external_urls: List<Loose<ExternalUrl>, SOME_MAX>,
    city: Scalar,
    state: Scalar,
    country: Scalar,
    mobile_phone: Scalar,
    mobile_phone_do_not_call: Scalar,
    contact_accuracy_score: Scalar,
    company: Loose<Company>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ExternalUrl {
    r#type: Scalar,
    url: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Company {
    name: Scalar,
    website: Scalar,
    primary_industry: List<Scalar, SOME_MAX>,
    employee_count: Scalar,
    phone: Scalar,
    revenue_numeric: Scalar,
    description: Scalar,
    city: Scalar,
    country: Scalar,
}

impl Contact {
    pub(super) fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        let texts = [
            (ProfileField::FirstName, &self.first_name),
            (ProfileField::LastName, &self.last_name),
            (ProfileField::Email, &self.email),
            (ProfileField::Title, &self.job_title),
            (ProfileField::City, &self.city),
            (ProfileField::State, &self.state),
            (ProfileField::Country, &self.country),
        ];
        set_texts(&mut profile, texts);
        profile.set(ProfileField::Seniority, self.management_level.items().iter().find_map(Scalar::as_text));
        let urls = self.external_urls.items().iter().filter_map(Loose::as_object);
        let mut linkedin = urls.filter_map(ExternalUrl::linkedin);
        profile.set(ProfileField::LinkedinUrl, linkedin.next());
        if let Some(number) = number(&self.mobile_phone) {
            profile.set(ProfileField::MobilePhone, Some(number));
            profile.set_number_status(None, do_not_call(&self.mobile_phone_do_not_call));
        }
        for field in [ProfileField::Email, ProfileField::MobilePhone] {
            profile.set_confidence(field, self.confidence());
        }
        if let Some(company) = self.company.as_object() {
            company.describe(&mut profile);
        }
        profile
    }

    /// How sure it is that the contact can be reached, and is where they are said to be: from 70 to 99 (documented). No value is
    /// said to have been found to work.
    fn confidence(&self) -> Option<Confidence> {
        match self.contact_accuracy_score.to_integer()? {
            90.. => Some(Confidence::High),
            80..=89 => Some(Confidence::Medium),
            _ => Some(Confidence::Low),
        }
    }
}

/// The number in E.164. One without a country's code is of the United States or Canada if it has their form.
fn number(number: &Scalar) -> Option<String> {
    let text = number.to_text()?;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_of_ten = digits.len() == 10 && text.trim().starts_with('(');
    match text.trim().starts_with('+') {
        true => e164(&Scalar::Text(format!("+{digits}"))),
        false => is_of_ten.then(|| format!("+1{digits}")),
    }
}

impl ExternalUrl {
    /// `LinkedIn` and `LINKED_IN` both occur.
    fn linkedin(&self) -> Option<&str> {
        let kind = self.r#type.as_text()?.to_lowercase().replace('_', "");
        self.url.as_text().filter(|_| kind.starts_with("linkedin"))
    }
}

impl Company {
    fn describe(&self, profile: &mut Profile) {
        let texts = [
            (ProfileField::CompanyName, &self.name),
            (ProfileField::CompanyPhone, &self.phone),
            (ProfileField::CompanyDescription, &self.description),
            (ProfileField::CompanyCity, &self.city),
            (ProfileField::CompanyCountry, &self.country),
        ];
        set_texts(profile, texts);
        set_domain(profile, &self.website);
        profile.set(ProfileField::CompanyIndustry, self.primary_industry.items().iter().find_map(Scalar::as_text));
        let amounts = [
            (ProfileField::CompanyEmployees, &self.employee_count),
            (ProfileField::CompanyRevenue, &self.revenue_numeric),
        ];
        set_amounts(profile, amounts);
    }
}
