//! The shapes of Clay's requests and answers, and what of them becomes a profile.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::person::{Confidence, EmailStatus, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{AsynchronousId, Collected, Reply};
use serde::{Deserialize, Serialize};

use super::super::exchange::{Received, parsed, unreadable};
use super::super::person::e164;
use super::classify::{classify, is_used_up};
use super::config::Routine;
use crate::http::retry_after;
use crate::loose::fields::said;
use crate::loose::{List, Loose, Scalar};

/// The most items of one run, and of one page of its result.
pub(super) const ITEMS_MAX: usize = 100;

/// The longest id of a routine, a run or a webhook.
const ID_CHARS_MAX: usize = 64;

/// Our names of what a person is known by.
pub(super) const INPUTS: [&str; 7] =
    ["email", "first_name", "last_name", "full_name", "company", "domain", "linkedin_url"];

/// Whether this may be the id of a routine, a run or a webhook: one that can stand in a path.
pub(super) fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.chars().all(allowed)
}

/// What is asked: one item for each person.
#[derive(Serialize)]
pub(super) struct Run<'a> {
    items: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    inputs: BTreeMap<&'a str, String>,
}

impl<'a> Run<'a> {
    /// A run of this routine. Each person has the name that they are given, which comes back with the result.
    pub(super) fn of(routine: &'a Routine, people: &'a [Identity], names: &'a [String]) -> Self {
        let item = |(id, person): (&'a String, &Identity)| Item { id, inputs: inputs(routine, person) };
        let items = names.iter().zip(people).map(item).collect();
        Self { items, webhook_id: routine.webhook_id.as_deref() }
    }
}

/// What is known of a person, under the routine's names. A routine that names some is asked with no others.
fn inputs<'a>(routine: &'a Routine, person: &Identity) -> BTreeMap<&'a str, String> {
    let names: Vec<&String> = person.first_name.iter().chain(&person.last_name).collect();
    let full_name = (names.len() == 2).then(|| format!("{} {}", names[0], names[1]));
    let known = [
        person.email.clone(),
        person.first_name.clone(),
        person.last_name.clone(),
        full_name,
        person.company.clone(),
        person.domain.clone(),
        person.linkedin_url.clone(),
    ];
    let named = |own: &'static str| match routine.inputs.is_empty() {
        true => Some(own),
        false => routine.inputs.get(own).map(String::as_str),
    };
    INPUTS.into_iter().zip(known).filter_map(|(own, value)| Some((named(own)?, value?))).collect()
}

/// The run that was started.
pub(super) fn started(body: &[u8]) -> Result<AsynchronousId, Reply> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Started {
        routine_run_id: Scalar,
    }
    let id = match parsed::<Loose<Started>>(body)? {
        Loose::Object(started) => started.routine_run_id.as_text().filter(|id| is_id(id)).map(str::to_owned),
        _ => None,
    };
    id.map(AsynchronousId).ok_or_else(|| unreadable("without the id of a run"))
}

/// A page of the result of a run that has ended.
pub(super) struct Page {
    pub(super) items: Vec<Ended>,
    pub(super) next: Option<String>,
}

/// One item of it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Ended {
    id: Scalar,
    status: Scalar,
    result: Loose<BTreeMap<String, Scalar>>,
    error: Loose<Failure>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    message: Scalar,
}

/// A page, or what has become of the run instead.
pub(super) fn page(received: &Received) -> Result<Page, Collected> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body {
        status: Scalar,
        data: List<Loose<Ended>, ITEMS_MAX>,
        cursor: Scalar,
    }
    let pending = || Collected::Pending { retry_after: retry_after(&received.headers) };
    match received.status.as_u16() {
        200 => {}
        202 => return Err(pending()),
        404 => return Err(Collected::NotFound(received.reason(None, "the workspace has no such run"))),
        410 => return Err(Collected::Expired(received.reason(None, "the result is gone"))),
        _ => return Err(classify(received).map_or_else(|reply| not_collected(&reply), |_| pending())),
    }
    let unreadable = || Collected::Transient("200 that can't be read".to_owned());
    let body = received.whole().map_err(|reply| not_collected(&reply))?;
    let Ok(Loose::Object(body)) = parsed::<Loose<Body>>(body) else { return Err(unreadable()) };
    match (body.status.as_text(), body.data) {
        (Some("complete"), List::Of { items, .. }) => {
            let items = items.into_iter().filter_map(Loose::into_object).collect();
            Ok(Page { items, next: said(&body.cursor) })
        }
        (Some("in_progress"), _) => Err(pending()),
        // It is documented that there may be others: it has ended, and it isn't known what it cost.
        (Some(_), _) => Err(Collected::Expired("200: the run has ended in a way that isn't known".to_owned())),
        (None, _) => Err(unreadable()),
    }
}

/// What a failure to ask for a result comes to. It costs nothing, whether or not it was carried out.
pub(super) fn not_collected(reply: &Reply) -> Collected {
    match reply {
        Reply::Throttled { retry_after } => Collected::Throttled { retry_after: *retry_after },
        Reply::Denied(reason) => Collected::Denied(reason.clone()),
        Reply::Invalid(reason) | Reply::Transient(reason) | Reply::Unknown(reason) => {
            Collected::Transient(reason.clone())
        }
        Reply::OutOfCredits => Collected::Transient("402: a result that has been paid for is withheld".to_owned()),
        Reply::Answered { .. } | Reply::InPart { .. } => Collected::Transient("the answer can't be read".to_owned()),
    }
}

/// What has arrived, when all of it has. Of those whom it doesn't know, there is a blank profile: their names tell whose run
/// it is.
pub(super) fn collected(routine: &Routine, items: Vec<Ended>) -> Collected {
    let (mut people, mut unpaid) = (BTreeMap::new(), BTreeSet::new());
    for item in items {
        let Some(id) = item.id.to_text() else { continue };
        if item.is_unpaid() {
            unpaid.insert(id);
        } else {
            people.insert(id, item.profile(routine).unwrap_or_default());
        }
    }
    Collected::Arrived { people, unpaid, reported: None }
}

impl Ended {
    /// Whether it failed because the credits were used up by then.
    fn is_unpaid(&self) -> bool {
        let message = self.error.as_object().and_then(|error| error.message.as_text());
        self.status.as_text() == Some("failed") && message.is_some_and(is_used_up)
    }

    /// What it found, if it found anything.
    fn profile(&self, routine: &Routine) -> Option<Profile> {
        let result = self.result.as_object().filter(|_| self.status.as_text() == Some("complete"))?;
        let mut profile = Profile::default();
        for (name, value) in result {
            let field = match routine.outputs.is_empty() {
                true => name.parse().ok(),
                false => routine.outputs.get(name).copied(),
            };
            match field {
                Some(field @ ProfileField::MobilePhone) => profile.set(field, e164(value)),
                Some(field) if field.is_amount() => {
                    profile.set(field, value.to_integer().filter(|amount| *amount >= 0).map(|it| it.to_string()));
                }
                // What a table says of an address that its columns have found to work.
                Some(ProfileField::EmailStatus) if said(value).is_some_and(|it| it.eq_ignore_ascii_case("valid")) => {
                    profile.set_email_status(Some(EmailStatus::Verified));
                }
                Some(field) => profile.set(field, said(value).or_else(|| value.to_text())),
                None => {}
            }
        }
        let is_sure = profile.has_verified_email();
        profile.set_confidence(ProfileField::Email, is_sure.then_some(Confidence::Verified));
        (!profile.is_blank()).then_some(profile)
    }
}
