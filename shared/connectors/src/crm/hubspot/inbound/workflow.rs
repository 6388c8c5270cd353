//! The workflow action "Send a webhook": one object, with the data of the contact that goes through the workflow
//! (developers.hubspot.com, "Using webhooks in workflows").
//!
//! It says neither what happened nor when, and has no id of its own. Its answers are read otherwise, too: after a 4xx it
//! doesn't come again, after a 5xx it does for three days.

use leadgate_enrichment::ids::{ObjectType, Origin, RecordKey, RequestId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde::Deserialize;

use super::super::config::VENDOR;
use super::events::EventRules;
use crate::inbound::{BodyError, Delivery, Verified};
use crate::loose::{Loose, Scalar, read};

/// The contact's id has several names: that of the first contacts API, whose object is sent whole, and that of the property,
/// where a few properties were chosen (observed, not documented).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    vid: Scalar,
    hs_object_id: Scalar,
    #[serde(rename = "objectId")]
    object_id: Scalar,
    #[serde(rename = "portal-id")]
    portal_id: Scalar,
    properties: Loose<Properties>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Properties {
    hs_object_id: Loose<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Value {
    value: Scalar,
}

/// That the contact is due, if anything of it is wanted.
pub(super) fn event(delivery: &Delivery<Verified>, rules: &EventRules) -> Result<CrmEvent, BodyError> {
    let body = read::<Loose<Body>>(delivery.body())?.into_object().unwrap_or_default();
    let expected = rules.portal_id;
    if let Some(found) = body.portal_id.to_integer()
        && u64::try_from(found) != Ok(expected)
    {
        return Err(BodyError::Account { found: found.to_string(), expected: expected.to_string() });
    }
    let property = body.properties.as_object().and_then(|properties| properties.hs_object_id.as_object());
    let named =
        [Some(&body.vid), Some(&body.hs_object_id), Some(&body.object_id), property.map(|property| &property.value)];
    let id = named.into_iter().flatten().find_map(Scalar::to_integer).filter(|id| *id >= 0);
    let id = id.ok_or_else(|| BodyError::Shape {
        path: "body".to_owned(),
        found: "an object without a contact's id",
        expected: "events, or what a workflow sends",
    })?;
    let (origin, object) = (Origin::known(VENDOR.name), ObjectType::CONTACT);
    let record = RecordKey { tenant: rules.tenant.clone(), origin, object, id: id.to_string() };
    let occurred_at = delivery.arrived_at();
    // Each delivery asks for itself: the same contact may go through the workflow again in a year, with the same data.
    let request = RequestId::derive(&record, &format!("{expected}/workflow/{}", occurred_at.as_millisecond()));
    Ok(CrmEvent::Due(DueEvent { record, request, occurred_at, cause: Cause::Edited }))
}
