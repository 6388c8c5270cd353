//! The CRMs.

pub mod attio;
pub mod hubspot;
pub mod pipedrive;
pub mod salesforce;
