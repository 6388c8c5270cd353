//! A lead: what the CRM tells of it, the record that is kept of it, and what of a purchase is written to it.
//!
//! | file | what |
//! | --- | --- |
//! | [`event`] | what a CRM tells |
//! | [`request`] | a message that asks for one record to be enriched |
//! | [`new_lead`] | a message about a person who isn't in the CRM yet |
//! | [`candidate`] | people whom a search has found, who are bought first |
//! | [`gate`] | whether a record is due |
//! | [`record`] | what is kept of a record, and how it goes from state to state |
//! | [`patch`] | what may be written to it |
//! | [`related`] | values of a record that it is related to |
//! | [`windows`] | how long answers and requests are good |
//! | [`undo`] | what a write-back changed, and how that is undone |

pub mod candidate;
pub mod event;
pub mod gate;
pub mod new_lead;
pub mod patch;
pub mod record;
pub mod related;
pub mod request;
pub mod source;
pub mod undo;
pub mod windows;
