//! Clay.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is its own in the configuration |
//! | [`inbound`] | whether a delivery comes from Clay, and which run it is about |
//! | [`client`] | people: a run of the customer's own routine, and what has become of it |
//! | `wire` | the shapes of requests and answers, and what of them becomes a profile |
//! | `classify` | what an answer means by its status and its words |
//!
//! | fact | source | how sure |
//! | --- | --- | --- |
//! | `POST routines/{id}/run` starts a run of 1 to 100 items, each with an id of ours of at most 64 characters, and answers 202 with the run's id | Clay's OpenAPI document | documented |
//! | `GET routines/run/{id}/results` is 202 while it runs and 200 when it has ended, with our ids; at most 100 items a page | the same | documented |
//! | an ended run may have a status that isn't known, and items of it may have failed | developers.clay.com, "Errors" | documented |
//! | there is no idempotency key, and no list of runs: a run whose id was lost is heard of by its webhook, or never | the OpenAPI document has none | documented |
//! | a webhook is registered by hand, is named by its id with each run, says nothing but the run's id, may not arrive, and is signed over its body alone (`X-Clay-Signature: sha256=…`) | developers.clay.com, "Webhooks" | documented |
//! | a test of it has no run | the same | documented |
//! | errors are an object with a `message`, without codes | developers.clay.com, "Errors" | documented |
//! | 503 turns a call away before any work; any other 5xx may have started the run | nowhere | assumed |
//! | 402 says that credits or actions are used up | the OpenAPI document, of searches | documented; of runs assumed |
//! | an item that fails for that reason says so in its message | nowhere | assumed |
//! | requests are limited by workspace, by a number that isn't published; a 429 has `Retry-After`, and answers may have `X-RateLimit-*` | developers.clay.com, "Rate limits" | documented; that these are of a minute is assumed |
//! | how long results are kept | nowhere | assumed: a week |
//!
//! A routine is the customer's own: what it is asked with, what it tells and what it costs are stated by the configuration.
//! It says later whether it knows a person at all.

pub mod config;
pub mod inbound;

pub mod client;

mod classify;
mod wire;

use self::client::Clay;
pub use self::config::VENDOR;
use crate::connector::{ProviderInbound, ProviderOutbound, SignedCallbacks, provider_key};

/// What it sends.
pub static INBOUND: ProviderInbound = ProviderInbound {
    vendor: &VENDOR,
    people_in: None,
    signed: Some(SignedCallbacks { check: inbound::check, run: inbound::run }),
};

/// How it is called.
pub static OUTBOUND: ProviderOutbound = ProviderOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, _| {
        let routine = config::routine(&connection.own);
        Ok(Box::new(Clay::new(http, &connection.base_url, provider_key(keys)?, routine)))
    },
};
