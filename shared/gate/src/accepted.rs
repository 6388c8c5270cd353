//! What became of what was told.

use std::fmt;

/// What became of the events of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events in the delivery.
    pub events: usize,
    /// Requests put on the queue.
    pub queued: usize,
    /// Events for a record that another event of the delivery is for as well.
    pub repeated: usize,
    /// Dropped: enriched within the window.
    pub fresh: usize,
    /// Dropped: a worker is at work on it, or it is parked.
    pub in_flight: usize,
    /// Dropped: our own write.
    pub echo: usize,
    /// Erasures noted, and events about people who asked for one.
    pub erased: usize,
    /// Deletions in the CRM.
    pub deleted: usize,
    /// Nothing that we act on.
    pub other: usize,
    /// Left out: they can't be read.
    pub unreadable: usize,
}

impl Accepted {
    /// Each count with its name, as operators filter on them.
    pub fn counts(&self) -> [(&'static str, usize); 10] {
        [
            ("events", self.events),
            ("queued", self.queued),
            ("repeated", self.repeated),
            ("fresh", self.fresh),
            ("in_flight", self.in_flight),
            ("echo", self.echo),
            ("erased", self.erased),
            ("deleted", self.deleted),
            ("other", self.other),
            ("unreadable", self.unreadable),
        ]
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts.map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&counts.join(", "))
    }
}
