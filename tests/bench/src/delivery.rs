//! Deliveries as a CRM sends them through API Gateway: signed, each about contacts that nobody has told of before.

use leadgate_connectors::crm::hubspot::inbound::signature::{SIGNATURE_V3, TIMESTAMP, sign_v3};
use leadgate_connectors::secret::Secret;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::now;

/// Makes one delivery after another.
pub(crate) struct Deliveries {
    url: String,
    path: String,
    secret: Secret,
    portal: u64,
    events: usize,
    contacts: u64,
}

impl Deliveries {
    /// To the tenant of this world, with so many events each.
    pub(crate) fn new(aws: &Aws, events: usize) -> Self {
        let (url, secret) = (aws.public_url.clone(), Secret::new(aws.signing_secret.clone()));
        let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
        // No two functions are told of the same contacts.
        let contacts = u64::try_from(now()).unwrap_or_default() * 1000;
        Self { url, path, secret, portal: aws.portal, events, contacts }
    }

    /// The next, as the event of a Lambda function behind an HTTP API.
    pub(crate) fn next_one(&mut self) -> Value {
        let now = now();
        let events: Vec<Value> = (0..self.events)
            .map(|_| {
                self.contacts += 1;
                json!({
                    "eventId": self.contacts, "subscriptionId": 2_500_001, "portalId": self.portal, "appId": 1_160_452,
                    "occurredAt": now, "subscriptionType": "contact.creation", "attemptNumber": 0,
                    "objectId": self.contacts, "changeFlag": "NEW", "changeSource": "CRM_UI",
                    "sourceId": "userId:78129",
                })
            })
            .collect();
        let body = Value::from(events).to_string();
        let signature = sign_v3(&self.secret, "POST", &self.url, body.as_bytes(), now);
        let path = &self.path;
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": {
                "content-type": "application/json", SIGNATURE_V3: signature, TIMESTAMP: now.to_string(),
                "host": "hooks.example.com", "user-agent": "HubSpot Webhooks",
            },
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "hooks.example.com", "domainPrefix": "hooks",
                "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                          "userAgent": "HubSpot Webhooks" },
                "requestId": "r", "routeKey": "$default", "stage": "$default",
                "time": "15/Jan/2026:10:00:00 +0000", "timeEpoch": now,
            },
            "body": body, "isBase64Encoded": false,
        })
    }
}
