//! What Leadgate keeps in AWS: records and credits in DynamoDB, work on SQS, secrets in Secrets Manager.
//!
//! The stores are plain structs over the SDK: their conditions are the product, so there is no in-memory twin to test
//! against. Records know nothing of wallets and credits know nothing of records; a purchase id joins them, and the
//! order in which a flow writes makes every crash safe.

pub mod answers;
pub mod client;
pub mod credits;
pub mod enrolments;
pub mod error;
pub mod events;
pub mod feed;
pub mod https;
pub mod limits;
pub mod lists;
pub mod objects;
pub mod queue;
pub mod records;
pub mod secrets;
mod signed;
pub mod table;
pub mod usage;
