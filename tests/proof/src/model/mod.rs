//! The purchase protocol on a small world, checked in every state that it can reach.
//!
//! This is a model of the protocol, not the code: each write to a store and each call is one step, and between any two
//! steps a worker may die, a message may be shown twice, the cycle may end, or the provider may find or forget a number.
//! What the other kinds of proof try by chance, this tries in full, within small bounds.
//!
//! What is assumed, and asserted elsewhere: claims and visibility time-outs run out only when their worker is dead, a
//! wallet is held from only while it outlives the run, and no run lasts as long as the provider keeps its results.

mod collect;
mod credits;
mod prove;
mod rules;
mod run;
mod search;
mod state;
mod steps;
mod worlds;

pub(super) use prove::cases;
pub use prove::{Noticed, Proved, prove};
pub use search::{Seen, Trace};
pub use worlds::{Charging, World};

use std::fmt;

use state::{Left, Message, Stage, State};

/// A mistake that is seeded into the protocol, to see that the rules notice it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// The hold is settled before what came back is kept.
    SettleFirst,
    /// A record is claimed that a living worker works on.
    IgnoreClaim,
    /// The hold doesn't ask whether the credits are there.
    NoCondition,
    /// What may have been charged is settled as free.
    UnknownIsFree,
    /// A hold whose answer is lost is taken for refused.
    LostAckIsNo,
    /// Who takes over buys again what was kept.
    Restart,
    /// A result that the provider has forgotten is settled as a miss.
    NeverIsMiss,
    /// A number that takes too long is settled as a miss while the provider still searches.
    PendingExpiresFree,
    /// What is held for numbers stays on the old wallet.
    NoCarry,
    /// The new wallet may be held from before the holds of numbers are moved onto it.
    CarryAfterOpen,
    /// The cycle may end between a hold and the end of its call.
    HoldSpansBoundary,
    /// Two hints at the same time settle the same hold.
    TwoHintsSettleTwice,
    /// A hold that was moved since it was read is settled on the wallet that it was on.
    SettleWhereItWas,
    /// A number that may have been charged in the new cycle is settled on the old wallet.
    SettleOnClosedWallet,
    /// The number of a call without an answer is settled while the provider may still charge for it.
    UnknownNumberEarly,
    /// The message is deleted before what it brought is written.
    DeleteBeforeWrite,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::SettleFirst,
        Self::IgnoreClaim,
        Self::NoCondition,
        Self::UnknownIsFree,
        Self::LostAckIsNo,
        Self::Restart,
        Self::NeverIsMiss,
        Self::PendingExpiresFree,
        Self::NoCarry,
        Self::CarryAfterOpen,
        Self::HoldSpansBoundary,
        Self::TwoHintsSettleTwice,
        Self::SettleWhereItWas,
        Self::SettleOnClosedWallet,
        Self::UnknownNumberEarly,
        Self::DeleteBeforeWrite,
    ];
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SettleFirst => "a hold is settled before what came back is kept",
            Self::IgnoreClaim => "a record is claimed that a living worker works on",
            Self::NoCondition => "a hold doesn't ask whether the credits are there",
            Self::UnknownIsFree => "an unknown outcome is settled as free",
            Self::LostAckIsNo => "a hold whose answer is lost is taken for refused",
            Self::Restart => "what was kept is bought again by the next worker",
            Self::NeverIsMiss => "a result that the provider has forgotten is settled as a miss",
            Self::PendingExpiresFree => "a number that takes too long is settled as a miss",
            Self::NoCarry => "what is held for numbers stays on the old wallet",
            Self::CarryAfterOpen => "a wallet may be held from before the holds of numbers are moved onto it",
            Self::HoldSpansBoundary => "a cycle ends between a hold and its call",
            Self::TwoHintsSettleTwice => "two hints settle the same hold",
            Self::SettleWhereItWas => "a hold that was moved is settled on the wallet that it was on",
            Self::SettleOnClosedWallet => "a number of the new cycle is settled on the old wallet",
            Self::UnknownNumberEarly => "the number of an unknown call is settled while it may still be charged",
            Self::DeleteBeforeWrite => "a message is deleted before what it brought is written",
        })
    }
}

/// The protocol in a world, with or without a mistake.
struct Protocol {
    world: World,
    mistake: Option<Mistake>,
}

/// Checks the protocol, as it should be, in every state of `world`.
pub fn check(world: World) -> Result<Seen, Box<Trace>> {
    Protocol { world, mistake: None }.search()
}

/// How a mistake is noticed: the trace in the first world that shows it.
pub fn hunt(mistake: Mistake) -> Option<Box<Trace>> {
    World::SMALL.into_iter().find_map(|world| Protocol { world, mistake: Some(mistake) }.search().err())
}

impl Protocol {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// A request for each record is on the queue, and the first cycle's wallet is open.
    fn start(&self) -> State {
        let World { records, crashes, duplicates, turns, grant, .. } = self.world;
        let World { lost_acknowledgements: acknowledgements, lost_answers: answers, refusals, .. } = self.world;
        let mut state = State::default();
        for message in state.requests.iter_mut().take(records as usize) {
            *message = Message { visible: 1, holders: 0 };
        }
        (state.wallets[0].stage, state.wallets[0].available) = (Stage::Spendable, grant);
        state.left = Left { crashes, duplicates, acknowledgements, answers, refusals, turns };
        state
    }
}
