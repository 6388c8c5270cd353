//! From a request to a delivery that is the sender's own, and through the gate.

use lambda_http::Request;
use leadgate_connectors::hooks::{self, Told};
use leadgate_connectors::inbound::{Delivery, Verified};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{SecretRole, Tenant};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_gate::Accepted;
use leadgate_lambda::door::{self, Refusal};
use leadgate_lambda::secrets;

use crate::CrmWebhook;
use crate::route::Sender;

impl CrmWebhook {
    /// Bytes first, then meaning: nothing is parsed before it is known to be the sender's.
    pub(crate) async fn verify(
        &self,
        tenant: &Tenant,
        sender: Sender<'_>,
        path_secret: Option<Secret>,
        request: Request,
    ) -> Result<Delivery<Verified>, Refusal> {
        let now = self.clock.now();
        let delivery = door::delivery(request, now)?.with_path_secret(path_secret);
        match sender {
            Sender::Crm(connector) => {
                let secrets = secrets::read(&self.secrets, &tenant.crm.secrets, SecretRole::CrmSigning).await?;
                Ok((connector.verify)(delivery, &tenant.crm, secrets, now)?)
            }
            Sender::Source(source) => door::from_source(delivery, source, &self.secrets, now).await,
        }
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
