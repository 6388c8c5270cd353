//! A run of the worker that buys: claim, hold, call, keep, settle, write. Each step is one write or one call.

use super::state::{At, Hold, Lead, PURCHASES, Request, Stage, State, Worker, each};
use super::steps::{Actor, Steps, What};
use super::{Mistake, Protocol};

/// After so many outcomes that are unknown a record is given up.
pub(super) const UNKNOWNS_MAX: u8 = 2;

impl Protocol {
    /// What a worker that has nothing to do may begin with: some of the visible requests, or one hint.
    pub(super) fn receive(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let visible = (0..self.world.records).filter(|record| state.requests[*record as usize].visible > 0);
        let visible = visible.fold(0, |mask, record| mask | 1 << record);
        for batch in 1..=visible {
            if batch & !visible != 0 {
                continue;
            }
            let mut next = *state;
            for record in each(batch) {
                next.requests[record as usize].receive(me);
            }
            *next.worker(me) = Worker { at: At::Claim, todo: batch, ..Worker::default() };
            steps.add(next, Actor::Worker(me), "receives the requests for", What::Records(batch));
        }
        for slot in 0..PURCHASES {
            if state.hints[slot].visible > 0 {
                let mut next = *state;
                next.hints[slot].receive(me);
                let purchase = slot_number(slot);
                *next.worker(me) = Worker { at: At::Collect, purchase: purchase + 1, ..Worker::default() };
                // To receive it changes nothing but the queue, so that it is one step with what follows.
                self.collect(&next, me, steps);
            }
        }
    }

    pub(super) fn claim(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let worker = state.workers[me as usize];
        let Some(lead) = each(worker.todo).next() else { return };
        let there = state.records[lead as usize];
        let open = there.purchase > 0 && state.purchases[there.purchase as usize - 1].at_once == Hold::Open;
        let mut next = *state;
        let bit = 1 << lead;
        next.worker(me).todo &= !bit;
        let record = &mut next.records[lead as usize];
        let does = match there.stage {
            Lead::Written | Lead::Failed => {
                next.requests[lead as usize].delete(me);
                "finds the request done that asks for"
            }
            Lead::Deferred if there.deferred_in == state.cycle => {
                next.requests[lead as usize].delete(me);
                "leaves to the release"
            }
            _ if there.claimer > 0 && there.claimer != me + 1 && !self.makes(Mistake::IgnoreClaim) => {
                next.requests[lead as usize].give_back(me);
                "leaves to the worker at work on it"
            }
            _ if open => {
                self.settle(&mut next, there.purchase - 1);
                next.worker(me).todo |= bit;
                "settles the open hold that is named by"
            }
            Lead::Bought if !self.makes(Mistake::Restart) => {
                record.claimer = me + 1;
                next.worker(me).to_write |= bit;
                "takes over, to write it, "
            }
            _ if there.unknowns >= UNKNOWNS_MAX => {
                (record.stage, record.claimer) = (Lead::Failed, 0);
                next.requests[lead as usize].delete(me);
                "gives up"
            }
            Lead::New | Lead::Deferred | Lead::Bought => {
                let Some(purchase) = purchase_of(worker, state) else { return steps.out_of_room() };
                (record.stage, record.purchase, record.claimer, record.deferred_in) = (Lead::New, purchase, me + 1, 0);
                let worker = next.worker(me);
                worker.purchase = purchase;
                worker.members |= bit;
                "claims"
            }
        };
        steps.add(next, Actor::Worker(me), does, What::Records(bit));
    }

    pub(super) fn hold_step(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        // Until the wallet is open and has taken over what is held for numbers, there is nothing to hold from.
        if state.wallets[state.cycle as usize].stage != Stage::Spendable {
            return;
        }
        let Worker { members, purchase, .. } = state.workers[me as usize];
        let (mut next, slot) = (*state, purchase - 1);
        if self.hold(&mut next, slot, members) {
            if state.left.acknowledgements > 0 {
                let mut lost = next;
                lost.left.acknowledgements -= 1;
                lost.worker(me).at = At::ReadHold;
                steps.add(lost, Actor::Worker(me), "holds, and gets no answer, for", What::Records(members));
            }
            next.worker(me).at = At::Call;
            steps.add(next, Actor::Worker(me), "holds for", What::Records(members));
        } else if let Some(last) = each(members).last() {
            let cycle = state.cycle;
            let record = next.record(last);
            (record.stage, record.claimer, record.deferred_in) = (Lead::Deferred, 0, cycle);
            next.requests[last as usize].delete(me);
            next.worker(me).members &= !(1 << last);
            steps.add(next, Actor::Worker(me), "defers, for want of credits,", What::Records(1 << last));
        }
    }

    pub(super) fn read_hold(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let Worker { purchase, .. } = state.workers[me as usize];
        let mut next = *state;
        let there = state.purchases[purchase as usize - 1].at_once == Hold::Open;
        let does = if self.makes(Mistake::LostAckIsNo) {
            give_back_unkept(&mut next, me);
            "takes the lost answer for a refusal of"
        } else {
            next.worker(me).at = if there { At::Call } else { At::Hold };
            "reads the hold of"
        };
        steps.add(next, Actor::Worker(me), does, What::Purchase(purchase - 1));
    }

    pub(super) fn call(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let Worker { members, purchase, .. } = state.workers[me as usize];
        let what = What::Records(members);
        if state.left.refusals > 0 {
            let mut refused = *state;
            refused.left.refusals -= 1;
            refused.worker(me).at = At::Void;
            steps.add(refused, Actor::Worker(me), "is throttled by the provider, which charges nothing, for", what);
        }
        if state.left.answers > 0 {
            let mut unsent = *state;
            unsent.left.answers -= 1;
            unsent.worker(me).at = At::Settle;
            let mut unseen = unsent;
            self.carry_out(&mut unseen, purchase - 1, members);
            steps.add(unsent, Actor::Worker(me), "makes a call that never reaches the provider for", what);
            steps.add(unseen, Actor::Worker(me), "makes a call whose answer is lost for", what);
        }
        let mut next = *state;
        self.carry_out(&mut next, purchase - 1, members);
        let worker = next.worker(me);
        (worker.at, worker.todo) = (At::Keep, members);
        steps.add(next, Actor::Worker(me), "calls the provider for", what);
    }

    pub(super) fn keep(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let Worker { todo, purchase, .. } = state.workers[me as usize];
        let Some(lead) = each(todo).next() else { return };
        let mut next = *state;
        let slot = purchase - 1;
        if self.makes(Mistake::SettleFirst) && next.purchase(slot).at_once == Hold::Open {
            self.settle(&mut next, slot);
            return steps.add(next, Actor::Worker(me), "settles before it has kept", What::Purchase(slot));
        }
        next.worker(me).todo &= !(1 << lead);
        let has_person = self.world.has_person >> lead & 1 == 1;
        let request = next.purchase(slot).request;
        let record = next.record(lead);
        if record.purchase == purchase && record.stage == Lead::New {
            record.stage = Lead::Bought;
            if has_person && request != Request::Missing {
                record.awaits = purchase;
            }
        }
        steps.add(next, Actor::Worker(me), "keeps what came back for", What::Records(1 << lead));
    }

    /// A transaction on the hold of the people, and what follows. When its answer is lost, the standing is read: the
    /// hold is closed, and the run goes on.
    pub(super) fn resolve(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let Worker { at, purchase, .. } = state.workers[me as usize];
        let (mut next, slot) = (*state, purchase - 1);
        let open = next.purchase(slot).at_once == Hold::Open;
        if open && at == At::Settle {
            self.settle(&mut next, slot);
        } else if open {
            next.void(slot, false);
        }
        if open && state.left.acknowledgements > 0 {
            let mut lost = next;
            lost.left.acknowledgements -= 1;
            steps.add(lost, Actor::Worker(me), "resolves, and gets no answer,", What::Purchase(slot));
        }
        if next.has_numbers_to_free(slot) {
            next.worker(me).at = At::FreeNumbers;
        } else {
            give_back_unkept(&mut next, me);
        }
        let does = if at == At::Settle { "settles" } else { "voids" };
        steps.add(next, Actor::Worker(me), does, What::Purchase(slot));
    }

    /// Frees the hold of the numbers, for which there is nothing to wait, and gives back what was not answered.
    pub(super) fn free_numbers(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let Worker { purchase, .. } = state.workers[me as usize];
        let (mut next, slot) = (*state, purchase - 1);
        if state.has_numbers_to_free(slot) {
            next.void(slot, true);
            if state.left.acknowledgements > 0 {
                let mut lost = next;
                lost.left.acknowledgements -= 1;
                steps.add(lost, Actor::Worker(me), "voids, and gets no answer, the numbers of", What::Purchase(slot));
            }
        }
        give_back_unkept(&mut next, me);
        steps.add(next, Actor::Worker(me), "voids the numbers of", What::Purchase(slot));
    }

    pub(super) fn write(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let Some(lead) = each(state.workers[me as usize].to_write).next() else { return };
        let mut next = *state;
        next.worker(me).to_write &= !(1 << lead);
        let record = next.record(lead);
        if record.stage == Lead::Bought {
            (record.stage, record.claimer) = (Lead::Written, 0);
        }
        next.requests[lead as usize].delete(me);
        steps.add(next, Actor::Worker(me), "writes", What::Records(1 << lead));
    }
}

/// What was bought is written next; the messages of all else go back to the queue, and their claims end.
fn give_back_unkept(state: &mut State, me: u8) {
    let Worker { members, purchase, .. } = state.workers[me as usize];
    for lead in each(members) {
        let record = state.record(lead);
        if record.purchase == purchase && record.stage == Lead::Bought {
            state.worker(me).to_write |= 1 << lead;
            continue;
        }
        if record.claimer == me + 1 {
            record.claimer = 0;
        }
        state.requests[lead as usize].give_back(me);
    }
    let worker = state.worker(me);
    (worker.at, worker.members, worker.purchase) = (At::Write, 0, 0);
}

/// The purchase that a worker claims for: its own, or a new one.
fn purchase_of(worker: Worker, state: &State) -> Option<u8> {
    if worker.purchase > 0 {
        return Some(worker.purchase);
    }
    let free = (0..PURCHASES).find(|slot| state.is_free(slot_number(*slot)))?;
    Some(slot_number(free) + 1)
}

pub(super) fn slot_number(slot: usize) -> u8 {
    slot.try_into().unwrap_or(u8::MAX)
}
