//! What a CRM says of its own deliveries.

/// What became of one round of deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Requests made.
    pub deliveries: usize,
    /// Events in them, each counted once.
    pub events: usize,
    /// Events that were in them a second time.
    pub duplicates: usize,
    /// Deliveries answered with 2xx.
    pub accepted: usize,
    /// The statuses of those that were answered otherwise.
    pub rejected: Vec<u16>,
    /// Deliveries that had no answer: no connection, or too late.
    pub unanswered: usize,
    /// Events kept for another attempt.
    pub kept: usize,
    /// Events given up after the last retry.
    pub given_up: usize,
}
