//! The connectors against documented vectors, and against small servers on loopback that answer as the vendors do.

mod apollo;
mod hubspot_client;
mod hubspot_signature;
mod hubspot_webhook;
mod loopback;
mod transport;
