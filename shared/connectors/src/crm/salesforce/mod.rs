//! Salesforce.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is Salesforce's own in the configuration, and what Salesforce can do |
//! | [`inbound`] | whether a delivery comes from the org, by each of three roads, and what it tells |
//! | [`client`] | reading and writing leads and contacts |
//! | `write` | what becomes of each record of a write |
//! | `schema` | which fields there are |
//! | `session`, `jwt` | signing in, and what is remembered from call to call |
//! | `people` | finding a person and creating a lead |
//! | `select` | records that an operator has chosen |
//! | `classify` | what a failed call means |
//! | `fields` | what a field of a lead is called on a contact |
//! | `record_id` | the two forms of an id |
//! | `wire` | the shapes of requests and answers |
//!
//! A lead that is converted becomes a contact. From then on it is read and written under its old id as that contact, so
//! that what was bought for it arrives where its people now work.

pub mod config;
pub mod inbound;

pub mod client;

mod classify;
mod fields;
mod jwt;
mod people;
mod record_id;
mod schema;
mod select;
mod session;
mod wire;
mod write;

use leadgate_enrichment::config::SecretRole;

use self::client::Salesforce;
use self::config::Settings;
pub use self::config::VENDOR;
use crate::connector::{ConnectError, CrmInbound, CrmOutbound};

/// What Salesforce sends.
pub static INBOUND: CrmInbound = CrmInbound {
    vendor: &VENDOR,
    verify: inbound::verify,
    events: inbound::read,
    takes_path_secret: true,
    reply: inbound::reply,
    from_bus: Some(inbound::from_bus),
};

/// How Salesforce is called.
pub static OUTBOUND: CrmOutbound = CrmOutbound {
    vendor: &VENDOR,
    connect: |connection, http, credentials, now| {
        let credential = credentials.into_iter().next().ok_or_else(|| ConnectError::no_secret(SecretRole::CrmToken))?;
        let settings = Settings::of(&connection.own);
        Ok(Box::new(Salesforce::new(http, connection.base_url.clone(), settings, credential, now)))
    },
};
