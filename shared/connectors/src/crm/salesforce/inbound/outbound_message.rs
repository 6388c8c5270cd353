//! Outbound Messages: SOAP, with up to a hundred notifications, each with a record as it stood when it was sent
//! (developer.salesforce.com, "Outbound Messaging Notifications").
//!
//! They say neither what was changed nor whether the record is new. Where the message has the fields `CreatedDate` and
//! `LastModifiedDate`, a record that was never changed since it was created is new; where it has `LastModifiedById`, what
//! the integration user changed is known for our own. A record that was deleted meanwhile comes without fields: whether it
//! is there is seen when it is read.

use jiff::Timestamp;
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};

use super::super::record_id;
use super::super::wire::instant;
use super::xml::{self, Element};
use super::{EventRules, person};
use crate::inbound::{BodyError, Delivery, Events, Verified};

/// The most notifications in a message (documented).
pub const NOTIFICATIONS_MAX: usize = 100;

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
/// Fields are in one of these: which, is chosen with the message's WSDL.
const FIELDS: [&str; 2] = ["urn:sobject.enterprise.soap.sforce.com", "urn:sobject.partner.soap.sforce.com"];

/// Everything that the message says. An error is about the message as a whole.
pub fn events(delivery: &Delivery<Verified>, rules: &EventRules) -> Result<Events, BodyError> {
    let root = xml::read(delivery.body())?;
    let (found, expected) = ("something else", "a SOAP envelope with notifications");
    let root = Some(&root).filter(|root| root.namespace == SOAP && root.name == "Envelope");
    let message = root.and_then(|root| root.child(SOAP, "Body")?.child(OUTBOUND, "notifications"));
    let message = message.ok_or(BodyError::Shape { path: "body".into(), found, expected })?;
    rules.check_organization(message.child(OUTBOUND, "OrganizationId").and_then(Element::value))?;
    let notifications: Vec<&Element> = message.all(OUTBOUND, "Notification").collect();
    if notifications.len() > NOTIFICATIONS_MAX {
        return Err(BodyError::TooMany { found: notifications.len(), most: NOTIFICATIONS_MAX });
    }
    let mut events = Events::default();
    for (index, notification) in notifications.into_iter().enumerate() {
        match (Reading { index, notification, rules }).event(delivery.arrived_at()) {
            Ok(event) => events.read.push(event),
            Err(error) => events.unreadable.push(error),
        }
    }
    match events.unreadable.first() {
        Some(error) if events.read.is_empty() => Err(error.clone()),
        _ => Ok(events),
    }
}

/// One notification being read: errors need to know which.
struct Reading<'a> {
    index: usize,
    notification: &'a Element,
    rules: &'a EventRules,
}

impl Reading<'_> {
    fn event(&self, arrived_at: Timestamp) -> Result<CrmEvent, BodyError> {
        let Some(row) = self.notification.child(OUTBOUND, "sObject") else { return Ok(CrmEvent::Other) };
        let Some(object) = row.type_name.as_deref().and_then(person) else { return Ok(CrmEvent::Other) };
        let id = field(row, "Id").and_then(record_id::canonical).ok_or_else(|| self.wrong("sObject.Id"))?;
        let record = self.rules.key(object, id);
        if field(row, "IsDeleted") == Some("true") {
            return Ok(CrmEvent::Deletion(record));
        }
        if self.rules.is_ours(field(row, "LastModifiedById")) {
            return Ok(CrmEvent::Other);
        }
        let notification = self.notification.child(OUTBOUND, "Id").and_then(Element::value);
        let notification = notification.and_then(record_id::canonical).ok_or_else(|| self.wrong("Id"))?;
        let [created, changed] = ["CreatedDate", "LastModifiedDate"].map(|name| field(row, name).and_then(instant));
        let is_new = created.is_some() && created == changed;
        // A message tells how the record stands when it is sent, and again when it is sent again, whatever it was about
        // (documented: help.salesforce.com, workflow_om_considerations): it may be the one that tells of a later change.
        let state = changed.map_or_else(String::new, |at| format!("/{}", at.as_millisecond()));
        let request = RequestId::derive(&record, &format!("{}/{notification}{state}", self.rules.organization_id));
        let cause = if is_new { Cause::Created } else { Cause::Edited };
        Ok(CrmEvent::Due(DueEvent { record, request, occurred_at: changed.unwrap_or(arrived_at), cause }))
    }

    fn wrong(&self, field: &str) -> BodyError {
        let path = format!("Notification[{}].{field}", self.index);
        BodyError::Shape { path, found: "something else", expected: "an id" }
    }
}

/// A field of the record, whichever WSDL the message was made with.
fn field<'e>(row: &'e Element, name: &'e str) -> Option<&'e str> {
    FIELDS.iter().find_map(|namespace| row.child(namespace, name)?.value())
}
