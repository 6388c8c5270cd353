//! What can be wrong with the file, said so that it can be put right.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `tenants.acme.plan.cycle`.
    pub path: String,
    /// What is there and what is allowed.
    pub what: String,
}

impl Problem {
    /// `found` at `path`, where `expected` should be.
    pub fn new(path: impl Into<String>, found: impl fmt::Display, expected: impl fmt::Display) -> Self {
        Self { path: path.into(), what: format!("found {found}, expected {expected}") }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Everything that is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// One or more.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}
