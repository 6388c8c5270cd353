//! Which CRM a history is played with.
//!
//! Some of what histories have is only there with HubSpot: windows that a lead is given up in are told by what HubSpot says
//! of an event, refusals are in its words, and crowds and neighbours are its contacts. The others are drawn where there is
//! none of that.

use std::fmt::{self, Debug, Formatter};

use fastrand::Rng;
use leadgate_sandbox::world::{EVERY_CRM, Settings, World};

use super::plan::Limits;
use super::wide::Wide;

/// A CRM, and how it tells of what happens: a row of [`EVERY_CRM`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Crm(usize);

/// Of the histories that can have another, one in so many has HubSpot.
const HUBSPOT_ONE_IN: u8 = 3;

impl Crm {
    /// The first of the rows.
    pub(super) const HUBSPOT: Self = Self(0);

    /// Not with the chance that everything else comes from, so that a history with HubSpot is what it was without this.
    pub(super) fn made_up(seed: u64, wide: Wide) -> Self {
        let mut rng = Rng::with_seed(seed.rotate_left(16) ^ 0xc4);
        let needs_hubspot = wide.windows.is_some()
            || wide.rejects
            || wide.neighbour
            || wide.crowd > 0
            || wide.changes
            || wide.outages
            || wide.nights
            || wide.signals
            || wide.companies;
        if needs_hubspot || rng.u8(..HUBSPOT_ONE_IN) == 0 {
            return Self::HUBSPOT;
        }
        Self(rng.usize(Self::HUBSPOT.0 + 1..EVERY_CRM.len()))
    }

    /// What is served. Some of what it tells is told twice.
    pub(super) fn served(self, settings: Settings) -> Settings {
        const SHARE: f64 = 0.25;
        let (_, with) = EVERY_CRM[self.0];
        let seed = settings.seed;
        with(settings).with_duplicate_events(SHARE, seed)
    }

    /// Owners are HubSpot's.
    pub(super) fn limits(self, limits: Limits) -> Limits {
        if self == Self::HUBSPOT { limits } else { Limits { per_owner: None, ..limits } }
    }

    /// Puts the calls to the vendors on the wire again, after something else decided over them.
    pub(super) fn tap(world: &World) {
        world.wire.tap_vendor(world.crm().faults());
        for (_, provider) in world.tenants_providers() {
            world.wire.tap_vendor(provider.faults());
        }
    }
}

impl Debug for Crm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(EVERY_CRM[self.0].0)
    }
}
