//! What is Apollo's own in a tenant's `provider` table, and its price lists.

use leadgate_enrichment::config::{Key, OwnKeys, ProviderVendor, SecretKey, SecretRole, Shape};
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::limits::CallLimits;

/// What Apollo asks other sources for, of what it doesn't have itself.
const WATERFALL: &str = "waterfall";
const EMAIL: &str = "email";
const MOBILE: &str = "mobile";

/// What the configuration has to know of Apollo.
pub static VENDOR: ProviderVendor = ProviderVendor {
    name: "apollo",
    base_url: "https://api.apollo.io/api/v1",
    // Those of the free plan (documented). The first answer says what they really are, and no worker gets further than the
    // first call before that.
    limits: CallLimits::new(Some(50), Some(200), Some(600)),
    keys: &[Key::optional(WATERFALL, Shape::List(&Shape::OneOf(&[EMAIL, MOBILE])))],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[
        ("apollo-2026-08", include_str!("prices/apollo-2026-08.toml")),
        ("apollo-buckets", include_str!("prices/apollo-buckets.toml")),
        ("apollo-table", include_str!("prices/apollo-table.toml")),
        ("apollo-example", include_str!("prices/apollo-example.toml")),
    ],
    asynchronous,
    needs_callback: true,
    tells: |_| true,
    can_be_asked: |_| true,
    check: |_| Vec::new(),
};

/// Numbers arrive minutes later, and so does what other sources are asked for (documented).
fn asynchronous(own: &OwnKeys, field: ProfileField) -> Option<PricedField> {
    let waterfall = |what| own.texts(WATERFALL).is_some_and(|asked| asked.contains(&what));
    match field {
        ProfileField::MobilePhone if waterfall(MOBILE) => Some(PricedField::MobileOfOthers),
        ProfileField::MobilePhone => Some(PricedField::Mobile),
        ProfileField::Email if waterfall(EMAIL) => Some(PricedField::EmailOfOthers),
        _ => None,
    }
}
