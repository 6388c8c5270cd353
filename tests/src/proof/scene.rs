//! A few leads in a world, and what has to become of them.

use leadgate_enrichment::outcome::FailReason;
use leadgate_enrichment::record::State;

use super::books::{Books, at_rest};
use super::violation::{Findings, Promise};
use crate::simulators::apollo::Asked;
use crate::world::World;

/// What a lead's end has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// In the CRM, with what the provider knows.
    Written,
    /// Not known to the provider.
    Unmatched,
    /// Forgotten, because the person asked for it.
    Erased,
}

/// A lead.
#[derive(Debug, Clone)]
pub(super) struct Lead {
    /// The contact.
    pub(super) contact: String,
    /// Its address.
    pub(super) email: String,
    /// What has to become of it.
    pub(super) end: End,
}

/// A world with leads in it.
pub(super) struct Scene {
    /// Where they are.
    pub(super) world: World,
    /// Who they are.
    pub(super) leads: Vec<Lead>,
}

/// What somebody said of themselves. It stays.
const OWN_CITY: &str = "London";
/// More billing cycles than any scene needs to pay for all its leads.
const CYCLES_MAX: usize = 6;
/// HubSpot tries so often.
const DELIVERIES_MAX: usize = 11;
/// What the provider's own pool is filled with at each cycle: more than is asked for.
const POOL_MILLI: i64 = 1_000_000;

impl Scene {
    /// A world without leads.
    pub(super) fn of(world: World) -> Self {
        Self { world, leads: Vec::new() }
    }

    /// So many more, told to nobody yet. The provider doesn't know those that `known` says no to.
    pub(super) fn lead(&mut self, known: bool) {
        let number = self.leads.len();
        let email = format!("first{number}.last{number}@engine.example");
        if !known {
            self.world.apollo.forget(&email);
        }
        let mut properties = vec![("email", email.clone())];
        if number == 0 {
            properties.push(("city", OWN_CITY.to_owned()));
        }
        let end = if known { End::Written } else { End::Unmatched };
        self.leads.push(Lead { contact: self.world.hubspot.create_contact(properties), email, end });
    }

    /// HubSpot delivers, again and again, until it has nothing left to tell.
    pub(super) async fn deliver_all(&self) {
        for _ in 0..DELIVERIES_MAX {
            if self.world.hubspot.deliver().await.deliveries == 0 {
                return;
            }
        }
    }

    /// Everything goes well from now on, and goes on until nobody has to wait any more.
    pub(super) async fn finish(&self) -> Result<(), leadgate_aws::error::StoreError> {
        let world = &self.world;
        self.deliver_all().await;
        let contacts: Vec<String> = self.leads.iter().map(|lead| lead.contact.clone()).collect();
        for _ in 0..CYCLES_MAX {
            world.settle_down(1).await;
            let open = !world.credits.open_holds(world.tenant_id()).await?.is_empty();
            if !open && world.states(&contacts).await?.count(State::Deferred) == 0 {
                break;
            }
            world.next_cycle(POOL_MILLI).await;
        }
        // The echoes of what was written.
        self.deliver_all().await;
        world.settle_down(1).await;
        Ok(())
    }

    /// Checks that each lead came to its end, with the right values, paid for once, and that the books agree.
    pub(super) async fn check(&self) -> Books {
        let mut books = at_rest(&self.world).await;
        for lead in &self.leads {
            let mut findings = Findings::default();
            self.check_lead(lead, &books, &mut findings).await;
            books.findings.extend(findings);
            books.charged_once(&self.world, &lead.contact, std::slice::from_ref(&lead.email));
        }
        books
    }

    async fn check_lead(&self, lead: &Lead, books: &Books, findings: &mut Findings) {
        let Lead { contact, email, end } = lead;
        let Some(record) = self.world.record(contact).await else {
            return findings.note(Promise::Leads, format!("contact {contact} is lost: there is no record of it"));
        };
        let unknowns = books.lines.get(contact).map_or(0, |lines| lines.unknowns);
        let given_up = record.state == State::Failed && record.failed == Some(FailReason::OutcomeUnknown);
        let ended = match end {
            End::Written => record.state == State::Written || (given_up && unknowns >= 2),
            End::Unmatched => record.state == State::Unmatched || (given_up && unknowns >= 2),
            End::Erased => record.erased_at.is_some() && record.patch.is_empty(),
        };
        findings.check(ended, Promise::Leads, || {
            format!("contact {contact} stands at {:?}, after {unknowns} unknown outcomes, not at {end:?}", record.state)
        });
        if *end != End::Written || given_up {
            return;
        }
        let charged = self.world.apollo.charges_of(email);
        findings.check(charged >= 1, Promise::Order, || format!("contact {contact} was written and never charged"));
        self.check_values(lead, findings);
    }

    fn check_values(&self, lead: &Lead, findings: &mut Findings) {
        let Lead { contact, email, .. } = lead;
        let Some(there) = self.world.hubspot.contact(contact) else { return };
        let Some(person) = self.world.apollo.whom(&Asked::email(email)) else { return };
        let title = there.value("jobtitle");
        findings.check(title == Some(person.title.as_str()), Promise::Crm, || {
            format!("contact {contact} has the job title {title:?}, the provider says {:?}", person.title)
        });
        let city = if lead.contact == self.leads[0].contact { OWN_CITY } else { person.city.as_str() };
        findings.check(there.value("city") == Some(city), Promise::Crm, || {
            format!("contact {contact} has the city {:?}, not {city:?}", there.value("city"))
        });
    }
}
