//! A build without the sandbox knows the books in AWS only.

use super::{Books, Failure, Ledger, Place};

impl Books {
    pub(super) async fn of_world(_: &Place, _: &str) -> Result<Self, Failure> {
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

const WITHOUT: &str = "This build is without the sandbox, so it doesn't read a running `leadgate local`:";
