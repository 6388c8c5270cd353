//! What was found wrong.

use std::fmt;

/// What a violation is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// No credit is oversold: nothing is held or spent beyond what was granted, and the provider charges nothing that
    /// our ledger doesn't know of.
    Credits,
    /// No record is charged for twice, other than after an outcome that nobody knows.
    Once,
    /// Every lead has an end.
    Leads,
    /// Nothing human is overwritten, and what was bought is in the CRM.
    Crm,
    /// Whatever else must be true.
    Order,
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What it is of.
    pub of: Promise,
    /// What was found, and how to see it again.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found)
    }
}

/// Collects violations.
#[derive(Debug, Clone, Default)]
pub struct Findings(Vec<Violation>);

impl Findings {
    /// Notes a violation unless `holds`.
    pub fn check(&mut self, holds: bool, of: Promise, found: impl FnOnce() -> String) {
        if !holds {
            self.note(of, found());
        }
    }

    /// Notes a violation.
    pub fn note(&mut self, of: Promise, found: String) {
        self.0.push(Violation { of, found });
    }

    /// Takes over what was found elsewhere.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Violation>) {
        self.0.extend(other);
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was found, each with `place` before it.
    pub fn at(self, place: &str) -> Vec<Violation> {
        let placed = |Violation { of, found }| Violation { of, found: format!("{place}: {found}") };
        self.0.into_iter().map(placed).collect()
    }
}

impl IntoIterator for Findings {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
