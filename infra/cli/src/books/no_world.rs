//! A build without the sandbox knows the books in AWS only.

use jiff::Timestamp;
use leadgate_enrichment::config::Config;
use leadgate_lambda::connections::Connections;

use super::{Books, Ledger, Place};
use crate::Failure;

impl Books {
    pub(crate) async fn of_world(_: &Place, _: &str) -> Result<Self, Failure> {
        let how = "name the tables in AWS with --records-table and --credits-table";
        Err(format!("{how}. {WITHOUT} `cargo run -- credits`, in the repository, does").into())
    }
}

impl Ledger {
    /// There is none.
    pub(crate) async fn of_world(_: &str) -> Result<Self, Failure> {
        let how = "name the table in AWS with --credits-table";
        Err(format!("{how}. {WITHOUT} `cargo run -- check`, in the repository, does").into())
    }
}

/// There is none.
pub(crate) async fn vendors_of_world(_: &str) -> Result<(Config, Connections), Failure> {
    Err(format!("{WITHOUT} `cargo run -- check --live --local`, in the repository, does").into())
}

/// There is none.
pub(super) async fn present_of_world(_: &str) -> Result<Timestamp, Failure> {
    Err(format!("{WITHOUT} `cargo run -- enrich`, in the repository, does").into())
}

const WITHOUT: &str = "This build is without the sandbox, so it doesn't read a running `leadgate local`:";
