//! What there is to call.

use serde::de::{Deserialize, Deserializer, Error};

use super::limits::{Limits, Windows};

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Match,
    BulkMatch,
    PersonShow,
    OrganizationEnrich,
    OrganizationBulk,
    WebhookResult,
    PeopleSearch,
    CompanySearch,
    ContactCreate,
    ContactsCreate,
    ContactsStage,
    ContactUpdate,
    ContactShow,
    ContactSearch,
    SequenceSearch,
    SequenceAdd,
    SequenceRemove,
    Mailboxes,
    TasksCreate,
    TasksSearch,
    CreditUsage,
    ApiUsage,
    Health,
}

/// What limits an operation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Single,
    Bulk,
    Search,
    Default,
}

/// Where in a route there can be anything.
const ANYTHING: &str = "*";

type Entry = (Endpoint, &'static str, &'static str, &'static str, Class);

/// The operations: how each is called, below `api/v1`, its name in a key's scope, in messages and in what Apollo says of
/// its use, and its limits. Apollo's own command line tool calls two of them with another method than is documented.
const ALL: [Entry; 25] = [
    (Endpoint::Match, "POST", "people/match", "api/v1/people/match", Class::Single),
    (Endpoint::Match, "GET", "people/match", "api/v1/people/match", Class::Single),
    (Endpoint::BulkMatch, "POST", "people/bulk_match", "api/v1/people/bulk_match", Class::Bulk),
    (Endpoint::PersonShow, "GET", "people/*", "api/v1/people/show", Class::Single),
    (Endpoint::OrganizationEnrich, "GET", "organizations/enrich", "api/v1/organizations/enrich", Class::Single),
    (Endpoint::OrganizationEnrich, "POST", "organizations/enrich", "api/v1/organizations/enrich", Class::Single),
    (Endpoint::OrganizationBulk, "POST", "organizations/bulk_enrich", "api/v1/organizations/bulk_enrich", Class::Bulk),
    (Endpoint::WebhookResult, "GET", "webhook_result/*", "api/v1/webhook_result/show", Class::Default),
    (Endpoint::PeopleSearch, "POST", "mixed_people/api_search", "api/v1/mixed_people/api_search", Class::Search),
    (Endpoint::CompanySearch, "POST", "mixed_companies/search", "api/v1/mixed_companies/search", Class::Search),
    (Endpoint::ContactCreate, "POST", "contacts", "api/v1/contacts/create", Class::Default),
    (Endpoint::ContactsCreate, "POST", "contacts/bulk_create", "api/v1/contacts/bulk_create", Class::Default),
    (Endpoint::ContactsStage, "POST", "contacts/update_stages", "api/v1/contacts/update_stages", Class::Default),
    (Endpoint::ContactUpdate, "PATCH", "contacts/*", "api/v1/contacts/update", Class::Default),
    (Endpoint::ContactShow, "GET", "contacts/*", "api/v1/contacts/show", Class::Default),
    (Endpoint::ContactSearch, "POST", "contacts/search", "api/v1/contacts/search", Class::Default),
    (Endpoint::SequenceSearch, "POST", "emailer_campaigns/search", "api/v1/emailer_campaigns/search", Class::Default),
    (
        Endpoint::SequenceAdd,
        "POST",
        "emailer_campaigns/*/add_contact_ids",
        "api/v1/emailer_campaigns/add_contact_ids",
        Class::Default,
    ),
    (
        Endpoint::SequenceRemove,
        "POST",
        "emailer_campaigns/remove_or_stop_contact_ids",
        "api/v1/emailer_campaigns/remove_or_stop_contact_ids",
        Class::Default,
    ),
    (Endpoint::Mailboxes, "GET", "email_accounts", "api/v1/email_accounts/index", Class::Default),
    (Endpoint::TasksCreate, "POST", "tasks/bulk_create", "api/v1/tasks/bulk_create", Class::Default),
    (Endpoint::TasksSearch, "POST", "tasks/search", "api/v1/tasks/search", Class::Default),
    (
        Endpoint::CreditUsage,
        "POST",
        "usage_stats/credit_usage_stats",
        "api/v1/usage_stats/credit_usage_stats",
        Class::Default,
    ),
    (Endpoint::ApiUsage, "POST", "usage_stats/api_usage_stats", "api/v1/usage_stats/api_usage_stats", Class::Default),
    (Endpoint::Health, "GET", "auth/health", "api/v1/auth/health", Class::Default),
];

impl Endpoint {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|entry| entry.0)
    }

    /// Which one is called, and what the path has where it may have anything.
    pub(super) fn of<'a>(method: &str, path: &'a str) -> Option<(Self, &'a str)> {
        let path = path.trim_matches('/').strip_prefix("api/v1/")?;
        let called = |entry: &Entry| Some((entry.0, captured(entry.2, path)?));
        ALL.iter().filter(|entry| entry.1 == method).find_map(called)
    }

    pub(super) fn name(self) -> &'static str {
        self.entry().3
    }

    /// How often it may be called.
    pub(super) fn windows(self, limits: &Limits) -> Windows {
        match self.entry().4 {
            Class::Single => limits.single,
            Class::Bulk => limits.bulk,
            Class::Search => limits.search,
            Class::Default => limits.other,
        }
    }

    fn entry(self) -> &'static Entry {
        ALL.iter().find(|entry| entry.0 == self).expect("every operation is among all of them")
    }
}

/// The name of an operation. Written as a reference, serde would take it for one into what is read.
pub type EndpointName = &'static str;

/// Reads the name of an operation.
pub(super) fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EndpointName, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = Endpoint::all().map(Endpoint::name).find(|known| *known == name);
    known.ok_or_else(|| D::Error::custom(format!("there is no operation {name}")))
}

/// What `path` has in the place of anything, if it follows `route`.
fn captured<'a>(route: &str, path: &'a str) -> Option<&'a str> {
    let (mut expected, mut given, mut anything) = (route.split('/'), path.split('/'), "");
    loop {
        match (expected.next(), given.next()) {
            (None, None) => return Some(anything),
            (Some(ANYTHING), Some(part)) if !part.is_empty() => anything = part,
            (Some(expected), Some(part)) if expected == part => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_route() {
        for (endpoint, method, route, _, _) in ALL {
            let path = format!("/api/v1/{}", route.replace(ANYTHING, "abc"));
            let expected = if route.contains(ANYTHING) { "abc" } else { "" };
            assert_eq!(Endpoint::of(method, &path), Some((endpoint, expected)));
        }
        assert_eq!(Endpoint::of("GET", "/api/v1/contacts/a/b"), None);
        assert_eq!(Endpoint::of("DELETE", "/api/v1/people/match"), None);
    }
}
