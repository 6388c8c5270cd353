//! The end of an exchange with a provider.

use crate::provider::limits::Rates;

/// How an exchange ended, and what the provider said of its limits along with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<T> {
    /// The end.
    pub reply: T,
    /// The limits; unknown in each window that nothing was said of.
    pub rates: Rates,
}

impl<T> Told<T> {
    /// An end with no word of limits: the provider was not reached, or says nothing of them.
    pub fn without_rates(reply: T) -> Self {
        Self { reply, rates: Rates::default() }
    }
}
