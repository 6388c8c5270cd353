//! The connectors against documented vectors, and against small servers on loopback that answer as the vendors do.

mod apollo;
mod apollo_account;
mod apollo_contacts;
mod apollo_errors;
mod apollo_later;
mod apollo_limits;
mod apollo_organizations;
mod apollo_search;
mod apollo_sequences;
mod hubspot_client;
mod hubspot_signature;
mod hubspot_webhook;
mod loopback;
mod transport;
