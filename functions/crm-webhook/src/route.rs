//! Who a request is for, and from whom, by its address.

use leadgate_connectors::connector::CrmInbound;
use leadgate_connectors::inbound::Reply;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{HookSource, Tenant};
use leadgate_enrichment::ids::TenantId;

use crate::CrmWebhook;

/// What an address begins with at which another system than a CRM tells of leads.
const HOOKS: &str = "hooks";

/// An address: `/{crm}/{tenant}`, `/{crm}/{tenant}/{secret}`, or `/hooks/{tenant}/{source}`.
pub(crate) struct Route<'p> {
    /// The CRM, or `hooks`.
    from: &'p str,
    pub(crate) tenant: TenantId,
    rest: Option<&'p str>,
}

/// Who sends to an address.
#[derive(Clone, Copy)]
pub(crate) enum Sender<'a> {
    /// The tenant's CRM.
    Crm(&'static CrmInbound),
    /// Another system of the tenant's.
    Source(&'a HookSource),
}

impl Sender<'_> {
    /// The name of a source; none for a CRM.
    pub(crate) fn source(&self) -> &str {
        if let Self::Source(source) = self { &source.name } else { "-" }
    }

    /// How a CRM is answered, where it waits for words of its own.
    pub(crate) fn reply(&self, content_type: &str, taken: bool) -> Option<Reply> {
        if let Self::Crm(connector) = self { (connector.reply)(content_type, taken) } else { None }
    }
}

impl<'p> Route<'p> {
    pub(crate) fn read(path: &'p str) -> Option<Self> {
        let (from, rest) = path.strip_prefix('/')?.split_once('/')?;
        let (tenant, rest) = rest.split_once('/').map_or((rest, None), |(tenant, rest)| (tenant, Some(rest)));
        Some(Self { from, tenant: tenant.parse().ok()?, rest })
    }

    /// What the address of a CRM ends in, for those that can't sign.
    pub(crate) fn path_secret(&self) -> Option<Secret> {
        self.rest.filter(|_| self.from != HOOKS).map(|secret| Secret::new(secret.to_owned()))
    }
}

impl CrmWebhook {
    /// Nothing, for an address that isn't served: an unknown tenant or source, and another CRM than the tenant's, look the
    /// same from outside.
    pub(crate) fn sender(&self, route: &Route<'_>) -> Option<(&Tenant, Sender<'_>)> {
        let tenant = self.config.tenant(&route.tenant)?;
        if route.from == HOOKS {
            return Some((tenant, Sender::Source(tenant.sources.get(route.rest?)?)));
        }
        let is_its_own = tenant.crm.vendor.name == route.from;
        let connector = self.vendors.crm(tenant).ok().filter(|_| is_its_own)?;
        let is_served = route.rest.is_none() || connector.takes_path_secret;
        is_served.then_some((tenant, Sender::Crm(connector)))
    }
}
