//! From a request to a delivery that is the sender's own, and through the gate.

use lambda_http::Request;
use leadgate_connectors::hooks::{self, Told};
use leadgate_connectors::inbound::{Delivery, Verified};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{SecretRole, Tenant};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_gate::Accepted;
use leadgate_lambda::http::bytes;
use leadgate_lambda::secrets;

use crate::CrmWebhook;
use crate::answer::Refusal;
use crate::route::Sender;

/// A hundred events are some 30 KB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

impl CrmWebhook {
    /// Bytes first, then meaning: nothing is parsed before it is known to be the sender's.
    pub(crate) async fn verify(
        &self,
        tenant: &Tenant,
        sender: Sender<'_>,
        path_secret: Option<Secret>,
        mut request: Request,
    ) -> Result<Delivery<Verified>, Refusal> {
        let found = request.body().len();
        if found > BODY_BYTES_MAX {
            return Err(Refusal::TooLarge { found, most: BODY_BYTES_MAX });
        }
        let secrets = match sender {
            Sender::Crm(_) => secrets::read(&self.secrets, &tenant.crm.secrets, SecretRole::CrmSigning).await?,
            Sender::Source(source) => secrets::named(&self.secrets, source.secrets.iter().map(String::as_str)).await?,
        };
        let headers = std::mem::take(request.headers_mut());
        let method = request.method().to_string();
        let now = self.clock.now();
        let delivery = Delivery::new(&method, headers, bytes(request)).received_at(now).with_path_secret(path_secret);
        let verified = match sender {
            Sender::Crm(connector) => (connector.verify)(delivery, &tenant.crm, secrets, now),
            Sender::Source(source) => hooks::verify(delivery, source, secrets, now),
        };
        Ok(verified?)
    }
}

impl CrmWebhook {
    /// Has what the delivery says pass the gate.
    pub(crate) async fn accept(
        &self,
        tenant: &Tenant,
        sender: Sender<'_>,
        delivery: &Delivery<Verified>,
        key: &FingerprintKey,
    ) -> Result<Accepted, Refusal> {
        let events = match sender {
            Sender::Crm(connector) => (connector.events)(delivery, tenant, key)?,
            Sender::Source(source) => match hooks::told(delivery, tenant, source)? {
                Told::Records(events) => events,
                Told::People(people) => return Ok(self.gate.accept_people(tenant, source, key, people).await?),
            },
        };
        Ok(self.gate.accept(tenant, key, events).await?)
    }
}
