//! A provider's rate limits, as it counts them.

/// What a provider said of its limits with an answer, window by window. `None` where it said nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// The window of a minute.
    pub minute: Option<Rate>,
    /// Of an hour.
    pub hour: Option<Rate>,
    /// Of a day.
    pub day: Option<Rate>,
}

/// One window, in calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// There is no limit.
    Unlimited,
    /// There is one.
    Limited {
        /// The most in a window.
        limit: u32,
        /// How many have been made in the running one, this call included.
        used: u32,
    },
}
