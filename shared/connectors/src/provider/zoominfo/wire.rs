//! The shapes of ZoomInfo's requests and answers: documents of JSON:API.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::{Answer, RefusedAlone, Reply, Usage};
use serde::{Deserialize, Serialize};

use super::super::exchange::{parsed, unreadable};
use super::super::person::{Names, described, values};
use super::contact::{Contact, output_field};
use crate::loose::fields::said;
use crate::loose::{List, Loose, Map, Scalar};

/// The most answers that are read: as many as one call may be about.
const ANSWERS_MAX: usize = 25;
/// The most values of what was asked with that are read.
const INPUTS_MAX: usize = 20;
/// The most kinds of usage that are read. There are five.
const KINDS_MAX: usize = 20;

/// It has no name for a domain.
const NAMES: Names = Names {
    email: "emailAddress",
    first_name: "firstName",
    last_name: "lastName",
    company: "companyName",
    domain: "",
    linkedin_url: "externalURL",
};

/// What is known of a person, under its names.
type Asked<'a> = BTreeMap<&'static str, &'a str>;

/// Body of `contacts/enrich`.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    data: Resource<'a>,
}

#[derive(Serialize)]
struct Resource<'a> {
    r#type: &'static str,
    attributes: Attributes<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes<'a> {
    match_person_input: Vec<Asked<'a>>,
    output_fields: BTreeSet<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required_fields: Option<[&'static str; 1]>,
}

impl<'a> Document<'a> {
    pub(super) fn about(people: &'a [Identity], fields: &BTreeSet<ProfileField>) -> Self {
        let match_person_input = people.iter().map(|person| described(person, &NAMES)).collect();
        // One field has to be asked for, and everyone has a name.
        let mut output_fields: BTreeSet<&str> = fields.iter().copied().filter_map(output_field).collect();
        output_fields.extend(["firstName", "lastName"]);
        if values(fields).iter().any(|value| [ProfileField::Email, ProfileField::MobilePhone].contains(value)) {
            output_fields.insert("contactAccuracyScore");
        }
        let required_fields = required(fields);
        let attributes = Attributes { match_person_input, output_fields, required_fields };
        Self { data: Resource { r#type: "ContactEnrich", attributes } }
    }

    /// Those who are asked about.
    pub(super) fn people(&self) -> &[Asked<'a>] {
        &self.data.attributes.match_person_input
    }
}

/// What a contact has to have to be returned, and so to cost something: where nothing but an address or a number is wanted, one
/// without is of no use. Of several it would have to have all.
fn required(fields: &BTreeSet<ProfileField>) -> Option<[&'static str; 1]> {
    match values(fields).iter().collect::<Vec<_>>()[..] {
        [value @ (ProfileField::Email | ProfileField::MobilePhone)] => output_field(*value).map(|field| [field]),
        _ => None,
    }
}

/// What an answer holds.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Success<T> {
    #[serde(default)]
    data: List<Loose<T>, ANSWERS_MAX>,
}

fn data<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<(Vec<Loose<T>>, usize), Reply> {
    let Loose::Object(Success { data }) = parsed::<Loose<Success<T>>>(body)? else {
        return Err(unreadable("that is no object"));
    };
    match data {
        List::Of { items, total } => Ok((items, total)),
        List::Other(_) => Err(unreadable("without data")),
    }
}

/// One of several answers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    id: Scalar,
    r#type: Scalar,
    attributes: Loose<Contact>,
    meta: Loose<Meta>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta {
    match_status: Scalar,
    input: Map<Scalar, INPUTS_MAX>,
}

/// The 200 of `contacts/enrich` for these people. It says nothing of its cost.
pub(super) fn answers(body: &[u8], people: &[Asked<'_>]) -> Result<Reply, Reply> {
    let (items, total) = data::<Item>(body)?;
    if total != people.len() {
        // Whose answer is missing can't be said, and it may have been charged.
        return Err(unreadable(format!("with {total} answers for {} people", people.len())));
    }
    let mut answers: BTreeMap<usize, Result<Answer, RefusedAlone>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        let item = item.as_object().ok_or_else(|| unreadable("with an answer that is no object"))?;
        let whose = item.whose(place, people).filter(|whose| !answers.contains_key(whose));
        let whose = whose.ok_or_else(|| unreadable("with an answer for somebody else"))?;
        answers.insert(whose, item.answer().ok_or_else(|| unreadable("with an answer of another shape"))?);
    }
    let answers: Vec<Result<Answer, RefusedAlone>> = answers.into_values().collect();
    Ok(match answers.iter().all(Result::is_ok) {
        true => {
            Reply::Answered { answers: answers.into_iter().flatten().collect(), reported: None, asynchronous: None }
        }
        false => Reply::InPart { answers, reported: None },
    })
}

impl Item {
    /// Whom of those asked about it is for: the one in its place, as in all examples, unless what it was asked with, which it
    /// repeats, is another's.
    fn whose(&self, place: usize, people: &[Asked<'_>]) -> Option<usize> {
        let Some(Map(input)) = self.meta.as_object().map(|meta| &meta.input) else { return Some(place) };
        let is_same = |(name, value): (&&str, &&str)| {
            let repeated = input.get(*name).and_then(said);
            repeated.is_none_or(|repeated| repeated.trim().to_lowercase() == value.trim().to_lowercase())
        };
        let may_be = |person: &Asked<'_>| person.iter().all(is_same);
        if people.get(place).is_some_and(may_be) {
            return Some(place);
        }
        let mut others = people.iter().enumerate().filter(|(_, person)| may_be(person));
        others.next().filter(|_| others.next().is_none()).map(|(whose, _)| whose)
    }

    /// `None` for what it isn't known to say.
    fn answer(&self) -> Option<Result<Answer, RefusedAlone>> {
        let status = self.meta.as_object().and_then(|meta| meta.match_status.as_word());
        Some(match (self.r#type.as_word(), status) {
            (_, Some("OPT_OUT")) => Ok(Answer::Suppressed),
            (_, Some("LIMIT_EXCEEDED")) => Err(RefusedAlone::OutOfCredits),
            (_, Some("INVALID_INPUT")) => Err(RefusedAlone::Invalid),
            (Some("Contact"), _) => {
                let mut profile = self.attributes.as_object()?.profile();
                profile.set_id(said(&self.id));
                Ok(Answer::Hit(profile))
            }
            (Some("NoMatch"), _) => Ok(Answer::Miss),
            _ => return None,
        })
    }
}

/// What `users/usage` says was used since the contract began, which isn't said: it is told from another by how much there is.
pub(super) fn used(body: &[u8]) -> Option<Usage> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct User {
        attributes: Loose<Attributes>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Attributes {
        usage: List<Loose<Kind>, KINDS_MAX>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Kind {
        limit_type: Scalar,
        total_limit: Scalar,
        current_usage: Scalar,
    }
    let (users, _) = data::<User>(body).ok()?;
    let user = users.into_iter().next()?.into_object()?.attributes.into_object()?;
    let is_credits = |kind: &&Kind| kind.limit_type.as_text().is_some_and(|it| it.eq_ignore_ascii_case("uniqueID"));
    let credits = user.usage.items().iter().filter_map(Loose::as_object).find(is_credits)?;
    let used = Milli::from_decimal(credits.current_usage.to_decimal()?).ok()?;
    Some(Usage { cycle: format!("contract of {}", said(&credits.total_limit)?), began: None, used })
}
