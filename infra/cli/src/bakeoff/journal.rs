//! What a bake-off has done so far, in a file beside it: a line before each call and one after it, so that one that is
//! interrupted goes on where it stopped and asks nobody twice.

use std::collections::BTreeMap;
use std::path::Path;

use leadgate_enrichment::credits::ledger::Evidence;
use leadgate_enrichment::ids::{PurchaseId, TenantId};
use leadgate_enrichment::person::ProfileField;
use serde::{Deserialize, Serialize};

use super::results::Answer;
use super::sample::Chosen;
use crate::{Failure, journal};

/// What is compared, and about whom. It stays the same however often a bake-off is gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) tenant: TenantId,
    pub(super) providers: Vec<String>,
    pub(super) fields: Vec<ProfileField>,
    pub(super) sample: Vec<Chosen>,
}

/// A call, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) purchase: PurchaseId,
    /// How long the call took, in milliseconds. Unknown of one whose end was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) latency_ms: Option<u64>,
    pub(super) evidence: Evidence,
    /// One for each who was to be asked about; none for one who was not asked about after all.
    pub(super) answers: Vec<Option<Answer>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
enum Line {
    Began(Plan),
    Asking(Asking),
    Told(Told),
}

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asking {
    pub(super) purchase: PurchaseId,
    pub(super) provider: String,
    /// Their places in the sample.
    pub(super) people: Vec<usize>,
}

/// All that was done.
pub(super) struct Journal {
    file: journal::Journal,
    plan: Option<Plan>,
    asked: Vec<Asking>,
    told: BTreeMap<PurchaseId, Told>,
}

impl Journal {
    /// Opens it, and reads what is there.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let (file, lines) = journal::Journal::open(path)?;
        let mut journal = Self { file, plan: None, asked: Vec::new(), told: BTreeMap::new() };
        lines.into_iter().for_each(|line| journal.take(line));
        Ok(journal)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Began(plan) => self.plan = Some(plan),
            Line::Asking(asking) => self.asked.push(asking),
            Line::Told(told) => drop(self.told.insert(told.purchase.clone(), told)),
        }
    }

    fn write(&mut self, line: Line) -> Result<(), Failure> {
        self.file.write(&line)?;
        self.take(line);
        Ok(())
    }

    pub(super) fn begin(&mut self, plan: Plan) -> Result<(), Failure> {
        self.write(Line::Began(plan))
    }

    pub(super) fn asking(&mut self, asking: Asking) -> Result<(), Failure> {
        self.write(Line::Asking(asking))
    }

    pub(super) fn told(&mut self, told: Told) -> Result<(), Failure> {
        self.write(Line::Told(told))
    }

    /// What it is about, if it was begun before.
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// Every call that was to be made, with what came of it. `None` where that was not seen.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&Asking, Option<&Told>)> {
        self.asked.iter().map(|asking| (asking, self.told.get(&asking.purchase)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    fn plan() -> Plan {
        let tenant = "acme".parse().expect("a tenant");
        Plan { name: "spring".into(), tenant, providers: vec!["a".into()], fields: Vec::new(), sample: Vec::new() }
    }

    fn asking(number: usize) -> Asking {
        let purchase = PurchaseId::read(&format!("0-{number}")).expect("an id");
        Asking { purchase, provider: "a".into(), people: vec![number] }
    }

    #[test]
    fn what_was_written_is_there_again_but_for_half_a_line_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("spring.jsonl");
        let mut journal = Journal::open(&path).expect("opens");
        journal.begin(plan()).expect("written");
        journal.asking(asking(1)).expect("written");
        let purchase = asking(1).purchase;
        let told = Told { purchase, latency_ms: Some(7), evidence: Evidence::Inferred, answers: vec![None] };
        journal.told(told.clone()).expect("written");
        assert!(Journal::open(&path).is_err(), "one at a time");
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
        file.write_all(b"{\"what\":\"asking\",\"purch").expect("written");
        drop(file);

        let mut journal = Journal::open(&path).expect("opens again");
        assert_eq!(journal.plan(), Some(&plan()));
        assert_eq!(journal.calls().collect::<Vec<_>>(), [(&asking(1), Some(&told))]);
        journal.asking(asking(2)).expect("written after what was whole");
        drop(journal);
        assert_eq!(Journal::open(&path).expect("opens").calls().count(), 2);
    }
}
