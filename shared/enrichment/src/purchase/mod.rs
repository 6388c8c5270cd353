//! The rules of a purchase, which join leads, credits and providers: what a record wants and what that can cost, what of a
//! batch the credits pay for, and what a call has really cost.
//!
//! | file | what |
//! | --- | --- |
//! | [`want`] | what a claimed record wants, if it is worth buying for |
//! | [`next_step`] | which provider is to be asked next, where there are several |
//! | [`choice`] | what of a batch can be held, under caps and floors |
//! | [`settlement`] | what a call has cost, from evidence |
//! | [`asynchronous`] | the same for what arrives minutes later |
//! | [`cost`] | what leads have cost, in money |
//! | [`reconciliation`] | our figures beside the provider's own |

pub mod asynchronous;
pub mod choice;
pub mod cost;
pub mod next_step;
pub mod reconciliation;
pub mod settlement;
pub mod want;
