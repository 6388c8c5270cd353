//! The data providers.

pub mod apollo;
pub mod pdl;

mod exchange;
