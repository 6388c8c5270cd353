//! What may happen next in a state: a step of a worker, of the queue, of the release, of the provider, or of time.

use std::fmt;

use super::run::slot_number;
use super::state::{At, Hold, Lead, Mask, Message, PURCHASES, Purchase, Record, Request, State, Worker, each};
use super::{Mistake, Protocol};

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    Worker(u8),
    Queue,
    Release,
    Provider,
    Time,
}

/// To what it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Records(Mask),
    Purchase(u8),
    Nothing,
}

/// A step, for a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    actor: Actor,
    does: &'static str,
    what: What,
}

/// Collects the steps that a state allows.
pub(super) struct Steps<'s> {
    pub(super) found: &'s mut Vec<(State, Step)>,
    /// Set when a state has too little room for what happens.
    pub(super) is_too_small: bool,
}

impl Steps<'_> {
    pub(super) fn add(&mut self, next: State, actor: Actor, does: &'static str, what: What) {
        let mut next = next;
        next.tidy();
        self.found.push((next, Step { actor, does, what }));
    }

    pub(super) fn out_of_room(&mut self) {
        self.is_too_small = true;
    }
}

impl Protocol {
    /// All steps that `state` allows.
    pub(super) fn steps(&self, state: &State, steps: &mut Steps<'_>) {
        for me in 0..self.world.workers {
            self.worker_steps(state, me, steps);
        }
        self.queue_steps(state, steps);
        self.release_steps(state, steps);
        self.provider_steps(state, steps);
        let spans = |worker: &Worker| matches!(worker.at, At::Call | At::ReadHold);
        // A wallet is held from only while it outlives the run.
        if state.left.turns > 0 && (!state.workers.iter().any(spans) || self.makes(Mistake::HoldSpansBoundary)) {
            let mut next = *state;
            (next.cycle, next.left.turns) = (state.cycle + 1, state.left.turns - 1);
            steps.add(next, Actor::Time, "a cycle ends and the next begins", What::Nothing);
        }
    }

    fn worker_steps(&self, state: &State, me: u8, steps: &mut Steps<'_>) {
        let at = state.workers[me as usize].at;
        if state.left.crashes > 0 && !matches!(at, At::Idle | At::Dead) {
            let mut next = *state;
            next.left.crashes -= 1;
            *next.worker(me) = Worker { at: At::Dead, ..Worker::default() };
            steps.add(next, Actor::Worker(me), "dies", What::Nothing);
        }
        match at {
            At::Idle => self.receive(state, me, steps),
            At::Dead => bury(state, me, steps),
            At::Claim => self.claim(state, me, steps),
            At::Hold => self.hold_step(state, me, steps),
            At::ReadHold => self.read_hold(state, me, steps),
            At::Call => self.call(state, me, steps),
            At::Keep => self.keep(state, me, steps),
            At::Settle | At::Void => self.resolve(state, me, steps),
            At::FreeNumbers => self.free_numbers(state, me, steps),
            At::Write => self.write(state, me, steps),
            At::Collect => self.collect(state, me, steps),
            At::SettleNumbers => self.settle_numbers_step(state, me, steps),
            At::WriteNumbers => self.write_numbers(state, me, steps),
        }
    }

    /// The queue may show a message again that a worker has received.
    fn queue_steps(&self, state: &State, steps: &mut Steps<'_>) {
        if state.left.duplicates == 0 {
            return;
        }
        let is_held = |message: &Message| message.holders > 0 && message.visible == 0;
        for (record, _) in state.requests.iter().enumerate().filter(|(_, message)| is_held(message)) {
            let mut next = *state;
            next.left.duplicates -= 1;
            next.requests[record].visible += 1;
            steps.add(next, Actor::Queue, "shows again the request for", What::Records(1 << record));
        }
        for (slot, _) in state.hints.iter().enumerate().filter(|(_, message)| is_held(message)) {
            let mut next = *state;
            next.left.duplicates -= 1;
            next.hints[slot].visible += 1;
            steps.add(next, Actor::Queue, "shows again the hint about", What::Purchase(slot_number(slot)));
        }
    }

    /// The release opens wallets, settles holds that dead workers left, sends hints, and releases what is deferred.
    /// Opening a wallet stands for that of a worker about to hold, too: it is the same step.
    fn release_steps(&self, state: &State, steps: &mut Steps<'_>) {
        let mut next = *state;
        if let Some(does) = self.open(&mut next) {
            steps.add(next, Actor::Release, does, What::Nothing);
        }
        for slot in 0..slot_number(PURCHASES) {
            let Purchase { at_once, number, .. } = state.purchases[slot as usize];
            let mut next = *state;
            if at_once == Hold::Open && !state.is_being_made(slot) {
                self.settle(&mut next, slot);
                steps.add(next, Actor::Release, "sweeps", What::Purchase(slot));
            } else if number == Hold::Open && !state.is_worked_on(slot) && state.hints[slot as usize].is_absent() {
                // The first hint is sent after longer than a run lasts.
                next.hints[slot as usize].visible += 1;
                steps.add(next, Actor::Release, "sends a hint about", What::Purchase(slot));
            }
        }
        for (lead, record) in state.records.iter().enumerate() {
            let is_due = record.stage == Lead::Deferred && record.deferred_in < state.cycle;
            if is_due && state.requests[lead].is_absent() {
                let mut next = *state;
                next.requests[lead].visible += 1;
                steps.add(next, Actor::Release, "releases", What::Records(1 << lead));
            }
        }
    }

    /// The provider finds numbers, which it may say by a callback, and forgets them a month after.
    fn provider_steps(&self, state: &State, steps: &mut Steps<'_>) {
        for slot in 0..slot_number(PURCHASES) {
            let Purchase { request, .. } = state.purchases[slot as usize];
            let what = What::Purchase(slot);
            if request == Request::Pending {
                let mut next = *state;
                self.find(&mut next, slot);
                if state.hints[slot as usize].visible < 2 {
                    let mut called_back = next;
                    called_back.hints[slot as usize].visible += 1;
                    steps.add(called_back, Actor::Provider, "has searched, and calls back, for the numbers of", what);
                }
                steps.add(next, Actor::Provider, "has searched, and its callback is lost, for the numbers of", what);
            }
            // No run lasts a month.
            if matches!(request, Request::Pending | Request::Ready) && !state.is_worked_on(slot) {
                let mut next = *state;
                next.purchase(slot).request = Request::Gone;
                next.forgotten = 1;
                steps.add(next, Actor::Provider, "forgets the numbers of", what);
            }
        }
    }
}

/// The messages of a dead worker become visible again, and its claims run out.
fn bury(state: &State, me: u8, steps: &mut Steps<'_>) {
    let mut next = *state;
    for message in next.requests.iter_mut().chain(&mut next.hints) {
        if message.holders >> me & 1 == 1 {
            message.give_back(me);
        }
    }
    for record in &mut next.records {
        if record.claimer == me + 1 {
            record.claimer = 0;
        }
    }
    *next.worker(me) = Worker::default();
    steps.add(next, Actor::Worker(me), "is long dead: its claims and its messages are free", What::Nothing);
}

impl Message {
    pub(super) fn receive(&mut self, worker: u8) {
        self.visible -= 1;
        self.holders |= 1 << worker;
    }

    pub(super) fn delete(&mut self, worker: u8) {
        self.holders &= !(1 << worker);
    }

    pub(super) fn give_back(&mut self, worker: u8) {
        self.delete(worker);
        self.visible = (self.visible + 1).min(3);
    }

    pub(super) fn is_absent(self) -> bool {
        self.visible == 0 && self.holders == 0
    }
}

impl State {
    /// Whether a living worker makes the purchase in `slot`.
    pub(super) fn is_being_made(&self, slot: u8) -> bool {
        let collects = |at: At| matches!(at, At::Collect | At::SettleNumbers | At::WriteNumbers);
        self.workers.iter().any(|worker| worker.purchase == slot + 1 && !collects(worker.at))
    }

    /// Whether a living worker makes the purchase in `slot` or collects for it.
    fn is_worked_on(&self, slot: u8) -> bool {
        self.workers.iter().any(|worker| worker.purchase == slot + 1)
    }

    /// Whether `slot` can be given to a new purchase.
    pub(super) fn is_free(&self, slot: u8) -> bool {
        let Purchase { at_once, number, request, .. } = self.purchases[slot as usize];
        let name = slot + 1;
        at_once != Hold::Open
            && number != Hold::Open
            && request != Request::Pending
            && self.hints[slot as usize].is_absent()
            && !self.records.iter().any(|record| record.purchase == name || record.awaits == name)
            && !self.workers.iter().any(|worker| worker.purchase == name)
    }

    /// Whether the hold of the numbers is open although there is nothing to wait for.
    pub(super) fn has_numbers_to_free(&self, slot: u8) -> bool {
        let Purchase { number, unknown, .. } = self.purchases[slot as usize];
        number == Hold::Open && unknown == 0 && self.awaiting(slot) == 0
    }

    /// Clears what makes no difference any more, so that states which differ in nothing else are one.
    fn tidy(&mut self) {
        for lead in 0..self.records.len() {
            let Record { purchase, claimer, .. } = self.records[lead];
            if claimer == 0 && purchase > 0 && self.purchases[purchase as usize - 1].at_once != Hold::Open {
                self.records[lead].purchase = 0;
            }
        }
        for worker in &mut self.workers {
            worker.skip();
        }
        for me in 0..slot_number(self.workers.len()) {
            let Worker { at, purchase, todo, .. } = *self.worker(me);
            if at == At::WriteNumbers && todo == 0 {
                self.hints[purchase as usize - 1].delete(me);
                *self.worker(me) = Worker::default();
            }
        }
        for slot in 0..slot_number(PURCHASES) {
            if self.is_free(slot) {
                *self.purchase(slot) = Purchase::default();
            }
        }
    }
}

impl Worker {
    /// Goes on to the next step that does something.
    fn skip(&mut self) {
        if self.at == At::Claim && self.todo == 0 {
            self.at = At::Hold;
        }
        if self.at == At::Hold && self.members == 0 {
            self.at = At::Write;
            self.purchase = 0;
        }
        if self.at == At::Keep && self.todo == 0 {
            self.at = At::Settle;
        }
        if self.at == At::Write && self.to_write == 0 {
            *self = Self::default();
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.actor {
            Actor::Worker(worker) => write!(f, "worker {} ", worker + 1)?,
            Actor::Queue => f.write_str("the queue ")?,
            Actor::Release => f.write_str("the release ")?,
            Actor::Provider => f.write_str("the provider ")?,
            Actor::Time => {}
        }
        f.write_str(self.does)?;
        match self.what {
            What::Nothing => Ok(()),
            What::Purchase(slot) => write!(f, " purchase {}", slot + 1),
            What::Records(mask) => {
                let names: Vec<String> = each(mask).map(|record| format!("record {}", record + 1)).collect();
                write!(f, " {}", names.join(" and "))
            }
        }
    }
}
