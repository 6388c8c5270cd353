//! What some histories have that most don't: short windows, slow numbers, a pool that is no larger than the plan, a
//! configuration that changes, and so on. Most have none of it, and the others one or two, so that the common history
//! stays small and what is found can be told apart.

use std::time::Duration;

use fastrand::Rng;
use leadgate_enrichment::clock::days;
use strum::{EnumString, VariantNames};

/// One history in so many has nothing of it.
const PLAIN_ONE_IN: u8 = 2;
/// Of the others, one in so many has a second thing.
const SECOND_ONE_IN: u8 = 4;
/// Of those that may have several providers, so many of so many do: a third of all histories.
const SEVERAL: (u8, u8) = (4, 7);
/// Of the histories with a crowd, one in so many has more than the release looks at in one run.
const VAST_ONE_IN: u32 = 500;
/// Of those that may have companies, one in so many does.
const COMPANIES_ONE_IN: u8 = 6;
/// More than the release looks at in one run.
pub(super) const VAST_CROWD: usize = 4_050;

/// What a history has beside the common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wide {
    /// Set when answers go stale and leads are given up on within days.
    pub(super) windows: Option<Windows>,
    /// Numbers take days, and can't always be polled for.
    pub(super) slow: bool,
    /// The provider has no more than our plan says, and begins its cycles by itself.
    pub(super) exact: bool,
    /// The configuration changes.
    pub(super) changes: bool,
    /// The tables can't be reached for hours, or the CRM turns everybody away.
    pub(super) outages: bool,
    /// So many more are parked.
    pub(super) crowd: usize,
    /// Dozens of leads instead of a handful.
    pub(super) many: bool,
    /// There is a second tenant.
    pub(super) neighbour: bool,
    /// Persons and numbers are paid for in different kinds of credit.
    pub(super) kinds: bool,
    /// The provider gives for nothing whom it has sold before.
    pub(super) free: bool,
    /// The schedule runs while workers are at work.
    pub(super) beside: bool,
    /// The provider's answers are lost again and again.
    pub(super) unlucky: bool,
    /// The CRM refuses what is written.
    pub(super) rejects: bool,
    /// Several providers are asked, one after another.
    pub(super) several: bool,
    /// A list of accounts is built at night.
    pub(super) nights: bool,
    /// An operator asks for all records at once.
    pub(super) bulk: bool,
    /// Signals put leads into a sequence.
    pub(super) signals: bool,
    /// Companies are records themselves.
    pub(super) companies: bool,
}

/// How many days something lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) freshness: u32,
    pub(super) miss: u32,
    pub(super) give_up: u32,
    /// Whether the CRM keeps the date of enrichment as well.
    pub(super) flag: bool,
}

impl Windows {
    /// One of them.
    pub(super) fn one(self, rng: &mut Rng) -> Duration {
        days([self.freshness, self.miss, self.give_up, self.give_up][rng.usize(..4)])
    }

    fn made_up(rng: &mut Rng) -> Self {
        // Some answers outlast the wait of those who were bought in part.
        let freshness = if rng.bool() { rng.u32(1..=3) } else { rng.u32(4..=12) };
        Self { freshness, miss: rng.u32(1..=2), give_up: rng.u32(2..=6), flag: rng.bool() }
    }
}

/// What histories may have beside the common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// None of it.
    Plain,
    /// See `Wide`.
    Windows,
    /// See `Wide`.
    Slow,
    /// See `Wide`.
    Exact,
    /// See `Wide`.
    Changes,
    /// See `Wide`.
    Outages,
    /// See `Wide`.
    Crowd,
    /// With a crowd of thousands.
    Vast,
    /// See `Wide`.
    Many,
    /// See `Wide`.
    Neighbour,
    /// See `Wide`.
    Kinds,
    /// See `Wide`.
    Free,
    /// See `Wide`.
    Beside,
    /// See `Wide`.
    Unlucky,
    /// See `Wide`.
    Rejects,
    /// See `Wide`.
    Several,
    /// See `Wide`.
    Nights,
    /// See `Wide`.
    Bulk,
    /// See `Wide`.
    Signals,
    /// See `Wide`.
    Companies,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Plain,
        Self::Windows,
        Self::Slow,
        Self::Exact,
        Self::Changes,
        Self::Outages,
        Self::Crowd,
        Self::Many,
        Self::Neighbour,
        Self::Kinds,
        Self::Free,
        Self::Beside,
        Self::Unlucky,
        Self::Rejects,
        Self::Several,
        Self::Nights,
        Self::Bulk,
        Self::Signals,
        Self::Companies,
    ];

    /// The seeds of such histories, from this one on.
    pub fn seeds(self, from: u64) -> impl Iterator<Item = u64> {
        (from..).filter(move |seed| self.is_of(Wide::made_up(*seed)))
    }

    fn is_of(self, wide: Wide) -> bool {
        match self {
            Self::Plain => !wide.is_any(),
            Self::Windows => wide.windows.is_some(),
            Self::Slow => wide.slow,
            Self::Exact => wide.exact,
            Self::Changes => wide.changes,
            Self::Outages => wide.outages,
            Self::Crowd => wide.crowd > 0,
            Self::Vast => wide.crowd >= VAST_CROWD,
            Self::Many => wide.many,
            Self::Neighbour => wide.neighbour,
            Self::Kinds => wide.kinds,
            Self::Free => wide.free,
            Self::Beside => wide.beside,
            Self::Unlucky => wide.unlucky,
            Self::Rejects => wide.rejects,
            Self::Several => wide.several,
            Self::Nights => wide.nights,
            Self::Bulk => wide.bulk,
            Self::Signals => wide.signals,
            Self::Companies => wide.companies,
        }
    }
}

impl Wide {
    /// Not with the chance that everything else comes from, so that the others are what they were without this.
    pub(super) fn made_up(seed: u64) -> Self {
        let mut wide = Self::without_companies(seed);
        // Nor with the chance of these.
        let mut rng = Rng::with_seed(seed.rotate_left(40) ^ 0xc0);
        wide.companies = wide.may_have_companies() && rng.u8(..COMPANIES_ONE_IN) == 0;
        wide
    }

    fn without_companies(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed.rotate_left(32) ^ 0x5eed);
        let mut wide = Self::default();
        if rng.u8(..PLAIN_ONE_IN) == 0 {
            wide.several = Self::has_several(&mut rng);
            return wide;
        }
        wide.add(&mut rng);
        if rng.u8(..SECOND_ONE_IN) == 0 {
            wide.add(&mut rng);
        }
        // The pool follows the plan as it began, and one price list.
        wide.changes &= !wide.exact;
        wide.kinds &= !wide.exact && !wide.changes;
        wide.free &= !wide.exact && !wide.needs_numbers();
        wide.nights &= wide.may_have_nights();
        wide.several = wide.may_have_several() && Self::has_several(&mut rng);
        wide
    }

    fn has_several(rng: &mut Rng) -> bool {
        let (some, of) = SEVERAL;
        rng.u8(..of) < some
    }

    /// What the others have is of one provider, or is looked at as that of one.
    fn may_have_several(self) -> bool {
        let Self { outages, many, beside, unlucky, bulk, signals, .. } = self;
        self == Self { outages, many, beside, unlucky, bulk, signals, ..Self::default() }
    }

    /// The list is that of one provider, whose people are bought without numbers.
    fn may_have_nights(self) -> bool {
        let Self { outages, many, beside, unlucky, exact, bulk, nights, signals, .. } = self;
        self == Self { outages, many, beside, unlucky, exact, bulk, nights, signals, ..Self::default() }
    }

    /// Companies are HubSpot's here, are bought of one provider, and don't go stale.
    fn may_have_companies(self) -> bool {
        let Self { slow, exact, outages, many, beside, unlucky, bulk, signals, .. } = self;
        self == Self { slow, exact, outages, many, beside, unlucky, bulk, signals, ..Self::default() }
    }

    fn add(&mut self, rng: &mut Rng) {
        match rng.u8(..30) {
            0..4 => self.windows = Some(Windows::made_up(rng)),
            4..8 => self.slow = true,
            8..11 => self.exact = true,
            11..15 => self.changes = true,
            15 => self.outages = true,
            16 => self.crowd = if rng.u32(..VAST_ONE_IN) == 0 { VAST_CROWD } else { rng.usize(12..60) },
            17 => self.many = true,
            18 => self.neighbour = true,
            19 => self.beside = true,
            20 => self.unlucky = true,
            21 => self.rejects = true,
            22..25 => self.nights = true,
            25 | 26 => self.bulk = true,
            27 | 28 => self.signals = true,
            _ if rng.bool() => self.kinds = true,
            _ => (self.free, self.windows) = (true, Some(Windows::made_up(rng))),
        }
    }

    /// Whether there is anything of it.
    pub(super) fn is_any(self) -> bool {
        self != Self::default()
    }

    /// Whether it needs numbers to be bought.
    pub(super) fn needs_numbers(self) -> bool {
        self.slow || self.kinds || self.rejects
    }

    /// Whether numbers are in its way.
    pub(super) fn has_no_numbers(self) -> bool {
        self.free || self.several || self.nights
    }
}
