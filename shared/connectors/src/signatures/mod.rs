//! Ways to sign a delivery that belong to no vendor.

pub mod standard_webhooks;
