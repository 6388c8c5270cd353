//! What can be wrong with the file, said so that it can be put right.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `tenants.acme.plan.cycle`.
    pub path: String,
    /// What is there.
    pub found: String,
    /// What is allowed.
    pub expected: String,
    /// What to do: a sentence.
    pub remedy: String,
}

impl Problem {
    /// `found` at `path`, where `expected` should be, and how to put it right.
    pub fn new(
        path: impl Into<String>,
        found: impl fmt::Display,
        expected: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> Self {
        Self { path: path.into(), found: found.to_string(), expected: expected.to_string(), remedy: remedy.to_string() }
    }

    /// Everything but where it is.
    pub fn what(&self) -> String {
        format!("found {}, expected {}. {}", self.found, self.expected, self.remedy)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what())
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
