//! The data providers.

pub mod apollo;
