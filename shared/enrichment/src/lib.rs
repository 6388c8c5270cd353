//! The heart of Leadgate: its words and its rules.
//!
//! Everything here is a decision: is this record due, which wallets pay, what does it cost, which fields may be
//! written, when does the cycle close. Nothing here does I/O, reads a clock, draws a random number or looks at the
//! environment, so nothing here can fail for outside reasons. Time arrives as an argument.
//!
//! | room | what | may import |
//! | --- | --- | --- |
//! | [`purchase`] | the rules of a purchase, which join leads, credits and providers | all |
//! | [`config`] | `leadgate.toml`, read and checked | all but `purchase` |
//! | [`enrolment`] | what is remembered of enrolments, and what a flow needs of a vendor with sequences | `lead`, `provider` |
//! | [`icp`] | which accounts and people a nightly search is for, and what they come to | `provider`, `credits` |
//! | [`crm`] | what a flow needs of a CRM | `lead` |
//! | [`lead`] | events, requests, the gate, records, write-back | `provider`, `credits` |
//! | [`provider`] | what a flow needs of a data provider; its limits, its breaker, its callbacks | `credits` |
//! | [`credits`] | plans, prices, wallets, the ledger | |
//! | [`ids`], [`person`], [`business`], [`clock`], … | the words that all rooms share | |

pub mod purchase;

pub mod config;

pub mod crm;
pub mod enrolment;
pub mod icp;
pub mod lead;
pub mod provider;

pub mod credits;

pub mod business;
pub mod clock;
pub mod fingerprint;
pub mod ids;
pub mod outcome;
pub mod person;
pub mod retry;
pub mod seal;
