//! Whether a configuration fits the CRM as it is at present, and the mailboxes that its rules for signals name.

use std::time::Duration;

use leadgate_enrichment::config::{Config, SignalRule, Tenant};
use leadgate_enrichment::crm::schema::{Misfit, misfits};
use leadgate_enrichment::enrolment::sequencer::why_not;
use leadgate_enrichment::ids::TenantId;
use leadgate_lambda::connections::Connections;
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
    /// What is wrong with each mailbox of a rule that can't be sent from.
    mailboxes: Vec<MailboxMisfit>,
}

/// A mailbox of a rule that can't be sent from.
struct MailboxMisfit {
    rule: String,
    mailbox: String,
    reason: String,
}

/// How long the vendor with the mailboxes is waited for.
const MAILBOXES_PATIENCE: Duration = Duration::from_secs(15);

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
                let own = std::iter::once(&mut tenant.provider).chain(&mut tenant.fallbacks);
                for provider in own {
                    if let Some(there) = there.provider_named(provider.vendor.name) {
                        provider.base_url.clone_from(&there.base_url);
                    }
                }
            }
            connections
        }
        None => connections_in_aws().await?,
    };
    let mut found = Vec::with_capacity(config.tenants.len());
    for tenant in config.tenants.values() {
        let crm = connections.crm(tenant).await?;
        let (mut all, mut unfit) = (0, Vec::new());
        for tenant in tenant.mappings() {
            let named = tenant.named_properties();
            let there = properties(&*crm, &named, tenant).await;
            let there = there.map_err(|error| format!("tenant {}: {error}", tenant.id))?;
            all += named.len();
            unfit.extend(misfits(&named, &there));
        }
        let mailboxes = mailboxes(&connections, tenant).await?;
        found.push(Found { tenant: tenant.id.clone(), named: all, misfits: unfit, mailboxes });
    }
    Ok(found)
}

/// Those of the rules' mailboxes that can't be sent from.
async fn mailboxes(connections: &Connections, tenant: &Tenant) -> Result<Vec<MailboxMisfit>, Failure> {
    let Some(signals) = &tenant.signals else { return Ok(Vec::new()) };
    let Some(provider) = tenant.provider_named(signals.provider) else { return Ok(Vec::new()) };
    let there = connections.sequencer(provider).await?.mailboxes(MAILBOXES_PATIENCE).await.reply;
    let there = there.map_err(|error| format!("tenant {}: the mailboxes can't be read: {error}", tenant.id))?;
    let named = signals.rules.iter().flat_map(|rule| rule.mailboxes.iter().map(move |mailbox| (rule, mailbox)));
    let misfit = |(rule, mailbox): (&SignalRule, &String)| {
        let reason = why_not(mailbox, &there)?;
        Some(MailboxMisfit { rule: rule.name.clone(), mailbox: mailbox.clone(), reason })
    };
    Ok(named.filter_map(misfit).collect())
}

impl Found {
    /// Whether all that is named can be read and written, and sent from.
    pub(crate) fn is_good(&self) -> bool {
        self.fits() && self.mailboxes.is_empty()
    }

    fn fits(&self) -> bool {
        self.misfits.iter().all(|misfit| misfit.problem.is_partial())
    }

    pub(crate) fn text(&self) -> String {
        let (tenant, properties) = (&self.tenant, count(self.named, "property"));
        let mut said = match (self.misfits.is_empty(), self.fits()) {
            (true, _) => format!("{tenant}: the CRM has the {properties} that the configuration names, and takes them"),
            (false, true) => format!("{tenant}: the CRM takes the {properties} that the configuration names, in part:"),
            (false, false) => format!("{tenant}: the CRM doesn't fit the configuration:"),
        };
        self.misfits.iter().for_each(|misfit| said.push_str(&format!("\n  {misfit}")));
        for MailboxMisfit { rule, mailbox, reason } in &self.mailboxes {
            said.push_str(&format!("\n{tenant}: the rule {rule:?} can't be sent from the mailbox {mailbox}: {reason}"));
        }
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
        let mailbox = |it: &MailboxMisfit| json!({ "rule": it.rule, "mailbox": it.mailbox, "problem": it.reason });
        let mailboxes: Vec<Value> = self.mailboxes.iter().map(mailbox).collect();
        json!({
            "tenant": self.tenant, "properties": self.named, "ok": self.is_good(), "misfits": misfits,
            "mailboxes": mailboxes,
        })
    }
}
