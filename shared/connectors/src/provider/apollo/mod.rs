//! Apollo.
//!
//! | file | what |
//! | --- | --- |
//! | [`client`] | looking people up: `people/match` for one, `people/bulk_match` for up to ten |
//! | `classify` | what an answer other than 200 means |
//! | `wire` | the shapes of requests and answers |
//!
//! Only the call's own data is asked for: no personal addresses, no phone numbers, no waterfall. Those arrive later
//! or cost more, and their flags default to off.
//!
//! Success isn't in the status: somebody whom Apollo doesn't know is a 200 with a null or blank person. A single match
//! doesn't say what it cost; a bulk match does (`credits_consumed`, which may be a fraction). There is no idempotency
//! key, and the same person can be charged again, so no call is repeated here.

pub mod callback;
pub mod client;

mod classify;
mod wire;
