//! The small worlds that are searched.

use std::fmt;

/// When the provider charges for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charging {
    /// When it has found one.
    Found,
    /// When it is asked.
    Asked,
}

/// What there is in a world, and how often what may go wrong in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// Records, with a request for each: at most two.
    pub records: u8,
    /// Workers: at most two.
    pub workers: u8,
    /// How often a worker dies.
    pub crashes: u8,
    /// How often the queue shows a message again.
    pub duplicates: u8,
    /// How often the answer to a hold, a settlement or a void is lost.
    pub lost_acknowledgements: u8,
    /// How often the provider's answer is lost, or a call that never reaches it.
    pub lost_answers: u8,
    /// How often a call is throttled.
    pub refusals: u8,
    /// How often a billing cycle ends: at most twice.
    pub turns: u8,
    /// What is granted for a cycle, by us and by the provider.
    pub grant: i8,
    /// Whether numbers are bought, too.
    pub numbers: bool,
    /// When the provider charges for them.
    pub charging: Charging,
    /// The records whose person the provider knows, a bit for each.
    pub has_person: u8,
    /// The records for which it finds a number.
    pub has_number: u8,
}

/// One lead with a number, two workers, and a cycle that ends: one of them may die, and one message is shown twice.
const ONE: World = World {
    records: 1,
    workers: 2,
    crashes: 1,
    duplicates: 1,
    lost_acknowledgements: 0,
    lost_answers: 0,
    refusals: 0,
    turns: 1,
    grant: 4,
    numbers: true,
    charging: Charging::Found,
    has_person: 0b11,
    has_number: 0b11,
};

/// The same without a message that is shown twice.
const PLAIN: World = World { duplicates: 0, ..ONE };

/// Two leads, which may be bought together.
const TWO: World = World { records: 2, workers: 1, ..PLAIN };

/// Everything that may be lost without a crash.
const LOSSES: World = World { crashes: 0, lost_acknowledgements: 1, lost_answers: 1, refusals: 1, ..PLAIN };

impl World {
    /// Searched in seconds, also without optimization: those that are soonest done come first.
    pub const SMALL: [Self; 8] = [
        Self { crashes: 0, lost_acknowledgements: 1, turns: 0, ..ONE },
        Self { crashes: 0, grant: 2, ..TWO },
        Self { records: 2, numbers: false, grant: 1, has_person: 0b01, ..PLAIN },
        Self { turns: 0, ..ONE },
        Self { charging: Charging::Asked, has_number: 0, ..PLAIN },
        Self { turns: 0, grant: 3, ..TWO },
        Self { workers: 1, refusals: 0, ..LOSSES },
        PLAIN,
    ];

    /// Searched in half a minute, with optimization.
    pub const LARGE: [Self; 16] = [
        ONE,
        LOSSES,
        Self { crashes: 2, ..PLAIN },
        Self { lost_acknowledgements: 1, ..PLAIN },
        Self { workers: 1, lost_acknowledgements: 1, refusals: 1, ..ONE },
        Self { charging: Charging::Asked, has_number: 0, lost_answers: 1, refusals: 1, ..PLAIN },
        Self { crashes: 0, turns: 2, ..ONE },
        Self { workers: 1, turns: 2, ..ONE },
        Self { has_number: 0b01, ..TWO },
        Self { has_person: 0b01, ..TWO },
        Self { charging: Charging::Asked, has_number: 0b01, grant: 3, ..TWO },
        Self { crashes: 0, turns: 2, grant: 2, ..TWO },
        Self { workers: 2, crashes: 0, grant: 3, ..TWO },
        Self { workers: 2, turns: 0, ..TWO },
        Self { workers: 2, crashes: 2, duplicates: 1, numbers: false, turns: 0, grant: 3, has_person: 0b01, ..TWO },
        Self { workers: 2, duplicates: 1, lost_acknowledgements: 1, numbers: false, grant: 2, ..TWO },
    ];
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, workers, crashes, duplicates, lost_acknowledgements, lost_answers, .. } = self;
        write!(f, "records {records}, workers {workers}, crashes {crashes}, duplicates {duplicates}, ")?;
        write!(f, "lost acknowledgements {lost_acknowledgements}, lost answers {lost_answers}, ")?;
        write!(f, "refusals {}, ends of a cycle {}, credits in each {}", self.refusals, self.turns, self.grant)?;
        match (self.numbers, self.charging) {
            (false, _) => Ok(()),
            (true, Charging::Found) => f.write_str(", numbers charged for when found"),
            (true, Charging::Asked) => f.write_str(", numbers charged for when asked"),
        }
    }
}
