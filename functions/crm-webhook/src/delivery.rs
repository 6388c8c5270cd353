//! From a request to a delivery that is the CRM's own.

use lambda_http::Request;
use leadgate_connectors::connector::CrmInbound;
use leadgate_connectors::inbound::{Delivery, Verified};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{SecretRole, Tenant};
use leadgate_lambda::http::bytes;
use leadgate_lambda::secrets;

use crate::CrmWebhook;
use crate::answer::Refusal;

/// A hundred events are some 30 KB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

impl CrmWebhook {
    /// Bytes first, then meaning: nothing is parsed before it is known to be the CRM's.
    pub(crate) async fn verify(
        &self,
        tenant: &Tenant,
        connector: &CrmInbound,
        path_secret: Option<Secret>,
        mut request: Request,
    ) -> Result<Delivery<Verified>, Refusal> {
        let found = request.body().len();
        if found > BODY_BYTES_MAX {
            return Err(Refusal::TooLarge { found, most: BODY_BYTES_MAX });
        }
        let secrets = secrets::read(&self.secrets, &tenant.crm.secrets, SecretRole::CrmSigning).await?;
        let headers = std::mem::take(request.headers_mut());
        let method = request.method().to_string();
        let now = self.clock.now();
        let delivery = Delivery::new(&method, headers, bytes(request)).received_at(now).with_path_secret(path_secret);
        Ok((connector.verify)(delivery, &tenant.crm, secrets, now)?)
    }
}
