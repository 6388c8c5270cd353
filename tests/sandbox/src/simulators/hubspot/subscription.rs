//! What an app wants to be told about contacts, and where.

use std::time::Duration;

/// The most events in one delivery.
pub const EVENTS_MAX: usize = 100;

/// How often HubSpot tries again after the first time.
pub const RETRIES_MAX: u32 = 10;

/// Over how long HubSpot spreads its retries, at random within it: for [`Subscription::retry_spread`].
pub const RETRY_SPREAD: Duration = Duration::from_secs(24 * 60 * 60);

/// How long HubSpot waits for an answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// In which form events are told. Both are live at HubSpot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `contact.creation`.
    Classic,
    /// `object.creation` with an `objectTypeId`.
    Generic,
    /// Each event twice, once in each form.
    Both,
}

/// What an app wants to be told, and where.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Where deliveries are posted.
    pub target_url: String,
    /// The URL that they are signed for: the public one, which a gateway may turn into another.
    pub signed_url: String,
    /// The app's client secret.
    pub client_secret: String,
    /// Tell of new contacts.
    pub creation: bool,
    /// Tell of deleted contacts.
    pub deletion: bool,
    /// Tell of contacts that others were merged into.
    pub merge: bool,
    /// Tell of people who want to be forgotten.
    pub privacy_deletion: bool,
    /// Tell when one of these changes, whoever changed it: the app's own writes come back as echoes.
    pub properties: Vec<String>,
    /// Tell of everything that happens to companies, too.
    pub companies: bool,
    /// Tell of the subscribed properties that a new contact comes with, too.
    pub changes_on_creation: bool,
    /// In which form.
    pub format: Format,
    /// How many events go into a delivery, at most [`EVENTS_MAX`].
    pub events_per_delivery: usize,
    /// How long an answer may take, by the machine's clock.
    pub deadline: Duration,
    /// Over how long the retries are spread. With zero, what failed is due again at once.
    pub retry_spread: Duration,
}

impl Subscription {
    /// To new, deleted and forgotten contacts in the classic form, posted to and signed for one URL.
    pub fn new(url: &str, client_secret: &str) -> Self {
        Self {
            target_url: url.to_owned(),
            signed_url: url.to_owned(),
            client_secret: client_secret.to_owned(),
            creation: true,
            deletion: true,
            merge: true,
            privacy_deletion: true,
            properties: Vec::new(),
            companies: false,
            changes_on_creation: false,
            format: Format::Classic,
            events_per_delivery: EVENTS_MAX,
            deadline: DEADLINE,
            retry_spread: Duration::ZERO,
        }
    }
}
