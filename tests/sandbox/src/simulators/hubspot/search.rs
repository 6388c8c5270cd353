//! Searching contacts: groups of filters, of which one must fit as a whole.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::{Value, json};

use super::contacts::Contact;
use super::portal::Portal;
use super::records::count;
use super::schema::read_instant;
use super::wire::{self, Wanted};
use crate::simulators::exchange::{Answer, Call};

/// The most contacts on a page.
const PAGE_MAX: usize = 200;

/// How many contacts a page has when nothing is said.
const PAGE_DEFAULT: usize = 10;

/// How far into the results a search gets.
const RESULTS_MAX: usize = 10_000;

/// Where the free text of a search is looked for.
const SEARCHED_PROPERTIES: [&str; 5] = ["firstname", "lastname", "email", "phone", "company"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchBody {
    #[serde(default)]
    filter_groups: Vec<FilterGroup>,
    #[serde(default)]
    sorts: Vec<Sort>,
    #[serde(default)]
    properties: Vec<String>,
    query: Option<String>,
    limit: Option<usize>,
    after: Option<Value>,
}

#[derive(Deserialize)]
struct FilterGroup {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: Operator,
    #[serde(default)]
    value: String,
    #[serde(default)]
    high_value: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sort {
    property_name: String,
    #[serde(default)]
    direction: Direction,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Direction {
    #[default]
    Ascending,
    Descending,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    HasProperty,
    NotHasProperty,
    ContainsToken,
    NotContainsToken,
}

impl Portal {
    pub(super) fn search(&mut self, call: &Call) -> Answer {
        let body: SearchBody = match self.body(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let limit = body.limit.unwrap_or(PAGE_DEFAULT);
        let after = match &body.after {
            None | Some(Value::Null) => Some(0),
            Some(Value::String(after)) if after.is_empty() => Some(0),
            Some(Value::String(after)) => after.parse().ok(),
            Some(after) => after.as_u64().and_then(|after| usize::try_from(after).ok()),
        };
        let Some(after) = after.filter(|after| limit <= PAGE_MAX && after.saturating_add(limit) <= RESULTS_MAX) else {
            let message = format!("A page has at most {PAGE_MAX} results, and a search at most {RESULTS_MAX}");
            return self.error(400, "VALIDATION_ERROR", &message);
        };
        let unknown = body.filter_groups.iter().flat_map(|group| &group.filters).map(|filter| &filter.property_name);
        if let Some(name) = unknown.into_iter().find(|name| !self.exists(name)).cloned() {
            return self.error(400, "VALIDATION_ERROR", &format!("Property \"{name}\" does not exist"));
        }
        let mut found: Vec<&Contact> = self.contacts.all(false).filter(|contact| body.fits(contact)).collect();
        found.sort_by(|one, other| body.order(one, other));
        let wanted = Wanted { properties: body.properties, ..Wanted::default() };
        let page = found.iter().skip(after).take(limit);
        let results: Vec<Value> = page.map(|it| wire::contact(it, &wanted, |name| self.exists(name))).collect();
        let mut answer = json!({ "total": found.len(), "results": results });
        if after + limit < found.len() {
            answer["paging"] = json!({ "next": { "after": (after + limit).to_string() } });
        }
        self.counters.records_read += count(results.len());
        Answer::json(200, &answer)
    }
}

impl SearchBody {
    fn fits(&self, contact: &Contact) -> bool {
        let groups = &self.filter_groups;
        let fits_filters =
            groups.is_empty() || groups.iter().any(|group| group.filters.iter().all(|it| it.fits(contact)));
        let fits_query = self.query.as_deref().is_none_or(|query| {
            let query = query.to_lowercase();
            let values = SEARCHED_PROPERTIES.iter().filter_map(|name| contact.value(name));
            values.map(str::to_lowercase).any(|value| value.contains(&query))
        });
        fits_filters && fits_query
    }

    /// By the sorts, or by the id when there are none.
    fn order(&self, one: &Contact, other: &Contact) -> Ordering {
        let by_sorts = self.sorts.iter().map(|sort| {
            let (a, b) = (one.shown(&sort.property_name), other.shown(&sort.property_name));
            let order = compare(a.as_deref().unwrap_or_default(), b.as_deref().unwrap_or_default());
            if sort.direction == Direction::Descending { order.reverse() } else { order }
        });
        by_sorts.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| one.number().cmp(&other.number()))
    }
}

impl Filter {
    fn fits(&self, contact: &Contact) -> bool {
        let held = contact.shown(&self.property_name);
        let Some(held) = held.as_deref() else {
            return matches!(
                self.operator,
                Operator::NotHasProperty | Operator::Neq | Operator::NotIn | Operator::NotContainsToken
            );
        };
        let order = || compare(held, &self.value);
        let is_listed = || self.values.iter().any(|value| compare(held, value).is_eq());
        match self.operator {
            Operator::HasProperty => true,
            Operator::NotHasProperty => false,
            Operator::Eq => order().is_eq(),
            Operator::Neq => order().is_ne(),
            Operator::Lt => order().is_lt(),
            Operator::Lte => order().is_le(),
            Operator::Gt => order().is_gt(),
            Operator::Gte => order().is_ge(),
            Operator::Between => order().is_ge() && compare(held, &self.high_value).is_le(),
            Operator::In => is_listed(),
            Operator::NotIn => !is_listed(),
            Operator::ContainsToken => has_token(held, &self.value),
            Operator::NotContainsToken => !has_token(held, &self.value),
        }
    }
}

/// As numbers or as instants where both are, and else as text without regard to case.
fn compare(one: &str, other: &str) -> Ordering {
    if let (Ok(one), Ok(other)) = (one.parse::<f64>(), other.parse::<f64>()) {
        return one.total_cmp(&other);
    }
    if let (Some(one), Some(other)) = (read_instant(one), read_instant(other)) {
        return one.cmp(&other);
    }
    one.to_lowercase().cmp(&other.to_lowercase())
}

/// Whether one of the words is this one. A star at either end of it stands for anything.
fn has_token(held: &str, token: &str) -> bool {
    let (held, token) = (held.to_lowercase(), token.to_lowercase());
    let core = token.trim_matches('*');
    let words = held.split(|c: char| !c.is_alphanumeric()).chain([held.as_str()]);
    words.into_iter().any(|word| match (token.starts_with('*'), token.ends_with('*')) {
        (true, true) => word.contains(core),
        (true, false) => word.ends_with(core),
        (false, true) => word.starts_with(core),
        (false, false) => word == core,
    })
}
