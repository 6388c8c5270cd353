//! Whether a configuration fits the CRM as it is at present.

use leadgate_enrichment::config::Config;
use leadgate_enrichment::crm::schema::{Misfit, misfits};
use leadgate_enrichment::ids::TenantId;
use serde_json::{Value, json};

use super::properties;
use crate::Failure;
use crate::books::{connections_in_aws, vendors_of_world};
use crate::terminal::count;

/// What was found at the CRM of one tenant.
pub(crate) struct Found {
    tenant: TenantId,
    /// How many properties the configuration names.
    named: usize,
    misfits: Vec<Misfit>,
}

/// Asks the CRM of each tenant: that of a running `leadgate local` at `local`, or the one that the secrets in AWS open.
pub(crate) async fn compare(config: &Config, local: Option<&str>) -> Result<Vec<Found>, Failure> {
    let mut config = config.clone();
    let connections = match local {
        Some(url) => {
            let (world, connections) = vendors_of_world(url).await?;
            for (id, tenant) in &mut config.tenants {
                let there = world.tenants.get(id).filter(|there| there.crm.vendor.name == tenant.crm.vendor.name);
                let there = there.ok_or_else(|| format!("the world at {url} has no tenant {id} with such a CRM"))?;
                tenant.crm.base_url.clone_from(&there.crm.base_url);
            }
            connections
        }
        None => connections_in_aws().await?,
    };
    let mut found = Vec::with_capacity(config.tenants.len());
    for tenant in config.tenants.values() {
        let crm = connections.crm(tenant).await?;
        let named = tenant.named_properties();
        let there = properties(&*crm, &named, tenant.crm.vendor).await;
        let there = there.map_err(|error| format!("tenant {}: {error}", tenant.id))?;
        found.push(Found { tenant: tenant.id.clone(), named: named.len(), misfits: misfits(&named, &there) });
    }
    Ok(found)
}

impl Found {
    /// Whether all that is named can be read and written.
    pub(crate) fn is_good(&self) -> bool {
        self.misfits.iter().all(|misfit| misfit.problem.is_partial())
    }

    pub(crate) fn text(&self) -> String {
        let (tenant, properties) = (&self.tenant, count(self.named, "property"));
        let mut said = match (self.misfits.is_empty(), self.is_good()) {
            (true, _) => format!("{tenant}: the CRM has the {properties} that the configuration names, and takes them"),
            (false, true) => format!("{tenant}: the CRM takes the {properties} that the configuration names, in part:"),
            (false, false) => format!("{tenant}: the CRM doesn't fit the configuration:"),
        };
        self.misfits.iter().for_each(|misfit| said.push_str(&format!("\n  {misfit}")));
        said
    }

    pub(crate) fn json(&self) -> Value {
        let misfit = |misfit: &Misfit| {
            json!({
                "path": misfit.path, "property": misfit.property, "problem": misfit.to_string(),
                "is_partial": misfit.problem.is_partial(),
            })
        };
        let misfits: Vec<Value> = self.misfits.iter().map(misfit).collect();
        json!({ "tenant": self.tenant, "properties": self.named, "ok": self.is_good(), "misfits": misfits })
    }
}
