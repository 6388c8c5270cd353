//! What must be true in every state, and what in every state in which nothing is left to do.

use super::Protocol;
use super::run::UNKNOWNS_MAX;
use super::state::{At, CYCLES, Hold, Lead, Number, Stage, State, Wallet};
use crate::Promise;

/// A rule that a state breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) of: Promise,
    pub(super) what: String,
}

fn broken(of: Promise, what: impl Into<String>) -> Option<Broken> {
    Some(Broken { of, what: what.into() })
}

impl Protocol {
    /// The first rule that `state` breaks.
    pub(super) fn broken(&self, state: &State) -> Option<Broken> {
        let mut cycles = 0..CYCLES;
        let found = cycles.find_map(|cycle| self.broken_in(cycle, state));
        let found = found.or_else(|| match state.charged_miss {
            0 => None,
            _ => broken(Promise::Credits, "what the provider charged for was settled as a miss"),
        });
        found.or_else(|| if is_at_rest(state) { self.broken_at_rest(state) } else { None })
    }

    fn broken_in(&self, cycle: usize, state: &State) -> Option<Broken> {
        let wallet = &state.wallets[cycle];
        let name = cycle + 1;
        if wallet.stage != Stage::Missing {
            let sum = wallet.available + wallet.held + wallet.spent;
            if sum != self.world.grant {
                return broken(Promise::Credits, format!("of cycle {name}'s grant {} became {sum}", self.world.grant));
            }
        }
        if wallet.available < 0 || wallet.held < 0 || wallet.spent < 0 {
            let Wallet { available, held, spent, .. } = wallet;
            let what = format!("the wallet of cycle {name} has {available} available, {held} held, {spent} spent");
            return broken(Promise::Credits, what);
        }
        let held = state.held_by_holds(cycle);
        if wallet.held != held {
            let what = format!("the wallet of cycle {name} holds {}, and its open holds {held}", wallet.held);
            return broken(Promise::Order, what);
        }
        let charged = wallet.charged.cast_signed();
        if charged > self.world.grant {
            return broken(
                Promise::Credits,
                format!("the provider lacks the credits in cycle {name} for what we held"),
            );
        }
        // Until the wallet may be held from, what is still held on older ones counts for it, too.
        let older = if wallet.stage == Stage::Spendable { 0 } else { state.held_before(cycle) };
        let covered = wallet.spent + wallet.held + wallet.carried.cast_signed() + older;
        if charged > covered {
            let what =
                format!("the provider charged {charged} in cycle {name}, and {covered} are spent or held for it");
            return broken(Promise::Credits, what);
        }
        None
    }

    fn broken_at_rest(&self, state: &State) -> Option<Broken> {
        let started = &self.world;
        let unknowns: u8 = state.records.iter().map(|record| record.unknowns).sum();
        let has_cause = state.left.crashes < started.crashes || state.left.answers < started.lost_answers;
        if unknowns > 0 && !has_cause {
            return broken(Promise::Credits, "an outcome is unknown although no worker died and no answer was lost");
        }
        let (spent, charged) = state.totals();
        if spent - charged != state.overcounted.cast_signed() {
            let assumed = state.overcounted;
            let what = format!("{spent} spent, {charged} charged, {assumed} assumed without a charge");
            return broken(Promise::Credits, what);
        }
        (0..self.world.records).find_map(|lead| self.broken_lead(lead, state))
    }

    fn broken_lead(&self, lead: u8, state: &State) -> Option<Broken> {
        let record = state.records[lead as usize];
        let name = lead + 1;
        if !matches!(record.stage, Lead::Written | Lead::Deferred | Lead::Failed) {
            return broken(Promise::Leads, format!("record {name} is lost: {:?}", record.stage));
        }
        if record.awaits > 0 {
            return broken(Promise::Leads, format!("record {name} awaits a number that nothing brings any more"));
        }
        if record.stage == Lead::Failed && record.unknowns < UNKNOWNS_MAX {
            return broken(Promise::Leads, format!("record {name} is given up too early"));
        }
        let most = 1 + record.unknowns;
        if record.charges > most || record.number_charges > most {
            return broken(Promise::Once, format!("record {name} is charged twice"));
        }
        let forgotten = state.forgotten > 0;
        let excused = forgotten || record.unknowns > 0;
        if record.number_charges > 0 && record.number != Number::Written && !excused && self.has_number(lead) {
            return broken(Promise::Crm, format!("the number of record {name} was paid for and is not written"));
        }
        if matches!(record.number, Number::Assumed | Number::Lost) && !forgotten {
            return broken(Promise::Credits, format!("the number of record {name} is assumed without a reason"));
        }
        None
    }

    fn has_number(&self, lead: u8) -> bool {
        self.world.has_number >> lead & 1 == 1
    }
}

/// Whether nothing is left to do: all workers idle, every message gone, every hold resolved.
pub(super) fn is_at_rest(state: &State) -> bool {
    let is_open = |hold: Hold| hold == Hold::Open;
    state.workers.iter().all(|worker| worker.at == At::Idle)
        && state.requests.iter().chain(&state.hints).all(|message| message.is_absent())
        && !state.purchases.iter().any(|purchase| is_open(purchase.at_once) || is_open(purchase.number))
}
