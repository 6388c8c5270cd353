//! A run of the worker that collects numbers: a hint says that they may be there, the provider is polled, the hold is
//! settled once, and what came is written.

use super::state::{Answer, At, Hold, Lead, Purchase, Request, State, Worker, each};
use super::steps::{Actor, Steps, What};
use super::{Mistake, Protocol};

impl Protocol {
    /// Reads the standing of the purchase, and polls the provider if there is something to wait for.
    pub(super) fn collect(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let slot = state.workers[me as usize].purchase - 1;
        let Purchase { at_once, number, unknown, request, .. } = state.purchases[slot as usize];
        let (actor, what) = (Actor::Worker(me), What::Purchase(slot));
        let waiting = state.awaiting(slot);
        let busy = each(waiting).any(|lead| state.records[lead as usize].claimer > 0);
        if at_once == Hold::Open && !state.is_being_made(slot) {
            let mut next = *state;
            self.settle(&mut next, slot);
            return steps.add(next, actor, "settles for a dead worker", what);
        }
        if at_once == Hold::Open || busy {
            let mut next = *state;
            next.hints[slot as usize].give_back(me);
            *next.worker(me) = Worker::default();
            return steps.add(next, actor, "leaves to the worker at work on it", what);
        }
        if waiting == 0 {
            let may_be_charged = unknown > 0 && matches!(request, Request::Pending | Request::Ready);
            if number == Hold::Open && (!may_be_charged || self.makes(Mistake::UnknownNumberEarly)) {
                self.answered(state, me, Answer::Assumed, "finds that nothing is delivered any more for", steps);
            } else {
                self.done(state, me, "finds nothing to do for", steps);
            }
            return;
        }
        self.poll(state, me, steps);
    }

    fn poll(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let slot = state.workers[me as usize].purchase - 1;
        let Purchase { number, request, .. } = state.purchases[slot as usize];
        let open = number == Hold::Open;
        match request {
            Request::Missing => {}
            Request::Pending => {
                if self.makes(Mistake::PendingExpiresFree) {
                    self.answered(state, me, Answer::Nothing, "waits no longer for the numbers of", steps);
                }
                self.not_yet(state, me, "polls, too early, for the numbers of", steps);
            }
            Request::Ready => {
                self.answered(state, me, Answer::Arrived, "polls, and is given the numbers of", steps);
                self.not_yet(state, me, "polls, and is denied or can't read the answer, for", steps);
            }
            Request::Gone => {
                let answer = match open {
                    true if self.makes(Mistake::NeverIsMiss) => Answer::Nothing,
                    true => Answer::Assumed,
                    // It was settled by its result, which is not written yet and can't be had again.
                    false => Answer::Lost,
                };
                self.answered(state, me, answer, "polls, and the provider has forgotten the numbers of", steps);
            }
        }
    }

    fn answered(&self, state: &State, me: u8, answer: Answer, does: &'static str, steps: &mut Steps<'_>) {
        let slot = state.workers[me as usize].purchase - 1;
        let mut next = *state;
        let (seen, polled, waiting) = (state.purchases[slot as usize].number_wallet, state.cycle, state.awaiting(slot));
        let worker = next.worker(me);
        (worker.at, worker.answer, worker.seen, worker.polled) = (At::SettleNumbers, answer, seen, polled);
        worker.todo = waiting;
        steps.add(next, Actor::Worker(me), does, What::Purchase(slot));
    }

    /// While the hold is open the release sends another hint. After that, this message is all there is to write by.
    fn not_yet(&self, state: &State, me: u8, does: &'static str, steps: &mut Steps<'_>) {
        let slot = state.workers[me as usize].purchase - 1;
        if state.purchases[slot as usize].number == Hold::Open {
            return self.done(state, me, does, steps);
        }
        let mut next = *state;
        next.hints[slot as usize].give_back(me);
        *next.worker(me) = Worker::default();
        steps.add(next, Actor::Worker(me), does, What::Purchase(slot));
    }

    fn done(&self, state: &State, me: u8, does: &'static str, steps: &mut Steps<'_>) {
        let slot = state.workers[me as usize].purchase - 1;
        let mut next = *state;
        next.hints[slot as usize].delete(me);
        *next.worker(me) = Worker::default();
        steps.add(next, Actor::Worker(me), does, What::Purchase(slot));
    }

    /// Settles by the provider's answer, if another has not. The condition is the hold as it was read: one that was
    /// moved meanwhile is read again. What was polled in a cycle may have been charged in it, so that it is settled on
    /// a wallet of that cycle or after it; if need be the hold is moved first.
    pub(super) fn settle_numbers_step(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let Worker { purchase, seen, polled, answer, .. } = state.workers[me as usize];
        let slot = purchase - 1;
        let (actor, what) = (Actor::Worker(me), What::Purchase(slot));
        let Purchase { number, number_wallet, .. } = state.purchases[slot as usize];
        let mut next = *state;
        if number != Hold::Open && !self.makes(Mistake::TwoHintsSettleTwice) {
            next.worker(me).at = At::WriteNumbers;
            return steps.add(next, actor, "finds settled", what);
        }
        if number_wallet != seen && !self.makes(Mistake::SettleWhereItWas) {
            next.worker(me).seen = number_wallet;
            return steps.add(next, actor, "reads again, because it was moved, the hold of", what);
        }
        let anywhere = self.makes(Mistake::NoCarry) || self.makes(Mistake::SettleOnClosedWallet);
        if number_wallet < polled && !anywhere {
            return;
        }
        self.settle_numbers(&mut next, slot, answer, seen);
        if self.makes(Mistake::DeleteBeforeWrite) {
            next.hints[slot as usize].delete(me);
        }
        if state.left.acknowledgements > 0 && number == Hold::Open {
            let mut lost = next;
            lost.left.acknowledgements -= 1;
            steps.add(lost, actor, "settles, and gets no answer, the numbers of", what);
        }
        next.worker(me).at = At::WriteNumbers;
        steps.add(next, actor, "settles the numbers of", what);
    }

    /// Writes the number of one record and closes it. The last one takes the message off the queue.
    pub(super) fn write_numbers(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let Worker { purchase, todo, answer, .. } = state.workers[me as usize];
        let slot = purchase - 1;
        let Some(lead) = each(todo).next() else { return };
        let mut next = *state;
        let record = next.record(lead);
        let what = What::Records(1 << lead);
        if record.awaits == purchase && record.claimer > 0 {
            next.hints[slot as usize].give_back(me);
            *next.worker(me) = Worker::default();
            return steps.add(
                next,
                Actor::Worker(me),
                "leaves the number to be written after the run at work on",
                what,
            );
        }
        if record.awaits == purchase && record.stage != Lead::New {
            record.awaits = 0;
            record.number = self.number(lead, answer);
        }
        next.worker(me).todo &= !(1 << lead);
        steps.add(next, Actor::Worker(me), "writes the number of", what);
    }
}
