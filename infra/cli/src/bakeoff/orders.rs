//! What each order of the providers would have told, and for how much, had they been asked one after another.

use std::collections::BTreeSet;

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::person::ProfileField;
use serde::Serialize;

use super::results::{Asked, End, Results};

/// More providers than this have too many orders to go through: 5040 of seven.
pub(super) const PROVIDERS_MAX: usize = 7;

/// When the next provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Policy {
    /// About those whom no provider before it knows: `waterfall.order`.
    UntilKnown,
    /// As long as something is missing that it can tell: an order for each field in `waterfall.fields`.
    UntilFilled,
}

/// One provider's turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) provider: String,
    /// About how many it is asked.
    pub(super) asked: usize,
    /// How many of them it knows.
    pub(super) known: usize,
    /// How many values it adds to what is known by then.
    pub(super) values: usize,
    /// What that costs, in millionths of the currency.
    pub(super) cost_micro: i64,
}

/// What one order comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Order {
    pub(super) policy: Policy,
    pub(super) steps: Vec<Step>,
    pub(super) known: usize,
    pub(super) values: usize,
    pub(super) cost_micro: i64,
}

impl Order {
    /// What a value costs, in millionths of the currency. `None` when there is none.
    pub(super) fn per_value_micro(&self) -> Option<f64> {
        (self.values > 0).then(|| self.cost_micro as f64 / self.values as f64)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.provider.as_str()).collect()
    }
}

/// What credits of a kind are worth, in millionths of the currency. `None` when that isn't known.
pub(super) type Worth<'a> = &'a dyn Fn(&Amounts) -> Option<i64>;

/// Every order under both policies, those that tell most per unit of money first. `None` when what the credits are worth
/// isn't known: credits of different providers can't be compared.
pub(super) fn orders(results: &Results, worth: Worth<'_>) -> Option<Vec<Order>> {
    let people = results.told_by_all();
    let mut all = Vec::new();
    for order in permutations(results.providers.len().min(PROVIDERS_MAX)) {
        let order: Vec<&Asked> = order.iter().filter_map(|i| results.providers.get(*i)).collect();
        for policy in [Policy::UntilKnown, Policy::UntilFilled] {
            all.push(played(results, &order, &people, policy, worth)?);
        }
    }
    let per_value = |order: &Order| order.per_value_micro().unwrap_or(f64::INFINITY);
    all.sort_by(|a, b| per_value(a).total_cmp(&per_value(b)).then_with(|| a.names().cmp(&b.names())));
    Some(all)
}

/// One order, with the answers that were given.
fn played(results: &Results, order: &[&Asked], people: &[usize], policy: Policy, worth: Worth<'_>) -> Option<Order> {
    let blank =
        |asked: &&Asked| Step { provider: asked.provider.clone(), asked: 0, known: 0, values: 0, cost_micro: 0 };
    let mut steps: Vec<Step> = order.iter().map(blank).collect();
    let mut known_by_any = 0;
    for person in people {
        let (mut missing, mut is_known): (BTreeSet<ProfileField>, bool) = (results.fields.clone(), false);
        for (asked, step) in order.iter().zip(&mut steps) {
            let Some(answer) = asked.answers.get(person) else { continue };
            let is_done = match policy {
                Policy::UntilKnown => is_known,
                Policy::UntilFilled => missing.is_disjoint(&asked.tells),
            };
            if is_done || answer.end == End::TooLittle {
                continue;
            }
            step.asked += 1;
            step.cost_micro += worth(&answer.cost)?;
            step.known += usize::from(answer.end == End::Known);
            step.values += answer.values.keys().filter(|field| missing.remove(field)).count();
            is_known |= answer.end == End::Known;
            if answer.end == End::Suppressed {
                break;
            }
        }
        known_by_any += usize::from(is_known);
    }
    let values = steps.iter().map(|step| step.values).sum();
    let cost_micro = steps.iter().map(|step| step.cost_micro).sum();
    Some(Order { policy, steps, known: known_by_any, values, cost_micro })
}

/// All orders of so many things.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..count {
        let with_next = |order: Vec<usize>| {
            (0..=order.len()).map(move |place| {
                let mut longer = order.clone();
                longer.insert(place, next);
                longer
            })
        };
        all = all.into_iter().flat_map(with_next).collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use leadgate_enrichment::credits::{Bucket, Milli};
    use leadgate_enrichment::fingerprint::FingerprintSecret;

    use super::super::results::Answer;
    use super::*;

    /// A provider that knows these of ten people, for so many credits each, and asks nothing for the others.
    fn provider(name: &str, knows: &[usize], fields: &[ProfileField], credits: i64) -> Asked {
        let key = FingerprintSecret::new("a secret that is long enough for a test").expect("long enough");
        let key = key.key_of(&"acme".parse().expect("a tenant"));
        let answer = |person: usize| {
            let is_known = knows.contains(&person);
            let values = fields.iter().filter(|_| is_known).map(|field| (*field, key.of("value"))).collect();
            let end = if is_known { End::Known } else { End::Unmatched };
            let cost = Amounts::one(Bucket::new(name), Milli::credits(if is_known { credits } else { 0 }));
            (person, Answer { end, cost, values })
        };
        let answers: BTreeMap<usize, Answer> = (0..10).map(answer).collect();
        Asked { provider: name.to_owned(), tells: fields.iter().copied().collect(), answers, latencies: Vec::new() }
    }

    fn best(providers: Vec<Asked>, policy: Policy) -> Order {
        let fields = providers.iter().flat_map(|asked| asked.tells.clone()).collect();
        let results = Results { segments: vec![None; 10], fields, providers };
        let orders = orders(&results, &|amounts| Some(amounts.total().get())).expect("all are worth something");
        orders.into_iter().find(|order| order.policy == policy).expect("an order")
    }

    #[test]
    fn the_cheap_one_goes_first_and_the_dear_one_only_fills_the_gaps() {
        use ProfileField::{Email, Title};
        let cheap = provider("cheap", &[0, 1, 2, 3, 4], &[Email], 1);
        let dear = provider("dear", &[0, 1, 2, 3, 4, 5, 6, 7], &[Email, Title], 10);
        let order = best(vec![dear.clone(), cheap.clone()], Policy::UntilKnown);
        assert_eq!(
            (order.names(), order.known, order.values, order.cost_micro),
            (vec!["cheap", "dear"], 8, 11, 35_000)
        );
        assert_eq!(order.steps[1], Step { provider: "dear".into(), asked: 5, known: 3, values: 6, cost_micro: 30_000 });
        // Titles are told by the dear one alone: it is asked about all, so that the cheap one is asked in vain.
        let order = best(vec![cheap, dear], Policy::UntilFilled);
        assert_eq!((order.names(), order.values, order.cost_micro), (vec!["dear", "cheap"], 16, 80_000));
    }

    #[test]
    fn an_order_has_no_price_while_a_kind_of_credit_has_no_worth() {
        let results = Results {
            segments: vec![None; 10],
            fields: [ProfileField::Email].into(),
            providers: vec![provider("any", &[0], &[ProfileField::Email], 1)],
        };
        assert!(orders(&results, &|_| None).is_none());
    }

    #[test]
    fn every_order_is_there_once() {
        let mut all = permutations(4);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 24);
    }
}
