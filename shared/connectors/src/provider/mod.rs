//! The data providers.

pub mod apollo;
pub mod clay;
pub mod cognism;
pub mod datalane;
pub mod hunter;
pub mod lusha;
pub mod pdl;
pub mod zoominfo;

mod exchange;
mod person;
