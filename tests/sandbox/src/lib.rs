//! The world on one machine.
//!
//! [`world`] is the whole system: our functions, real DynamoDB and SQS APIs, and [`simulators`] of the vendors that
//! remember, from process to process where they are [`kept`] in a folder. [`demo`] is what `leadgate demo` shows. What
//! is tried in a world is in `tests/proof` and `tests/scenarios`.

pub mod demo;
pub mod kept;
pub mod simulators;
pub mod template;
pub mod world;
