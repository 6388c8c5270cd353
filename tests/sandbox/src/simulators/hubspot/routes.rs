//! Which call is which operation, and who may make it.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use serde_json::json;

use super::HubSpot;
use super::limits::Policy;
use super::oauth;
use super::portal::{Object, Portal};
use super::wire;
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// What HubSpot says to who has no token, or the wrong one.
const NO_CREDENTIALS: &str = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you \
    can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";

/// An operation, with what its path says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    List,
    Create,
    Read(&'a str),
    Update(&'a str),
    Archive(&'a str),
    BatchRead,
    BatchUpdate,
    Search,
    GdprDelete,
    Properties,
    Property(&'a str),
    CreateProperty,
    Associations,
    /// What a list holds.
    ContactList(&'a str),
    /// Which contacts.
    Members(&'a str),
}

impl Vendor for HubSpot {
    const NAME: &'static str = "hubspot";

    fn reception(&self) -> &Reception {
        &self.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let now = self.reception.clock.now();
        if call.method == "POST" && oauth::is_path(&call.path) {
            return self.give_token(call, now);
        }
        let mut portal = self.portal.lock();
        let correlation_id = portal.correlation_id();
        let is_app = bearer(headers).and_then(|token| portal.tokens.get(token)).is_some_and(|ends| now < *ends);
        if !is_app && bearer(headers) != Some(self.setup.token.as_str()) {
            portal.counters.unauthorized += 1;
            return wire::error(401, "INVALID_AUTHENTICATION", NO_CREDENTIALS, &correlation_id);
        }
        let Some((object, operation)) = Operation::of(&call.method, &call.path) else {
            return wire::error(404, "OBJECT_NOT_FOUND", "resource not found", &correlation_id);
        };
        let (refused, limit_headers) = portal.meter.take(&self.setup.limits, operation == Operation::Search, now);
        if let Some(policy) = refused {
            portal.counters.throttled += 1;
            return wire::rate_limited(policy, &correlation_id).with_headers(limit_headers);
        }
        *portal.counters.calls.entry(operation.name(object)).or_default() += 1;
        let answer = match object {
            Object::Contact => operation.perform(&mut portal, call, now),
            Object::Company => portal.about_companies(|portal| operation.perform(portal, call, now)),
        };
        answer.with_headers(limit_headers)
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        let mut portal = self.portal.lock();
        portal.counters.throttled += 1;
        let answer = wire::rate_limited(Policy::TenSecondlyRolling, &portal.correlation_id());
        answer.with_headers(retry_after.map(|duration| ("retry-after", duration.as_secs().to_string())))
    }

    fn failed(&self, status: u16) -> Answer {
        let correlation_id = self.portal.lock().correlation_id();
        let message = "There was a problem with the request.";
        Answer::json(status, &json!({ "status": "error", "message": message, "correlationId": correlation_id }))
    }
}

impl<'a> Operation<'a> {
    /// The operation behind a method and a path: `/crm/v3/objects/contacts/…` or `/crm/objects/2026-03/contacts/…`.
    fn of(method: &str, path: &'a str) -> Option<(Object, Self)> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        if let ["crm", "v4", "associations", rest @ ..] | ["crm", "associations", _, rest @ ..] = parts.as_slice() {
            let is_list = method == "POST" && rest == ["contacts", "companies", "batch", "read"];
            return is_list.then_some((Object::Contact, Self::Associations));
        }
        let (family, rest) = match parts.as_slice() {
            ["crm", "v3", family, rest @ ..] => (*family, rest),
            ["crm", family, version, rest @ ..] if is_dated(version) => (*family, rest),
            _ => return None,
        };
        if family == "lists" {
            let operation = match (method, rest) {
                ("GET", [list]) => Some(Self::ContactList(list)),
                ("GET", [list, "memberships"]) => Some(Self::Members(list)),
                _ => None,
            };
            return operation.map(|operation| (Object::Contact, operation));
        }
        let [object, rest @ ..] = rest else { return None };
        let object = match *object {
            "contacts" | "contact" | "0-1" => Object::Contact,
            "companies" | "company" | "0-2" => Object::Company,
            _ => return None,
        };
        let operation = match (family, method, rest) {
            ("objects", "GET", []) => Some(Self::List),
            ("objects", "POST", []) => Some(Self::Create),
            ("objects", "POST", ["batch", "read"]) => Some(Self::BatchRead),
            ("objects", "POST", ["batch", "update"]) => Some(Self::BatchUpdate),
            ("objects", "POST", ["search"]) => Some(Self::Search),
            ("objects", "POST", ["gdpr-delete"]) => Some(Self::GdprDelete),
            ("objects", "GET", [id]) => Some(Self::Read(id)),
            ("objects", "PATCH", [id]) => Some(Self::Update(id)),
            ("objects", "DELETE", [id]) => Some(Self::Archive(id)),
            ("properties", "GET", []) => Some(Self::Properties),
            ("properties", "GET", [name]) => Some(Self::Property(name)),
            ("properties", "POST", []) => Some(Self::CreateProperty),
            _ => None,
        };
        // Searches and privacy deletions of companies are not simulated.
        let is_for_both = |operation: &Self| !matches!(operation, Self::Search | Self::GdprDelete);
        operation.filter(|it| object == Object::Contact || is_for_both(it)).map(|operation| (object, operation))
    }

    /// As in the counters.
    fn name(self, object: Object) -> &'static str {
        match self {
            Self::Associations => "associations",
            Self::BatchRead if object == Object::Company => "company_batch_read",
            Self::BatchUpdate if object == Object::Company => "company_batch_update",
            Self::Read(_) if object == Object::Company => "company_read",
            Self::Update(_) if object == Object::Company => "company_update",
            _ if object == Object::Company => "companies",
            Self::List => "list",
            Self::Create => "create",
            Self::Read(_) => "read",
            Self::Update(_) => "update",
            Self::Archive(_) => "archive",
            Self::BatchRead => "batch_read",
            Self::BatchUpdate => "batch_update",
            Self::Search => "search",
            Self::GdprDelete => "gdpr_delete",
            Self::Properties | Self::Property(_) => "properties",
            Self::CreateProperty => "create_property",
            Self::ContactList(_) | Self::Members(_) => "lists",
        }
    }

    fn perform(self, portal: &mut Portal, call: &Call, now: jiff::Timestamp) -> Answer {
        match self {
            Self::List => portal.list(call),
            Self::Create => portal.create_one(call, now),
            Self::Read(id) => portal.read_one(id, call),
            Self::Update(id) => portal.update_one(id, call, now),
            Self::Archive(id) => portal.archive_one(id, now),
            Self::BatchRead => portal.batch_read(call, now),
            Self::BatchUpdate => portal.batch_update(call, now),
            Self::Search => portal.search(call),
            Self::GdprDelete => portal.gdpr_delete(call, now),
            Self::Properties => portal.properties(),
            Self::Property(name) => portal.property(name),
            Self::CreateProperty => portal.create_property(call),
            Self::Associations => portal.list_companies_of(call, now),
            Self::ContactList(list) => portal.list_of(list),
            Self::Members(list) => portal.members(list, call),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// `2026-03`: HubSpot ships a version each March and September.
fn is_dated(version: &str) -> bool {
    let Some((year, month)) = version.split_once('-') else { return false };
    year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) && matches!(month, "03" | "09")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_paths_lead_to_the_same_operations() {
        for base in ["/crm/v3/objects/contacts", "/crm/objects/2026-03/contacts", "/crm/objects/2026-09/0-1"] {
            let at = |rest: &str| format!("{base}{rest}");
            let of =
                |method: &str, path: &str| Operation::of(method, path).map(|(_, operation)| format!("{operation:?}"));
            assert_eq!(of("POST", &at("/batch/read")).as_deref(), Some("BatchRead"));
            assert_eq!(of("PATCH", &at("/101")).as_deref(), Some("Update(\"101\")"));
            assert_eq!(of("GET", &at("")).as_deref(), Some("List"));
            assert_eq!(Operation::of("PUT", &at("/101")), None);
        }
        assert_eq!(Operation::of("GET", "/crm/objects/latest/contacts/1"), None);
        assert_eq!(Operation::of("GET", "/crm/v3/objects/deals/1"), None);
        let of_contacts = |operation| Some((Object::Contact, operation));
        assert_eq!(Operation::of("GET", "/crm/properties/2026-03/contacts"), of_contacts(Operation::Properties));
        let companies = Operation::of("POST", "/crm/objects/2026-03/companies/batch/update");
        assert_eq!(companies, Some((Object::Company, Operation::BatchUpdate)));
        for base in ["/crm/v4/associations", "/crm/associations/2026-03"] {
            let path = format!("{base}/contacts/companies/batch/read");
            assert_eq!(Operation::of("POST", &path), of_contacts(Operation::Associations));
        }
    }
}
