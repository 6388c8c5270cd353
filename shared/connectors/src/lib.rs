//! Every third party that Leadgate speaks HTTP with. One folder per vendor, with the same files in each, so that the
//! next vendor is a copy of a folder.
//!
//! A connector turns the words of the heart (`leadgate-enrichment`) into a vendor's requests, and the vendor's answers
//! back into those words. It decides nothing about credits, records or retries, and it reads no clock and no
//! environment: time and configuration arrive as arguments.
//!
//! A vendor's folder, `crm/<vendor>/` or `provider/<vendor>/`, has these files:
//!
//! | file | what |
//! | --- | --- |
//! | `config` | what it describes itself with: its keys in `leadgate.toml`, its secrets, what it can do, its price lists |
//! | `inbound` | what it sends: whether that is its own, and what it tells |
//! | `client` | how it is called, in the words of the heart: [`Crm`](leadgate_enrichment::crm::Crm) or [`Provider`](leadgate_enrichment::provider::Provider) |
//! | `wire`, and others as needed | the shapes of its requests and answers |
//! | `classify` | what a failed call means |
//! | `mod` | its `VENDOR`, `INBOUND` and `OUTBOUND`: all that the rest of the house sees of it |
//!
//! Another vendor is another folder, and a line in [`registry`]. Nothing else names one.

pub mod connector;
pub mod registry;

pub mod crm;
pub mod provider;

pub mod hooks;
pub mod http;
pub mod inbound;
pub mod secret;
pub mod signatures;

mod access_token;
mod daily_budget;
mod field_by_field;
mod loose;
mod seen;
