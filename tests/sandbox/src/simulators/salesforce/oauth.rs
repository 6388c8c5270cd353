//! The token endpoint: client credentials, and JWT bearer
//! (help.salesforce.com, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration", "OAuth 2.0 Client Credentials Flow").

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{JWT_PUBLIC_KEY, OTHER_APP, PERSON, Salesforce};
use crate::simulators::exchange::{Answer, Call};

/// The path of the endpoint.
pub(super) const PATH: &str = "/services/oauth2/token";
/// How far in the future a JWT may end.
const JWT_SECONDS_MAX: i64 = 300;

impl Salesforce {
    pub(super) fn give_token(&self, call: &Call, now: Timestamp) -> Answer {
        let form: BTreeMap<String, String> = pairs(&call.body);
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is_other = field("client_id") == OTHER_APP;
        let refusal = match field("grant_type") {
            "client_credentials" if !is_other && field("client_id") != self.setup.client_id => {
                Some("invalid_client_id")
            }
            "client_credentials" if field("client_secret") != self.setup.client_secret => Some("invalid_client"),
            "client_credentials" => None,
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => self.refuse_jwt(field("assertion"), now),
            _ => Some("unsupported_grant_type"),
        };
        if let Some(error) = refusal {
            return Answer::json(400, &json!({ "error": error, "error_description": "authentication failure" }));
        }
        let mut org = self.org.lock();
        org.counters.tokens += 1;
        let token = format!("{}!simulated.{}", &self.setup.organization_id[..15], org.counters.tokens);
        let (organization_id, own) = (&self.setup.organization_id, self.setup.user_id.as_str());
        let user_id = if is_other { PERSON } else { own };
        org.tokens.insert(token.clone(), (later(now, self.setup.session_timeout), user_id.to_owned()));
        Answer::json(
            200,
            &json!({
                "access_token": token, "token_type": "Bearer", "issued_at": now.as_millisecond().to_string(),
                "instance_url": self.instance_url.get(), "signature": "simulated",
                "id": format!("https://login.salesforce.com/id/{organization_id}/{user_id}"),
            }),
        )
    }

    /// Why a JWT is refused, if it is.
    fn refuse_jwt(&self, jwt: &str, now: Timestamp) -> Option<&'static str> {
        let Some(claims) = verified(jwt) else { return Some("invalid_grant") };
        let ends = claims["exp"].as_i64().unwrap_or_default();
        let is_timely = (now.as_second()..=now.as_second() + JWT_SECONDS_MAX).contains(&ends);
        match () {
            () if claims["iss"] != self.setup.client_id.as_str() => Some("invalid_client_id"),
            () if claims["sub"] != self.setup.username.as_str() => Some("invalid_grant"),
            () if claims["aud"] != "https://login.salesforce.com" || !is_timely => Some("invalid_grant"),
            () => None,
        }
    }

    /// Who makes a call, if its token is good.
    pub(super) fn signed_in(&self, authorization: Option<&str>, now: Timestamp) -> Option<String> {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        let org = self.org.lock();
        let (ends, user) = org.tokens.get(token?)?;
        (now < *ends).then(|| user.clone())
    }
}

/// The claims of a JWT that the right key has signed.
fn verified(jwt: &str) -> Option<Value> {
    let (message, signature) = jwt.rsplit_once('.')?;
    let der: String = JWT_PUBLIC_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, STANDARD.decode(der).ok()?);
    key.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let (_, claims) = message.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// A form's fields.
fn pairs(body: &[u8]) -> BTreeMap<String, String> {
    let mut url = reqwest::Url::parse("http://form.example/").ok();
    if let Some(url) = &mut url {
        url.set_query(Some(&String::from_utf8_lossy(body)));
    }
    url.iter().flat_map(|url| url.query_pairs().into_owned().collect::<Vec<_>>()).collect()
}
