//! Waterfalls of their own for some of the records: by what the CRM says of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use strum::VariantNames;

use super::Tenant;
use super::check::Checker;
use super::condition::{Test, Written};
use super::waterfall::{Askable, OnBlocked, Waterfall};
use crate::ids::ProviderName;
use crate::person::{Identity, ProfileField, Properties, value_of};

/// The way that some of the records take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// All of these hold of a record that takes it.
    when: Vec<RouteCondition>,
    /// Who is asked for what about such a record.
    pub waterfall: Waterfall,
}

/// What has to hold of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RouteCondition {
    /// This is known of the person.
    Has(Known),
    /// It isn't.
    Lacks(Known),
    /// A property of the CRM's, which has a value.
    Value { property: String, test: Test },
    /// A property of the CRM's, and whether it has none.
    Blank { property: String, is_blank: bool },
}

/// What may be known of a person to ask with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(super) enum Known {
    /// An e-mail address.
    Email,
    /// A given name and a family name.
    Name,
    /// The employer's name.
    Company,
    /// The employer's domain: that of the web site, or of an address that isn't one of a public mail service.
    Domain,
    /// A LinkedIn profile.
    LinkedinUrl,
}

impl Known {
    fn is_known(self, identity: &Identity) -> bool {
        match self {
            Self::Email => identity.email.is_some(),
            Self::Name => identity.first_name.is_some() && identity.last_name.is_some(),
            Self::Company => identity.company.is_some(),
            Self::Domain => identity.employer().is_some(),
            Self::LinkedinUrl => identity.linkedin_url.is_some(),
        }
    }
}

impl RouteCondition {
    fn holds(&self, identity: &Identity, properties: &Properties) -> bool {
        match self {
            Self::Has(known) => known.is_known(identity),
            Self::Lacks(known) => !known.is_known(identity),
            Self::Value { property, test } => {
                value_of(properties, property).is_some_and(|value| test.holds(&Value::String(value.to_owned())))
            }
            Self::Blank { property, is_blank } => value_of(properties, property).is_none() == *is_blank,
        }
    }

    fn property(&self) -> Option<&str> {
        match self {
            Self::Value { property, .. } | Self::Blank { property, .. } => Some(property),
            Self::Has(_) | Self::Lacks(_) => None,
        }
    }
}

impl Tenant {
    /// The place of the route that a record takes which says this; none where it goes by the waterfall of all. `identity` and
    /// `properties` are without what we have written ourselves: the answer of its first provider sends no record another way.
    pub fn route_of(&self, identity: &Identity, properties: &Properties) -> Option<usize> {
        let is_of = |route: &Route| route.when.iter().all(|condition| condition.holds(identity, properties));
        self.routes.iter().position(is_of)
    }

    /// Who is asked for what about a record that takes this route.
    pub fn waterfall_of(&self, route: Option<usize>) -> &Waterfall {
        route.and_then(|route| self.routes.get(route)).map_or(&self.waterfall, |route| &route.waterfall)
    }

    /// All ways that records take.
    pub fn waterfalls(&self) -> impl Iterator<Item = &Waterfall> {
        std::iter::once(&self.waterfall).chain(self.routes.iter().map(|route| &route.waterfall))
    }

    /// The properties that routes are chosen by, each with the route's place.
    pub(super) fn routed_by(&self) -> impl Iterator<Item = (usize, &str)> {
        self.routes.iter().enumerate().flat_map(|(place, route)| {
            route.when.iter().filter_map(RouteCondition::property).map(move |property| (place, property))
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RouteTable {
    name: String,
    when: Vec<RouteConditionTable>,
    order: Option<Vec<String>>,
    #[serde(default)]
    fields: BTreeMap<String, Vec<String>>,
    on_exhausted: Option<OnBlocked>,
    on_unavailable: Option<OnBlocked>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RouteConditionTable {
    property: Option<String>,
    one_of: Option<Vec<String>>,
    at_least: Option<i64>,
    at_most: Option<i64>,
    blank: Option<bool>,
    has: Option<Known>,
    lacks: Option<Known>,
}

/// What a route goes by where it says nothing of its own.
pub(super) struct OfAll<'a> {
    pub(super) order: &'a [ProviderName],
    pub(super) fields: &'a BTreeMap<ProfileField, Vec<ProviderName>>,
    pub(super) verifier: Option<&'a ProviderName>,
    pub(super) on_exhausted: OnBlocked,
    pub(super) on_unavailable: OnBlocked,
}

impl Checker<'_> {
    pub(super) fn routes(
        &mut self,
        path: &str,
        tables: Vec<RouteTable>,
        of_all: &OfAll<'_>,
        askable: &Askable<'_>,
    ) -> Vec<Route> {
        let mut names = BTreeSet::new();
        let mut routes = Vec::with_capacity(tables.len());
        for (i, table) in tables.into_iter().enumerate() {
            let path = format!("{path}[{i}]");
            if !names.insert(table.name.clone()) {
                let (found, remedy) = (format!("{:?} again", table.name), "Choose another name for the route.");
                self.problem(&format!("{path}.name"), found, "a name of its own", remedy);
            }
            if table.when.is_empty() {
                let remedy = "Say which records take it. What holds for all is written in `waterfall` itself.";
                self.problem(&format!("{path}.when"), "none", "at least one condition", remedy);
            }
            let mut when = Vec::with_capacity(table.when.len());
            for (i, condition) in table.when.into_iter().enumerate() {
                when.extend(self.route_condition(&format!("{path}.when[{i}]"), condition));
            }
            let order = match table.order {
                Some(order) => self.order(&format!("{path}.order"), order, askable),
                None => of_all.order.to_vec(),
            };
            let mut fields = of_all.fields.clone();
            fields.extend(self.field_orders(&format!("{path}.fields"), table.fields, askable));
            let waterfall = Waterfall {
                steps: askable.steps(&order, fields),
                verifier: of_all.verifier.cloned(),
                on_exhausted: table.on_exhausted.unwrap_or(of_all.on_exhausted),
                on_unavailable: table.on_unavailable.unwrap_or(of_all.on_unavailable),
            };
            routes.push(Route { name: table.name, when, waterfall });
        }
        routes
    }

    fn route_condition(&mut self, path: &str, table: RouteConditionTable) -> Option<RouteCondition> {
        let RouteConditionTable { property, one_of, at_least, at_most, blank, has, lacks } = table;
        let has_test = one_of.is_some() || at_least.is_some() || at_most.is_some();
        match (property, has, lacks, blank) {
            (Some(property), None, None, Some(is_blank)) if !has_test => {
                Some(RouteCondition::Blank { property, is_blank })
            }
            (Some(property), None, None, None) if has_test => {
                let test = self.test(path, Written { one_of, at_least, at_most })?;
                Some(RouteCondition::Value { property, test })
            }
            (None, Some(known), None, None) if !has_test => Some(RouteCondition::Has(known)),
            (None, None, Some(known), None) if !has_test => Some(RouteCondition::Lacks(known)),
            _ => {
                let expected =
                    "a `property` with `one_of`, `at_least`, `at_most` or `blank`, or else `has`, or else `lacks`";
                self.problem(
                    path,
                    "something else",
                    expected,
                    "Write one condition a table: all of them have to hold.",
                );
                None
            }
        }
    }
}
