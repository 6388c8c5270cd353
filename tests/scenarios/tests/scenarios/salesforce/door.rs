//! What arrives from an org, and what only seems to.

use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::standard_webhooks::sign;
use leadgate_enrichment::clock::Clock;
use leadgate_sandbox::simulators::salesforce::Road;
use leadgate_sandbox::world::{APEX_SECRET, Leftover, SIGNING_SECRET, World};

use super::{BOTH, org, org_with};
use crate::stage::{Row, bought_once_however_often_told, leads};

const OLD_APEX_SECRET: &str = "whsec_YW4tb2xkLXNpZ25pbmctc2VjcmV0OmFwZXg=";

/// An Outbound Message about this lead.
fn message(lead: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body><notifications
        xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001EAA</OrganizationId>
        <Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:Lead"
        xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{lead}</sf:Id></sObject></Notification>
        </notifications></s:Body></s:Envelope>"#
    )
}

/// Sends it to the address that ends in this. The status, and whether it was acknowledged.
async fn told(world: &World, ending: &str, body: String) -> (u16, bool) {
    let url = format!("{}{ending}", world.webhook_url());
    let request = world.http().post(url).header("content-type", "text/xml; charset=utf-8").body(body);
    let response = request.send().await.expect("an answer");
    let (status, kind) = (response.status().as_u16(), response.headers().get("content-type").cloned());
    let body = response.text().await.expect("a body");
    assert!(!body.contains(SIGNING_SECRET), "{body}");
    let is_xml = kind.is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/xml")));
    assert!(is_xml || status == 404, "{status}: an org reads no other words than its own: {body}");
    (status, body.contains("<Ack>true</Ack>"))
}

/// Tells of this lead by an Outbound Message. The status, and whether it was acknowledged.
pub(crate) async fn told_by_message(world: &World, lead: &str) -> (u16, bool) {
    told(world, &format!("/{SIGNING_SECRET}"), message(lead)).await
}

/// A callout about this lead, as it is signed.
pub(crate) struct Callout {
    id: String,
    seconds: i64,
    body: String,
    secret: String,
    /// Instead of what was signed.
    sent_id: Option<String>,
    sent_seconds: Option<i64>,
    sent_body: Option<String>,
    signature: Option<String>,
}

impl Callout {
    pub(crate) fn of(world: &World, lead: &str) -> Self {
        let body = format!(
            r#"{{"organizationId":"00D000000000001EAA","object":"Lead","cause":"created","recordIds":["{lead}"]}}"#
        );
        let (id, seconds, secret) = ("msg_1".to_owned(), world.clock.now().as_second(), APEX_SECRET.to_owned());
        Self { id, seconds, body, secret, sent_id: None, sent_seconds: None, sent_body: None, signature: None }
    }

    pub(crate) async fn send(self, world: &World) -> u16 {
        let secret = Secret::new(self.secret);
        let signature = sign(&secret, &self.id, self.seconds, self.body.as_bytes()).expect("a secret");
        let request = world.http().post(world.webhook_url()).header("content-type", "application/json");
        let request = request
            .header("webhook-id", self.sent_id.unwrap_or(self.id))
            .header("webhook-timestamp", self.sent_seconds.unwrap_or(self.seconds).to_string())
            .header("webhook-signature", self.signature.unwrap_or(signature));
        let response = request.body(self.sent_body.unwrap_or(self.body)).send().await.expect("an answer");
        response.status().as_u16()
    }
}

#[tokio::test]
async fn nothing_of_an_outbound_message_may_be_changed_and_nothing_is_queued() {
    let world = org().await;
    let lead = leads(&world, 1).remove(0);
    let (good, ending) = (message(&lead), format!("/{SIGNING_SECRET}"));
    let external = good.replacen("?>", "?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>", 1);
    let laughs = good.replacen("?>", "?><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>", 1);
    let padded = good.replacen("<s:Body>", &format!("<!--{}--><s:Body>", "x".repeat(2 * 1024 * 1024)), 1);
    let cases = [
        ("another address", "/guessed-guessed-guessed".to_owned(), good.clone(), 401),
        ("a part of it", ending[..ending.len() - 1].to_owned(), good.clone(), 401),
        ("more than it", format!("{ending}/"), good.clone(), 401),
        ("an empty end", "/".to_owned(), good.clone(), 401),
        ("no end", String::new(), good.clone(), 401),
        ("what signs the other road", format!("/{APEX_SECRET}"), good.clone(), 401),
        ("another org", ending.clone(), good.replace("00D000000000001", "00D000000000002"), 403),
        ("no org", ending.clone(), good.replace("OrganizationId", "OrgId"), 403),
        ("cut off", ending.clone(), good[..good.len() - 20].to_owned(), 400),
        ("not XML", ending.clone(), "{\"organizationId\": 1}".to_owned(), 400),
        ("an external entity", ending.clone(), external.replace(&lead, "&e;"), 400),
        ("a billion laughs", ending.clone(), laughs.replace(&lead, "&b;"), 400),
        ("no id", ending.clone(), good.replace(&lead, "x"), 400),
        ("2 MB", ending.clone(), padded, 413),
    ];
    for (what, ending, body, expected) in cases {
        assert_eq!(told(&world, &ending, body).await, (expected, false), "{what}");
    }
    let other = world.webhook_url().replace("/demo", "/nobody");
    let unknown = world.http().post(format!("{other}{ending}")).body(good).send().await.expect("an answer");
    assert_eq!(unknown.status().as_u16(), 404);
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn nothing_of_a_callout_may_be_changed_and_nothing_is_queued() {
    let world = org().await;
    let lead = leads(&world, 1).remove(0);
    let good = || Callout::of(&world, &lead);
    let now = good().seconds;
    let other_lead = good().body.replace(&lead, "00Q000000000099AAA");
    let cases = [
        ("another body", Callout { sent_body: Some(other_lead), ..good() }, 401),
        ("another id", Callout { sent_id: Some("msg_2".to_owned()), ..good() }, 401),
        ("another time", Callout { sent_seconds: Some(now + 1), ..good() }, 401),
        ("too old", Callout { seconds: now - 301, ..good() }, 401),
        ("too early", Callout { seconds: now + 301, ..good() }, 401),
        ("another signature", Callout { signature: Some("v1,AAAA".to_owned()), ..good() }, 401),
        ("none", Callout { signature: Some(String::new()), ..good() }, 401),
        ("another secret", Callout { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), ..good() }, 401),
        ("another org", Callout { body: good().body.replace("00D000000000001", "00D000000000002"), ..good() }, 403),
        ("not JSON", Callout { body: "{".to_owned(), ..good() }, 400),
    ];
    for (what, callout, expected) in cases {
        assert_eq!(callout.send(&world).await, expected, "{what}");
    }
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn either_of_two_secrets_opens_each_road_while_one_replaces_the_other() {
    let world = org_with(|settings| {
        for road in ["outbound-messages", "apex"] {
            let name = format!("\"leadgate/demo/{road}/crm-signing\"");
            let both = format!("{name}, \"leadgate/demo/{road}/crm-signing-next\"");
            settings.config = settings.config.replace(&name, &both);
        }
    })
    .await;
    world.leaves_behind(Leftover::Messages);
    let lead = leads(&world, 1).remove(0);
    for (secret, expected) in [
        ("an-old-signing-secret", (200, true)),
        (SIGNING_SECRET, (200, true)),
        ("neither-of-the-secrets", (401, false)),
    ] {
        assert_eq!(told(&world, &format!("/{secret}"), message(&lead)).await, expected, "{secret}");
    }
    for (secret, expected) in [(OLD_APEX_SECRET, 200), (APEX_SECRET, 200)] {
        let callout = Callout { secret: secret.to_owned(), ..Callout::of(&world, &lead) };
        assert_eq!(callout.send(&world).await, expected, "{secret}");
    }
}

#[tokio::test]
async fn a_blank_secret_lets_nothing_in_and_nothing_is_lost_by_it() {
    for road in BOTH {
        let world = org_with(|settings| {
            settings.road = road;
            (settings.signing_secret, settings.apex_secret) = (String::new(), String::new());
        })
        .await;
        let lead = leads(&world, 1).remove(0);
        let report = world.salesforce.deliver().await;
        assert_eq!((report.accepted, report.rejected.as_slice()), (0, [503].as_slice()), "{road:?}");
        for ending in ["/", "/%20", ""] {
            assert!(!told(&world, ending, message(&lead)).await.1, "{road:?}: {ending:?}");
        }
        assert_eq!((world.waiting().await, world.salesforce.pending_events().len()), (0, 1));
    }
}

#[tokio::test]
async fn what_is_delivered_again_is_bought_once() {
    for road in BOTH {
        let world = org_with(|settings| {
            settings.road = road;
            settings.salesforce.duplicate_share = 1.0;
        })
        .await;
        let _row = Row(road);
        let again = async |lead: &str| match road {
            Road::OutboundMessages => told_by_message(&world, lead).await.0,
            _ => Callout::of(&world, lead).send(&world).await,
        };
        bought_once_however_often_told(&world, again).await;
    }
}
