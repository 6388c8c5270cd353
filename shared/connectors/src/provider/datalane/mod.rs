//! DataLane, which delivers local businesses in batches, and no API.
//!
//! | file | what |
//! | --- | --- |
//! | [`config`] | what is its own in the configuration |
//! | [`client`] | people by their employers, looked up in what was delivered |
//!
//! | fact | source | how sure |
//! | --- | --- | --- |
//! | it delivers CSV, objects in S3, or drops in a warehouse; there is no call for one business | its own comparison with Apollo's API | documented |
//! | it covers local businesses of the United States: licence boards, permits, franchise registers, points of sale, the NPI register | the same | documented |
//! | what the columns are called | nowhere | the configuration says it (`[tenants.T.feed]`) |
//!
//! What it tells of a business is of one person, who runs it. So it knows a person only if the address or the name is theirs.
//! Of somebody who has no name in the CRM, but an address of their own, it tells the business alone; of a record that names
//! no person, all.

pub mod config;

pub mod client;

use self::client::DataLane;
pub use self::config::VENDOR;
use crate::connector::ProviderInBatches;

/// How it answers.
pub static IN_BATCHES: ProviderInBatches =
    ProviderInBatches { vendor: &VENDOR, answers: |tenant, businesses| Box::new(DataLane::new(tenant, businesses)) };
