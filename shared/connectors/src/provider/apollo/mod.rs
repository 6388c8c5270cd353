//! Apollo.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is Apollo's own in the configuration, and its price lists |
//! | [`inbound`] | who a callback is about: all that is believed of it |
//! | [`client`] | Apollo as a provider: people, organizations and what arrives later, for one or for up to ten |
//! | [`search`] | finding people and organizations by what they are |
//! | `prospecting` | the same, as the nightly search for accounts and people works with it |
//! | [`contacts`], [`sequences`], [`tasks`] | what a team keeps in Apollo, and does with it |
//! | [`account`] | mailboxes, use, credits, and whether the key is good |
//! | `exchange`, `classify`, `rates` | one call: what its answer means by its status, and the limits that come with it |
//! | `people`, `organizations`, `arrived` | the shapes of look-ups, and what of them becomes a profile |
//!
//! A look-up asks for the call's own data alone, unless told otherwise: personal addresses never, a mobile number and
//! what others know (a waterfall) on demand. The latter arrive minutes later, under the id that the answer gives. An
//! address is found by looking a person up by name and domain: there is no call for that alone.
//!
//! Success isn't in the status: a person whom Apollo doesn't know is a 200 with a null or blank person. A single match
//! doesn't say what it cost; a bulk match does (`credits_consumed`, which may be a fraction). There is no idempotency
//! key, and the same person can be charged again, so no call is repeated here.

pub mod config;
pub mod inbound;

pub mod client;

pub mod account;
pub mod contacts;
pub mod search;
pub mod sequences;
pub mod tasks;

mod arrived;
mod classify;
mod exchange;
mod organizations;
mod people;
mod prospecting;
mod rates;
mod sequencer;

pub use self::classify::CallError;
use self::client::Apollo;
pub use self::config::VENDOR;
pub use self::exchange::Called;
pub use self::prospecting::CEILING as SEARCH_CEILING;
use crate::connector::{ProspectorOutbound, ProviderInbound, ProviderOutbound, SequencerOutbound, provider_key};
pub use crate::loose::fields::Open;

/// What Apollo sends.
pub static INBOUND: ProviderInbound =
    ProviderInbound { vendor: &VENDOR, people_in: Some(inbound::people), signed: None };

/// How its sequences are called.
pub static SEQUENCES: SequencerOutbound = SequencerOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, _| {
        Ok(Box::new(Apollo::new(http, connection.base_url.clone(), provider_key(keys)?)))
    },
};

/// How accounts and people are found in it.
pub static PROSPECTS: ProspectorOutbound = ProspectorOutbound {
    vendor: &VENDOR,
    ceiling: prospecting::CEILING,
    connect: |connection, http, keys, _| {
        Ok(Box::new(Apollo::new(http, connection.base_url.clone(), provider_key(keys)?)))
    },
};

/// How Apollo is called.
pub static OUTBOUND: ProviderOutbound = ProviderOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, _| {
        Ok(Box::new(Apollo::new(http, connection.base_url.clone(), provider_key(keys)?)))
    },
};
