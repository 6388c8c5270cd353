//! A few leads in a world, and what has to become of them.

use std::time::Duration;

use leadgate_enrichment::config::OnExhausted;
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::FailReason;

use super::books::{Books, Goods, at_rest, charges_of};
use super::violation::{Findings, Promise};
use leadgate_sandbox::simulators::apollo::Asked;
use leadgate_sandbox::simulators::hubspot::formatted_phone;
use leadgate_sandbox::world::World;

/// What a lead's end has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// In the CRM, with what the provider knows.
    Written,
    /// Not known to the provider.
    Unmatched,
    /// Not known to the provider, which knows where they work: in the CRM with that, if it could be had.
    OfAnEmployer,
    /// Forgotten, because the person asked for it.
    Erased,
}

/// A lead.
#[derive(Debug, Clone)]
pub(super) struct Lead {
    /// The contact.
    pub(super) contact: String,
    /// The address that the provider has of it.
    pub(super) email: String,
    /// What the provider knows it by.
    asked: Asked,
    /// What has to become of it.
    pub(super) end: End,
    /// Whether somebody has typed in a number.
    pub(super) has_typed: bool,
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
/// So does this.
const OWN_NUMBER: &str = "+1 555 0100 (mine)";
/// Where a number stands in the CRM.
const NUMBER: &str = "mobilephone";
/// Where all of them work.
const EMPLOYER: &str = "engine.example";
/// What is waited for arrives within so many turns of the clock, by whichever way.
const TURNS_MAX: usize = 5;
/// What was asked for by a call whose outcome is unknown is held for a day.
const LAST_TURN: Duration = Duration::from_secs(25 * 60 * 60);
/// Long enough for the sweeper to find a hold, and for what has arrived to be asked after once more.
const TURN: Duration = Duration::from_secs(21 * 60);
/// More billing cycles than any scene needs to pay for all its leads.
const CYCLES_MAX: usize = 6;
/// HubSpot tries so often.
const DELIVERIES_MAX: usize = 11;
/// What the provider's own pool is filled with at each cycle: more than is asked for.
pub(super) const POOL_MILLI: i64 = 1_000_000;

impl Scene {
    /// A world without leads.
    pub(super) fn of(world: World) -> Self {
        Self { world, leads: Vec::new() }
    }

    /// One more, told to nobody yet. No provider knows those that `known` says no to.
    pub(super) fn lead(&mut self, known: bool) {
        let providers: Vec<&str> = self.world.tenants_providers().iter().map(|(name, _)| *name).collect();
        self.lead_unknown_to(if known { &[] } else { &providers });
    }

    /// The same, of somebody whom these providers don't know.
    pub(super) fn lead_unknown_to(&mut self, providers: &[&str]) {
        let number = self.leads.len();
        let email = format!("first{number}.last{number}@{EMPLOYER}");
        providers.iter().for_each(|name| self.world.provider_named(name).forget(&email));
        let known = providers.len() < self.world.tenants_providers().len();
        let mut properties = vec![("email", email.clone())];
        if number == 0 {
            properties.push(("city", OWN_CITY.to_owned()));
        }
        let end = if known { End::Written } else { End::Unmatched };
        let contact = self.world.hubspot.create_contact(properties);
        self.leads.push(Lead { contact, asked: Asked::email(&email), email, end, has_typed: false });
    }

    /// One more, of the same name at the same company as all others that this gives. HubSpot has each address once, but
    /// whoever filled in a form without one may be there twice.
    pub(super) fn namesake(&mut self) {
        let name = [("firstname", "Ada"), ("lastname", "Lovelace"), ("company", "Engine")];
        let [first_name, last_name, organization_name] = name.map(|(_, value)| Some(value.to_owned()));
        let asked = Asked { first_name, last_name, organization_name, ..Asked::default() };
        let email = self.world.apollo.whom(&asked).and_then(|person| person.email).unwrap_or_default();
        let mut properties = name.to_vec();
        if self.leads.is_empty() {
            properties.push(("city", OWN_CITY));
        }
        let contact = self.world.hubspot.create_contact(properties);
        self.leads.push(Lead { contact, asked, email, end: End::Written, has_typed: false });
    }

    /// Somebody types in a number.
    pub(super) fn type_number(&mut self, lead: usize) {
        let lead = &mut self.leads[lead];
        self.world.hubspot.edit(&lead.contact, NUMBER, OWN_NUMBER);
        lead.has_typed = true;
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
            // What is held longer than that is held by nobody: that no new cycle will change.
            let held = self.wait_for_what_is_held().await?;
            if held || world.states(&contacts).await?.count(StateName::Deferred) == 0 {
                break;
            }
            world.next_cycle(POOL_MILLI).await;
        }
        // The echoes of what was written.
        self.deliver_all().await;
        world.settle_down(1).await;
        Ok(())
    }

    /// Lets time pass until nothing is held any more. Whether something still is.
    async fn wait_for_what_is_held(&self) -> Result<bool, leadgate_aws::error::StoreError> {
        let world = &self.world;
        for turn in 1..=TURNS_MAX {
            if world.credits.open_holds(world.tenant_id()).await?.is_empty() {
                return Ok(false);
            }
            world.clock.turn(if turn < TURNS_MAX { TURN } else { LAST_TURN });
            world.settle_down(1).await;
        }
        Ok(!world.credits.open_holds(world.tenant_id()).await?.is_empty())
    }

    /// Checks that each lead came to its end, with the right values, paid for once, and that the books agree.
    pub(super) async fn check(&self) -> Books {
        let mut books = at_rest(&self.world).await;
        for lead in &self.leads {
            let mut findings = Findings::default();
            self.check_lead(lead, &books, &mut findings).await;
            books.findings.extend(findings);
            let degrading = self.world.tenant().on_exhausted == OnExhausted::Degrade;
            books.charged_once(degrading, &self.world, &lead.contact, std::slice::from_ref(&lead.email));
        }
        books.employer_charged_once(&self.world, EMPLOYER);
        books
    }

    async fn check_lead(&self, lead: &Lead, books: &Books, findings: &mut Findings) {
        let Lead { contact, email, end, .. } = lead;
        let Some(record) = self.world.record(contact).await else {
            return findings.note(Promise::Leads, format!("contact {contact} is lost: there is no record of it"));
        };
        let unknowns = books.lines_of(Goods::People, contact).unknowns;
        let given_up = record.state == State::Failed { reason: FailReason::OutcomeUnknown };
        let ended = match end {
            End::Written => record.state.is_written() || (given_up && unknowns >= 2),
            End::Unmatched => record.state.is_unmatched() || (given_up && unknowns >= 2),
            End::OfAnEmployer => {
                matches!(record.state, State::Written | State::Unmatched) || (given_up && unknowns >= 2)
            }
            End::Erased => record.erased_at.is_some() && record.patch.is_empty() && record.written.is_empty(),
        };
        findings.check(ended, Promise::Leads, || {
            format!("contact {contact} stands at {:?}, after {unknowns} unknown outcomes, not at {end:?}", record.state)
        });
        let waits = record.awaited.is_some() || record.owed.is_some();
        findings
            .check(!waits, Promise::Leads, || format!("contact {contact} waits for a number that nobody looks for"));
        if *end != End::Written || given_up {
            return;
        }
        let charged = charges_of(&self.world, email);
        findings.check(charged >= 1, Promise::Order, || format!("contact {contact} was written and never charged"));
        self.check_values(lead, findings);
    }

    fn check_values(&self, lead: &Lead, findings: &mut Findings) {
        let Lead { contact, email, asked, has_typed, .. } = lead;
        let Some(there) = self.world.hubspot.contact(contact) else { return };
        let others = || self.world.tenants_providers().iter().find_map(|(_, provider)| provider.whom(email));
        let Some(person) = self.world.apollo.whom(asked).or_else(others) else { return };
        let title = there.value("jobtitle");
        findings.check(title == Some(person.title.as_str()), Promise::Crm, || {
            format!("contact {contact} has the job title {title:?}, the provider says {:?}", person.title)
        });
        let city = if lead.contact == self.leads[0].contact { OWN_CITY } else { person.city.as_str() };
        findings.check(there.value("city") == Some(city), Promise::Crm, || {
            format!("contact {contact} has the city {:?}, not {city:?}", there.value("city"))
        });
        let wants_number = self.world.tenant().fields.iter().any(|field| field.property == NUMBER);
        let found = person.mobile.map(|mobile| formatted_phone(&mobile.number)).filter(|_| wants_number);
        let number = if *has_typed { Some(OWN_NUMBER) } else { found.as_deref() };
        findings.check(there.value(NUMBER) == number, Promise::Crm, || {
            format!("contact {contact} has the number {:?}, not {number:?}", there.value(NUMBER))
        });
    }
}
