//! What a transaction does to wallets and holds. Each function is one transaction.

use super::run::slot_number;
use super::state::{
    Answer, Hold, Lead, Mask, Number, PURCHASES, Purchase, RECORDS, Record, Request, Stage, State, Worker, count, each,
};
use super::{Charging, Mistake, Protocol};

/// A person costs a credit, and so does a number.
const PRICE: i8 = 1;
/// A counter is not led beyond what it takes to see a violation.
const COUNTER_MAX: u8 = 3;

impl State {
    pub(super) fn purchase(&mut self, slot: u8) -> &mut Purchase {
        &mut self.purchases[slot as usize]
    }

    pub(super) fn record(&mut self, record: u8) -> &mut Record {
        &mut self.records[record as usize]
    }

    pub(super) fn worker(&mut self, worker: u8) -> &mut Worker {
        &mut self.workers[worker as usize]
    }

    /// The records that await the number of the purchase in `slot`.
    pub(super) fn awaiting(&self, slot: u8) -> Mask {
        let awaits = |record: &u8| self.records[*record as usize].awaits == slot + 1;
        (0..slot_number(RECORDS)).filter(awaits).fold(0, |mask, record| mask | 1 << record)
    }

    /// The credits of a line leave `wallet`'s hold: `cost` is spent, the rest is free again.
    fn pay(&mut self, wallet: u8, held: i8, cost: i8) {
        let wallet = &mut self.wallets[wallet as usize];
        wallet.held -= held;
        wallet.spent += cost;
        wallet.available += held - cost;
    }

    /// The provider charges a credit in the cycle that it is in.
    fn charge(&mut self) {
        let wallet = &mut self.wallets[self.cycle as usize];
        wallet.charged = (wallet.charged + 1).min(15);
    }

    /// Frees the hold of the people, or that of the numbers.
    pub(super) fn void(&mut self, slot: u8, numbers: bool) {
        let Purchase { lines, wallet, number_wallet, .. } = *self.purchase(slot);
        let wallet = if numbers { number_wallet } else { wallet };
        self.pay(wallet, count(lines) * PRICE, 0);
        let purchase = self.purchase(slot);
        let hold = if numbers { &mut purchase.number } else { &mut purchase.at_once };
        *hold = Hold::Closed;
    }

    /// Moves the hold of numbers onto the wallet of this cycle, if that has the credits.
    pub(super) fn carry(&mut self, slot: u8) -> bool {
        let Purchase { lines, number_wallet: from, .. } = *self.purchase(slot);
        let (to, held) = (self.cycle, count(lines) * PRICE);
        let wallet = &mut self.wallets[to as usize];
        if wallet.available < held {
            return false;
        }
        wallet.available -= held;
        wallet.held += held;
        self.pay(from, held, 0);
        for cycle in from..to {
            self.wallets[cycle as usize].carried += held.cast_unsigned();
        }
        self.purchase(slot).number_wallet = to;
        true
    }

    /// Whether the hold of the numbers in `slot` is open on the wallet of a cycle that is over.
    pub(super) fn is_to_be_carried(&self, slot: u8) -> bool {
        let Purchase { number, number_wallet, .. } = self.purchases[slot as usize];
        number == Hold::Open && number_wallet < self.cycle
    }

    /// What is held for numbers on wallets of cycles before `cycle`.
    pub(super) fn held_before(&self, cycle: usize) -> i8 {
        let before = |purchase: &&Purchase| purchase.number == Hold::Open && (purchase.number_wallet as usize) < cycle;
        self.purchases.iter().filter(before).map(|purchase| count(purchase.lines) * PRICE).sum()
    }

    /// What the open holds hold from the wallet of `cycle`.
    pub(super) fn held_by_holds(&self, cycle: usize) -> i8 {
        let of = |hold: Hold, wallet: u8, purchase: &Purchase| {
            if hold == Hold::Open && wallet as usize == cycle { count(purchase.lines) * PRICE } else { 0 }
        };
        let both = |purchase: &Purchase| {
            of(purchase.at_once, purchase.wallet, purchase) + of(purchase.number, purchase.number_wallet, purchase)
        };
        self.purchases.iter().map(both).sum()
    }

    /// Spent and charged, over all cycles.
    pub(super) fn totals(&self) -> (i8, i8) {
        let charged = self.wallets.iter().map(|wallet| wallet.charged.cast_signed()).sum();
        (self.wallets.iter().map(|wallet| wallet.spent).sum(), charged)
    }
}

impl Protocol {
    /// Holds the worst case for `members`: people and numbers in one transaction. False when the wallet has too little.
    pub(super) fn hold(&self, state: &mut State, slot: u8, members: Mask) -> bool {
        let cycle = state.cycle;
        let (people, numbers) = (count(members) * PRICE, if self.world.numbers { count(members) * PRICE } else { 0 });
        let wallet = &mut state.wallets[cycle as usize];
        if wallet.available < people + numbers && !self.makes(Mistake::NoCondition) {
            return false;
        }
        wallet.available -= people + numbers;
        wallet.held += people + numbers;
        let purchase = state.purchase(slot);
        (purchase.lines, purchase.at_once, purchase.wallet) = (members, Hold::Open, cycle);
        if self.world.numbers {
            (purchase.number, purchase.number_wallet) = (Hold::Open, cycle);
        }
        true
    }

    /// Settles the hold of the people from what the records have kept.
    pub(super) fn settle(&self, state: &mut State, slot: u8) {
        let Purchase { lines, wallet, charged, .. } = *state.purchase(slot);
        for line in each(lines) {
            let record = state.record(line);
            let kept = record.purchase == slot + 1 && matches!(record.stage, Lead::Bought | Lead::Written);
            let cost = if kept { self.person_costs(line) } else { self.unknown_costs() };
            if !kept {
                record.unknowns = (record.unknowns + 1).min(COUNTER_MAX);
                state.purchase(slot).unknown |= 1 << line;
            }
            let was_charged = charged >> line & 1 == 1;
            state.charged_miss |= u8::from(kept && was_charged && cost == 0);
            state.overcounted += u8::from(cost > 0 && !was_charged);
            state.pay(wallet, PRICE, cost);
        }
        state.purchase(slot).at_once = Hold::Closed;
    }

    /// Settles the hold of the numbers by the provider's answer. A line that awaits nothing cost nothing if the call
    /// was answered for it, and is assumed spent if not.
    pub(super) fn settle_numbers(&self, state: &mut State, slot: u8, answer: Answer, wallet: u8) {
        let Purchase { lines, unknown, number_charged, .. } = *state.purchase(slot);
        let awaiting = state.awaiting(slot);
        for line in each(lines) {
            let cost = match answer {
                _ if unknown >> line & 1 == 1 => self.unknown_costs(),
                _ if awaiting >> line & 1 == 0 => 0,
                Answer::Arrived => self.number_costs(line),
                Answer::Assumed => PRICE,
                Answer::Nothing | Answer::Lost => 0,
            };
            let was_charged = number_charged >> line & 1 == 1;
            state.charged_miss |= u8::from(was_charged && cost == 0);
            state.overcounted += u8::from(cost > 0 && !was_charged);
            state.pay(wallet, PRICE, cost);
        }
        state.purchase(slot).number = Hold::Closed;
    }

    /// The provider carries out the call for `members`: it charges for who it knows, and begins to search for numbers.
    pub(super) fn carry_out(&self, state: &mut State, slot: u8, members: Mask) {
        for record in each(members).filter(|record| self.person_costs(*record) > 0) {
            state.charge();
            let charges = &mut state.record(record).charges;
            *charges = (*charges + 1).min(COUNTER_MAX);
            let purchase = state.purchase(slot);
            purchase.charged |= 1 << record;
            if self.world.numbers {
                purchase.request = Request::Pending;
                if self.world.charging == Charging::Asked {
                    Self::charge_number(state, slot, record);
                }
            }
        }
    }

    /// The provider has searched for the numbers, and charges for what it found.
    pub(super) fn find(&self, state: &mut State, slot: u8) {
        let searched = state.purchase(slot).charged;
        state.purchase(slot).request = Request::Ready;
        if self.world.charging == Charging::Found {
            for record in each(searched & self.world.has_number) {
                Self::charge_number(state, slot, record);
            }
        }
    }

    fn charge_number(state: &mut State, slot: u8, record: u8) {
        state.charge();
        state.purchase(slot).number_charged |= 1 << record;
        let charges = &mut state.record(record).number_charges;
        *charges = (*charges + 1).min(COUNTER_MAX);
    }

    /// What becomes of a record's number by the provider's answer.
    pub(super) fn number(&self, record: u8, answer: Answer) -> Number {
        match answer {
            Answer::Arrived if self.world.has_number >> record & 1 == 1 => Number::Written,
            Answer::Arrived | Answer::Nothing => Number::NotFound,
            Answer::Assumed => Number::Assumed,
            Answer::Lost => Number::Lost,
        }
    }

    /// One step on the way to a wallet that may be held from in this cycle; `None` when there is nothing left to do.
    pub(super) fn open(&self, state: &mut State) -> Option<&'static str> {
        let early = self.makes(Mistake::NoCarry) || self.makes(Mistake::CarryAfterOpen);
        let cycle = state.cycle as usize;
        match state.wallets[cycle].stage {
            Stage::Missing => {
                let stage = if early { Stage::Spendable } else { Stage::Opening };
                let wallet = &mut state.wallets[cycle];
                (wallet.stage, wallet.available) = (stage, self.world.grant);
                return Some("opens the wallet of this cycle, with the grant");
            }
            Stage::Spendable if !self.makes(Mistake::CarryAfterOpen) => return None,
            Stage::Opening | Stage::Spendable => {}
        }
        match (0..slot_number(PURCHASES)).find(|slot| state.is_to_be_carried(*slot)) {
            Some(slot) => state.carry(slot).then_some("moves a hold of numbers onto the wallet of this cycle"),
            None if state.wallets[cycle].stage == Stage::Opening => {
                state.wallets[cycle].stage = Stage::Spendable;
                Some("lets the wallet of this cycle be held from")
            }
            None => None,
        }
    }

    fn person_costs(&self, record: u8) -> i8 {
        if self.world.has_person >> record & 1 == 1 { PRICE } else { 0 }
    }

    fn number_costs(&self, record: u8) -> i8 {
        match self.world.charging {
            Charging::Asked => PRICE,
            Charging::Found if self.world.has_number >> record & 1 == 1 => PRICE,
            Charging::Found => 0,
        }
    }

    fn unknown_costs(&self) -> i8 {
        if self.makes(Mistake::UnknownIsFree) { 0 } else { PRICE }
    }
}
