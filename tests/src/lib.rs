//! The world on one machine, and what is tried in it.
//!
//! [`world`] is the whole system: our functions, real DynamoDB and SQS APIs, and [`simulators`] of the vendors that
//! remember, from process to process where they are [`kept`] in a folder. [`demo`] is what `leadgate demo` shows. The scenarios are in `tests/tests`.

pub mod demo;
pub mod event_file;
pub mod kept;
pub mod proof;
pub mod simulators;
pub mod template;
pub mod world;
