//! What an org's flows tell, of whom, and where.

use std::time::Duration;

/// The most notifications in an Outbound Message.
pub const NOTIFICATIONS_MAX: usize = 100;

/// How long Salesforce waits for an answer to an Outbound Message, and Apex for one to a callout as our class makes it.
const DEADLINE: Duration = Duration::from_secs(60);

/// How a flow tells of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// In SOAP, to an address that ends in a secret.
    OutboundMessages,
    /// In JSON, signed.
    Callouts,
    /// By an event bus.
    ChangeEvents,
}

/// What flows tell of leads and contacts.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// How.
    pub road: Road,
    /// Where. An Outbound Message's address ends in its secret.
    pub target_url: String,
    /// What a callout is signed with.
    pub secret: String,
    /// The fields of which a change is told. Without any, each save is told.
    pub watched: Vec<String>,
    /// Which fields an Outbound Message has, beside the id.
    pub fields: Vec<String>,
    /// Saves of this user are not told: the condition that a careful administrator gives a flow.
    pub leaves_out: Option<String>,
    /// How many notifications go into a message, at most [`NOTIFICATIONS_MAX`].
    pub notifications_per_message: usize,
    /// How long an answer may take, by the machine's clock.
    pub deadline: Duration,
    /// After how long a message that failed is sent again, at first; it doubles. With zero, it is due again at once.
    pub first_retry: Duration,
}

impl Subscription {
    /// Outbound Messages to this address, with the fields that our documentation asks for.
    pub fn outbound_messages(target_url: &str) -> Self {
        let fields = ["Email", "CreatedDate", "LastModifiedDate", "LastModifiedById"];
        Self {
            road: Road::OutboundMessages,
            target_url: target_url.to_owned(),
            secret: String::new(),
            watched: Vec::new(),
            fields: fields.map(str::to_owned).to_vec(),
            leaves_out: None,
            notifications_per_message: NOTIFICATIONS_MAX,
            deadline: DEADLINE,
            first_retry: Duration::ZERO,
        }
    }

    /// Callouts to this address, signed with this secret.
    pub fn callouts(target_url: &str, secret: &str) -> Self {
        let road = Road::Callouts;
        Self { road, secret: secret.to_owned(), ..Self::outbound_messages(target_url) }
    }

    /// Change events, put on the bus at this address. All of them are: nothing can be left out.
    pub fn change_events(target_url: &str) -> Self {
        Self { road: Road::ChangeEvents, ..Self::outbound_messages(target_url) }
    }
}
