//! The CRMs that a world may have.

use leadgate_connectors::crm::attio::config as attio;
use leadgate_connectors::crm::close::config as close;
use leadgate_connectors::crm::pipedrive::config as pipedrive;
use leadgate_connectors::crm::salesforce::config as salesforce;
use leadgate_connectors::crm::zoho::config as zoho;
use leadgate_enrichment::config::Tenant;

use super::settings::{CAPS, Settings};
use crate::simulators::close as simulated_close;
use crate::simulators::pipedrive::DO_NOT_CALL;
use crate::simulators::salesforce::Road;

/// The one that those with a Salesforce org start from.
const SALESFORCE_CONFIG: &str = include_str!("../../../../infra/salesforce/leadgate.toml");

/// The one that those with a company at Pipedrive start from.
const PIPEDRIVE_CONFIG: &str = include_str!("../../../../infra/pipedrive/leadgate.toml");

/// The one that those with a workspace at Attio start from.
const ATTIO_CONFIG: &str = include_str!("../../../../infra/attio/leadgate.toml");

/// The one that those with an organization at Close start from.
const CLOSE_CONFIG: &str = include_str!("../../../../infra/close/leadgate.toml");

/// The one that those with an org at Zoho CRM start from.
const ZOHO_CONFIG: &str = include_str!("../../../../infra/zoho/leadgate.toml");

impl Settings {
    /// The same, with a Salesforce org for a CRM.
    #[must_use]
    pub fn with_salesforce(self) -> Self {
        Self { config: SALESFORCE_CONFIG.replacen(CAPS, "", 1), ..self }
    }

    /// The same, with an org whose change events come by an event bus. Our own are known by the name of our client alone.
    #[must_use]
    pub fn with_change_events(self) -> Self {
        let source = "event_source = \"aws.partner/salesforce.com/00D000000000001EAA/0YL000000000001AAA\"\n\
                      enrich_on_change = [\"Email\", \"Company\"]";
        let salesforce = self.with_salesforce();
        let config = salesforce.config.replacen("integration_user_id = \"005000000000001AAA\"", source, 1);
        Self { config, road: Road::ChangeEvents, ..salesforce }
    }

    /// The same, with a company at Pipedrive for a CRM.
    #[must_use]
    pub fn with_pipedrive(self) -> Self {
        Self { config: PIPEDRIVE_CONFIG.replacen(CAPS, "", 1), ..self }
    }

    /// The same, with a workspace at Attio for a CRM.
    #[must_use]
    pub fn with_attio(self) -> Self {
        Self { config: ATTIO_CONFIG.replacen(CAPS, "", 1), ..self }
    }

    /// The same, with an organization at Close for a CRM.
    #[must_use]
    pub fn with_close(self) -> Self {
        Self { config: CLOSE_CONFIG.replacen(CAPS, "", 1), ..self }
    }

    /// The same, with an org at Zoho CRM for a CRM.
    #[must_use]
    pub fn with_zoho(self) -> Self {
        Self { config: ZOHO_CONFIG.replacen(CAPS, "", 1), ..self }
    }

    /// The same, whose CRM tells this share of its events twice, chosen by chance from this seed on.
    #[must_use]
    pub fn with_duplicate_events(mut self, share: f64, seed: u64) -> Self {
        (self.hubspot.duplicate_share, self.hubspot.seed) = (share, seed);
        (self.salesforce.duplicate_share, self.salesforce.seed) = (share, seed);
        (self.pipedrive.duplicate_share, self.pipedrive.seed) = (share, seed);
        (self.attio.duplicate_share, self.attio.seed) = (share, seed);
        (self.close.duplicate_share, self.close.seed) = (share, seed);
        (self.zoho.duplicate_share, self.zoho.seed) = (share, seed);
        self
    }

    /// The same, with mobile numbers bought as well.
    #[must_use]
    pub fn with_phones(self) -> Self {
        let has = |kind: &str| self.config.contains(&format!("kind = \"{kind}\""));
        let fields = match () {
            () if has(salesforce::VENDOR.name) => SALESFORCE_PHONE_FIELDS.to_owned(),
            () if has(pipedrive::VENDOR.name) => {
                format!(
                    "phone = {{ from = \"mobile_phone\" }}\n{DO_NOT_CALL} = {{ from = \"mobile_phone_do_not_call\" }}\n"
                )
            }
            () if has(attio::VENDOR.name) => ATTIO_PHONE_FIELDS.to_owned(),
            () if has(close::VENDOR.name) => {
                let do_not_call = simulated_close::DO_NOT_CALL;
                format!(
                    "phone = {{ from = \"mobile_phone\" }}\n\"{do_not_call}\" = {{ from = \"mobile_phone_do_not_call\" }}\n"
                )
            }
            () if has(zoho::VENDOR.name) => ZOHO_PHONE_FIELDS.to_owned(),
            () => PHONE_FIELDS.to_owned(),
        };
        Self { config: format!("{}\n{fields}", self.config), ..self }
    }
}

/// The end of a configuration whose last table says what goes where: numbers, and what is known of them.
const PHONE_FIELDS: &str = "mobilephone = { from = \"mobile_phone\" }\n\
    mobile_do_not_call = { from = \"mobile_phone_do_not_call\" }\n";

/// The same, in a Salesforce org.
const SALESFORCE_PHONE_FIELDS: &str = "MobilePhone = { from = \"mobile_phone\" }\n\
    Mobile_Do_Not_Call__c = { from = \"mobile_phone_do_not_call\" }\n";

/// The same, in a workspace at Attio.
const ATTIO_PHONE_FIELDS: &str = "phone_numbers = { from = \"mobile_phone\" }\n\
    do_not_call = { from = \"mobile_phone_do_not_call\" }\n";

/// The same, in an org at Zoho CRM.
const ZOHO_PHONE_FIELDS: &str = "Mobile = { from = \"mobile_phone\" }\n\
    Mobile_Do_Not_Call = { from = \"mobile_phone_do_not_call\" }\n";

/// Whether the tenant's CRM is a Salesforce org.
pub(super) fn is_salesforce(tenant: &Tenant) -> bool {
    tenant.crm.vendor.name == salesforce::VENDOR.name
}

/// Whether the tenant's CRM is Pipedrive.
pub(super) fn is_pipedrive(tenant: &Tenant) -> bool {
    tenant.crm.vendor.name == pipedrive::VENDOR.name
}

/// Whether the tenant's CRM is Attio.
pub(super) fn is_attio(tenant: &Tenant) -> bool {
    tenant.crm.vendor.name == attio::VENDOR.name
}

/// Whether the tenant's CRM is Close.
pub(super) fn is_close(tenant: &Tenant) -> bool {
    tenant.crm.vendor.name == close::VENDOR.name
}

/// Whether the tenant's CRM is Zoho.
pub(super) fn is_zoho(tenant: &Tenant) -> bool {
    tenant.crm.vendor.name == zoho::VENDOR.name
}
