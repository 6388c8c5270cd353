//! What is Clay's own in a tenant's `provider` table. It has no price list: what a routine costs is the customer's to say.

use std::collections::BTreeMap;

use leadgate_enrichment::config::{Key, OwnKeys, ProviderVendor, SecretKey, SecretRole, Shape, Wrong};
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::limits::CallLimits;

use super::wire::{INPUTS, is_id};

/// The routine that is run: `function:…` or `workflow:…`, as Clay's own tool lists it.
const ROUTINE_ID: &str = "routine_id";
/// The webhook that Clay tells of ended runs. Without it they are only asked after.
const WEBHOOK_ID: &str = "webhook_id";
/// The routine's own names of what it is asked with.
const INPUTS_KEY: &str = "inputs";
/// What the routine's own names of what it tells stand for.
const OUTPUTS_KEY: &str = "outputs";

static INPUT: Shape = Shape::Text("Work Email");
static OUTPUT: Shape = Shape::Text("title");

/// What the configuration has to know of it.
pub static VENDOR: ProviderVendor = ProviderVendor {
    name: "clay",
    base_url: "https://api.clay.com/public/v0",
    // Its number isn't published. An answer that says more of it is gone by.
    limits: CallLimits::new(Some(60), None, None),
    keys: &[
        Key::needed(ROUTINE_ID, Shape::Text("function:t_0abc")),
        Key::optional(WEBHOOK_ID, Shape::Text("wh_0abc")),
        Key::optional(INPUTS_KEY, Shape::Named(&INPUT)),
        Key::optional(OUTPUTS_KEY, Shape::Named(&OUTPUT)),
    ],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[],
    asynchronous: |_, _| Some(PricedField::PersonLater),
    needs_callback: false,
    tells: |_| true,
    can_be_asked: |_| true,
    check,
};

/// A routine, as it is run.
#[derive(Debug, Clone, Default)]
pub struct Routine {
    /// Which.
    pub id: String,
    /// The webhook that is told of ended runs.
    pub webhook_id: Option<String>,
    /// By our own names of what a person is known by: the routine's.
    pub inputs: BTreeMap<String, String>,
    /// By the routine's names of what it tells: what that is.
    pub outputs: BTreeMap<String, ProfileField>,
}

/// As configured. Without names of its own, a routine has ours.
pub(super) fn routine(own: &OwnKeys) -> Routine {
    let texts = |key| own.named_texts(key).unwrap_or_default();
    let outputs = texts(OUTPUTS_KEY).into_iter().filter_map(|(name, field)| Some((name, field.parse().ok()?)));
    Routine {
        id: own.text(ROUTINE_ID).unwrap_or_default().to_owned(),
        webhook_id: own.text(WEBHOOK_ID).map(str::to_owned),
        inputs: texts(INPUTS_KEY),
        outputs: outputs.collect(),
    }
}

fn check(own: &OwnKeys) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (key, expected) in [(ROUTINE_ID, "the id of a routine"), (WEBHOOK_ID, "the id of a webhook")] {
        if let Some(found) = own.text(key).filter(|id| !is_id(id)) {
            let (found, remedy) = (format!("{found:?}"), "Write it as Clay's own tool lists it.");
            wrong.push(Wrong { key, found, expected, remedy });
        }
    }
    let unknown = |name: &&String| !INPUTS.contains(&name.as_str());
    if let Some(found) = own.named_texts(INPUTS_KEY).unwrap_or_default().keys().find(unknown) {
        let expected = "one of email, first_name, last_name, full_name, company, domain and linkedin_url";
        let remedy = "Name what we know of a person, and then what the routine calls it.";
        wrong.push(Wrong { key: INPUTS_KEY, found: format!("{found:?}"), expected, remedy });
    }
    let unknown = |field: &&String| field.parse::<ProfileField>().is_err();
    if let Some(found) = own.named_texts(OUTPUTS_KEY).unwrap_or_default().values().find(unknown) {
        let expected = "what a field may be filled `from`";
        let remedy = "Name what the routine tells, and then what that is.";
        wrong.push(Wrong { key: OUTPUTS_KEY, found: format!("{found:?}"), expected, remedy });
    }
    wrong
}
