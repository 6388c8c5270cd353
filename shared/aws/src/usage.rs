//! What DynamoDB says each step consumed. DynamoDB is most of what a lead costs in AWS, and the lever is writes per
//! lead: so they are counted where they are made, and reported by the caller that runs the flow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// A step of a flow that reads or writes DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Reading records, at the webhook or in the worker.
    Look,
    /// Winning the right to work on a record.
    Claim,
    /// Closing a record that nothing was bought for.
    Dismiss,
    /// Opening a wallet for a cycle.
    Open,
    /// Reserving credits.
    Hold,
    /// Sharing a provider's limits.
    Permit,
    /// Keeping what was bought.
    Keep,
    /// Settling a hold, or freeing it.
    Settle,
    /// Closing a record that the CRM has.
    Close,
    /// Parking a record.
    Defer,
    /// Releasing a parked record.
    Release,
    /// Noting an erasure.
    Erase,
    /// Taking in a feed.
    Import,
    /// Enrolling in a sequence.
    Enrol,
    /// Taking a list of accounts on.
    Search,
}

impl Step {
    /// All of them, in the order of a record's life.
    pub const ALL: [Self; 15] = [
        Self::Look,
        Self::Claim,
        Self::Dismiss,
        Self::Open,
        Self::Hold,
        Self::Permit,
        Self::Keep,
        Self::Settle,
        Self::Close,
        Self::Defer,
        Self::Release,
        Self::Erase,
        Self::Import,
        Self::Enrol,
        Self::Search,
    ];

    /// The word for it in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Claim => "claim",
            Self::Dismiss => "dismiss",
            Self::Open => "open",
            Self::Hold => "hold",
            Self::Permit => "permit",
            Self::Keep => "keep",
            Self::Settle => "settle",
            Self::Close => "close",
            Self::Defer => "defer",
            Self::Release => "release",
            Self::Erase => "erase",
            Self::Import => "import",
            Self::Enrol => "enrol",
            Self::Search => "search",
        }
    }
}

/// Units by step, in thousandths, counted up for as long as the process lives.
#[derive(Debug, Default)]
pub struct Usage {
    written: [AtomicU64; Step::ALL.len()],
    read: [AtomicU64; Step::ALL.len()],
}

impl Usage {
    /// Counts what one write said it consumed.
    pub fn wrote<'a>(&self, step: Step, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        count(&self.written[step as usize], consumed);
    }

    /// Counts what one read said it consumed.
    pub fn read<'a>(&self, step: Step, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        count(&self.read[step as usize], consumed);
    }

    /// Counts a write that was charged without saying so: one whose condition failed.
    pub fn wrote_units(&self, step: Step, units: f64) {
        add(&self.written[step as usize], units);
    }

    /// Write units by step so far; steps without any are left out.
    pub fn write_units(&self) -> BTreeMap<&'static str, f64> {
        snapshot(&self.written)
    }

    /// Read units by step so far; steps without any are left out.
    pub fn read_units(&self) -> BTreeMap<&'static str, f64> {
        snapshot(&self.read)
    }
}

fn count<'a>(total: &AtomicU64, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    add(total, consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum());
}

fn add(total: &AtomicU64, units: f64) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few units, never negative")]
    total.fetch_add((units * 1000.0).round() as u64, Ordering::Relaxed);
}

fn snapshot(totals: &[AtomicU64; Step::ALL.len()]) -> BTreeMap<&'static str, f64> {
    let units = |step: &Step| {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let milli = totals[*step as usize].load(Ordering::Relaxed) as f64;
        (step.word(), milli / 1000.0)
    };
    Step::ALL.iter().map(units).filter(|(_, units)| *units > 0.0).collect()
}
