//! The CRMs.

pub mod hubspot;
