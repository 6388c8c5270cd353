//! The money protocol: the only way to spend a credit.
//!
//! | step | what | if it dies right after |
//! | --- | --- | --- |
//! | `wallets` | the wallets that may pay, opened and with every hold where it belongs | nothing was spent |
//! | `reserve` | the worst case is held, in one transaction | the hold is found open, and settled by `recover` |
//! | `permits` | the right to one call under the provider's rate limits | a call of the limit is wasted |
//! | `single_flight` | of two who ask about the same person at the same time, one waits for the other's answer | the other asks |
//! | `look_up` | the charging call; repeated only when it was certainly not carried out | the outcome is unknown: counted as spent |
//! | (keep) | the caller writes down what came back and what it cost | settled from that |
//! | `settle` | what it really cost is spent, and the rest is free again | it is done |
//!
//! Functions take what they use. A purchase id joins what the records keep and what the ledger holds; the order of the
//! steps makes every crash safe, and each step may be done twice.

pub mod wallets;

pub mod reserve;

pub mod permits;

pub mod single_flight;

pub mod look_up;

pub mod settle;

pub mod recover;
