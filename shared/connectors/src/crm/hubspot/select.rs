//! Contacts that an operator has chosen: those on a list, which HubSpot calls a segment as well, or with a value in a property.
//!
//! Documented (developers.hubspot.com, "Lists", "Search"): members of a list by ascending ids, with a cursor; what a list holds
//! is said by its `objectTypeId`; a search has at most 200 results a page and reaches no further than 10,000. So a search is
//! gone on with by the last id, which has no such end.

use leadgate_enrichment::crm::{CrmError, Selected};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::retry::Retry;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::classify::unreadable;
use super::client::{HubSpot, is_record_id};

/// The most that HubSpot gives with one call.
const MEMBERS_MAX: usize = 250;
const RESULTS_MAX: usize = 200;
/// What a list of contacts says that it holds.
const CONTACTS: &str = "0-1";

#[derive(Deserialize)]
struct ListAnswer {
    list: ListOf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListOf {
    object_type_id: String,
}

#[derive(Deserialize)]
struct Members {
    results: Vec<Member>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    record_id: String,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<FoundRecord>,
}

#[derive(Deserialize)]
struct FoundRecord {
    id: String,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<NextPage>,
}

#[derive(Deserialize)]
struct NextPage {
    after: String,
}

impl HubSpot {
    pub(super) async fn on_list(
        &self,
        object: &ObjectType,
        list: &str,
        after: Option<&str>,
    ) -> Result<Selected, CrmError> {
        if !is_record_id(list) {
            return Err(never(format!("found list {list:?}, expected the number of one")));
        }
        if after.is_none() {
            self.check_list(object, list).await?;
        }
        let limit = MEMBERS_MAX.to_string();
        let page: Vec<(&str, &str)> =
            [("limit", limit.as_str())].into_iter().chain(after.map(|it| ("after", it))).collect();
        let answer = self.send(self.list_request(&format!("{list}/memberships")).query(&page)).await?;
        if answer.status.as_u16() != 200 {
            return Err(answer.failure());
        }
        let members: Members = serde_json::from_slice(&answer.body).map_err(|_| unreadable("no list of members"))?;
        let ids = ids(members.results.into_iter().map(|member| member.record_id))?;
        let next = members.paging.and_then(|paging| paging.next).map(|next| next.after);
        // A page without members is the last, whatever it says.
        Ok(Selected { next: next.filter(|_| !ids.is_empty()), ids })
    }

    /// Records of another kind have ids that look the same.
    async fn check_list(&self, object: &ObjectType, list: &str) -> Result<(), CrmError> {
        let answer = self.send(self.list_request(list)).await?;
        match answer.status.as_u16() {
            200 => {}
            404 => return Err(never(format!("HubSpot has no list {list}"))),
            _ => return Err(answer.failure()),
        }
        let of: ListAnswer = serde_json::from_slice(&answer.body).map_err(|_| unreadable("no list"))?;
        let expected = if *object == ObjectType::CONTACT { CONTACTS } else { object.as_str() };
        match of.list.object_type_id.as_str() {
            found if found == expected => Ok(()),
            found => Err(never(format!("list {list} holds records of type {found}, expected {expected}"))),
        }
    }

    pub(super) async fn with_value(
        &self,
        object: &ObjectType,
        (property, value): (&str, &str),
        after: Option<&str>,
    ) -> Result<Selected, CrmError> {
        let is_value = json!({ "propertyName": property, "operator": "EQ", "value": value });
        let is_next = after.map(|id| json!({ "propertyName": "hs_object_id", "operator": "GT", "value": id }));
        let filters: Vec<_> = [is_value].into_iter().chain(is_next).collect();
        let body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
            "properties": ["hs_object_id"],
            "limit": RESULTS_MAX,
        });
        let answer = self.call(Method::POST, object, "search", &body).await?;
        if answer.status.as_u16() != 200 {
            return Err(answer.failure());
        }
        let found: Found = serde_json::from_slice(&answer.body).map_err(|_| unreadable("no list of results"))?;
        let ids = ids(found.results.into_iter().map(|record| record.id))?;
        let next = ids.last().filter(|_| ids.len() == RESULTS_MAX).cloned();
        Ok(Selected { ids, next })
    }
}

/// An id that isn't one would be taken for another record, or for none.
fn ids(found: impl Iterator<Item = String>) -> Result<Vec<String>, CrmError> {
    let checked = |id: String| if is_record_id(&id) { Ok(id) } else { Err(unreadable("a record without its id")) };
    found.map(checked).collect()
}

fn never(reason: String) -> CrmError {
    CrmError { reason, retry: Retry::Never }
}
