//! The rules of a purchase, which join leads, credits and providers: what a record wants and what that can cost, what of a
//! batch the credits pay for, and what a call has really cost.
//!
//! | file | what |
//! | --- | --- |
//! | [`want`] | what a claimed record wants, if it is worth buying for |
//! | [`choice`] | what of a batch can be held, under caps and floors |
//! | [`settlement`] | what a call has cost, from evidence |
//! | [`asynchronous`] | the same for what arrives minutes later |
//! | [`reconciliation`] | our figures beside the provider's own |

pub mod asynchronous;
pub mod choice;
pub mod reconciliation;
pub mod settlement;
pub mod want;
