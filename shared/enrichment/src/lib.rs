//! The heart of Leadgate: its words and its rules.
//!
//! Everything here is a decision: is this record due, which wallets pay, what does it cost, which fields may be
//! written, when does the cycle close. Nothing here does I/O, reads a clock, draws a random number or looks at the
//! environment, so nothing here can fail for outside reasons. Time arrives as an argument.

pub mod alerts;
pub mod breaker;
pub mod callback;
pub mod carry;
pub mod choice;
pub mod clock;
pub mod config;
pub mod credits;
pub mod crm;
pub mod cycle;
pub mod event;
pub mod fingerprint;
pub mod forecast;
pub mod gate;
pub mod ids;
pub mod later;
pub mod ledger;
pub mod limits;
pub mod outcome;
pub mod patch;
pub mod person;
pub mod plan_change;
pub mod price;
pub mod provider;
pub mod reconciliation;
pub mod record;
pub mod request;
pub mod retry;
pub mod settlement;
pub mod wallet;
pub mod want;
