//! What is People Data Labs' own in a tenant's `provider` table, and its price list.

use leadgate_enrichment::config::{Key, OwnKeys, ProviderVendor, SecretKey, SecretRole, Shape};
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::limits::CallLimits;

/// How sure it has to be that a person is the one who is meant, from 1 to 10. A match below that is none, and is free.
const MIN_LIKELIHOOD: &str = "min_likelihood";

/// What the configuration has to know of it.
pub static VENDOR: ProviderVendor = ProviderVendor {
    name: "pdl",
    base_url: "https://api.peopledatalabs.com/v5",
    // Those of the free plan ("Reference - Person Enrichment API"). The first answer says what they really are.
    limits: CallLimits::new(Some(100), None, None),
    keys: &[Key::optional(MIN_LIKELIHOOD, Shape::Whole(1, 10))],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[("pdl-2026", include_str!("prices/pdl-2026.toml"))],
    asynchronous: |_, _| None,
    needs_callback: false,
    tells,
    can_be_asked: |_| true,
    check: |_| Vec::new(),
};

/// As configured; without it, it is the vendor's 2 (documented).
pub(super) fn min_likelihood(own: &OwnKeys) -> Option<u64> {
    own.whole(MIN_LIKELIHOOD)
}

/// It says nothing of what it thinks of an address or a number, has revenues as ranges alone, and no number of the employer's
/// ("Person Schema").
fn tells(field: ProfileField) -> bool {
    !matches!(
        field,
        ProfileField::EmailStatus
            | ProfileField::MobilePhoneStatus
            | ProfileField::MobilePhoneDoNotCall
            | ProfileField::CompanyPhone
            | ProfileField::CompanyRevenue
            | ProfileField::CompanyDescription
    )
}
