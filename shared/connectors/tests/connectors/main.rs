//! The connectors against documented vectors, and against small servers on loopback that answer as the vendors do.

mod apollo;
mod apollo_account;
mod apollo_asynchronous;
mod apollo_contacts;
mod apollo_errors;
mod apollo_limits;
mod apollo_organizations;
mod apollo_prospecting;
mod apollo_search;
mod apollo_sequencer;
mod apollo_sequences;
mod attio_client;
mod attio_inbound;
mod boundary;
mod clay;
mod close_client;
mod close_inbound;
mod cognism;
mod config;
mod hooks;
mod hubspot_client;
mod hubspot_companies;
mod hubspot_signature;
mod hubspot_webhook;
mod hunter;
mod icps;
mod loopback;
mod lusha;
mod pdl;
mod people;
mod people_created;
mod pipedrive_client;
mod pipedrive_inbound;
mod salesforce_change_events;
mod salesforce_client;
mod salesforce_config;
mod salesforce_inbound;
mod salesforce_schema;
mod signals;
mod signatures;
mod standard_webhooks;
mod transport;
mod zoho_client;
mod zoho_inbound;
mod zoominfo;
mod zoominfo_tokens;

use reqwest::header::{HeaderMap, HeaderValue};

/// Those of the headers that are there.
fn headers<'a>(named: impl IntoIterator<Item = (&'static str, Option<&'a str>)>) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_str(text).expect("a header's value");
    named.into_iter().filter_map(|(name, text)| Some((name.parse().ok()?, value(text?)))).collect()
}
