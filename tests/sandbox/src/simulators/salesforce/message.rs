//! The bodies of messages and callouts, written from Salesforce's documentation and from `infra/salesforce/`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::outbox::Event;
use super::records::Record;

/// An Outbound Message of these events, each with its record as it stands now. A deleted record has no fields.
pub(super) fn outbound(organization_id: &str, fields: &[String], told: &[(Event, Option<Record>)]) -> String {
    let notifications: String =
        told.iter().map(|(event, record)| notification(event, record.as_ref(), fields)).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{organization_id}</OrganizationId>
   <ActionId>04k000000000001AAA</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/65.0/{organization_id}</EnterpriseUrl>
   <PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/65.0/{organization_id}</PartnerUrl>
{notifications}  </notifications>
 </soapenv:Body>
</soapenv:Envelope>
"#
    )
}

fn notification(event: &Event, record: Option<&Record>, fields: &[String]) -> String {
    let living = record.filter(|record| !record.is_deleted);
    let field = |name: &String| Some(format!("<sf:{name}>{}</sf:{name}>", escaped(&living?.shown(name)?)));
    let fields: String = fields.iter().filter_map(field).collect();
    format!(
        r#"   <Notification><Id>{}</Id><sObject xsi:type="sf:{}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{}</sf:Id>{fields}</sObject></Notification>
"#,
        event.id, event.object, event.record
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether an answer takes a message: `Ack` is an `xsd:boolean`.
pub(super) fn is_ack(body: &str) -> bool {
    body.contains("notificationsResponse") && ["<Ack>true</Ack>", "<Ack>1</Ack>"].iter().any(|ack| body.contains(ack))
}

/// What the Apex class sends of this event.
pub(super) fn callout(organization_id: &str, event: &Event) -> String {
    let Event { object, cause, record, changed_by, occurred_at, .. } = event;
    json!({
        "organizationId": organization_id, "object": object, "cause": cause, "recordIds": [record],
        "changedBy": changed_by, "occurredAt": occurred_at.as_millisecond(),
    })
    .to_string()
}

/// A change event of this event as a bus has it, with the values that changed.
pub(super) fn change_event(organization_id: &str, ours: &str, event: &Event, record: Option<&Record>) -> String {
    let change = match event.cause.as_str() {
        "created" => "CREATE",
        "updated" => "UPDATE",
        _ => "DELETE",
    };
    // Our client names itself in each of its calls.
    let client = if event.changed_by == ours { "leadgate" } else { "SomeApp" };
    let header = json!({
        "entityName": event.object, "recordIds": [event.record], "changeType": change, "changedFields": event.fields,
        "changeOrigin": format!("com/salesforce/api/rest/65.0;client={client}"),
        "transactionKey": event.id, "sequenceNumber": 1, "isTransactionEnd": true,
        "commitTimestamp": event.occurred_at.as_millisecond(), "commitNumber": u64::MAX, "commitUser": event.changed_by,
    });
    let names =
        if change == "CREATE" { &["Email", "FirstName", "LastName"].map(str::to_owned)[..] } else { &event.fields };
    let values = names.iter().filter_map(|name| Some((name.clone(), record?.shown(name)?.into())));
    let mut payload: serde_json::Map<String, serde_json::Value> = values.collect();
    payload.insert("ChangeEventHeader".to_owned(), header);
    json!({
        "version": "0", "id": event.id, "detail-type": format!("{}ChangeEvent", event.object),
        "source": format!("aws.partner/salesforce.com/{organization_id}/0YL000000000001AAA"),
        "account": "000000000000", "time": event.occurred_at.to_string(), "region": "us-east-1", "resources": [],
        "detail": { "payload": payload },
    })
    .to_string()
}

/// The value of `webhook-signature`.
pub(super) fn signature(secret: &str, id: &str, seconds: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
    let mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    let digest = mac.chain_update(format!("{id}.{seconds}.{body}")).finalize().into_bytes();
    format!("v1,{}", STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_as_the_reference_libraries_have_it() {
        let made = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn nothing_but_a_true_ack_takes_a_message() {
        let answer = |ack: &str| format!("<x><notificationsResponse><Ack>{ack}</Ack></notificationsResponse></x>");
        assert!(is_ack(&answer("true")) && is_ack(&answer("1")));
        for failure in [answer("false"), String::new(), r#"{"queued": 1}"#.to_owned(), "<Ack>true</Ack>".to_owned()] {
            assert!(!is_ack(&failure), "{failure}");
        }
    }
}
