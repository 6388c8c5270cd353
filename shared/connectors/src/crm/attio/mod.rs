//! Attio.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is Attio's own in the configuration, and what Attio can do |
//! | [`inbound`] | whether a delivery comes from the workspace's webhook, and what it tells |
//! | [`client`] | reading and writing people |
//! | `write` | what becomes of each record of a write |
//! | `people` | finding and creating a person |
//! | `schema` | which attributes there are |
//! | `classify` | what a failed call means |
//! | `wire` | the shapes of requests and answers |
//!
//! An event names a record and the attribute that was changed, both by ids, and no value (docs.attio.com, "Record events").
//! So a change is an edit here, without the property and its value.
//!
//! Every value is a list of typed objects. Of an attribute with several values, as e-mail addresses and telephone numbers
//! are, the first one is the property; a new one is put in front of the others with `PATCH`, which removes none
//! (docs.attio.com, "Update a record (append multiselect values)"). What a person has from the company is read there and
//! never written: a company is about more than one person.

pub mod config;
pub mod inbound;

pub mod client;

mod classify;
mod people;
mod schema;
mod wire;
mod write;

use leadgate_enrichment::config::SecretRole;

use self::client::Attio;
pub use self::config::VENDOR;
use crate::connector::{ConnectError, CrmInbound, CrmOutbound};
use crate::inbound::plain;

/// What Attio sends.
pub static INBOUND: CrmInbound = CrmInbound {
    vendor: &VENDOR,
    verify: inbound::verify,
    events: inbound::read,
    takes_path_secret: false,
    reply: plain,
    from_bus: None,
};

/// How Attio is called.
pub static OUTBOUND: CrmOutbound = CrmOutbound {
    vendor: &VENDOR,
    connect: |connection, http, tokens, now| {
        let token = tokens.into_iter().next().ok_or_else(|| ConnectError::no_secret(SecretRole::CrmToken))?;
        Ok(Box::new(Attio::new(http, connection.base_url.clone(), token, now)))
    },
};
