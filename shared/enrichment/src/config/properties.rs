//! Which properties of the CRM a configuration names.

use std::collections::BTreeSet;

use super::{RecordKind, Tenant};
use crate::crm::schema::{Named, ValueKind};

impl Tenant {
    /// Every property that the configuration names, with what is written into it.
    pub fn named_properties(&self) -> Vec<Named> {
        let (path, of_crm) = match self.kind {
            RecordKind::Person => (format!("tenants.{}", self.id), "crm."),
            RecordKind::Company => (format!("tenants.{}.companies", self.id), ""),
        };
        let named = |place: String, property: &str, writes: Option<ValueKind>, is_ours: bool| Named {
            path: format!("{path}.{place}"),
            property: property.to_owned(),
            writes,
            is_ours,
        };
        let fields = self.fields.iter().filter(|field| field.is_mapped()).map(|field| {
            let writes = if field.from.is_amount() { ValueKind::Number } else { ValueKind::Text };
            named(format!("fields.{}", field.property), &field.property, Some(writes), false)
        });
        let crm = &self.crm;
        let ours = [
            ("last_enriched_property", &crm.last_enriched_property, ValueKind::Instant),
            ("source_property", &crm.source_property, ValueKind::Text),
            ("candidate_property", &crm.candidate_property, ValueKind::Text),
        ];
        let ours = ours.into_iter().filter_map(|(key, property, writes)| {
            Some(named(format!("{of_crm}{key}"), property.as_deref()?, Some(writes), true))
        });
        let identity = self.identity.known_names();
        let identity = identity.map(|property| named(format!("identity ({property})"), property, None, false));
        let changes = crm.enrich_on_change.iter();
        let changes = changes.map(|property| named(format!("{of_crm}enrich_on_change"), property, None, false));
        let owner = self.caps.is_per_owner().then_some(&crm.owner_property);
        let owner = owner.map(|property| named(format!("{of_crm}owner_property"), property, None, false));
        let signals = self.signals.as_ref();
        let enrolled = signals.and_then(|signals| signals.enrolled_property.as_deref());
        let enrolled = enrolled
            .map(|property| named("signals.enrolled_property".to_owned(), property, Some(ValueKind::Text), true));
        let kept_out = signals.into_iter().flat_map(|signals| &signals.do_not_contact);
        let kept_out = kept_out.map(|property| named("signals.do_not_contact".to_owned(), property, None, false));
        let routed = self.routed_by();
        let routed =
            routed.map(|(route, property)| named(format!("waterfall.routes[{route}].when"), property, None, false));
        let all = fields.chain(ours).chain(identity).chain(changes).chain(owner);
        let mut all: Vec<Named> = all.chain(enrolled).chain(kept_out).chain(routed).collect();
        // What is named twice is said once.
        let mut seen = BTreeSet::new();
        all.retain(|named| seen.insert(named.property.clone()));
        all
    }

    /// Every property that the worker reads from the CRM.
    pub fn properties(&self) -> Vec<&str> {
        let identity = self.identity.known_names();
        let fields = self.fields.iter().map(|field| field.property.as_str());
        let owner = self.caps.is_per_owner().then_some(self.crm.owner_property.as_str());
        let routes = self.routed_by().map(|(_, property)| property);
        let own = [&self.crm.last_enriched_property, &self.crm.candidate_property];
        let own = own.into_iter().filter_map(Option::as_deref).chain(owner).chain(routes);
        let requesting = self.signals.as_ref().filter(|signals| signals.may_request());
        let do_not_contact = requesting.into_iter().flat_map(|signals| &signals.do_not_contact).map(String::as_str);
        let mut names: Vec<&str> = identity.chain(fields).chain(own).chain(do_not_contact).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
