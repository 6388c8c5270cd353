//! What only `leadgate local` has: a clock that is turned, and a CRM that can be asked for its contacts.

use leadgate_connectors::secret::Secret;
use leadgate_sandbox::world::APEX_SECRET;
pub(super) use leadgate_sandbox::world::SIGNING_SECRET;
use serde_json::Value;

use super::TIMEOUT;
use crate::terminal::say;

/// What signs by Standard Webhooks there, unless another secret was named.
pub(super) fn standard_secret(secret: &Secret) -> Secret {
    if secret.expose() == SIGNING_SECRET { Secret::new(APEX_SECRET.to_owned()) } else { secret.clone() }
}

/// Says which contact that a delivery tells of isn't there, and how to create one.
pub(super) async fn say_what_is_missing(http: &reqwest::Client, to: &str, told_of: &[u64]) {
    let Some(missing) = first_missing(http, to, told_of).await else { return };
    say(&format!(
        "The simulated HubSpot has no contact {missing}, so that its lead ends as refused. Create one, and HubSpot tells \
         of it by itself:"
    ));
    println!("{}", CREATE.replace("ADDRESS", to));
}

/// How a contact is created in the local world.
const CREATE: &str = r#"  curl -X POST ADDRESS/simulators/hubspot/crm/v3/objects/contacts \
    -H 'Authorization: Bearer simulated-access-token' -H 'Content-Type: application/json' \
    -d '{"properties": {"email": "grace.hopper@navy.example"}}'"#;

/// More contacts of a delivery are not looked for.
const CONTACTS_MAX: usize = 5;

/// The contacts that a delivery tells of, as far as they are looked for.
pub(super) fn contacts_of(body: &[u8]) -> Vec<u64> {
    let events: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let mut ids: Vec<u64> = events.iter().filter_map(|event| event.get("objectId")?.as_u64()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(CONTACTS_MAX);
    ids
}

/// The first of these contacts that the local world's simulated HubSpot doesn't have. Anywhere else none is missing.
async fn first_missing(http: &reqwest::Client, to: &str, contacts: &[u64]) -> Option<u64> {
    for id in contacts {
        let url = format!("{to}/simulators/hubspot/crm/v3/objects/contacts/{id}");
        let answer = http.get(url).bearer_auth(TOKEN).timeout(TIMEOUT).send().await.ok()?;
        let category = answer.json::<Value>().await.ok()?.get("category").cloned();
        if category == Some(Value::from("OBJECT_NOT_FOUND")) {
            return Some(*id);
        }
    }
    None
}

/// What the simulated HubSpot takes for an access token.
const TOKEN: &str = "simulated-access-token";

/// The local world's clock may have been turned; anybody else goes by the present.
pub(super) async fn time(http: &reqwest::Client, to: &str) -> Option<i64> {
    let answer = http.get(format!("{to}/simulators/clock")).timeout(TIMEOUT).send().await.ok()?;
    answer.json::<Value>().await.ok()?.get("now_ms")?.as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contacts_of_a_delivery_are_each_looked_for_once() {
        let body = r#"[{"objectId": 2}, {"objectId": 1}, {"objectId": 2}, {"objectId": "x"}, 7]"#;
        assert_eq!(contacts_of(body.as_bytes()), [1, 2]);
        assert_eq!(contacts_of(b"no JSON"), [0; 0]);
    }
}
