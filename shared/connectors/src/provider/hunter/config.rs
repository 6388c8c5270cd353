//! What is Hunter's own in a tenant's `provider` table, and its price list.

use leadgate_enrichment::config::{ProviderVendor, SecretKey, SecretRole};
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::limits::CallLimits;

use super::wire::Question;

/// What the configuration has to know of Hunter.
pub static VENDOR: ProviderVendor = ProviderVendor {
    name: "hunter",
    base_url: "https://api.hunter.io/v2",
    // Those of every plan (hunter.io/api-documentation). No answer says anything of them.
    limits: CallLimits::new(Some(500), None, None),
    keys: &[],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[("hunter-2026", include_str!("prices/hunter-2026.toml"))],
    asynchronous: |_, _| None,
    needs_callback: false,
    tells,
    can_be_asked: |person| Question::about(person).is_some(),
    check: |_| Vec::new(),
};

/// How often addresses may be checked under every plan (hunter.io/api-documentation).
pub const VERIFICATIONS: CallLimits = CallLimits::new(Some(300), None, None);

/// What its two calls have together. The numbers in them aren't said to be mobile ones.
fn tells(field: ProfileField) -> bool {
    !matches!(
        field,
        ProfileField::Headline
            | ProfileField::MobilePhone
            | ProfileField::MobilePhoneStatus
            | ProfileField::MobilePhoneDoNotCall
    )
}
