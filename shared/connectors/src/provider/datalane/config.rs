//! What is DataLane's own in the configuration.

use leadgate_enrichment::config::ProviderVendor;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::limits::CallLimits;

/// What the configuration has to know of DataLane.
pub static VENDOR: ProviderVendor = ProviderVendor {
    name: "datalane",
    // Nothing is called.
    base_url: "https://datalane.invalid",
    limits: CallLimits::UNLIMITED,
    keys: &[],
    secrets: &[],
    price_lists: &[],
    asynchronous: |_, _| None,
    needs_callback: false,
    tells,
    can_be_asked,
    check: |_| Vec::new(),
};

/// It covers those who aren't on LinkedIn, and doesn't verify addresses.
fn tells(field: ProfileField) -> bool {
    !matches!(field, ProfileField::LinkedinUrl | ProfileField::EmailStatus | ProfileField::Headline)
}

/// By something that their employer is told by.
fn can_be_asked(identity: &Identity) -> bool {
    let place = &identity.place;
    let is_named = identity.company.is_some() && place.postal_code.is_some();
    is_named || place.phone.is_some() || place.licence.is_some() || identity.employer().is_some()
}
