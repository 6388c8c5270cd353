//! The CRMs.

pub mod attio;
pub mod close;
pub mod hubspot;
pub mod pipedrive;
pub mod salesforce;
pub mod zoho;
