//! Where a request comes from, and what that means for its turn.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::provider::limits::Share;

/// Where a request comes from. Earlier ones go first when credits are short.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Source {
    /// A new record: a lead is waiting.
    #[default]
    NewLead,
    /// A changed record.
    Change,
    /// One of many records that an operator has chosen: nobody waits for it.
    Bulk,
    /// A person whom the CRM didn't have when a signal told of them.
    Signal,
    /// A person whom a nightly search has found: nobody has asked for them.
    Tam,
}

impl Source {
    /// All of them, those that go first at first.
    pub const ALL: [Self; 5] = [Self::NewLead, Self::Change, Self::Bulk, Self::Signal, Self::Tam];

    /// The word for it in keys and configuration.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Whether it is a new record.
    pub fn is_new_lead(&self) -> bool {
        *self == Self::NewLead
    }

    /// Whether it has to leave a floor of credits for what is more urgent.
    pub fn leaves_floor(self) -> bool {
        self != Self::NewLead
    }

    /// How much of a provider's limits a request from it may use.
    pub fn share(self) -> Share {
        if self.leaves_floor() { Share::Low } else { Share::Full }
    }

    /// The first character of a deferral's place in the line.
    pub fn rank(self) -> u8 {
        match self {
            Self::NewLead => 1,
            Self::Change => 2,
            Self::Bulk => 3,
            Self::Signal => 4,
            Self::Tam => 5,
        }
    }
}
