//! Lusha, version 3 of its API.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is its own in the configuration, and its price list |
//! | [`client`] | people, one or up to a hundred with a call, and what was used |
//! | `wire` | the shapes of requests and answers, and what of them becomes a profile |
//! | `classify` | what an answer means by its status, and the limits that come with it |
//!
//! | fact | source | how sure |
//! | --- | --- | --- |
//! | `search` shows who is known without addresses and numbers, and what each would cost to reveal; `search-and-enrich` reveals what is asked for | docs.lusha.com, OpenAPI of version 3 | documented |
//! | an address costs 1 credit, numbers 5, a search 1 for up to 25 results, a call at least 1; what was revealed before is free | the same, "Account Usage"; the pricing page | documented |
//! | `billing.creditsCharged` is what the whole call cost | OpenAPI of version 3 | documented |
//! | one of several has an error of its own: `NOT_FOUND`, `COMPLIANCE_RESTRICTED`, `ENRICH_FAILED` | the same | documented |
//! | 402 is the end of the credits, 451 a person protected by law | the same | documented |
//! | limits by minute, hour and day in headers, no `Retry-After`; their numbers depend on the plan and aren't published | the same, "Rate Limiting" | documented |
//! | grades of addresses from `A+` down | examples of the OpenAPI file | what they mean is assumed |
//! | webhooks tell of job changes and promotions by Lusha's own ids alone, signed in `X-Lusha-Signature` over the time in `X-Lusha-Timestamp`, a dot and the body: the signature [`timestamped`](crate::signatures::timestamped) of a source of signals | docs.lusha.com, "Verify Lusha webhook signatures" | documented; not whether the time is in seconds or milliseconds |
//! | what an account's own waterfall of other sources finds costs what those ask, which may be more | the pricing page | documented |
//!
//! Of a person no more is revealed than is wanted. Where neither an address nor a number is, the search alone is made.
//! Version 2 ended in November 2026. Its signed webhooks are about signals, and are not received here.

pub mod config;

pub mod client;

mod classify;
mod wire;

use self::client::Lusha;
pub use self::config::VENDOR;
use crate::connector::{ProviderInbound, ProviderOutbound, provider_key};

/// It sends nothing of the people that it is asked about.
pub static INBOUND: ProviderInbound = ProviderInbound { vendor: &VENDOR, people_in: None, signed: None };

/// How it is called.
pub static OUTBOUND: ProviderOutbound = ProviderOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, _| Ok(Box::new(Lusha::new(http, &connection.base_url, provider_key(keys)?))),
};
