//! People Data Labs.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is its own in the configuration, and its price list |
//! | [`client`] | people, one or up to eighty with a call, and what was used |
//! | `wire` | the shapes of requests and answers, and what of them becomes a profile |
//! | `classify` | what an answer means by its status |
//! | `rates` | the limits that come with an answer |
//!
//! | fact | source | how sure |
//! | --- | --- | --- |
//! | 200 is a match and costs a credit, 404 is none and is free | docs.peopledatalabs.com, "Person Enrichment API", "How credits work" | documented |
//! | a body of JSON is taken in the place of a query | "Reference - Person Enrichment API" | documented |
//! | up to 100 people in `person/bulk`, 80 recommended, answered in their order with a status each | "Bulk Person Enrichment API" | documented |
//! | what a call cost is in `x-call-credits-spent`; all that was ever used in `x-lifetime-used` | "Usage limits" | documented |
//! | a call without parameters is a 400 that is free and has these headers | several clients | observed |
//! | `x-ratelimit-…` hold an object, with single quotes and `None` in it or as JSON | "Usage limits", the vendor's own JavaScript client | documented, observed |
//! | which of 400, 402 and 429 a single person in a bulk call may have | nowhere | assumed: any of those of a single call |
//! | a person who opted out is not found | "Opt out" | documented |
//! | fields that the plan lacks hold `true` in the place of their value | several clients | observed |
//!
//! Nothing arrives later. The same person is charged for again (documented), and there is no idempotency key, so no call
//! is repeated here. An address isn't verified: how sure the vendor is of one is how sure it is of the whole match.

pub mod config;

pub mod client;

mod classify;
mod rates;
mod wire;

use self::client::PeopleDataLabs;
pub use self::config::VENDOR;
use crate::connector::{ProviderInbound, ProviderOutbound, provider_key};

/// It sends nothing.
pub static INBOUND: ProviderInbound = ProviderInbound { vendor: &VENDOR, people_in: None, signed: None };

/// How it is called.
pub static OUTBOUND: ProviderOutbound = ProviderOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, _| {
        let key = provider_key(keys)?;
        let min_likelihood = config::min_likelihood(&connection.own);
        Ok(Box::new(PeopleDataLabs::new(http, &connection.base_url, key).with_min_likelihood(min_likelihood)))
    },
};
