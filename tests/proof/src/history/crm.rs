//! Which CRM a history is played with.
//!
//! Some of what histories have is only there with HubSpot: windows that a lead is given up in are told by what HubSpot says
//! of an event, refusals are in its words, and crowds and neighbours are its contacts. The others are drawn where there is
//! none of that.

use fastrand::Rng;
use leadgate_sandbox::simulators::salesforce::Road;
use leadgate_sandbox::world::{Settings, World};

use super::plan::Limits;
use super::wide::Wide;

/// A CRM, and how it tells of what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crm {
    HubSpot,
    Salesforce(Road),
    Pipedrive,
    Attio,
    Close,
    Zoho,
}

/// Those beside HubSpot.
const OTHERS: [Crm; 7] = [
    Crm::Salesforce(Road::OutboundMessages),
    Crm::Salesforce(Road::Callouts),
    Crm::Salesforce(Road::ChangeEvents),
    Crm::Pipedrive,
    Crm::Attio,
    Crm::Close,
    Crm::Zoho,
];
/// Of the histories that can have another, one in so many has HubSpot.
const HUBSPOT_ONE_IN: u8 = 3;

impl Crm {
    /// Not with the chance that everything else comes from, so that a history with HubSpot is what it was without this.
    pub(super) fn made_up(seed: u64, wide: Wide) -> Self {
        let mut rng = Rng::with_seed(seed.rotate_left(16) ^ 0xc4);
        let needs_hubspot =
            wide.windows.is_some() || wide.rejects || wide.neighbour || wide.crowd > 0 || wide.changes || wide.outages;
        if needs_hubspot || rng.u8(..HUBSPOT_ONE_IN) == 0 {
            return Self::HubSpot;
        }
        OTHERS[rng.usize(..OTHERS.len())]
    }

    /// What is served.
    pub(super) fn served(self, settings: Settings) -> Settings {
        match self {
            Self::HubSpot => settings,
            Self::Salesforce(Road::ChangeEvents) => settings.with_change_events(),
            Self::Salesforce(road) => Settings { road, ..settings.with_salesforce() },
            Self::Pipedrive => settings.with_pipedrive(),
            Self::Attio => settings.with_attio(),
            Self::Close => settings.with_close(),
            Self::Zoho => settings.with_zoho(),
        }
    }

    /// Some of what it tells is told twice.
    pub(super) fn telling_twice(self, mut settings: Settings, seed: u64) -> Settings {
        const SHARE: f64 = 0.25;
        (settings.hubspot.duplicate_share, settings.hubspot.seed) = (SHARE, seed);
        (settings.salesforce.duplicate_share, settings.salesforce.seed) = (SHARE, seed);
        (settings.pipedrive.duplicate_share, settings.pipedrive.seed) = (SHARE, seed);
        (settings.attio.duplicate_share, settings.attio.seed) = (SHARE, seed);
        (settings.close.duplicate_share, settings.close.seed) = (SHARE, seed);
        (settings.zoho.duplicate_share, settings.zoho.seed) = (SHARE, seed);
        settings
    }

    /// Owners are HubSpot's.
    pub(super) fn limits(self, limits: Limits) -> Limits {
        match self {
            Self::HubSpot => limits,
            _ => Limits { per_owner: None, ..limits },
        }
    }

    /// Puts the calls to the vendors on the wire again, after something else decided over them.
    pub(super) fn tap(world: &World) {
        world.wire.tap(&world.hubspot, &world.apollo);
        world.wire.tap_vendor(world.crm().faults());
    }
}
