//! Who knows how many, how sure that is, who agrees with whom, and what it costs.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::person::ProfileField;
use serde::Serialize;

use super::results::{Answer, Asked, End, Results};

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) count: usize,
    pub(super) of: usize,
}

/// How many standard deviations 95 % of a normal distribution are within.
const Z: f64 = 1.96;

impl Share {
    fn of(found: impl IntoIterator<Item = bool>) -> Self {
        let add = |sum: Self, found| Self { count: sum.count + usize::from(found), of: sum.of + 1 };
        found.into_iter().fold(Self::default(), add)
    }

    /// The share, `0.0..=1.0`. `None` of nothing.
    pub(super) fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }

    /// Where the share among all people lies with a probability of 95 %, if the sample is a fair one: Wilson's interval, which
    /// holds for small samples and for shares near 0 and 1 as well.
    pub(super) fn interval(self) -> Option<(f64, f64)> {
        let (share, n) = (self.value()?, self.of as f64);
        let (middle, spread) =
            (share + Z * Z / (2.0 * n), Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt());
        let of_all = |value: f64| (value / (1.0 + Z * Z / n)).clamp(0.0, 1.0);
        Some((of_all(middle - spread), of_all(middle + spread)))
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown {
            count: usize,
            of: usize,
            share: Option<f64>,
            interval_95: Option<(f64, f64)>,
        }
        Shown { count: self.count, of: self.of, share: self.value(), interval_95: self.interval() }.serialize(to)
    }
}

/// How one provider did.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Provider {
    pub(super) provider: String,
    /// Whom it knows, of those about whom it has answered.
    pub(super) known: Share,
    /// The same by group.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) known_by_segment: BTreeMap<String, Share>,
    /// Of each field that it can tell, of how many of those whom it has answered about it tells it.
    pub(super) fields: BTreeMap<ProfileField, Share>,
    /// Whom it alone knows, of those about whom all have answered.
    pub(super) known_by_it_alone: Share,
    pub(super) suppressed: usize,
    pub(super) invalid: usize,
    /// Of how many it isn't known whether they were charged.
    pub(super) unknown: usize,
    /// Values that it gave of what is compared.
    pub(super) values: usize,
    pub(super) spent: Amounts,
    /// How long half of its calls took at most, and 95 % of them, in milliseconds.
    pub(super) latency_p50_ms: Option<u64>,
    pub(super) latency_p95_ms: Option<u64>,
}

/// How often two providers say the same where both say something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Agreement {
    pub(super) field: ProfileField,
    pub(super) providers: [String; 2],
    pub(super) same: Share,
}

/// Those who are known by exactly these providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Overlap {
    pub(super) known_by: Vec<String>,
    pub(super) people: usize,
}

impl Comparison {
    /// The groups of people.
    pub(super) fn segments(&self) -> BTreeSet<&str> {
        self.providers.iter().flat_map(|it| it.known_by_segment.keys()).map(String::as_str).collect()
    }

    /// The pairs of providers that tell something of the same people.
    pub(super) fn pairs(&self) -> Vec<&[String; 2]> {
        let mut pairs: Vec<&[String; 2]> = Vec::new();
        for agreement in &self.agreement {
            if !pairs.contains(&&agreement.providers) {
                pairs.push(&agreement.providers);
            }
        }
        pairs
    }

    /// How often a pair says the same of a field.
    pub(super) fn agreed(&self, field: ProfileField, pair: &[String; 2]) -> Option<Share> {
        self.agreement.iter().find(|it| it.field == field && it.providers == *pair).map(|it| it.same)
    }
}

/// Everything that is compared.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Comparison {
    pub(super) sample: usize,
    pub(super) told_by_all: usize,
    pub(super) fields: BTreeSet<ProfileField>,
    pub(super) providers: Vec<Provider>,
    pub(super) overlap: Vec<Overlap>,
    pub(super) agreement: Vec<Agreement>,
}

impl Comparison {
    pub(super) fn of(results: &Results) -> Self {
        let everybody = results.told_by_all();
        Self {
            sample: results.segments.len(),
            told_by_all: everybody.len(),
            fields: results.fields.clone(),
            providers: results.providers.iter().map(|asked| provider(results, asked, &everybody)).collect(),
            overlap: overlap(results, &everybody),
            agreement: agreement(results),
        }
    }
}

fn knows(asked: &Asked, person: usize) -> bool {
    asked.answers.get(&person).is_some_and(|answer| answer.end == End::Known)
}

fn provider(results: &Results, asked: &Asked, everybody: &[usize]) -> Provider {
    let told = || asked.answers.iter().filter(|(_, answer)| answer.is_told());
    let ended = |end: End| asked.answers.values().filter(|answer| answer.end == end).count();
    let others = || results.providers.iter().filter(|other| other.provider != asked.provider);
    let alone = |person: &usize| knows(asked, *person) && !others().any(|other| knows(other, *person));
    let mut by_segment: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for (person, answer) in told() {
        if let Some(segment) = results.segments.get(*person).and_then(Option::as_ref) {
            by_segment.entry(segment.clone()).or_default().push(answer.end == End::Known);
        }
    }
    let gives = |field: ProfileField| Share::of(told().map(|(_, answer)| answer.values.contains_key(&field)));
    let fields: BTreeMap<ProfileField, Share> = asked.tells.iter().map(|field| (*field, gives(*field))).collect();
    Provider {
        provider: asked.provider.clone(),
        known: Share::of(told().map(|(_, answer)| answer.end == End::Known)),
        known_by_segment: by_segment.into_iter().map(|(segment, known)| (segment, Share::of(known))).collect(),
        values: fields.values().map(|share| share.count).sum(),
        fields,
        known_by_it_alone: Share::of(everybody.iter().map(alone)),
        suppressed: ended(End::Suppressed),
        invalid: ended(End::Invalid),
        unknown: ended(End::Unknown),
        spent: asked.answers.values().map(|answer| &answer.cost).sum(),
        latency_p50_ms: percentile(&asked.latencies, 50),
        latency_p95_ms: percentile(&asked.latencies, 95),
    }
}

/// The smallest of these that so many percent of them don't exceed.
fn percentile(values: &[u64], percent: usize) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

fn overlap(results: &Results, everybody: &[usize]) -> Vec<Overlap> {
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for person in everybody {
        let known_by = results.providers.iter().filter(|asked| knows(asked, *person));
        *counts.entry(known_by.map(|asked| asked.provider.clone()).collect()).or_default() += 1;
    }
    let mut all: Vec<Overlap> = counts.into_iter().map(|(known_by, people)| Overlap { known_by, people }).collect();
    all.sort_by_key(|overlap| std::cmp::Reverse(overlap.people));
    all
}

fn agreement(results: &Results) -> Vec<Agreement> {
    let mut all = Vec::new();
    for (i, one) in results.providers.iter().enumerate() {
        for other in &results.providers[i + 1..] {
            for field in one.tells.intersection(&other.tells) {
                let value = |answer: Option<&Answer>| answer.and_then(|it| it.values.get(field)).cloned();
                let both = one
                    .answers
                    .iter()
                    .filter_map(|(person, answer)| value(Some(answer)).zip(value(other.answers.get(person))));
                let same = Share::of(both.map(|(a, b)| a == b));
                if same.of > 0 {
                    let providers = [one.provider.clone(), other.provider.clone()];
                    all.push(Agreement { field: *field, providers, same });
                }
            }
        }
    }
    all.sort_by_key(|agreement| agreement.field);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_the_share_and_narrows_with_the_sample() {
        assert_eq!(Share::default().interval(), None);
        let (low, high) = Share { count: 8, of: 10 }.interval().expect("some");
        assert!((low - 0.490).abs() < 0.001 && (high - 0.943).abs() < 0.001, "{low} {high}");
        let (low, high) = Share { count: 800, of: 1000 }.interval().expect("some");
        assert!((low - 0.774).abs() < 0.001 && (high - 0.824).abs() < 0.001, "{low} {high}");
        let (low, high) = Share { count: 0, of: 20 }.interval().expect("some");
        assert!(low == 0.0 && (high - 0.161).abs() < 0.001, "none of twenty isn't none at all: {low} {high}");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!((percentile(&[], 50), percentile(&[7], 95)), (None, Some(7)));
        let all: Vec<u64> = (1..=100).rev().collect();
        assert_eq!((percentile(&all, 50), percentile(&all, 95)), (Some(50), Some(95)));
    }
}
