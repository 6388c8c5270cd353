//! What Clay delivers to a registered webhook: that a run has ended, and nothing of what it found. It is signed over its body
//! alone, so that a delivery can be repeated: that is harmless, because the run is asked for.

use hmac::{Hmac, KeyInit, Mac};
use leadgate_enrichment::provider::AsynchronousId;
use serde::Deserialize;
use sha2::Sha256;

use super::wire::is_id;
use crate::inbound::{Delivery, PayloadError, SignatureError, Unverified, Verified, any_matches};
use crate::loose::{Loose, Scalar, read};
use crate::secret::Secret;

/// The header with the signature.
pub const SIGNATURE: &str = "x-clay-signature";
/// What stands before its digits.
const SCHEME: &str = "sha256=";

/// Whether it is signed with one of these secrets.
pub fn check(delivery: &Delivery<Unverified>, secrets: &[Secret]) -> Result<(), SignatureError> {
    let header = delivery.header(SIGNATURE).ok_or(SignatureError::MissingHeader(SIGNATURE))?;
    let digits = header.strip_prefix(SCHEME).ok_or(SignatureError::UnknownVersion)?;
    let given = hex::decode(digits).map_err(|_| SignatureError::Mismatch)?;
    any_matches(secrets, &given, |secret| digest(secret, delivery.raw()))
}

/// The value of the header that Clay would send: for simulators.
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    format!("{SCHEME}{}", hex::encode(digest(secret, body)))
}

fn digest(secret: &Secret, body: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.chain_update(body).finalize().into_bytes().into()
}

/// The run that a delivery is about. `None` for a test of the webhook, which is about none.
pub fn run(delivery: &Delivery<Verified>) -> Result<Option<AsynchronousId>, PayloadError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Payload {
        data: Loose<Data>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Data {
        routine_run_id: Scalar,
    }
    let Ok(Loose::Object(payload)) = read::<Loose<Payload>>(delivery.body()) else {
        return Err(PayloadError::NotAnObject);
    };
    let Loose::Object(data) = payload.data else { return Err(PayloadError::Call("no data")) };
    match data.routine_run_id.as_text() {
        Some(id) if is_id(id) => Ok(Some(AsynchronousId(id.to_owned()))),
        Some(_) => Err(PayloadError::Call("what can't be the id of a run")),
        None => Ok(None),
    }
}
