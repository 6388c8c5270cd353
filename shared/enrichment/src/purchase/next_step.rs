//! Which step of the waterfall is next for a record.

use std::collections::BTreeSet;

use crate::config::{Step, Tenant, Waterfall};
use crate::ids::ProviderName;
use crate::lead::record::{AskedOf, Candidate, Said};
use crate::person::{Identity, ProfileField};

/// What one provider is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its step's place in the waterfall.
    pub step: usize,
    /// Who is asked.
    pub provider: ProviderName,
    /// What is wanted.
    pub fields: BTreeSet<ProfileField>,
    /// Of that, what has an order of its own.
    pub ordered: BTreeSet<ProfileField>,
    /// Set where it is asked to check this address, and nothing else.
    pub checks: Option<String>,
}

/// What there is to go by.
#[derive(Debug, Clone)]
pub struct Position<'a> {
    /// The steps that it goes through.
    pub waterfall: &'a Waterfall,
    /// An address that is to be checked before anything else is asked.
    pub candidate: Option<&'a Candidate>,
    /// What was asked before, and still holds.
    pub asked: Vec<&'a AskedOf>,
    /// Some provider knows the person.
    pub is_known: bool,
    /// What is missing.
    pub missing: &'a BTreeSet<ProfileField>,
    /// Whose steps are left out this time.
    pub skipped: &'a BTreeSet<ProviderName>,
    /// Something is on its way. Nothing more is asked for that arrives later until it is there.
    pub awaits: bool,
}

impl Position<'_> {
    /// The next step that can tell something which is missing. What has no order of its own is a reason to ask only while no
    /// provider knows the person.
    pub fn next(&self, tenant: &Tenant, identity: &Identity) -> Option<Ask> {
        if let Some(check) = self.check(tenant) {
            return Some(check);
        }
        let ordered = self.waterfall.fields();
        let is_known = self.is_known || self.asked.iter().any(|asked| asked.said == Said::Hit);
        let ask = |(place, step): (usize, &Step)| {
            let provider = tenant.provider_named(step.provider.as_str())?;
            if self.skipped.contains(&step.provider) || !tenant.can_ask(provider, identity) {
                return None;
            }
            let asked: Vec<_> = self.asked.iter().filter(|asked| asked.provider == step.provider).collect();
            let is_later = |field: &ProfileField| self.awaits && provider.asynchronous.contains_key(field);
            let is_told = |field: &&ProfileField| (provider.vendor.tells)(**field) && !is_later(field);
            let was_asked = |field: &&ProfileField| {
                let knows_nobody = asked.iter().any(|asked| asked.said != Said::Hit);
                knows_nobody || asked.iter().any(|asked| asked.fields.contains(*field))
            };
            let missing = || self.missing.iter().filter(is_told);
            let own = missing().filter(|field| step.fields.contains(*field) && !was_asked(field));
            let own: BTreeSet<ProfileField> = own.copied().collect();
            let comes_along = missing().filter(|field| !ordered.contains(*field));
            let comes_along: BTreeSet<ProfileField> = match step.person && !is_known && asked.is_empty() {
                true => comes_along.copied().collect(),
                false => BTreeSet::new(),
            };
            let fields: BTreeSet<ProfileField> = own.union(&comes_along).copied().collect();
            let provider = step.provider.clone();
            (!fields.is_empty()).then_some(Ask { step: place, provider, fields, ordered: own, checks: None })
        };
        self.waterfall.steps.iter().enumerate().find_map(ask)
    }

    /// Asking whether an address that was bought works, as long as it is missing.
    fn check(&self, tenant: &Tenant) -> Option<Ask> {
        let candidate = self.candidate.filter(|_| self.missing.contains(&ProfileField::Email))?;
        let verifier = self.waterfall.verifier.as_ref()?;
        tenant.provider_named(verifier.as_str())?;
        let (provider, checks) = (verifier.clone(), Some(candidate.address.clone()));
        Some(Ask { step: 0, provider, fields: [ProfileField::Email].into(), ordered: BTreeSet::new(), checks })
    }
}
