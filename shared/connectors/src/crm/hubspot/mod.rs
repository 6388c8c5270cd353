//! HubSpot.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is HubSpot's own in the configuration, and what HubSpot can do |
//! | [`inbound`] | whether a delivery comes from HubSpot (versions 1, 2 and 3 of its signature), and what it tells |
//! | [`client`] | reading and writing contacts |
//! | `session` | an OAuth app's tokens, and the day's calls, from call to call |
//! | [`api_version`] | the generations of paths |
//! | `schema` | which properties there are, and adding ours |
//! | `write` | what becomes of each record of a write |
//! | `people` | finding and creating a contact |
//! | `companies` | the properties of the company that a contact is with |
//! | `classify` | what a failed call means |
//! | `wire` | the shapes of requests and answers |
//!
//! Webhooks come from an app (a project-based one, or a legacy app that still exists) that subscribes to
//! `contact.creation`, or to `object.creation` for contacts, and to `contact.privacyDeletion`. HubSpot waits 5 seconds
//! for the answer and delivers again, up to 10 times within 24 hours, after any 4xx as well as any 5xx. Deliveries come
//! at least once and in no order, and they carry no properties but a changed one: the contact has to be read.
//!
//! Where companies are enriched as records of their own, the app subscribes to `company.creation`, or to `object.creation` for
//! companies, and to changes of their domain.
//!
//! A contact may be associated with companies, one of which is the primary one. What the mapping names with `companies.` before it
//! is read there and written there; nothing creates a company or changes an association.
//!
//! The API version is configuration ([`api_version::ApiVersion`]): the `v3` paths become unsupported in September 2027, and
//! the dated ones that follow live 18 months each. The shapes are the same.

pub mod api_version;
pub mod config;
pub mod inbound;

pub mod client;

mod classify;
mod companies;
mod people;
mod schema;
mod select;
mod session;
mod wire;
mod write;

use leadgate_enrichment::config::SecretRole;

use self::client::HubSpot;
use self::config::Settings;
pub use self::config::VENDOR;
use crate::connector::{ConnectError, CrmInbound, CrmOutbound};
use crate::inbound::plain;

/// What HubSpot sends.
pub static INBOUND: CrmInbound = CrmInbound {
    vendor: &VENDOR,
    verify: inbound::verify,
    events: inbound::read,
    takes_path_secret: false,
    reply: plain,
    from_bus: None,
};

/// How HubSpot is called.
pub static OUTBOUND: CrmOutbound = CrmOutbound {
    vendor: &VENDOR,
    connect: |connection, http, tokens, now| {
        let token = tokens.into_iter().next().ok_or_else(|| ConnectError::no_secret(SecretRole::CrmToken))?;
        let settings = Settings::of(&connection.own);
        Ok(Box::new(HubSpot::of(http, connection.base_url.clone(), settings, token, now)))
    },
};
