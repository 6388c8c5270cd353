//! Pipedrive.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is Pipedrive's own in the configuration, and what Pipedrive can do |
//! | [`inbound`] | whether a delivery comes from the company's webhook, and what it tells |
//! | [`client`] | reading and writing persons |
//! | `write` | what becomes of each record of a write |
//! | `entries` | the e-mail addresses and telephone numbers of a person, of which there are several |
//! | `schema` | which fields there are |
//! | `session` | what is remembered from call to call |
//! | `people` | finding and creating a person |
//! | `classify` | what a failed call means |
//! | `wire` | the shapes of requests and answers |
//!
//! Webhooks are those of version 2. They aren't signed: the webhook is created with a user and a password, which come with
//! each delivery. Pipedrive waits 10 seconds for an answer with 2xx, and delivers again otherwise
//! (pipedrive.readme.io, "Guide for Webhooks v2").
//!
//! A person has any number of e-mail addresses and telephone numbers, one of each being the primary one. The properties
//! `email` and `phone` are those, and writing one of them leaves all the others in place. What a person has from the
//! organization is read there and never written: an organization is about more than one person.

pub mod config;
pub mod inbound;

pub mod client;

mod classify;
mod entries;
mod people;
mod schema;
mod session;
mod wire;
mod write;

use leadgate_enrichment::config::SecretRole;

use self::client::Pipedrive;
use self::config::Settings;
pub use self::config::VENDOR;
use crate::connector::{ConnectError, CrmInbound, CrmOutbound};
use crate::inbound::plain;

/// What Pipedrive sends.
pub static INBOUND: CrmInbound = CrmInbound {
    vendor: &VENDOR,
    verify: inbound::verify,
    events: inbound::read,
    takes_path_secret: false,
    reply: plain,
    from_bus: None,
};

/// How Pipedrive is called.
pub static OUTBOUND: CrmOutbound = CrmOutbound {
    vendor: &VENDOR,
    connect: |connection, http, tokens, now| {
        let token = tokens.into_iter().next().ok_or_else(|| ConnectError::no_secret(SecretRole::CrmToken))?;
        let settings = Settings::of(&connection.own);
        Ok(Box::new(Pipedrive::new(http, connection.base_url.clone(), settings, token, now)))
    },
};
