//! What is Cognism's own in a tenant's `provider` table, and its price list.

use leadgate_enrichment::config::{Key, OwnKeys, ProviderVendor, SecretKey, SecretRole, Shape};
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::limits::CallLimits;

/// How well a contact has to match what is known of the person. One that matches less is none, and is free.
const MIN_MATCH_SCORE: &str = "min_match_score";

/// What the configuration has to know of it.
pub static VENDOR: ProviderVendor = ProviderVendor {
    name: "cognism",
    base_url: "https://app.cognism.com",
    // Of people, as we ask about one with each call. No answer says anything of it.
    limits: CallLimits::new(Some(1000), None, None),
    keys: &[Key::optional(MIN_MATCH_SCORE, Shape::Whole(1, 100))],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[("cognism-2026", include_str!("prices/cognism-2026.toml"))],
    asynchronous: |_, _| None,
    needs_callback: false,
    tells,
    can_be_asked: |_| true,
    check: |_| Vec::new(),
};

/// As configured; without it, it is the vendor's 30 (documented).
pub(super) fn min_match_score(own: &OwnKeys) -> Option<u64> {
    own.whole(MIN_MATCH_SCORE)
}

/// What is in the examples of its documentation. A company's numbers come only with the company.
fn tells(field: ProfileField) -> bool {
    !matches!(
        field,
        ProfileField::EmailStatus
            | ProfileField::Headline
            | ProfileField::MobilePhoneStatus
            | ProfileField::CompanyPhone
            | ProfileField::CompanyFunding
    )
}
