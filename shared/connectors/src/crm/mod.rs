//! The CRMs.

pub mod hubspot;
pub mod pipedrive;
pub mod salesforce;
