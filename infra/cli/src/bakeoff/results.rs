//! What a bake-off has found out: who said what of whom, and for how much. Of values only fingerprints are kept.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::person::ProfileField;
use serde::{Deserialize, Serialize};

/// How asking one provider about one person ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum End {
    /// It knows the person.
    Known,
    /// It doesn't.
    Unmatched,
    /// It may not say anything of them.
    Suppressed,
    /// What is known of the person isn't enough to ask it with: it would be left out.
    TooLittle,
    /// It called the question wrong.
    Invalid,
    /// It may or may not have been asked: counted as spent, and not asked again.
    Unknown,
}

/// What one provider said of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) end: End,
    /// What it cost.
    pub(super) cost: Amounts,
    /// The fingerprint of each value that it gave.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) values: BTreeMap<ProfileField, Fingerprint>,
}

impl Answer {
    /// Whether it says something of what the provider knows.
    pub(super) fn is_told(&self) -> bool {
        matches!(self.end, End::Known | End::Unmatched | End::Suppressed | End::TooLittle)
    }
}

/// What one provider said of the whole sample.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) provider: String,
    /// What it can tell of what is compared.
    pub(super) tells: BTreeSet<ProfileField>,
    /// By the person's place in the sample. One who was not asked about is missing.
    pub(super) answers: BTreeMap<usize, Answer>,
    /// How long each call took, in milliseconds.
    pub(super) latencies: Vec<u64>,
}

/// All that is known when a bake-off has ended, or has been interrupted.
#[derive(Debug, Clone)]
pub(super) struct Results {
    /// Which group each person of the sample is in.
    pub(super) segments: Vec<Option<String>>,
    /// What is compared.
    pub(super) fields: BTreeSet<ProfileField>,
    pub(super) providers: Vec<Asked>,
}

impl Results {
    /// The people of whom every provider has told something: only they can be compared between providers.
    pub(super) fn told_by_all(&self) -> Vec<usize> {
        let is_told =
            |person: &usize| self.providers.iter().all(|asked| asked.answers.get(person).is_some_and(Answer::is_told));
        (0..self.segments.len()).filter(is_told).collect()
    }
}
