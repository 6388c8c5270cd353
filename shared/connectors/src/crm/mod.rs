//! The CRMs.

pub mod hubspot;
pub mod salesforce;
