//! Cognism.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is its own in the configuration, and its price list |
//! | [`client`] | people, one at a time: found, and then redeemed |
//! | `wire` | the shapes of requests and answers, and what of them becomes a profile |
//! | `classify` | what an answer means by its status and its words |
//!
//! | fact | source | how sure |
//! | --- | --- | --- |
//! | `contact/enrich` shows the best match for what is known of a person, without values and free of charge, with an id to redeem it by | developers.cognism.com; help.cognism.com, "Using Enrich and Redeem APIs" | documented |
//! | `contact/redeem` tells what is known of up to 20 such ids, and costs a credit for each contact the first time; again it is free unless the person changes jobs | the same; "How credits are charged" | documented |
//! | one who isn't known is an empty list of results | "Cognism API Troubleshooting" | documented |
//! | errors are a list of objects with `key`, `code` and `msg` | answers of the API | observed |
//! | 401 is a key that is refused, or an account for which no entitlements are set; the latter is 403 as well | "Cognism API Troubleshooting"; users of the API | documented; observed |
//! | 1,000 records a minute, without headers that say how many are left | "Search and Access Records Using the Cognism API" | documented |
//! | there are ten previews for each credit, and `contact/enrich` uses one | the same | documented |
//! | how it says that the credits or the previews are used up | nowhere | assumed: an error that speaks of them, or no result for an id that it has just given |
//! | grades of addresses (`HIGH_PLUS`, `HIGH`, `MEDIUM`) and scores of numbers | examples of the documentation | what they promise is assumed |
//!
//! A person is found and redeemed by themselves: its limits count people, not calls, and an answer that is lost concerns
//! nobody else. Nobody is redeemed of whom the preview says that what is wanted isn't there. It has no figures of what was
//! used. Nothing arrives later.

pub mod config;

pub mod client;

mod classify;
mod wire;

use self::client::Cognism;
pub use self::config::VENDOR;
use crate::connector::{ProviderInbound, ProviderOutbound, provider_key};

/// It sends nothing.
pub static INBOUND: ProviderInbound = ProviderInbound { vendor: &VENDOR, people_in: None, signed: None };

/// How it is called.
pub static OUTBOUND: ProviderOutbound = ProviderOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, _| {
        let cognism = Cognism::new(http, &connection.base_url, provider_key(keys)?);
        Ok(Box::new(cognism.with_min_match_score(config::min_match_score(&connection.own))))
    },
};
