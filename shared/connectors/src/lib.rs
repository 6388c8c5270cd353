//! Every third party that Leadgate speaks HTTP with. One folder per vendor, with the same files in each, so that the
//! next vendor is a copy of a folder.
//!
//! A connector turns the words of the heart (`leadgate-enrichment`) into a vendor's requests, and the vendor's answers
//! back into those words. It decides nothing about credits, records or retries, and it reads no clock and no
//! environment: time and configuration arrive as arguments.

pub mod connector;
pub mod registry;

pub mod crm;
pub mod provider;

pub mod http;
pub mod inbound;
pub mod secret;

mod loose;
