//! What is Lusha's own in a tenant's `provider` table, and its price list.

use leadgate_enrichment::config::{ProviderVendor, SecretKey, SecretRole};
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::limits::CallLimits;

/// What the configuration has to know of Lusha.
pub static VENDOR: ProviderVendor = ProviderVendor {
    name: "lusha",
    base_url: "https://api.lusha.com",
    // It publishes no numbers. The first answer says what they really are, and no worker gets further than the first call
    // before that.
    limits: CallLimits::new(Some(25), None, None),
    keys: &[],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[("lusha-2026", include_str!("prices/lusha-2026.toml"))],
    asynchronous: |_, _| None,
    needs_callback: false,
    tells,
    can_be_asked: |_| true,
    check: |_| Vec::new(),
};

/// What is in the examples of its documents.
fn tells(field: ProfileField) -> bool {
    matches!(
        field,
        ProfileField::Email
            | ProfileField::FirstName
            | ProfileField::LastName
            | ProfileField::Title
            | ProfileField::Seniority
            | ProfileField::LinkedinUrl
            | ProfileField::City
            | ProfileField::State
            | ProfileField::Country
            | ProfileField::CompanyName
            | ProfileField::CompanyDomain
            | ProfileField::CompanyWebsite
            | ProfileField::CompanyIndustry
            | ProfileField::MobilePhone
            | ProfileField::MobilePhoneDoNotCall
    )
}
