//! Hunter.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is its own in the configuration, and its price list |
//! | [`client`] | people, one with a call, and what was used |
//! | `wire` | the shapes of requests and answers, and what of them becomes a profile |
//! | `classify` | what an answer means by its status and its words |
//!
//! | fact | source | how sure |
//! | --- | --- | --- |
//! | `email-finder` finds an address by name and domain (or company), or by LinkedIn handle; `combined/find` tells of the person and the company of an address | hunter.io/api-documentation | documented |
//! | 202 is "still at work": the same call again brings the answer | hunter.io/api-documentation | documented |
//! | an address that is found costs one search, one that isn't found nothing, a repeat within the period nothing | help.hunter.io, "What is a request" | documented |
//! | `combined/find` costs a fifth of a credit | users of the API | reported; figures differ |
//! | 15 calls a second and 500 a minute for each endpoint, without headers | hunter.io/api-documentation | documented |
//! | 403 is a rate limit and 429 the end of a quota | hunter.io/api-documentation | documented |
//! | `too_many_requests` with 429 stands for either, which only its sentence tells | users of the API | observed |
//! | 451 is a person who asked not to be processed | hunter.io/api-documentation | documented |
//! | searches and verifications are two pools on older plans, one of `credits` on newer ones | `GET /account` | documented |
//!
//! A person whose address is there is asked about by it, and anyone else by name. An address is verified along with being
//! found, at no price of its own, so that nothing is taken from the pool of verifications here. Nothing arrives later.

pub mod config;

pub mod client;

mod classify;
mod wire;

use self::client::Hunter;
pub use self::config::{VENDOR, VERIFICATIONS};
use crate::connector::{ProviderInbound, ProviderOutbound, provider_key};

/// It sends nothing.
pub static INBOUND: ProviderInbound = ProviderInbound { vendor: &VENDOR, people_in: None, signed: None };

/// How it is called.
pub static OUTBOUND: ProviderOutbound = ProviderOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, _| Ok(Box::new(Hunter::new(http, &connection.base_url, provider_key(keys)?))),
};
