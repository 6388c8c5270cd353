//! Close.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is Close's own in the configuration, and what Close can do |
//! | [`inbound`] | whether a delivery comes from the organization's webhook, and what it tells |
//! | [`client`] | reading and writing contacts |
//! | `write` | what becomes of each record of a write |
//! | `people` | finding and creating a contact |
//! | `schema` | which fields there are |
//! | `classify` | what a failed call means |
//! | `wire` | the shapes of requests and answers |
//!
//! A lead is a company at Close, and a contact is a person with one. What a contact has from the lead is read there and
//! never written: a lead is about more than one person. A contact has one name, whose parts are read and never written.
//!
//! Addresses and numbers are lists, of which the first entry is the property. A write gives the whole list, and so the
//! contact is read right before: a new entry is put in front of all that are there (developer.close.com, "Contacts").

pub mod config;
pub mod inbound;

pub mod client;

mod classify;
mod people;
mod schema;
mod wire;
mod write;

use leadgate_enrichment::config::SecretRole;

use self::client::Close;
pub use self::config::VENDOR;
use crate::connector::{ConnectError, CrmInbound, CrmOutbound};
use crate::inbound::plain;

/// What Close sends.
pub static INBOUND: CrmInbound = CrmInbound {
    vendor: &VENDOR,
    verify: inbound::verify,
    events: inbound::read,
    takes_path_secret: false,
    reply: plain,
    from_bus: None,
};

/// How Close is called.
pub static OUTBOUND: CrmOutbound = CrmOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, _| {
        let key = keys.into_iter().next().ok_or_else(|| ConnectError::no_secret(SecretRole::CrmToken))?;
        Ok(Box::new(Close::new(http, connection.base_url.clone(), key)))
    },
};
