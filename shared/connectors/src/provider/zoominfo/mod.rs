//! ZoomInfo, by its GTM API.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is its own in the configuration, and its price list |
//! | [`client`] | people, one or up to 25 with a call, and what was used |
//! | `session` | the access token, from call to call |
//! | `wire` | the shapes of requests and answers |
//! | `contact` | what of a contact becomes a profile |
//! | `classify` | what an answer means by its status and its code, and the limits that come with it |
//!
//! | fact | source | how sure |
//! | --- | --- | --- |
//! | an access token is had with an id and a secret at `oauth/v1/token`, by the client credentials flow | docs.zoominfo.com, "Client Credentials Flow", "Refresh Token Flow" | documented |
//! | up to 25 people in `data/v1/contacts/enrich`, answered with a match status each and what was asked with | OpenAPI of the Data API | documented |
//! | a record that is returned costs a credit; nobody, one who opted out, and an error cost nothing | the same; "Credit Usage and Limits" | documented |
//! | a record is under management for a year from when it was paid for, and free meanwhile | "Credit Usage and Limits" | documented |
//! | `LIMIT_EXCEEDED` as the match status of one of several is the end of the credits; so is 400 with `PFAPI0011` | OpenAPI of the Data API; "Status Codes and Errors" | documented |
//! | whether a match of the company alone costs a credit | nowhere | assumed: it is returned, so it does |
//! | a field that the account may not have is an error, whoever is asked about | "Status Codes and Errors" | documented |
//! | limits of a second, an hour and a day, with headers | "Rate Limits" | documented |
//! | `uniqueID` among the figures of usage is what credits are counted by | OpenAPI of the Data API | assumed |
//! | numbers of the United States and Canada as `(866) 904-9666` | examples | observed |
//!
//! It is asked for no more fields than are wanted. The limit of a second isn't counted beforehand: whoever reaches it is told
//! to wait for a second. Nothing arrives later.

pub mod config;

pub mod client;

mod classify;
mod contact;
mod session;
mod wire;

use self::client::ZoomInfo;
pub use self::config::VENDOR;
use crate::connector::{ProviderInbound, ProviderOutbound, provider_key};

/// It sends nothing of the people that it is asked about.
pub static INBOUND: ProviderInbound = ProviderInbound { vendor: &VENDOR, people_in: None, signed: None };

/// How it is called.
pub static OUTBOUND: ProviderOutbound = ProviderOutbound {
    vendor: &VENDOR,
    connect: |connection, http, keys, now| {
        let client_id = config::client_id(&connection.own);
        Ok(Box::new(ZoomInfo::new(http, &connection.base_url, client_id, provider_key(keys)?, now)))
    },
};
