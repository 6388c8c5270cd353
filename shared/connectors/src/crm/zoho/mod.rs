//! Zoho CRM.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is Zoho's own in the configuration, and what Zoho can do |
//! | [`inbound`] | whether a notification comes from the channel, and what it tells |
//! | [`client`] | reading and writing leads and contacts |
//! | `write` | what becomes of each record of a write |
//! | `people` | finding a record by the address, and creating a lead |
//! | `fields` | what a field of a lead is called on a contact |
//! | `schema` | which fields there are |
//! | `session` | the access token, from call to call |
//! | `classify` | what a failed call means |
//! | `wire` | the shapes of requests and answers |
//!
//! Notifications aren't signed: the channel is created with a token, which stands in each of their bodies (zoho.com/crm,
//! "Notification APIs"). A channel expires, after a week at most as integrations of others use it: renewing it is the
//! operator's, and `infra/zoho/README.md` has the call.

pub mod config;
pub mod inbound;

pub mod client;

mod classify;
mod fields;
mod people;
mod schema;
mod session;
mod wire;
mod write;

use leadgate_enrichment::config::SecretRole;

use self::client::Zoho;
use self::config::Settings;
pub use self::config::VENDOR;
use crate::connector::{ConnectError, CrmInbound, CrmOutbound};
use crate::inbound::plain;

/// What Zoho sends.
pub static INBOUND: CrmInbound = CrmInbound {
    vendor: &VENDOR,
    verify: inbound::verify,
    events: inbound::read,
    takes_path_secret: false,
    reply: plain,
    from_bus: None,
};

/// How Zoho is called.
pub static OUTBOUND: CrmOutbound = CrmOutbound {
    vendor: &VENDOR,
    connect: |connection, http, credentials, now| {
        let credential = credentials.into_iter().next().ok_or_else(|| ConnectError::no_secret(SecretRole::CrmToken))?;
        let settings = Settings::of(&connection.own);
        Ok(Box::new(Zoho::new(http, connection.base_url.clone(), settings, credential, now)))
    },
};
