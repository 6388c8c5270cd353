//! What a run has done so far, in a file: what it is about, and a line before records are queued.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::journal::Journal;

/// What a run is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) tenant: TenantId,
    /// When it was begun, by the clock of the place: what it requests arose then.
    pub(super) began: Timestamp,
    pub(super) records: Vec<RecordKey>,
    /// The most to spend, if that was said.
    pub(super) budget: Option<Amounts>,
    /// The most that one of them could cost when it was begun.
    pub(super) worst: Amounts,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
enum Line {
    /// What it is about, again with each budget.
    Began(Plan),
    /// Those that are about to be queued, by their places.
    Queueing { places: Vec<usize> },
}

/// The file.
pub(super) struct Begun {
    journal: Journal,
    plan: Option<Plan>,
    queued: BTreeSet<usize>,
}

impl Begun {
    /// Opens it, and reads what is there.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let (journal, lines) = Journal::open(path)?;
        let mut begun = Self { journal, plan: None, queued: BTreeSet::new() };
        for line in lines {
            match line {
                Line::Began(plan) => begun.plan = Some(plan),
                Line::Queueing { places } => begun.queued.extend(places),
            }
        }
        Ok(begun)
    }

    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// Those that were queued, or about to be.
    pub(super) fn queued(&self) -> &BTreeSet<usize> {
        &self.queued
    }

    /// Writes down what it is about, where that isn't there as it is.
    pub(super) fn begin(&mut self, plan: &Plan) -> Result<(), Failure> {
        if self.plan.as_ref() != Some(plan) {
            self.journal.write(&Line::Began(plan.clone()))?;
            self.plan = Some(plan.clone());
        }
        Ok(())
    }

    /// Before these are queued.
    pub(super) fn queueing(&mut self, places: Vec<usize>) -> Result<(), Failure> {
        self.queued.extend(&places);
        self.journal.write(&Line::Queueing { places })
    }
}
