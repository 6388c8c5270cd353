//! The shapes of Cognism's requests and answers, and what of them becomes a profile.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::person::{Confidence, DoNotCall, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, RefusedAlone, Reply};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess};
use serde::{Deserialize, Serialize};

use super::super::exchange::{alone, answered_one, parsed, unreadable};
use super::super::person::{Names, described, do_not_call, e164, set_amounts, set_domain, set_texts, values};
use crate::loose::fields::said;
use crate::loose::{FromAny, List, Loose, Scalar, any};

/// The most results that are read. One is asked for.
const RESULTS_MAX: usize = 20;
/// The most numbers of one person that are compared.
const NUMBERS_MAX: usize = 20;
/// The most offices of a company that are read.
const OFFICES_MAX: usize = 200;
/// The most industries of a company that are read: the first is taken.
const INDUSTRIES_MAX: usize = 5;

const NAMES: Names = Names {
    email: "email",
    first_name: "firstName",
    last_name: "lastName",
    company: "accountName",
    domain: "accountWebsite",
    linkedin_url: "linkedinUrl",
};

/// Body of `contact/enrich`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Enrich<'a> {
    #[serde(flatten)]
    person: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_match_score: Option<u64>,
}

impl<'a> Enrich<'a> {
    pub(super) fn of(identity: &'a Identity, min_match_score: Option<u64>) -> Self {
        Self { person: described(identity, &NAMES), min_match_score }
    }
}

/// Body of `contact/redeem`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redeem<'a> {
    redeem_ids: [&'a str; 1],
}

impl<'a> Redeem<'a> {
    pub(super) fn of(found: &'a Preview) -> Self {
        Self { redeem_ids: [&found.redeem_id] }
    }
}

/// Someone who was found: under what they are redeemed, and whether there is an address and a number.
pub(super) struct Preview {
    redeem_id: String,
    has_email: Option<bool>,
    has_number: Option<bool>,
}

impl Preview {
    /// Whether redeeming may bring something that is wanted. Where nothing but an address or a number is, one without is of
    /// no use.
    pub(super) fn may_have(&self, fields: &BTreeSet<ProfileField>) -> bool {
        let may_have = |value: &ProfileField| match value {
            ProfileField::Email => self.has_email != Some(false),
            ProfileField::MobilePhone => self.has_number != Some(false),
            _ => true,
        };
        fields.is_empty() || values(fields).iter().any(may_have)
    }
}

/// What a success holds.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Results<T> {
    #[serde(default)]
    results: List<Loose<T>, RESULTS_MAX>,
}

/// The results of a success, of which there is one at most.
fn only<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<Option<T>, Reply> {
    let Loose::Object(Results { results }) = parsed::<Loose<Results<T>>>(body)? else {
        return Err(unreadable("that is no object"));
    };
    let List::Of { items, total } = results else { return Err(unreadable("without results")) };
    let mut items = items.into_iter();
    match (total, items.next()) {
        (0, _) => Ok(None),
        (1, Some(Loose::Object(only))) => Ok(Some(only)),
        (1, _) => Err(unreadable("with a result that is no object")),
        _ => Err(unreadable(format!("with {total} results for one person"))),
    }
}

/// The 200 of `contact/enrich`: whoever matches best. `None` if nobody does.
pub(super) fn preview(body: &[u8]) -> Result<Option<Preview>, Reply> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Shown {
        redeem_id: Scalar,
        has_email: Scalar,
        has_mobile_phone_numbers: Scalar,
    }
    let Some(shown) = only::<Shown>(body)? else { return Ok(None) };
    let truth = |value: &Scalar| value.to_text()?.parse().ok();
    Ok(Some(Preview {
        redeem_id: said(&shown.redeem_id).ok_or_else(|| unreadable("without an id to redeem"))?,
        has_email: truth(&shown.has_email),
        has_number: truth(&shown.has_mobile_phone_numbers),
    }))
}

/// The 200 of `contact/redeem`. It says nothing of its cost.
pub(super) fn redeemed(body: &[u8]) -> Result<Reply, Reply> {
    // The id was given a moment ago, and an outdated one is taken as well (documented): that it brings nobody is no miss. For
    // want of credits, whoever is taken for unknown would be lost.
    let Some(contact) = only::<Contact>(body)? else { return Ok(alone(RefusedAlone::OutOfCredits)) };
    let profile = contact.profile();
    if profile.is_blank() {
        return Err(unreadable("without a person"));
    }
    Ok(answered_one(Answer::Hit(profile)))
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Contact {
    id: Scalar,
    first_name: Scalar,
    last_name: Scalar,
    job_title: Scalar,
    management_level: Scalar,
    linkedin_url: Scalar,
    city: Scalar,
    state: Scalar,
    country: Scalar,
    email: Email,
    mobile_phone_numbers: List<Loose<Number>, NUMBERS_MAX>,
    account: Loose<Company>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Company {
    name: Scalar,
    domain: Scalar,
    industry: List<Scalar, INDUSTRIES_MAX>,
    industries: List<Scalar, INDUSTRIES_MAX>,
    headcount: Scalar,
    revenue: Scalar,
    founded: Scalar,
    short_description: Scalar,
    location: List<Loose<Office>, OFFICES_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Office {
    address_type: Scalar,
    city: Scalar,
    country: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Number {
    number: Scalar,
    score: Scalar,
    dnc: Scalar,
}

/// An object in the examples, and a text in the schema.
#[derive(Default)]
struct Email {
    address: Scalar,
    quality: Scalar,
}

impl<'de> FromAny<'de> for Email {
    fn other(_: &'static str) -> Self {
        Self::default()
    }

    fn text(text: &str) -> Self {
        Self { address: Scalar::Text(text.to_owned()), ..Self::default() }
    }

    fn object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Graded {
            address: Scalar,
            quality: Scalar,
        }
        let Graded { address, quality } = Graded::deserialize(MapAccessDeserializer::new(object))?;
        Ok(Self { address, quality })
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

impl Contact {
    fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        profile.set_id(said(&self.id));
        let texts = [
            (ProfileField::FirstName, &self.first_name),
            (ProfileField::LastName, &self.last_name),
            (ProfileField::Title, &self.job_title),
            (ProfileField::Seniority, &self.management_level),
            (ProfileField::LinkedinUrl, &self.linkedin_url),
            (ProfileField::City, &self.city),
            (ProfileField::State, &self.state),
            (ProfileField::Country, &self.country),
            (ProfileField::Email, &self.email.address),
        ];
        set_texts(&mut profile, texts);
        profile.set_confidence(ProfileField::Email, self.email.confidence());
        self.add_number(&mut profile);
        if let Some(company) = self.account.as_object() {
            company.describe(&mut profile);
        }
        profile
    }

    /// The best of those that are on no register, else the best of the others.
    fn add_number(&self, profile: &mut Profile) {
        let objects = self.mobile_phone_numbers.items().iter().filter_map(Loose::as_object);
        let numbers = objects.filter_map(|number| Some((number, e164(&number.number)?)));
        let Some((best, number)) = numbers.min_by_key(|(number, _)| number.rank()) else { return };
        profile.set(ProfileField::MobilePhone, Some(number));
        profile.set_confidence(ProfileField::MobilePhone, best.confidence());
        profile.set_number_status(None, do_not_call(&best.dnc));
    }
}

impl Email {
    /// None of its grades is taken for an address that was found to work: what they promise isn't documented.
    fn confidence(&self) -> Option<Confidence> {
        match self.quality.as_text()? {
            "HIGH_PLUS" | "HIGH" => Some(Confidence::High),
            "MEDIUM" => Some(Confidence::Medium),
            "" => None,
            _ => Some(Confidence::Low),
        }
    }
}

impl Number {
    /// The best first.
    fn rank(&self) -> (bool, std::cmp::Reverse<Option<i64>>) {
        (do_not_call(&self.dnc) == Some(DoNotCall::Found), std::cmp::Reverse(self.score.to_integer()))
    }

    /// From its score, which goes up to 99 in the examples.
    fn confidence(&self) -> Option<Confidence> {
        match self.score.to_integer()? {
            80.. => Some(Confidence::High),
            50..=79 => Some(Confidence::Medium),
            _ => Some(Confidence::Low),
        }
    }
}

impl Company {
    fn describe(&self, profile: &mut Profile) {
        let texts =
            [(ProfileField::CompanyName, &self.name), (ProfileField::CompanyDescription, &self.short_description)];
        set_texts(profile, texts);
        set_domain(profile, &self.domain);
        let industries = self.industry.items().iter().chain(self.industries.items());
        profile.set(ProfileField::CompanyIndustry, industries.filter_map(Scalar::as_text).next());
        let amounts = [
            (ProfileField::CompanyEmployees, &self.headcount),
            (ProfileField::CompanyRevenue, &self.revenue),
            (ProfileField::CompanyFounded, &self.founded),
        ];
        set_amounts(profile, amounts);
        let mut offices = self.location.items().iter().filter_map(Loose::as_object);
        if let Some(head) = offices.find(|office| office.address_type.as_text() == Some("hq")) {
            set_texts(
                profile,
                [(ProfileField::CompanyCity, &head.city), (ProfileField::CompanyCountry, &head.country)],
            );
        }
    }
}
